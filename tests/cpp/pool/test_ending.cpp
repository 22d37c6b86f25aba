#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/pool/ending.hpp"

using namespace lomp_test;
using lomp::Ending;

TEST_CASE("no end is expected at first") {
  const Ending ending;
  CHECK_FALSE(ending.is_expected());
  CHECK_FALSE(ending.is_awaited());
  CHECK_FALSE(ending.is_overdue());
  CHECK_FALSE(ending.is_doubtful());
  CHECK(ending.milliseconds_left() == -1);
}

TEST_CASE("an expected end is overdue when its time is over") {
  Ending ending;
  ending.expect_within(10000);
  CHECK(ending.is_expected());
  CHECK(ending.is_awaited());
  CHECK_FALSE(ending.is_overdue());
  CHECK(ending.milliseconds_left() > 5000);
  CHECK(ending.milliseconds_left() <= 10000);
  ending.expect_within(0);
  CHECK(ending.is_overdue());
  CHECK(ending.milliseconds_left() == 0);
}

TEST_CASE("a worker that is expected to end gets no more time by being expected again") {
  Ending ending;
  ending.expect_within(0);
  ending.expect_within(10000);
  CHECK(ending.is_overdue());
}

TEST_CASE("a doubt is over with its time or when the end is expected") {
  Ending ending;
  ending.doubt_for(0);
  CHECK(ending.is_doubtful());
  CHECK_FALSE(ending.is_expected());
  CHECK(ending.is_overdue());
  ending.expect_within(10000);
  CHECK_FALSE(ending.is_doubtful());
  CHECK_FALSE(ending.is_overdue());
  ending.doubt_for(0);
  CHECK_FALSE(ending.is_doubtful());
  CHECK_FALSE(ending.is_overdue());
}

TEST_CASE("more time is given up to a limit") {
  Ending ending;
  ending.expect_within(0);
  CHECK(ending.prolong(5000, 10000));
  CHECK_FALSE(ending.is_overdue());
  CHECK_FALSE(ending.prolong(5000, 0));
}

TEST_CASE("a poll for what is left of the time never ends before it") {
  Ending ending;
  ending.expect_within(3);
  while (!ending.is_overdue()) CHECK((ending.milliseconds_left() >= 1 || ending.is_overdue()));
}
