// Side: parent.
/// \file
/// What a call's trace asks the system.
#ifndef LOMP_TRACE_TRACE_METER_HPP
#define LOMP_TRACE_TRACE_METER_HPP

#include <sys/types.h>

#include <cstdint>

#include "lomp/os/clock.hpp"
#include "lomp/process/memory_use.hpp"
#include "lomp/process/process_faults.hpp"

namespace lomp {

/// No test can have a call of hours, or processes of gigabytes: it answers instead.
struct TraceMeter {
  std::int64_t (*now_ns)() = lomp::now_ns;
  std::int64_t (*cpu_ns)() = lomp::cpu_ns;                     ///< of this process
  std::uint64_t (*resident_memory)() = lomp::resident_memory;  ///< of this process
  MemoryUse (*memory_use)(pid_t pid) = lomp::memory_use;
  std::int64_t (*faults_of)(pid_t pid) = lomp::faults_of;
};

}  // namespace lomp

#endif
