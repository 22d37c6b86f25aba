// Side: any process.
/// \file
/// How malloc() deals with what is freed.
#ifndef LOMP_OS_ALLOCATOR_HPP
#define LOMP_OS_ALLOCATOR_HPP

#include <cstddef>
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

/// The same in a process that isn't ours, in a smaller way and nowhere but where the heap would
/// come to it by itself. glibc keeps up to twice the largest block that was ever freed, if that
/// isn't over 32 MB: so it is shown one, whose pages nobody has touched.
inline void keep_some_freed_memory() {
#ifdef __GLIBC__
  constexpr std::size_t largest = std::size_t{32} << 20, page = 4096;
  static const bool is_shown = [] {
    void* volatile block = std::malloc(largest - 2 * page);  // a compiler would leave it out
    std::free(block);
    return block != nullptr;
  }();
  (void)is_shown;
#endif
}

}  // namespace lomp

#endif
