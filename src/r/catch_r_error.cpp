#include "r/catch_r_error.h"

#include "r/unwind.h"

namespace lomp {

namespace {

SEXP hear(SEXP error, void* data) {
  const Attempt& attempt = *static_cast<Attempt*>(data);
  SEXP call = PROTECT(Rf_lang2(attempt.hear, error));
  Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
  return R_NilValue;
}

SEXP run(void* data) {
  const Attempt& attempt = *static_cast<Attempt*>(data);
  return contain([&attempt] { return attempt.run(attempt.data); });
}

SEXP run_heard(void* data) { return R_withCallingErrorHandler(run, data, hear, data); }

SEXP describe(SEXP condition, void* data) {
  Attempt& attempt = *static_cast<Attempt*>(data);
  SEXP call = PROTECT(Rf_lang2(attempt.describe, condition));
  SEXP description = PROTECT(Rf_eval(call, R_BaseEnv));
  contain([&] { return attempt.fail(description, attempt.data); });
  UNPROTECT(2);
  return R_NilValue;
}

}  // namespace

// The errors of a full stack aren't shown to hear(), since that would need more of it.
void catch_r_error(Attempt& attempt) {
  SEXP classes = PROTECT(Rf_allocVector(STRSXP, 2));
  SET_STRING_ELT(classes, 0, Rf_mkChar("lomp_thrown"));
  SET_STRING_ELT(classes, 1, Rf_mkChar("stackOverflowError"));
  R_tryCatch(run_heard, &attempt, classes, describe, &attempt, nullptr, nullptr);
  UNPROTECT(1);
}

}  // namespace lomp
