#include <testthat/vendor/catch.h>

#include "lomp/shared/wait_time.hpp"

using lomp::WaitTime;

TEST_CASE("waits are summed up") {
  WaitTime wait;
  CHECK(wait.sum() == 0);
  wait.add(5);
  wait.add(0);
  wait.add(std::int64_t{1} << 40);
  CHECK(wait.sum() == (std::int64_t{1} << 40) + 5);
  CHECK(wait.until(1000) == wait.sum());
}

TEST_CASE("a wait that goes on counts until it is asked for") {
  WaitTime wait;
  wait.add(7);
  wait.begin(100);
  CHECK(wait.sum() == 7);
  CHECK(wait.until(130) == 37);
  wait.end();
  CHECK(wait.until(150) == 7);  // whoever waited adds it
}

TEST_CASE("nothing of a wait is left for a successor") {
  WaitTime wait;
  wait.add(7);
  wait.begin(100);
  wait.reset();
  CHECK(wait.until(200) == 0);
}
