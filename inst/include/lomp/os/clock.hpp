// Side: any process.
/// \file
/// The clock of all measurements: monotonic, and the same in every process of the machine.
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

}  // namespace lomp

#endif
