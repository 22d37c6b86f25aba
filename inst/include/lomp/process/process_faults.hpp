// Side: parent.
/// \file
/// How many page faults another process has had.
#ifndef LOMP_PROCESS_PROCESS_FAULTS_HPP
#define LOMP_PROCESS_PROCESS_FAULTS_HPP

#include <cstdint>
#include <cstdio>
#include <string>

#include "lomp/process/process_file.hpp"

namespace lomp {

/// Those that took no disk, as page_faults() counts them, also of one that has ended and isn't
/// reaped; -1 where that can't be told.
inline std::int64_t faults_of(pid_t pid) {
  const std::string stat = read_process_file(pid, "stat");
  const std::size_t name_end = stat.rfind(')');
  long long faults = -1;
  if (name_end == std::string::npos) return -1;
  // state, parent, group, session, terminal, its group, flags
  const int found =
      std::sscanf(stat.c_str() + name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %lld", &faults);
  return found == 1 ? faults : -1;
}

}  // namespace lomp

#endif
