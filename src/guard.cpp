#include "guard.h"

#include "unwind.h"

namespace lomp {

namespace {

// Silent, and with an end of its own: the error may be that the stack is full.
SEXP note_calls(SEXP, void* data) {
  Guard& guard = *static_cast<Guard*>(data);
  SEXP call = PROTECT(Rf_lang1(guard.calls));
  int failed = 0;
  SEXP calls = R_tryEvalSilent(call, R_BaseEnv, &failed);
  SETCAR(guard.notes, failed || calls == nullptr ? R_NilValue : calls);
  UNPROTECT(1);
  return R_NilValue;
}

SEXP run(void* data) {
  const Guard& guard = *static_cast<Guard*>(data);
  return contain([&guard] { return guard.run(guard.data); });
}

SEXP run_noting_calls(void* data) { return R_withCallingErrorHandler(run, data, note_calls, data); }

SEXP describe(SEXP condition, void* data) {
  Guard& guard = *static_cast<Guard*>(data);
  SEXP call = PROTECT(Rf_lang3(guard.describe, condition, CAR(guard.notes)));
  SEXP description = PROTECT(Rf_eval(call, R_BaseEnv));
  contain([&] { return guard.fail(description, guard.data); });
  UNPROTECT(2);
  return R_NilValue;
}

}  // namespace

void run_guarded(Guard& guard) {
  SETCAR(guard.notes, R_NilValue);
  R_tryCatchError(run_noting_calls, &guard, describe, &guard);
}

}  // namespace lomp
