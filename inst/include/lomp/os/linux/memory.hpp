// Side: any process.
/// \file
/// Pages and the heap, as Linux has them.
#ifndef LOMP_OS_LINUX_MEMORY_HPP
#define LOMP_OS_LINUX_MEMORY_HPP

#include <sys/mman.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>

/// Of glibc's own headers, which musl hasn't got. There it is missing at run time, too.
extern "C" [[gnu::weak]] int mallopt(int, int) noexcept;

namespace lomp {

/// The file that tells how many mappings a process may have; "" if none does.
constexpr const char* mapping_limit_file = "/proc/sys/vm/max_map_count";

/// Advises the kernel to back whole pages by huge ones.
inline void advise_huge_pages(void* pages, std::size_t bytes) {
  (void)::madvise(pages, bytes, MADV_HUGEPAGE);
}

/// Makes whole pages writable without further faults, as far as they are mapped. Before Linux 5.14
/// it does nothing.
inline void populate_pages(void* pages, std::size_t bytes) {
  constexpr int populate_write = 23;  // MADV_POPULATE_WRITE, which older headers lack
  (void)::madvise(pages, bytes, populate_write);
}

/// Leaves whole pages out of processes that are forked from now on.
inline void keep_from_forks(void* pages, std::size_t bytes) {
  (void)::madvise(pages, bytes, MADV_DONTFORK);
}

/// Has malloc() keep so many bytes of what is freed, large blocks included, as mallopt(3) has it.
inline void keep_freed_bytes(int bytes) {
  constexpr int trim_threshold = -1, mmap_max = -4;  // M_TRIM_THRESHOLD, M_MMAP_MAX
  if (mallopt == nullptr) return;
  ::mallopt(mmap_max, 0);
  ::mallopt(trim_threshold, bytes);
}

/// Has malloc() know of blocks of that size: glibc keeps up to twice the largest block that was
/// ever freed, if that isn't over 32 MB (mallopt(3): the dynamic mmap threshold). No page of the
/// block is touched.
inline void show_block_to_heap(std::size_t bytes) {
  if (mallopt == nullptr) return;
  void* volatile block = std::malloc(bytes);  // a compiler would leave it out
  std::free(block);
}

/// Behind the memory that malloc() has had from the system; 0 where that can't be told. Larger
/// blocks of its own have higher addresses.
inline std::uintptr_t heap_end() {
  if (mallopt == nullptr) return 0;
  return reinterpret_cast<std::uintptr_t>(::sbrk(0));
}

/// The file that tells whether huge pages may be had; "" if there are none.
constexpr const char* huge_pages_file = "/sys/kernel/mm/transparent_hugepage/enabled";

/// The file that tells how much memory there is and is free; "" if none does.
constexpr const char* memory_file = "/proc/meminfo";

/// The file by which a process offers to be ended when there is no memory left; "" if none does.
constexpr const char* oom_score_file = "/proc/self/oom_score_adj";

/// Bytes of the machine's memory that hold nothing; 0 where that can't be told.
inline std::uint64_t free_memory() {
  struct sysinfo info {};
  return ::sysinfo(&info) == 0 ? std::uint64_t{info.freeram} * info.mem_unit : 0;
}

/// The file that counts this process's pages; "" if none does.
constexpr const char* page_counts_file = "/proc/self/statm";

/// The file that shows this process's page table; "" if none does.
constexpr const char* page_table_file = "/proc/self/pagemap";

}  // namespace lomp

#endif
