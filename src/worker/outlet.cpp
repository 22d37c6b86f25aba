// The export behind `emit`, and generators as a source of values.
#include "worker/outlet.h"

#include "r/unwind.h"

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
