// The export behind `emit`, and generators as a source of values.
#include "outlet.h"

#include "unwind.h"

namespace lomp {

bool is_generator(SEXP value) {
  return TYPEOF(value) == CLOSXP && Rf_inherits(value, "coro_generator_instance");
}

bool is_exhausted(SEXP value) { return value == Rf_install(".__exhausted__."); }

void refuse_end_marker(SEXP value) {
  if (!is_exhausted(value)) return;
  Rf_errorcall(R_NilValue, "lomp_done() marks an iterator's end and can't be a result");
}

void drain_generator(SEXP generator, const Outlet& outlet) {
  SEXP call = PROTECT(Rf_lang1(generator));
  for (;;) {
    SEXP value = PROTECT(Rf_eval(call, R_BaseEnv));
    if (is_exhausted(value)) break;
    outlet.put(value, outlet.data);
    UNPROTECT(1);
  }
  UNPROTECT(2);
}

}  // namespace lomp

// A handle for the values that the items of one call emit; closed.
// [[Rcpp::export(rng = false)]]
SEXP outlet_new() {
  return lomp::unwind([] { return R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue); });
}

// Takes one value of the item that runs; an error if none does in this process.
// [[Rcpp::export(rng = false)]]
void outlet_put(SEXP handle, SEXP value) {
  const auto* outlet = static_cast<const lomp::Outlet*>(R_ExternalPtrAddr(handle));
  if (outlet == nullptr || outlet->owner != lomp::generation() || !outlet->is_open(outlet->data)) {
    throw Rcpp::exception("emit() works only while its item runs, in the process that runs it",
                          false);
  }
  lomp::refuse_end_marker(value);  // nothing here needs a destructor if it jumps
  outlet->put(value, outlet->data);
}
