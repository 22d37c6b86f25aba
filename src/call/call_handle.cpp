#include "call/call_handle.h"

#include "call/refusal.h"

namespace lomp {

namespace {

// The tag of a closed handle: it tells that from one that was saved while it was open, and read
// again.
SEXP closed() { return Rf_install(".closed"); }

}  // namespace

bool was_closed(SEXP handle) { return R_ExternalPtrTag(handle) == closed(); }

void mark_closed(SEXP handle) {
  R_ClearExternalPtr(handle);
  R_SetExternalPtrTag(handle, closed());
}

Call* living_call(SEXP handle) {
  Call* call = call_of(handle);
  if (call == nullptr && !was_closed(handle)) {
    refuse("it isn't alive in this process: it was saved and read again, or made by another one");
  }
  return call;
}

bool& use_of(Call& call) {
  refuse_foreign(call);
  if (call.is_busy()) refuse("it is being used already");
  return call.is_busy();
}

}  // namespace lomp
