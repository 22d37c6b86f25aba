// Side: any process.
/// \file
/// Pages and the heap, as every POSIX system has them: there is nothing to advise on.
#ifndef LOMP_OS_POSIX_MEMORY_HPP
#define LOMP_OS_POSIX_MEMORY_HPP

#include <cstddef>
#include <cstdint>

namespace lomp {

/// The file that tells how many mappings a process may have; "" if none does.
constexpr const char* mapping_limit_file = "";

/// Advises the kernel to back whole pages by huge ones.
inline void advise_huge_pages(void*, std::size_t) {}

/// Makes whole pages writable without further faults, where that can be had.
inline void populate_pages(void*, std::size_t) {}

/// Leaves whole pages out of processes that are forked from now on, where that can be had.
inline void keep_from_forks(void*, std::size_t) {}

/// Has malloc() keep so many bytes of what is freed, where it can be told.
inline void keep_freed_bytes(int) {}

/// Has malloc() know of blocks of that size, where that makes a difference.
inline void show_block_to_heap(std::size_t) {}

/// Behind the memory that malloc() has had from the system; 0 where that can't be told.
inline std::uintptr_t heap_end() { return 0; }

/// The file that tells whether huge pages may be had; "" if there are none.
constexpr const char* huge_pages_file = "";

/// The file that tells how much memory there is and is free; "" if none does.
constexpr const char* memory_file = "";

/// The file by which a process offers to be ended when there is no memory left; "" if none does.
constexpr const char* oom_score_file = "";

/// Bytes of the machine's memory that hold nothing; 0 where that can't be told.
inline std::uint64_t free_memory() { return 0; }

/// The file that counts this process's pages; "" if none does.
constexpr const char* page_counts_file = "";

/// The file that shows this process's page table; "" if none does.
constexpr const char* page_table_file = "";

}  // namespace lomp

#endif
