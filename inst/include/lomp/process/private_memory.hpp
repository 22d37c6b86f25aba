// Side: both.
/// \file
/// How much memory a process has of its own.
#ifndef LOMP_PROCESS_PRIVATE_MEMORY_HPP
#define LOMP_PROCESS_PRIVATE_MEMORY_HPP

#include <cstdint>

#include "lomp/os/named_value.hpp"
#include "lomp/process/process_file.hpp"

namespace lomp {

/// Bytes that would be free if the process ended, those that were swapped out among them; 0 where
/// nothing tells. The system looks through all of the process's page tables for it.
inline std::uint64_t private_memory(pid_t pid) {
  const std::string sums = read_process_file(pid, "smaps_rollup");
  const std::uint64_t kilobytes = value_of(sums, "Private_Clean:") +
                                  value_of(sums, "Private_Dirty:") + value_of(sums, "SwapPss:");
  return kilobytes << 10;
}

}  // namespace lomp

#endif
