// Side: worker.
/// \file
/// A worker's time limit: the kernel ends it when an item takes too long.
#ifndef LOMP_WORKER_ITEM_TIMER_HPP
#define LOMP_WORKER_ITEM_TIMER_HPP

#include <signal.h>
#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "lomp/os/clock.hpp"
#include "lomp/os/platform.hpp"

namespace lomp {

/// What the kernel sends to a process whose time is over: a signal that no program uses, so that
/// the wait status tells this end from any other. Where no timer sends such a signal it is SIGALRM,
/// which programs do use.
constexpr int time_out_signal = timer_signal;

/// What setitimer(2) sends, whose timer is used where there is no other, or none left.
constexpr int alarm_signal = SIGALRM;

/// The timer that ends the process, by a signal that its own code may have a handler for. Where the
/// kernel has such timers SIGKILL follows, so that no code can hold the end off.
///
/// What a process that SIGKILL ends has started lives on if it has left its group. So SIGKILL comes
/// long after the other signal, for whose handler a process may wait on a busy machine, and after
/// the parent, if it is there, has ended the process in its own way (DeathWatch::kill_late()).
class KillTimer {
 public:
  static constexpr std::int64_t grace_ns = 2000000000;
  static constexpr std::int64_t handler_grace_ns = 5000000000;

  /// From now on; 0 stops it.
  void set(std::int64_t ns) {
    const bool is_last_set = last_.set(ns > 0 ? ns + grace_ns : 0);
    if (first_.set(ns) && is_last_set) return;
    const itimerval alarm{{0, 0}, {ns / 1000000000, static_cast<suseconds_t>(ns / 1000 % 1000000)}};
    ::setitimer(ITIMER_REAL, &alarm, nullptr);
  }

  /// For the handler of that signal, once it runs: what it has to do yet takes its time on a busy
  /// machine, and half of it done is worse than late.
  void give_handler_time() { last_.set(handler_grace_ns); }

 private:
  SignalTimer first_{time_out_signal};
  SignalTimer last_{SIGKILL};
};

/// The time of the item in hand. The parent sees the deadline (0 if there is none): a worker that
/// ended before it wasn't ended for its time, and one that goes on long after it is killed, since
/// its timer has failed.
class ItemTimer {
 public:
  using Deadline = std::atomic<std::int64_t>;

  explicit ItemTimer(Deadline& deadline) : deadline_(&deadline) {}

  void start(std::int64_t ns) {
    deadline_->store(now_ns() + ns, std::memory_order_release);
    timer_.set(ns);
  }

  void stop() {
    if (deadline_->load(std::memory_order_relaxed) == 0) return;
    timer_.set(0);
    deadline_->store(0, std::memory_order_release);
  }

  /// For the signal handler that ends the worker.
  void give_handler_time() { timer_.give_handler_time(); }

  /// While the worker waits for its parent, no time passes for the item.
  template <class Wait>
  void pause_during(Wait wait) {
    const std::int64_t deadline = deadline_->load(std::memory_order_relaxed);
    if (deadline == 0) return wait();
    const std::int64_t left = std::max<std::int64_t>(1, deadline - now_ns());
    stop();
    wait();
    start(left);
  }

 private:
  Deadline* deadline_;
  KillTimer timer_;
};

}  // namespace lomp

#endif
