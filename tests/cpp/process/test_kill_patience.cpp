#include <testthat/vendor/catch.h>

#include "lomp/process/kill_patience.hpp"

using lomp::KillPatience;

namespace {

constexpr std::int64_t begin = 17, ms = 1000000;
constexpr bool held = true, running = false;

}  // namespace

TEST_CASE("processes that wait for a processor are waited for") {
  KillPatience patience(begin);
  CHECK_FALSE(patience.is_over(begin, running));
  CHECK_FALSE(patience.is_over(begin + 1900 * ms, running));
  CHECK(patience.is_over(begin + 2001 * ms, running));
}

TEST_CASE("processes that something holds are waited for shortly") {
  KillPatience patience(begin);
  CHECK_FALSE(patience.is_over(begin + 99 * ms, held));
  CHECK(patience.is_over(begin + 101 * ms, held));
}

TEST_CASE("the short time begins anew when a process goes on") {
  KillPatience patience(begin);
  CHECK_FALSE(patience.is_over(begin + 90 * ms, held));
  CHECK_FALSE(patience.is_over(begin + 150 * ms, running));
  CHECK_FALSE(patience.is_over(begin + 240 * ms, held));
  CHECK(patience.is_over(begin + 260 * ms, held));
}
