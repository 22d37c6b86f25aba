#include "r/catch_r_error.h"

#include "r/unwind.h"

namespace lomp {

namespace {

SEXP hear(SEXP error, void* data) {
  const Guard& guard = *static_cast<Guard*>(data);
  SEXP call = PROTECT(Rf_lang2(guard.hear, error));
  Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
  return R_NilValue;
}

SEXP run(void* data) {
  const Guard& guard = *static_cast<Guard*>(data);
  return contain([&guard] { return guard.run(guard.data); });
}

SEXP run_heard(void* data) { return R_withCallingErrorHandler(run, data, hear, data); }

SEXP describe(SEXP condition, void* data) {
  Guard& guard = *static_cast<Guard*>(data);
  SEXP call = PROTECT(Rf_lang2(guard.describe, condition));
  SEXP description = PROTECT(Rf_eval(call, R_BaseEnv));
  contain([&] { return guard.fail(description, guard.data); });
  UNPROTECT(2);
  return R_NilValue;
}

}  // namespace

// The errors of a full stack aren't shown to hear(), since that would need more of it.
void run_guarded(Guard& guard) {
  SEXP classes = PROTECT(Rf_allocVector(STRSXP, 2));
  SET_STRING_ELT(classes, 0, Rf_mkChar("lomp_thrown"));
  SET_STRING_ELT(classes, 1, Rf_mkChar("stackOverflowError"));
  R_tryCatch(run_heard, &guard, classes, describe, &guard, nullptr, nullptr);
  UNPROTECT(1);
}

}  // namespace lomp
