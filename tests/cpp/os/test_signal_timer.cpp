#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/platform.hpp"

using namespace lomp_test;
using lomp::SignalTimer;

namespace {

std::atomic<int> signals{0};

void count(int) { ++signals; }

constexpr std::int64_t ms = 1000000;

/// Counts the signals of a timer for as long as it lives.
struct Counter {
  Counter() : before(::signal(SIGUSR1, count)) { signals = 0; }
  ~Counter() { ::signal(SIGUSR1, before); }
  void (*before)(int);
};

}  // namespace

TEST_CASE("a timer sends its signal once or says that there is none") {
  const Counter counter;
  SignalTimer timer(SIGUSR1);
  const bool is_set = timer.set(ms);
  CHECK(is_set == lomp::has_signal_timers);
  if (!is_set) return;
  CHECK(eventually([] { return signals == 1; }));
  work_for_us(5000);
  CHECK(signals == 1);
}

TEST_CASE("a timer that is stopped sends nothing") {
  const Counter counter;
  SignalTimer timer(SIGUSR1);
  (void)timer.set(10 * ms);
  CHECK(timer.set(0) == lomp::has_signal_timers);
  const int before = signals;  // one may have come on a busy machine
  work_for_us(20000);
  CHECK(signals == before);
}

TEST_CASE("a timer that was never set need not be stopped") {
  SignalTimer timer(SIGUSR1);
  CHECK_FALSE(timer.set(0));
}

TEST_CASE("a forked process has none of its parent's timers") {
  SignalTimer timer(SIGUSR1);
  const Counter counter;
  (void)timer.set(5 * ms);
  CHECK(run_in_process([] {
          signals = 0;
          work_for_us(10000);
          return signals.load();
        }) == 0);
  (void)timer.set(0);
}

TEST_CASE("where there are no timers their signal is that of an alarm") {
  CHECK((lomp::timer_signal != SIGALRM) == lomp::has_signal_timers);
}
