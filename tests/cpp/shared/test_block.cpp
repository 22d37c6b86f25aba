#include <testthat/vendor/catch.h>

#include <thread>
#include <vector>

#include "lomp/shared/block.hpp"

using lomp::Block;
using lomp::BlockWord;
using lomp::put_back_first;
using lomp::take_first;
using lomp::take_upper_half;

namespace {

BlockWord word_of(std::uint32_t cursor, std::uint32_t end) {
  return BlockWord(Block{cursor, end}.word());
}

/// Counts how many times each item was taken.
using Counts = std::vector<std::atomic<int>>;

void take_one_by_one(BlockWord& word, Counts& counts) {
  std::uint32_t item = 0;
  while (take_first(word, item)) ++counts[item];
}

void take_halves(BlockWord& word, Counts& counts) {
  for (Block loot = take_upper_half(word); !loot.empty(); loot = take_upper_half(word)) {
    for (std::uint32_t item = loot.cursor; item < loot.end; ++item) ++counts[item];
  }
}

bool all_once(const Counts& counts) {
  for (const std::atomic<int>& count : counts) {
    if (count != 1) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a block and its word are the same") {
  for (const Block block : {Block{0, 0}, Block{1, 2}, Block{0xfffffffe, 0xffffffff}}) {
    CHECK(Block::of(block.word()).cursor == block.cursor);
    CHECK(Block::of(block.word()).end == block.end);
  }
  CHECK((Block{3, 7}.size() == 4));
  CHECK_FALSE((Block{3, 4}.empty()));
  CHECK((Block{4, 4}.empty()));
  CHECK(Block::of(0).empty());
}

TEST_CASE("the owner takes items in order up to the end") {
  BlockWord word = word_of(5, 8);
  std::uint32_t item = 0;
  for (std::uint32_t expected : {5u, 6u, 7u}) {
    REQUIRE(take_first(word, item));
    CHECK(item == expected);
  }
  CHECK_FALSE(take_first(word, item));
  CHECK(item == 7);
  CHECK(Block::of(word).empty());
}

TEST_CASE("the last possible items can be taken") {
  BlockWord word = word_of(0xfffffffd, 0xffffffff);
  std::uint32_t item = 0;
  CHECK(take_first(word, item));
  CHECK(take_first(word, item));
  CHECK(item == 0xfffffffe);
  CHECK_FALSE(take_first(word, item));
}

TEST_CASE("a thief takes the upper half and the larger one of an odd number") {
  BlockWord even = word_of(10, 20);
  const Block loot = take_upper_half(even);
  CHECK(loot.cursor == 15);
  CHECK(loot.end == 20);
  CHECK(Block::of(even).cursor == 10);
  CHECK(Block::of(even).end == 15);
  BlockWord odd = word_of(0, 3);
  CHECK(take_upper_half(odd).size() == 2);
  CHECK(Block::of(odd).size() == 1);
}

TEST_CASE("a thief takes a single item and nothing from an empty block") {
  BlockWord word = word_of(7, 8);
  const Block loot = take_upper_half(word);
  CHECK(loot.cursor == 7);
  CHECK(loot.end == 8);
  CHECK(Block::of(word).empty());
  CHECK(take_upper_half(word).empty());
}

TEST_CASE("an item that is put back comes before the rest") {
  BlockWord word = word_of(5, 8);
  std::uint32_t item = 0;
  REQUIRE(take_first(word, item));
  put_back_first(word, item);
  CHECK(Block::of(word).cursor == 5);
  CHECK(Block::of(word).end == 8);
  BlockWord last = word_of(6, 7);
  REQUIRE(take_first(last, item));
  put_back_first(last, item);
  CHECK(take_upper_half(last).size() == 1);
}

TEST_CASE("an owner and thieves share a block without losing or doubling an item") {
  for (int round = 0; round < 20; ++round) {
    constexpr std::uint32_t items = 20000;
    BlockWord word = word_of(0, items);
    Counts counts(items);
    std::thread owner([&] { take_one_by_one(word, counts); });
    std::thread thief([&] { take_halves(word, counts); });
    std::thread other([&] { take_one_by_one(word, counts); });
    owner.join();
    thief.join();
    other.join();
    REQUIRE(all_once(counts));
  }
}

TEST_CASE("a block handed to and fro loses and doubles no item") {
  // Each thread steals from the other what it then works on, as two idle workers would.
  constexpr std::uint32_t items = 100000;
  BlockWord words[2] = {word_of(0, items), word_of(0, 0)};
  Counts counts(items);
  std::atomic<std::uint32_t> taken{0};
  const auto work = [&](int self) {
    std::uint32_t item = 0;
    while (taken < items) {
      for (int n = 0; n < 3 && take_first(words[self], item); ++n) ++counts[item], ++taken;
      if (!Block::of(words[self]).empty()) continue;
      const Block loot = take_upper_half(words[1 - self]);
      if (!loot.empty()) words[self] = loot.word();
    }
  };
  std::thread first(work, 0), second(work, 1);
  first.join();
  second.join();
  CHECK(all_once(counts));
}
