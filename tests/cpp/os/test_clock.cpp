#include <testthat/vendor/catch.h>

#include <thread>

#include "harness/processes.hpp"
#include "lomp/os/clock.hpp"

using namespace lomp_test;
using lomp::cpu_ns;
using lomp::now_ns;

namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec t;
  ::clock_gettime(clock, &t);
  return std::int64_t{t.tv_sec} * 1000000000 + t.tv_nsec;
}

/// Has this thread use so much processor time.
void use_cpu_ns(std::int64_t ns) {
  const std::int64_t end = read_clock(CLOCK_THREAD_CPUTIME_ID) + ns;
  while (read_clock(CLOCK_THREAD_CPUTIME_ID) < end) continue;
}

}  // namespace

TEST_CASE("the clock goes forward in nanoseconds") {
  const std::int64_t before = read_clock(CLOCK_MONOTONIC), now = now_ns();
  CHECK(now >= before);
  CHECK(now <= read_clock(CLOCK_MONOTONIC));
}

TEST_CASE("the clock is the same in a child") {
  const SharedArray<std::int64_t> seen(1);
  const std::int64_t before = now_ns();
  REQUIRE(run_in_process([&] {
            seen[0] = now_ns();
            return 0;
          }) == 0);
  CHECK(seen[0] >= before);
  CHECK(seen[0] <= now_ns());
}

TEST_CASE("processor time is that of this process in nanoseconds") {
  const std::int64_t before = read_clock(CLOCK_PROCESS_CPUTIME_ID), now = cpu_ns();
  CHECK(now >= before);
  CHECK(now <= read_clock(CLOCK_PROCESS_CPUTIME_ID));
}

TEST_CASE("processor time is that of all threads together") {
  constexpr std::int64_t used = 5000000;
  const std::int64_t before = cpu_ns();
  std::thread([] { use_cpu_ns(used); }).join();
  CHECK(cpu_ns() - before >= used);
}

TEST_CASE("the processor time of a child begins anew") {
  const SharedArray<std::int64_t> seen(1);
  use_cpu_ns(50000000);
  REQUIRE(run_in_process([&] {
            seen[0] = cpu_ns();
            return 0;
          }) == 0);
  CHECK(seen[0] < cpu_ns());
}
