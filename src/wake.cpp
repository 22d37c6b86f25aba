// The exports behind the descriptor that tells an event loop when to look at a call.
#include <cerrno>
#include <memory>

#include "call/refusal.h"
#include "r/protected.h"
#include "r/unwind.h"

namespace {

using lomp::Call;
using lomp::PollDescriptor;
using SharedDescriptor = std::shared_ptr<PollDescriptor>;

SharedDescriptor* wake_of(SEXP wake) {
  return static_cast<SharedDescriptor*>(R_ExternalPtrAddr(wake));
}

void drop_wake(SEXP wake) {
  SharedDescriptor* descriptor = wake_of(wake);
  R_ClearExternalPtr(wake);
  delete descriptor;
}

}  // namespace

// A descriptor that is readable whenever the call has something to do or to say, and for ever after
// its end. The call may be closed already. It lives until wake_close(), or until R has collected
// what this returns.
// [[Rcpp::export(rng = false)]]
SEXP wake_open(SEXP handle) {
  Call* call = static_cast<Call*>(R_ExternalPtrAddr(handle));
  if (call != nullptr) lomp::refuse_foreign(*call);  // it would tell the workers of its own head
  SEXP wake = lomp::unwind([] {
    SEXP pointer = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
    R_RegisterCFinalizerEx(pointer, drop_wake, FALSE);
    UNPROTECT(1);
    return pointer;
  });
  const lomp::Protected protect(wake);
  auto descriptor = std::make_unique<SharedDescriptor>(std::make_shared<PollDescriptor>());
  if ((*descriptor)->fd() < 0) throw lomp::SystemError("epoll_create");
  (*descriptor)->set();
  if (call != nullptr) call->wake_by(*descriptor);
  R_SetExternalPtrAddr(wake, descriptor.release());
  return wake;
}

// Its number. R's error says why if the call belongs to another process, and the descriptor with
// it.
// [[Rcpp::export(rng = false)]]
int wake_fd(SEXP wake, SEXP handle) {
  const Call* call = static_cast<Call*>(R_ExternalPtrAddr(handle));
  if (call != nullptr) lomp::refuse_foreign(*call);
  return wake_of(wake) == nullptr ? -1 : (*wake_of(wake))->fd();
}

// [[Rcpp::export(rng = false)]]
void wake_close(SEXP wake) {
  if (wake_of(wake) == nullptr) return;
  (*wake_of(wake))->close();
  drop_wake(wake);
}
