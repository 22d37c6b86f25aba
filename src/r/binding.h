/// \file
/// Variables, and what refers to their values.
#ifndef LOMP_SRC_R_BINDING_H
#define LOMP_SRC_R_BINDING_H

#include <Rversion.h>

#include "r/api.h"

namespace lomp {

/// A variable's value in this very frame, unprotected; no vector if there is none. A promise may be
/// forced: may jump then.
inline SEXP value_in(SEXP frame, SEXP symbol) {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_getVarEx(symbol, frame, FALSE, R_NilValue);
#else
  return Rf_findVarInFrame(frame, symbol);
#endif
}

/// What a variable of this very frame holds, unprotected, without that any code runs: nullptr if
/// that is a promise which hasn't been forced, a missing argument, or what a function gives. The
/// variable is there. May jump.
inline SEXP value_held_in(SEXP frame, SEXP symbol) {
#if R_VERSION >= R_Version(4, 6, 0)
  const R_BindingType_t type = R_GetBindingType(symbol, frame);
  if (type != R_BindingTypeValue && type != R_BindingTypeForced) return nullptr;
  return R_getVarEx(symbol, frame, FALSE, R_NilValue);
#else
  // No earlier R has an API for this. An active binding's function runs when that is looked up.
  if (R_BindingIsActive(symbol, frame)) return nullptr;
  SEXP value = Rf_findVarInFrame3(frame, symbol, FALSE);
  if (TYPEOF(value) == PROMSXP) value = PRVALUE(value);
  return value == R_UnboundValue || value == R_MissingArg ? nullptr : value;
#endif
}

/// Does exactly one variable or element refer to it? Then code that knows that one may change it in
/// place.
inline bool has_one_owner(SEXP x) {
#if R_VERSION >= R_Version(4, 5, 0)
  return MAYBE_REFERENCED(x) && !MAYBE_SHARED(x);
#else
  return REFCNT(x) == 1;
#endif
}

}  // namespace lomp

#endif
