#include <testthat/vendor/catch.h>

#include <random>
#include <vector>

#include "lomp/schedule/bitmap.hpp"

using lomp::Bitmap;
using lomp::Block;

namespace {

/// The first run of items that are missing, found the slow way.
Block first_gap_of(const std::vector<bool>& has) {
  std::uint32_t begin = 0;
  while (begin < has.size() && has[begin]) ++begin;
  std::uint32_t end = begin;
  while (end < has.size() && !has[end]) ++end;
  return {begin, end};
}

bool same(Block a, Block b) {
  return (a.empty() && b.empty()) || (a.cursor == b.cursor && a.end == b.end);
}

}  // namespace

TEST_CASE("an empty set has no item and one gap") {
  const Bitmap set(100);
  CHECK(set.count() == 0);
  CHECK_FALSE(set.full());
  CHECK_FALSE(set.has(0));
  CHECK_FALSE(set.has(99));
  CHECK(same(set.first_gap(), {0, 100}));
}

TEST_CASE("a set of no items is full") {
  const Bitmap set(0);
  CHECK(set.full());
  CHECK(set.first_gap().empty());
}

TEST_CASE("an item is added once") {
  Bitmap set(130);
  for (std::uint64_t item : {0, 63, 64, 127, 128, 129}) {
    CHECK_FALSE(set.has(item));
    CHECK(set.add(item));
    CHECK(set.has(item));
    CHECK_FALSE(set.add(item));
  }
  CHECK(set.count() == 6);
  CHECK_FALSE(set.has(1));
  CHECK_FALSE(set.has(65));
}

TEST_CASE("a set with all its items is full and has no gap") {
  for (std::uint64_t n : {1, 63, 64, 65, 128, 1000}) {
    Bitmap set(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      REQUIRE_FALSE(set.full());
      set.add(i);
    }
    CHECK(set.full());
    CHECK(set.first_gap().empty());
  }
}

TEST_CASE("the first gap is found in any set") {
  std::mt19937 random(1);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t n = 1 + random() % 300;
    Bitmap set(n);
    std::vector<bool> has(n);
    // The beginning is full, so that gaps lie at every place; the rest is a mixture.
    const std::size_t full = random() % (n + 1), rarity = 1 + random() % 70;
    for (std::size_t i = 0; i < n; ++i) {
      if (i >= full && random() % rarity == 0) continue;
      set.add(i);
      has[i] = true;
    }
    REQUIRE(same(set.first_gap(), first_gap_of(has)));
    const std::size_t from = random() % (n + 1);
    std::size_t missing = from;
    while (missing < n && has[missing]) ++missing;
    REQUIRE(set.first_missing(from) == missing);
  }
}
