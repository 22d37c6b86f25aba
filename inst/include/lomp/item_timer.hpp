/// \file
/// A worker's time limit: the kernel ends it when an item takes too long.
#ifndef LOMP_ITEM_TIMER_HPP
#define LOMP_ITEM_TIMER_HPP

#include <signal.h>
#include <sys/time.h>
#include <time.h>

#include <algorithm>
#include <atomic>

#include "clock.hpp"
#include "syscall.hpp"
#if LOMP_LINUX
#include <sys/syscall.h>
#endif

namespace lomp {

/// A timer of the process whose signal kills it. SIGKILL where the kernel has such timers, so that
/// no code can hold it off; elsewhere SIGALRM. A forked process has none of its parent's.
class KillTimer {
 public:
  /// From now on; 0 stops it.
  void set(std::int64_t ns) {
#if LOMP_LINUX && defined(__LP64__)
    if (!exists_) create();
    const itimerspec value{{0, 0}, {ns / 1000000000, ns % 1000000000}};
    if (exists_ && ::syscall(SYS_timer_settime, id_, 0, &value, nullptr) == 0) return;
#endif
    if (ns > 0) ::signal(SIGALRM, SIG_DFL);
    const itimerval alarm{{0, 0}, {ns / 1000000000, static_cast<suseconds_t>(ns / 1000 % 1000000)}};
    ::setitimer(ITIMER_REAL, &alarm, nullptr);
  }

 private:
#if LOMP_LINUX && defined(__LP64__)
  void create() {
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGKILL;
    exists_ = ::syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &id_) == 0;
  }

  bool exists_ = false;
  int id_ = 0;
#endif
};

/// The time of the item in hand. The parent sees the deadline (0 if there is none): it tells by it
/// why the worker died, and kills one whose timer has failed.
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
