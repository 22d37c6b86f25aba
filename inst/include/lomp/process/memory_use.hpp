// Side: both.
/// \file
/// How much memory a process has, and how much of it is its own.
#ifndef LOMP_PROCESS_MEMORY_USE_HPP
#define LOMP_PROCESS_MEMORY_USE_HPP

#include <cstdint>

#include "lomp/os/named_value.hpp"
#include "lomp/os/page_faults.hpp"
#include "lomp/os/page_size.hpp"
#include "lomp/process/process_file.hpp"

namespace lomp {

/// In bytes; 0 where nothing tells.
struct MemoryUse {
  std::uint64_t resident = 0;
  /// What would be free if the process ended, what was swapped out with it.
  std::uint64_t own = 0;
};

/// The system looks through all of the process's page tables for it.
inline MemoryUse memory_use(pid_t pid) {
  const std::string sums = read_process_file(pid, "smaps_rollup");
  const std::uint64_t own = value_of(sums, "Private_Clean:") + value_of(sums, "Private_Dirty:") +
                            value_of(sums, "SwapPss:");
  return {value_of(sums, "Rss:") << 10, own << 10};
}

/// Bytes that would be free if the process ended.
inline std::uint64_t private_memory(pid_t pid) { return memory_use(pid).own; }

/// What is resident of this process alone, which the system counts as it goes.
inline std::uint64_t resident_memory() {
  return static_cast<std::uint64_t>(ResidentPages::now().all) * page_size();
}

}  // namespace lomp

#endif
