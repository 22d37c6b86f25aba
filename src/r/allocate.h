/// \file
/// R's way to make a vector in memory that a package provides.
#ifndef LOMP_SRC_R_ALLOCATE_H
#define LOMP_SRC_R_ALLOCATE_H

#include <R_ext/Rallocators.h>
#include <dlfcn.h>

#include "r/api.h"

namespace lomp {

using Allocate = SEXP (*)(SEXPTYPE, R_xlen_t, R_allocator_t*);

/// It isn't part of R's API, so it is looked up by name; nullptr where R hasn't got it.
inline Allocate find_allocate() {
  static const Allocate found = reinterpret_cast<Allocate>(dlsym(RTLD_DEFAULT, "Rf_allocVector3"));
  return found;
}

}  // namespace lomp

#endif
