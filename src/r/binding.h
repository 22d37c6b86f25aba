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
