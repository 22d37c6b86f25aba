/// \file
/// A call as R has it: an external pointer.
#ifndef LOMP_SRC_CALL_CALL_HANDLE_H
#define LOMP_SRC_CALL_CALL_HANDLE_H

#include "call/call.h"
#include "call/scoped_flag.h"

namespace lomp {

/// The handle's call; nullptr if it has none.
inline Call* call_of(SEXP handle) { return static_cast<Call*>(R_ExternalPtrAddr(handle)); }

/// Was it closed in this process?
bool was_closed(SEXP handle);

/// From now on it was. The handle has no call any more.
void mark_closed(SEXP handle);

/// The handle's call; nullptr if it has ended. Throws if it never was this process's.
Call* living_call(SEXP handle);

/// The call's flag, if it can be used now: else what is thrown is R's error that says why.
bool& use_of(Call& call);

/// The call is being used for as long as one of these lives.
class Use {
 public:
  explicit Use(Call& call) : call_(call), flag_(use_of(call)) {}
  ~Use() { call_.leave(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Call& call_;
  const ScopedFlag flag_;
};

}  // namespace lomp

#endif
