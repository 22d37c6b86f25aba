/// \file
/// R vectors whose elements are a payload's pages.
#ifndef LOMP_SRC_MEMORY_MAPPED_VECTOR_H
#define LOMP_SRC_MEMORY_MAPPED_VECTOR_H

#include "lomp/payload/payload_origin.hpp"
#include "r/api.h"

namespace lomp {

/// Before a call: what making vectors takes but once. May jump.
void prepare_mapped_vectors();

/// May R make the vectors around mappings, where it can? Else they are made as where it can't, for
/// tests of that. Tells what was so before.
bool set_allocator_allowed(bool is_allowed);

/// Makes a vector of `n` elements, `bytes` in all, out of the payload in `fd`, which the caller
/// closes. It is an ordinary vector in every respect, to R and to C code, or, where R can't make
/// such a one, an ALTREP vector. R knows of its size and frees it when it is garbage. Its pages are
/// the payload's own, mapped privately, so that making it costs the same at any size; writing to it
/// changes nothing but itself. Where there is no room for one mapping more the elements are copied.
/// When the vector is freed and no other process can have it, the payload goes back to where it
/// came from. May jump, for lack of memory; the value is unprotected.
SEXP make_mapped_vector(SEXPTYPE type, R_xlen_t n, int fd, std::size_t bytes,
                        const PayloadOrigin& origin);

/// If `x` is such a vector: gives its payload back before R's collector finds it. Its elements are
/// gone then, so the caller knows that nothing will ever look at them again.
void give_back_payload(SEXP x);

}  // namespace lomp

#endif
