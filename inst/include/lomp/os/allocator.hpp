// Side: any process.
/// \file
/// How malloc() deals with what is freed.
#ifndef LOMP_OS_ALLOCATOR_HPP
#define LOMP_OS_ALLOCATOR_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "lomp/os/huge_pages.hpp"
#include "lomp/os/platform.hpp"

namespace lomp {

/// A worker does the same to one item after the other: it needs the memory that it frees again at
/// once. By default large blocks go back to the system, and come back page by page, each at the
/// cost of a fault. Up to this many bytes are kept instead, and reused. Other allocators than
/// glibc's have their own ways.
constexpr int kept_bytes = 256 << 20;

inline void keep_freed_memory() { keep_freed_bytes(kept_bytes); }

/// The same in a process that isn't ours, in a smaller way and nowhere but where the heap would
/// come to it by itself: it is shown the largest block by which it does.
inline void keep_some_freed_memory() {
  constexpr std::size_t largest = std::size_t{32} << 20, page = 4096;
  static const bool is_shown = (show_block_to_heap(largest - 2 * page), true);
  (void)is_shown;
}

/// So many bytes by which a heap may be made to grow at one go, so that it doesn't shrink again.
constexpr std::size_t most_growth = std::size_t{24} << 20;

/// Many small blocks are about to be asked for, of so many bytes in all. The heap grows by as much
/// at one go, in huge pages, and malloc() takes the blocks from there. False if it can't be had, or
/// doesn't stay.
inline bool grow_heap(std::size_t bytes) {
  keep_some_freed_memory();
  void* volatile block = std::malloc(bytes);  // a compiler would leave it out
  if (block == nullptr) return false;
  const std::uintptr_t end = reinterpret_cast<std::uintptr_t>(block) + bytes;
  prefer_huge_pages(block, bytes);
  std::free(block);
  return end <= heap_end();
}

}  // namespace lomp

#endif
