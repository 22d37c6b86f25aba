/// \file
/// The one way to call R code that may jump while C++ objects are alive.
#ifndef LOMP_SRC_UNWIND_H
#define LOMP_SRC_UNWIND_H

#include <Rcpp.h>

namespace lomp {

/// Calls `body`, which returns a SEXP and may end in an R error or interrupt. Such a jump becomes a
/// C++ exception here, so that the owners in the callers' frames are destroyed, and goes on as an R
/// jump where the exported function ends. `body` itself is jumped over: its own variables must be
/// trivially destructible.
template <class Body>
SEXP unwind(Body body) {
  const auto call = [](void* data) { return (*static_cast<Body*>(data))(); };
  return Rcpp::unwindProtect(call, &body);
}

}  // namespace lomp

#endif
