#include <testthat/vendor/catch.h>

#include <random>
#include <thread>
#include <vector>

#include "lomp/schedule/schedule.hpp"

using lomp::Block;
using lomp::BlockSize;
using lomp::Schedule;
using lomp::SharedPage;

namespace {

void hold(SharedPage& page, int slot, std::uint32_t cursor, std::uint32_t end) {
  page.slot(slot).block = Block{cursor, end}.word();
}

/// Claims and steals until there is nothing left, as an impatient worker does.
void take_everything(SharedPage& page, int self, std::uint64_t wanted,
                     std::vector<std::atomic<int>>& counts) {
  Schedule schedule(page);
  for (;;) {
    Block block = schedule.claim(wanted);
    if (block.empty()) block = schedule.steal(self);
    if (block.empty()) return;
    page.slot(self).block = block.word();
    std::uint32_t item = 0;
    while (lomp::take_first(page.slot(self).block, item)) ++counts[item];
  }
}

}  // namespace

TEST_CASE("claims give every item once and in order") {
  for (std::uint64_t items : {0, 1, 2, 3, 1000, 12345}) {
    for (std::uint64_t wanted : {1, 7, 1000000}) {
      SharedPage page(items, 3, 64);
      Schedule schedule(page);
      std::uint64_t next = 0;
      for (Block b = schedule.claim(wanted); !b.empty(); b = schedule.claim(wanted)) {
        REQUIRE(b.cursor == next);
        REQUIRE(b.size() <= wanted);
        next = b.end;
      }
      REQUIRE(next == items);
      REQUIRE(schedule.claim(wanted).empty());
    }
  }
}

TEST_CASE("a claim takes at most its share of half of what is left") {
  SharedPage page(1000, 4, 64);
  Schedule schedule(page);
  CHECK(schedule.claim(1000000).size() == 125);
  CHECK(schedule.claim(1000000).size() == 109);
  CHECK(schedule.claim(10).size() == 10);
}

TEST_CASE("the last items are claimed singly") {
  SharedPage page(8, 4, 64);
  Schedule schedule(page);
  for (int i = 0; i < 8; ++i) CHECK(schedule.claim(1000).size() == 1);
  CHECK(schedule.claim(1000).empty());
}

TEST_CASE("the largest number of items can be claimed") {
  const std::uint64_t items = 0xffffffff;
  SharedPage page(items, 1, 64);
  Schedule schedule(page);
  page.next() = items - 3;
  CHECK(schedule.claim(1).cursor == 0xfffffffc);
  page.next() = items - 1;
  const Block last = schedule.claim(100);
  CHECK(last.cursor == 0xfffffffe);
  CHECK(last.end == 0xffffffff);
  CHECK(schedule.claim(1).empty());
}

TEST_CASE("a counter beyond the end gives nothing") {
  SharedPage page(10, 2, 64);
  page.next() = 15;
  Schedule schedule(page);
  CHECK(schedule.claim(1).empty());
  CHECK(schedule.waiting() == 0);
}

TEST_CASE("a thief goes to the largest block and never to its own") {
  SharedPage page(100, 4, 64);
  Schedule schedule(page);
  hold(page, 0, 0, 30);
  hold(page, 1, 30, 32);
  hold(page, 2, 40, 50);
  const Block loot = schedule.steal(0);
  CHECK(loot.cursor == 45);
  CHECK(loot.end == 50);
  CHECK(Block::of(page.slot(0).block).size() == 30);
  CHECK(schedule.steal(2).cursor == 15);
}

TEST_CASE("there is nothing to steal where no other worker holds items") {
  SharedPage page(100, 3, 64);
  Schedule schedule(page);
  hold(page, 1, 10, 20);
  CHECK(schedule.steal(1).empty());
  CHECK(Block::of(page.slot(1).block).size() == 10);
  CHECK_FALSE(schedule.steal(0).empty());
}

TEST_CASE("thieves empty a block down to its last item") {
  SharedPage page(100, 2, 64);
  Schedule schedule(page);
  hold(page, 0, 0, 10);
  std::uint32_t stolen = 0;
  for (Block b = schedule.steal(1); !b.empty(); b = schedule.steal(1)) stolen += b.size();
  CHECK(stolen == 10);
}

TEST_CASE("waiting items are those that no worker has begun") {
  SharedPage page(100, 3, 64);
  Schedule schedule(page);
  CHECK(schedule.waiting() == 100);
  page.next() = 60;
  CHECK(schedule.waiting() == 40);
  hold(page, 0, 10, 15);
  hold(page, 2, 20, 20);
  CHECK(schedule.waiting() == 45);
}

TEST_CASE("many takers at once take every item once") {
  for (std::uint64_t wanted : {1, 3, 1000}) {
    constexpr std::uint64_t items = 50000;
    constexpr int takers = 4;
    SharedPage page(items, takers, 64);
    std::vector<std::atomic<int>> counts(items);
    std::vector<std::thread> threads;
    for (int i = 0; i < takers; ++i) {
      threads.emplace_back([&, i] { take_everything(page, i, wanted, counts); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const std::atomic<int>& count : counts) REQUIRE(count == 1);
  }
}

TEST_CASE("blocks begin with one item and grow eightfold at most") {
  BlockSize size;
  CHECK(size.items() == 1);
  std::uint64_t expected = 1;
  for (int i = 0; i < 3; ++i) {
    size.learn(size.items(), static_cast<std::int64_t>(size.items()) * 1000);
    CHECK(size.items() == (expected *= 8));
  }
}

TEST_CASE("blocks come to last as long as they should") {
  for (std::int64_t cost : {100, 1000, 20000, 1000000, 5000000}) {
    BlockSize size;
    for (int i = 0; i < 10; ++i) {
      size.learn(size.items(), static_cast<std::int64_t>(size.items()) * cost);
    }
    CHECK(static_cast<std::int64_t>(size.items()) == BlockSize::target_ns / cost);
  }
}

TEST_CASE("blocks of dear items shrink to one at once") {
  BlockSize size;
  for (int i = 0; i < 10; ++i) size.learn(size.items(), 1);
  REQUIRE(size.items() > 1000000);
  size.learn(10, 10000000000);
  CHECK(size.items() == 1);
}

TEST_CASE("a block without items or time teaches nothing wrong") {
  BlockSize size;
  size.learn(0, 1000);
  CHECK(size.items() == 1);
  size.learn(1, 0);
  CHECK(size.items() == 8);
  size.learn(8, -5);
  CHECK(size.items() == 64);
}
