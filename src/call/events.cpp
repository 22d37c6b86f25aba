#include "call/events.h"

#include <climits>

#include "r/pin_library.h"
#include "r/unwind.h"

namespace lomp {

namespace {

// How long its item had run, in milliseconds.
int ran_for(const Loss& loss) {
  const std::int64_t ms = loss.ran_ns / 1000000;
  return loss.ran_ns < 0 || ms > INT_MAX ? NA_INTEGER : static_cast<int>(ms);
}

// c(pid = , signal = , status = , reason = , errno = , late = , ran = ): how a worker died, or why
// none can be had.
SEXP describe_loss(const Event& event) {
  const Loss& loss = event.loss;
  const char* names[] = {"pid", "signal", "status", "reason", "errno", "late", "ran", ""};
  SEXP value = PROTECT(Rf_mkNamed(INTSXP, names));
  int* fields = INTEGER(value);
  fields[0] = loss.pid;
  const bool is_known = loss.status >= 0;
  fields[1] = is_known && WIFSIGNALED(loss.status) ? WTERMSIG(loss.status) : 0;
  fields[2] = is_known && WIFEXITED(loss.status) ? WEXITSTATUS(loss.status) : NA_INTEGER;
  fields[3] = static_cast<int>(loss.reason);
  fields[4] = event.error;
  fields[5] = loss.was_late;
  fields[6] = ran_for(loss);
  UNPROTECT(1);
  return value;
}

}  // namespace

Reaper& reaper() {
  pin_library();  // its threads may outlive it
  static Reaper one;
  return one;
}

SEXP let_interrupts_through() {
  R_CheckUserInterrupt();
  return R_NilValue;
}

void look(SEXP function) {
  unwind([function] {
    SEXP call = PROTECT(Rf_lang1(function));
    Rf_eval(call, R_BaseEnv);
    UNPROTECT(1);
    return R_NilValue;
  });
}

SEXP make_event(const char* kind, double item, SEXP value) {
  PROTECT(value);
  const char* names[] = {"kind", "item", "value", ""};
  SEXP event = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(event, 0, Rf_mkString(kind));
  SET_VECTOR_ELT(event, 1, Rf_ScalarReal(item));
  SET_VECTOR_ELT(event, 2, value);
  UNPROTECT(2);
  return event;
}

SEXP make_request(int worker, double wanted) {
  return make_event("request", worker, Rf_ScalarReal(wanted));
}

SEXP make_loss_event(const char* kind, const Event& event) {
  return make_event(kind, as_item(event.loss.item), describe_loss(event));
}

}  // namespace lomp
