// Side: any process.
/// \file
/// How many processors this process may use.
#ifndef LOMP_OS_CPU_LIMIT_HPP
#define LOMP_OS_CPU_LIMIT_HPP

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <sstream>
#include <string>

#include "lomp/os/control_groups.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/os/read_text.hpp"

namespace lomp {

constexpr int no_limit = 1 << 30;

/// Processors that the scheduler may put this process on, as taskset, cpusets and batch systems set
/// them; where that can't be told, all that are online.
inline int affinity_limit() {
  const int schedulable = schedulable_processors();
  if (schedulable > 0) return schedulable;
  return std::max(1, static_cast<int>(::sysconf(_SC_NPROCESSORS_ONLN)));
}

/// Processors that `quota` microseconds in each `period` amount to, rounded up: a worker more than
/// the quota is throttled a little, one fewer would leave a part of it unused.
inline int quota_limit(double quota, double period) {
  if (!(quota > 0) || !(period > 0)) return no_limit;
  return std::max(1, static_cast<int>(std::ceil(quota / period - 1e-9)));
}

/// Reads "200000 100000" or "max 100000" (cgroup version 2). No limit if there is no such file.
inline int read_cpu_max(const std::string& file) {
  std::istringstream in(read_text(file));
  std::string quota;
  double period = 0;
  if (!(in >> quota >> period) || quota == "max") return no_limit;
  return quota_limit(std::strtod(quota.c_str(), nullptr), period);
}

/// Reads the two files of cgroup version 1; a quota of -1 is none.
inline int read_cfs_quota(const std::string& folder) {
  std::istringstream quota_text(read_text(folder + "/cpu.cfs_quota_us")),
      period_text(read_text(folder + "/cpu.cfs_period_us"));
  double quota = 0, period = 0;
  if (!(quota_text >> quota) || !(period_text >> period)) return no_limit;
  return quota_limit(quota, period);
}

/// What one of this process's groups says of the processors.
inline int limit_of_group(const ControlGroup& group, const std::string& base) {
  if (group.is_version_2()) {
    return least_upwards(base, group.path,
                         [](const std::string& d) { return read_cpu_max(d + "/cpu.max"); });
  }
  if (!group.has("cpu")) return no_limit;
  return std::min(least_upwards(base + "/cpu", group.path, read_cfs_quota),
                  least_upwards(base + "/cpu,cpuacct", group.path, read_cfs_quota));
}

/// The processors that control groups grant. `root` is "" but in tests, which read a tree of their
/// own.
inline int cgroup_limit(const std::string& root = "") {
  int least = no_limit;
  for (const ControlGroup& group : control_groups(root)) {
    least = std::min(least, limit_of_group(group, root + control_groups_folder));
  }
  return least;
}

}  // namespace lomp

#endif
