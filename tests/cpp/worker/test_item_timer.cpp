#include <poll.h>
#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/worker/item_timer.hpp"

using namespace lomp_test;
using lomp::ItemTimer;
using lomp::KillTimer;

namespace {

constexpr std::int64_t ms = 1000000;

void spin_for(std::int64_t ns) {
  const std::int64_t end = lomp::now_ns() + ns;
  while (lomp::now_ns() < end) continue;
}

// Of a process that a timer has killed, which no other end could be taken for.
bool was_timed_out(int status) { return was_killed_by(status, lomp::time_out_signal); }

/// Elsewhere there is one timer, whose signal can be held off.
bool has_own_timers() {
  SUCCEED("this test is about timers that not every system has");
  return lomp::has_signal_timers;
}

}  // namespace

TEST_CASE("a process is killed when its time is over") {
  const std::int64_t begin = lomp::now_ns();
  const int status = run_in_process([] {
    KillTimer timer;
    timer.set(50 * ms);
    for (;;) continue;
    return 0;
  });
  CHECK(was_timed_out(status));
  CHECK(lomp::now_ns() - begin >= 50 * ms);
}

TEST_CASE("no handler and no mask holds the kill off") {
  if (!has_own_timers()) return;
  const int status = run_in_process([] {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
    KillTimer timer;
    timer.set(20 * ms);
    for (;;) continue;
    return 0;
  });
  CHECK(was_killed_by(status, SIGKILL));
}

TEST_CASE("a process may do something yet when its time is over but not for long") {
  if (!has_own_timers()) return;
  const std::int64_t begin = lomp::now_ns();
  const int status = run_in_process([] {
    ::signal(lomp::time_out_signal, [](int) {
      for (;;) continue;
    });
    KillTimer timer;
    timer.set(20 * ms);
    for (;;) continue;
    return 0;
  });
  CHECK(was_killed_by(status, SIGKILL));
  CHECK(lomp::now_ns() - begin >= 20 * ms + KillTimer::grace_ns);
}

TEST_CASE("a handler that asks for time gets it") {
  if (!has_own_timers()) return;
  static KillTimer timer;
  const int status = run_in_process([] {
    ::signal(lomp::time_out_signal, [](int signal) {
      timer.give_handler_time();
      spin_for(KillTimer::grace_ns + 200 * ms);
      ::signal(signal, SIG_DFL);
      ::raise(signal);
    });
    timer.set(20 * ms);
    for (;;) continue;
    return 0;
  });
  CHECK(was_timed_out(status));
}

TEST_CASE("where the kernel has no timer left the other one does") {
  if (!has_own_timers()) return;
  const int status = run_in_process([] {
    const rlimit none{0, 0};  // each timer takes a place in the queue of signals
    ::setrlimit(RLIMIT_SIGPENDING, &none);
    KillTimer timer;
    timer.set(20 * ms);
    for (;;) continue;
    return 0;
  });
  CHECK(was_killed_by(status, lomp::alarm_signal));
}

TEST_CASE("a timer that is stopped or set again doesn't kill") {
  const int status = run_in_process([] {
    KillTimer timer;
    timer.set(30 * ms);
    timer.set(0);
    spin_for(60 * ms);
    for (int i = 0; i < 5; ++i) {
      timer.set(2000 * ms);
      spin_for(10 * ms);
    }
    timer.set(0);
    return 0;
  });
  CHECK(status == 0);
}

TEST_CASE("a forked process isn't killed by its parent's timer") {
  const int status = run_in_process([] {
    KillTimer timer;
    timer.set(2000 * ms);
    const int inner = run_in_process([] {
      spin_for(5 * ms);
      return 0;
    });
    return inner;
  });
  CHECK(status == 0);
}

TEST_CASE("the deadline is there as long as the item has a limit") {
  ItemTimer::Deadline deadline{0};
  ItemTimer timer(deadline);
  timer.stop();
  CHECK(deadline == 0);
  const std::int64_t before = lomp::now_ns();
  timer.start(60000 * ms);
  CHECK(deadline >= before + 60000 * ms);
  timer.stop();
  CHECK(deadline == 0);
}

TEST_CASE("no time passes while the worker waits for its parent") {
  const int status = run_in_process([] {
    ItemTimer::Deadline deadline{0};
    ItemTimer timer(deadline);
    timer.start(40 * ms);
    bool was_stopped = false;
    timer.pause_during([&] {
      was_stopped = deadline == 0;
      spin_for(100 * ms);
    });
    if (!was_stopped || deadline == 0) return 1;
    for (;;) continue;  // the rest of its time is still limited
    return 2;
  });
  CHECK(was_timed_out(status));
}

TEST_CASE("without a limit a wait is a wait") {
  ItemTimer::Deadline deadline{0};
  ItemTimer timer(deadline);
  int waits = 0;
  timer.pause_during([&] { ++waits; });
  CHECK(waits == 1);
  CHECK(deadline == 0);
}
