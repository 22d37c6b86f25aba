// The exports for a call without workers: the same items in this process.
#include "guard.h"
#include "item_call.h"
#include "unwind.h"

namespace {

// All items from `item` on.
struct LocalRun {
  lomp::ItemCall call;
  SEXP results;
  R_xlen_t item;
  SEXP failure;
};

SEXP run_items(void* data) {
  LocalRun& run = *static_cast<LocalRun*>(data);
  for (const R_xlen_t n = XLENGTH(run.results); run.item < n; ++run.item) {
    SEXP value = PROTECT(run.call.evaluate(static_cast<std::uint64_t>(run.item)));
    SET_VECTOR_ELT(run.results, run.item, value);
    UNPROTECT(1);
  }
  return R_NilValue;
}

SEXP keep_failure(SEXP description, void* data) {
  SETCAR(static_cast<LocalRun*>(data)->failure, description);
  return R_NilValue;
}

}  // namespace

// Makes the items first, first + 1, ... (from 1) in `frame`, which holds X, FUN and the dots, and
// puts their values into `results`, which is changed in place. NULL when all are made; else
// list(item, description) of the first one that failed. Interrupts and other jumps go through.
// [[Rcpp::export(rng = false)]]
SEXP inprocess_run(SEXP frame, SEXP results, double first, SEXP calls, SEXP describe) {
  return lomp::unwind([&] {
    SEXP notes = PROTECT(Rf_cons(R_NilValue, R_NilValue));
    SEXP failure = PROTECT(Rf_cons(R_NilValue, R_NilValue));
    SEXP expression = PROTECT(lomp::make_item_expression());
    LocalRun run = {lomp::make_item_call(expression, frame), results,
                    static_cast<R_xlen_t>(first) - 1, failure};
    lomp::Guard guard = {run_items, keep_failure, &run, calls, describe, notes};
    lomp::run_guarded(guard);
    SEXP value = R_NilValue;
    if (CAR(failure) != R_NilValue) {
      value = PROTECT(Rf_allocVector(VECSXP, 2));
      SET_VECTOR_ELT(value, 0, Rf_ScalarReal(static_cast<double>(run.item) + 1));
      SET_VECTOR_ELT(value, 1, CAR(failure));
      UNPROTECT(1);
    }
    UNPROTECT(3);
    return value;
  });
}
