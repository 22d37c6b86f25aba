// Side: any process.
/// \file
/// Timers that send this process a signal of one's choice, as Linux has them.
#ifndef LOMP_OS_LINUX_SIGNAL_TIMER_HPP
#define LOMP_OS_LINUX_SIGNAL_TIMER_HPP

#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cstdint>

namespace lomp {

/// Are there such timers? Where words have 32 bits, the kernel's times have another layout than the
/// C library's.
constexpr bool has_signal_timers = sizeof(long) == 8;

/// A signal that no program uses: the kernel never sends it. Where a processor's Linux hasn't got
/// it (MIPS, SPARC, Alpha, see signal(7)), one that hardly any program uses.
#ifdef SIGSTKFLT
constexpr int unused_signal = SIGSTKFLT;
#else
constexpr int unused_signal = SIGVTALRM;
#endif

/// What such a timer is to send; SIGALRM where there are none.
constexpr int timer_signal = has_signal_timers ? unused_signal : SIGALRM;

/// A timer of the process that sends it a signal. A forked process has none of its parent's. Made
/// by the kernel alone: timer_create() of older C libraries is in a library of its own (librt,
/// until glibc 2.34).
class SignalTimer {
 public:
  explicit SignalTimer(int signal) : signal_(signal) {}

  /// From now on; 0 stops it. False if there is no such timer to be had.
  bool set(std::int64_t ns) {
    if (!has_signal_timers) return false;
    if (!exists_ && ns > 0) create();
    itimerspec value{};
    value.it_value.tv_sec = static_cast<time_t>(ns / 1000000000);
    value.it_value.tv_nsec = static_cast<long>(ns % 1000000000);
    return exists_ && ::syscall(SYS_timer_settime, id_, 0, &value, nullptr) == 0;
  }

 private:
  void create() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = signal_;
    exists_ = ::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id_) == 0;
  }

  int signal_;
  bool exists_ = false;
  int id_ = 0;
};

}  // namespace lomp

#endif
