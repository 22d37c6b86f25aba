/// \file
/// The call that is made for each item.
#ifndef LOMP_SRC_ITEM_CALL_H
#define LOMP_SRC_ITEM_CALL_H

#include <Rcpp.h>

#include <cstdint>

namespace lomp {

/// lapply's own expression, FUN(X[[i]], ...), evaluated in the frame of the function that the user
/// called, which holds X, FUN and the dots. So substitute(), missing(), match.call() and lazy
/// arguments see what they see under lapply. Doesn't own what it points to.
struct ItemCall {
  SEXP call;
  SEXP frame;
  SEXP index;  ///< the symbol `i`

  /// The value for item 0, 1, ...; unprotected. May jump.
  SEXP evaluate(std::uint64_t item) const;
};

/// Builds the expression; the caller protects it. With `emits` the function gets the frame's `emit`
/// by name, too.
SEXP make_item_expression(bool emits = false);

inline ItemCall make_item_call(SEXP expression, SEXP frame) {
  return {expression, frame, Rf_install("i")};
}

}  // namespace lomp

#endif
