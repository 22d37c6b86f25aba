// Side: any process.
/// \file
/// Processors that this process may use, as Linux tells of them.
#ifndef LOMP_OS_LINUX_PROCESSORS_HPP
#define LOMP_OS_LINUX_PROCESSORS_HPP

#include <sched.h>

namespace lomp {

/// Where the control groups of this process are listed, and where they are; "" if there are none.
constexpr const char* control_groups_file = "/proc/self/cgroup";
constexpr const char* control_groups_folder = "/sys/fs/cgroup";

/// Processors that the scheduler may put this process on; 0 if that can't be told.
inline int schedulable_processors() {
  cpu_set_t set;
  return ::sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

}  // namespace lomp

#endif
