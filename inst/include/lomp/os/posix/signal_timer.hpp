// Side: any process.
/// \file
/// Timers that send this process a signal of one's choice: POSIX has them as an option, macOS and
/// OpenBSD don't.
#ifndef LOMP_OS_POSIX_SIGNAL_TIMER_HPP
#define LOMP_OS_POSIX_SIGNAL_TIMER_HPP

#include <signal.h>

#include <cstdint>

namespace lomp {

/// Are there such timers?
constexpr bool has_signal_timers = false;

/// What such a timer is to send; SIGALRM where there are none.
constexpr int timer_signal = SIGALRM;

/// A timer of the process that sends it a signal.
class SignalTimer {
 public:
  explicit SignalTimer(int) {}

  /// From now on; 0 stops it. False if there is no such timer to be had.
  bool set(std::int64_t) { return false; }
};

}  // namespace lomp

#endif
