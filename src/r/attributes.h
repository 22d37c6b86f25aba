/// \file
/// An object's attributes, as each version of R lets packages see them.
#ifndef LOMP_SRC_R_ATTRIBUTES_H
#define LOMP_SRC_R_ATTRIBUTES_H

#include <Rversion.h>

#include "r/api.h"

namespace lomp {

/// Calls visit(tag, value) for each attribute until it returns false.
template <class Visit>
bool every_attribute(SEXP x, Visit visit) {
#if R_VERSION >= R_Version(4, 6, 0)
  const auto call = [](SEXP tag, SEXP value, void* data) -> SEXP {
    return (*static_cast<Visit*>(data))(tag, value) ? nullptr : R_NilValue;
  };
  return R_mapAttrib(x, call, &visit) == nullptr;
#else
  for (SEXP a = ATTRIB(x); a != R_NilValue; a = CDR(a)) {
    if (!visit(TAG(a), CAR(a))) return false;
  }
  return true;
#endif
}

}  // namespace lomp

#endif
