/// \file
/// Vectors around mapped payloads where R itself can't make such.
#ifndef LOMP_SRC_MEMORY_MAPPED_ALTREP_H
#define LOMP_SRC_MEMORY_MAPPED_ALTREP_H

#include "memory/payload_pages.h"
#include "r/api.h"

namespace lomp {

/// Before a call: what making such vectors takes but once. May jump.
void prepare_mapped_altrep();

/// Maps the payload in `fd`, which the caller closes, and makes an ALTREP vector of it, which owns
/// the mapping: a finalizer unmaps it once the vector is garbage. Copies of the vector, and what is
/// saved or sent of it, are ordinary vectors. R counts nothing of its size. Unlike an ordinary one,
/// it can't be brought back by a finalizer of another object that refers to it: to use it is an
/// error then. NULL if there is no mapping to be had. May jump, for lack of memory; the value is
/// unprotected.
SEXP make_mapped_altrep(SEXPTYPE type, int fd, const PayloadPages& pages);

bool is_mapped_altrep(SEXP x);

}  // namespace lomp

#endif
