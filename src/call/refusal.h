/// \file
/// Why a call can't be used.
#ifndef LOMP_SRC_CALL_REFUSAL_H
#define LOMP_SRC_CALL_REFUSAL_H

#include "call/call.h"

namespace lomp {

/// Throws R's error of an iterator that can't be used, as unwind() does.
void refuse(const char* why);

/// If the call belongs to another process.
void refuse_foreign(const Call& call);

}  // namespace lomp

#endif
