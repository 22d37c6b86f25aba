/// \file
/// The call that is made for each item.
#ifndef LOMP_SRC_WORKER_ITEM_CALL_H
#define LOMP_SRC_WORKER_ITEM_CALL_H

#include <cstdint>

#include "r/api.h"

namespace lomp {

/// A call of FUN, evaluated in the frame of the function that the user called, which holds X, FUN
/// and the dots. As a call its first argument is evaluated before FUN is entered, as lapply does
/// it; as byte code, when FUN asks for it. Doesn't own what it points to.
struct ItemCall {
  SEXP call;
  SEXP frame;
  SEXP index;  ///< the symbol `i`

  /// The value for item 0, 1, ...; unprotected. May jump.
  SEXP evaluate(std::uint64_t item) const;
};

inline ItemCall make_item_call(SEXP call, SEXP frame) { return {call, frame, Rf_install("i")}; }

}  // namespace lomp

#endif
