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

// Runs an empty guard. R sets some things up at the first use of one; what is set up here isn't set
// up again in each worker.
// [[Rcpp::export(rng = false)]]
void warm_guard(SEXP calls, SEXP describe) {
  lomp::unwind([&] {
    SEXP notes = PROTECT(Rf_cons(R_NilValue, R_NilValue));
    const auto nothing = [](void*) { return R_NilValue; };
    const auto never = [](SEXP, void*) { return R_NilValue; };
    lomp::Guard guard = {nothing, never, nullptr, calls, describe, notes};
    lomp::run_guarded(guard);
    UNPROTECT(1);
    return R_NilValue;
  });
}

// Is the function a closure that R has not compiled yet?
// [[Rcpp::export(rng = false)]]
bool is_uncompiled(SEXP f) {
  if (TYPEOF(f) != CLOSXP || Rf_isObject(f)) return false;
#if R_VERSION >= R_Version(4, 5, 0)
  return TYPEOF(R_ClosureBody(f)) != BCODESXP;
#else
  return TYPEOF(BODY(f)) != BCODESXP;
#endif
}
