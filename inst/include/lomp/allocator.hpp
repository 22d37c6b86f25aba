/// \file
/// How a worker's malloc() deals with what is freed.
#ifndef LOMP_ALLOCATOR_HPP
#define LOMP_ALLOCATOR_HPP

#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace lomp {

/// A worker does the same to one item after the other: it needs the memory that it frees again at
/// once. By default large blocks go back to the system, and come back page by page, each at the
/// cost of a fault. Up to this many bytes are kept instead, and reused. Other allocators than
/// glibc's have their own ways.
constexpr int kept_bytes = 256 << 20;

inline void keep_freed_memory() {
#ifdef __GLIBC__
  ::mallopt(M_MMAP_MAX, 0);
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes);
#endif
}

}  // namespace lomp

#endif
