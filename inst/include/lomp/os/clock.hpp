// Side: any process.
/// \file
/// The clock of all measurements, monotonic and the same in every process of the machine; and the
/// processor time of this one.
#ifndef LOMP_OS_CLOCK_HPP
#define LOMP_OS_CLOCK_HPP

#include <time.h>

#include <cstdint>

namespace lomp {

inline std::int64_t now_ns() {
  timespec t;
  ::clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

/// For what work costs, however busy the machine is: all threads of this process together. Takes a
/// system call.
inline std::int64_t cpu_ns() {
  timespec t;
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

}  // namespace lomp

#endif
