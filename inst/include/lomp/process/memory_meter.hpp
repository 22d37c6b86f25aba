// Side: both.
/// \file
/// What keeps bounds of memory asks the system.
#ifndef LOMP_PROCESS_MEMORY_METER_HPP
#define LOMP_PROCESS_MEMORY_METER_HPP

#include <sys/types.h>

#include <cstdint>

#include "lomp/os/available_memory.hpp"
#include "lomp/os/clock.hpp"
#include "lomp/process/memory_use.hpp"

namespace lomp {

/// No test can have the machine short of memory, or a second pass at once: it answers instead.
struct MemoryMeter {
  std::int64_t (*now_ns)() = lomp::now_ns;
  bool (*is_plainly_available)(std::uint64_t bytes) = lomp::is_plainly_available;
  std::uint64_t (*available)() = [] { return available_memory(); };
  std::uint64_t (*private_memory)(pid_t pid) = lomp::private_memory;
};

}  // namespace lomp

#endif
