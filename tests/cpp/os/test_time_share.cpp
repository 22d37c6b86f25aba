#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/time_share.hpp"

using lomp::TimeShare;
using namespace lomp_test;

TEST_CASE("the first time is always due") { CHECK(TimeShare(1000).is_due()); }

TEST_CASE("what took long has to wait so many times as long") {
  TimeShare share(3);
  const std::int64_t began = lomp::now_ns();
  share.begin();
  work_for_us(100000);
  share.end();
  const bool is_due = share.is_due();
  if (lomp::now_ns() - began < 400000000) CHECK_FALSE(is_due);
  CHECK(eventually([&] { return share.is_due(); }));
  CHECK(lomp::now_ns() - began >= 400000000);
}

TEST_CASE("what takes no time never waits long") {
  TimeShare share(1);
  for (int i = 0; i < 100; ++i) {
    share.begin();
    share.end();
    CHECK(eventually([&] { return share.is_due(); }));
  }
}

TEST_CASE("an exceptional time counts as twice the others") {
  static std::int64_t now = 1000;
  TimeShare share(3, [] { return now; });
  const auto spend = [&share](std::int64_t time) {
    share.begin();
    now += time;
    share.end();
  };
  spend(10);
  spend(500);
  CHECK(share.last() == 500);
  CHECK(share.cost() == 20);
  now += 59;
  CHECK_FALSE(share.is_due());
  now += 1;
  CHECK(share.is_due());
  spend(500);
  CHECK(share.cost() == 40);
  spend(4);
  CHECK(share.cost() == 4);
}

TEST_CASE("time is told by the clock that is given") {
  static std::int64_t now = 1000;
  TimeShare share(3, [] { return now; });
  CHECK(share.is_due());
  CHECK(share.cost() == 0);
  share.begin();
  now += 10;
  share.end();
  CHECK(share.cost() == 10);
  work_for_us(1);
  CHECK_FALSE(share.is_due());
  now += 29;
  CHECK_FALSE(share.is_due());
  now += 1;
  CHECK(share.is_due());
  share.begin();
  now += 2;
  share.end();
  CHECK(share.cost() == 2);
  CHECK_FALSE(share.is_due());
  now += 6;
  CHECK(share.is_due());
}
