// The exports behind `emit`.
#include "r/unwind.h"
#include "worker/outlet.h"

// A handle for the values that the items of one call emit; closed.
// [[Rcpp::export(rng = false)]]
SEXP outlet_new() {
  return lomp::unwind([] { return R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue); });
}

// Takes one value of the item that runs; an error if none does in this process.
// [[Rcpp::export(rng = false)]]
void outlet_put(SEXP handle, SEXP value) {
  const auto* outlet = static_cast<const lomp::Outlet*>(R_ExternalPtrAddr(handle));
  if (outlet == nullptr || outlet->owner != lomp::fork_depth() || !outlet->is_open(outlet->data)) {
    lomp::throw_error("emit() works only while its item runs, in the process that runs it");
  }
  lomp::refuse_end_marker(value);  // nothing here needs a destructor if it jumps
  outlet->put(value, outlet->data);
}
