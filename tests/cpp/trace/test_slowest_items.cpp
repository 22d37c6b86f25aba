#include <testthat/vendor/catch.h>

#include <algorithm>
#include <random>
#include <vector>

#include "lomp/trace/slowest_items.hpp"

using lomp::SlowestItems;
using lomp::SlowItem;

namespace {

constexpr std::size_t most = SlowestItems::most;

std::vector<float> times_of(const SlowestItems& slowest) {
  std::vector<float> times;
  for (std::size_t i = 0; i < slowest.size(); ++i) times.push_back(slowest[i].run_ns);
  return times;
}

}  // namespace

TEST_CASE("at first there are no slow items and any item is slow") {
  const SlowestItems slowest;
  CHECK(slowest.size() == 0);
  CHECK(slowest.is_slow(0));
}

TEST_CASE("few items are all there and the slowest comes first") {
  SlowestItems slowest;
  slowest.add({7, 20, 1});
  slowest.add({8, 0, 2});
  slowest.add({9, 30, 3});
  REQUIRE(slowest.size() == 3);
  CHECK((times_of(slowest) == std::vector<float>{30, 20, 0}));
  CHECK(slowest[0].item == 9);
  CHECK(slowest[0].process == 3);
  CHECK(slowest[2].item == 8);
}

TEST_CASE("of many items the slowest are those that sorting would find") {
  std::mt19937 random(1);
  for (std::size_t n : {most - 1, most, most + 1, std::size_t{1000}}) {
    SlowestItems slowest;
    std::vector<float> times;
    for (std::size_t i = 0; i < n; ++i) {
      times.push_back(static_cast<float>(random() % 500));
      slowest.add({i, times.back(), 0});
    }
    for (std::size_t i = 0; i < slowest.size(); ++i) {
      CHECK(times[slowest[i].item] == slowest[i].run_ns);
    }
    std::sort(times.rbegin(), times.rend());
    times.resize(std::min(n, most));
    CHECK(times_of(slowest) == times);
  }
}

TEST_CASE("an item that is as slow as the last of them isn't slower") {
  SlowestItems slowest;
  for (std::size_t i = 0; i < most; ++i) slowest.add({i, 5, 0});
  CHECK_FALSE(slowest.is_slow(5));
  CHECK(slowest.is_slow(5.5f));
  slowest.add({99, 5, 0});
  for (std::size_t i = 0; i < most; ++i) CHECK(slowest[i].item == i);
  slowest.add({100, 6, 0});
  CHECK(slowest.size() == most);
  CHECK(slowest[0].item == 100);
  CHECK(slowest[most - 1].item == most - 2);
}
