#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/clock.hpp"

using namespace lomp_test;
using lomp::now_ns;

TEST_CASE("the clock goes forward in nanoseconds") {
  timespec before, after;
  ::clock_gettime(CLOCK_MONOTONIC, &before);
  const std::int64_t now = now_ns();
  ::clock_gettime(CLOCK_MONOTONIC, &after);
  CHECK(now >= std::int64_t{before.tv_sec} * 1000000000 + before.tv_nsec);
  CHECK(now <= std::int64_t{after.tv_sec} * 1000000000 + after.tv_nsec);
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
