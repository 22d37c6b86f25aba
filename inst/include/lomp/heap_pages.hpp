/// \file
/// Notices when a process that shares its heap with a fork rewrites it page by page, and copies the
/// rest at one go.
#ifndef LOMP_HEAP_PAGES_HPP
#define LOMP_HEAP_PAGES_HPP

#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "clock.hpp"
#include "fd.hpp"
#include "populate.hpp"

namespace lomp {

/// Field 47 of /proc/self/stat: where the heap that grows by brk() begins; 0 if it isn't told. The
/// second field may hold anything, and ends with the last parenthesis.
inline std::uintptr_t parse_heap_begin(const char* stat) {
  const char* at = std::strrchr(stat, ')');
  for (int field = 2; at != nullptr && field < 47; ++field) at = std::strchr(at + 1, ' ');
  return at == nullptr ? 0 : std::strtoull(at + 1, nullptr, 10);
}

/// Where malloc() keeps small blocks, and interpreters their small objects; empty if not known.
inline AddressRange small_heap() {
#if LOMP_LINUX
  const Fd file(::open("/proc/self/stat", O_RDONLY | O_CLOEXEC));
  char text[2048] = "";
  if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) return {};
  const std::uintptr_t begin = parse_heap_begin(text);
  return begin == 0 ? AddressRange{}
                    : AddressRange{begin, reinterpret_cast<std::uintptr_t>(::sbrk(0))};
#else
  return {};
#endif
}

/// An entry of /proc/PID/pagemap: does one process alone map that page?
inline bool is_exclusive(std::uint64_t entry) { return (entry >> 56 & 1) != 0; }

/// How many pages of a range are this process's alone; 0 if the kernel doesn't tell.
inline std::size_t count_own_pages(AddressRange range) {
#if LOMP_LINUX
  const Fd file(::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  std::vector<std::uint64_t> entries(range.pages());
  const auto at = static_cast<off_t>(range.begin / page_size() * sizeof entries[0]);
  const std::size_t bytes = entries.size() * sizeof entries[0];
  if (!file || ::pread(file.get(), entries.data(), bytes, at) <= 0) return 0;
  return static_cast<std::size_t>(std::count_if(entries.begin(), entries.end(), is_exclusive));
#else
  (void)range;
  return 0;
#endif
}

/// An interpreter's allocator goes round in its heap, and its collector marks what it finds there:
/// in the course of time a forked process copies nearly all of it, page by page, each at the cost
/// of a fault, which is many times what a page costs when all are copied at one go. So once a
/// process has copied a part of its heap it copies the rest. One that allocates elsewhere, or
/// little, is left alone, and so is a large heap, since there memory is dearer than time.
class HeapPages {
 public:
  /// From here on this process shares its heap with another one.
  void begin() {
    is_on_ = LOMP_LINUX != 0;
    patience_ = first_patience;
    note_look();
  }

  /// To be called now and then; costs a system call. Tells whether the heap has been copied.
  bool look() {
    if (!is_on_ || faults() - last_look_ < patience_) return false;
    if (now_ns() - looked_ > patience_ * slow_fault_ns) return wait_longer();
    const AddressRange heap = small_heap();
    const std::size_t pages = heap.pages();
    if (pages > largest || pages == 0) return stop(false);
    if (count_own_pages(heap) < pages / 32) return wait_longer();
    populate(heap);
    return stop(true);
  }

  static constexpr long first_patience = 512;
  static constexpr std::size_t largest = 16384;  ///< pages: 64 MB
  /// Faults that are further apart take so small a part of the time that they don't matter.
  static constexpr std::int64_t slow_fault_ns = 500000;

 private:
  static long faults() {
    rusage usage{};
    ::getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
  }

  bool stop(bool result) {
    is_on_ = false;
    return result;
  }

  /// To count pages takes as long as some faults do: the next look is twice as far away.
  bool wait_longer() {
    patience_ *= 2;
    note_look();
    return false;
  }

  void note_look() {
    last_look_ = faults();
    looked_ = now_ns();
  }

  bool is_on_ = false;
  long last_look_ = 0;
  std::int64_t looked_ = 0;
  long patience_ = first_patience;
};

}  // namespace lomp

#endif
