// Side: both.
/// \file
/// A block of neighbouring items as one word, so that its owner and a thief can divide it without
/// a lock.
#ifndef LOMP_SHARED_BLOCK_HPP
#define LOMP_SHARED_BLOCK_HPP

#include <atomic>
#include <cstdint>

namespace lomp {

/// The items cursor, cursor + 1, ..., end - 1. An item is never in two blocks, so a word that isn't
/// empty has one meaning only, even if it comes back, and compare-and-swap is safe.
struct Block {
  std::uint32_t cursor = 0;
  std::uint32_t end = 0;

  std::uint32_t size() const { return end - cursor; }
  bool empty() const { return cursor >= end; }
  std::uint64_t word() const { return std::uint64_t{cursor} << 32 | end; }
  static Block of(std::uint64_t word) {
    return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word)};
  }
};

using BlockWord = std::atomic<std::uint64_t>;

/// Takes the first item of a block; false if it has none left.
inline bool take_first(BlockWord& word, std::uint32_t& item) {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  for (;;) {
    const Block block = Block::of(seen);
    if (block.empty()) return false;
    const Block rest{block.cursor + 1, block.end};
    if (word.compare_exchange_weak(seen, rest.word(), std::memory_order_acq_rel)) {
      item = block.cursor;
      return true;
    }
  }
}

/// Puts back the item that was taken first, while the block's owner is dead: thieves may be at it.
inline void put_back_first(BlockWord& word, std::uint32_t item) {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  while (!word.compare_exchange_weak(seen, Block{item, Block::of(seen).end}.word(),
                                     std::memory_order_acq_rel)) {
  }
}

/// Takes the upper half of a block (all of it, if it is one item); empty if there is nothing.
inline Block take_upper_half(BlockWord& word) {
  std::uint64_t seen = word.load(std::memory_order_relaxed);
  for (;;) {
    const Block block = Block::of(seen);
    if (block.empty()) return {};
    const std::uint32_t middle = block.cursor + block.size() / 2;
    if (word.compare_exchange_weak(seen, Block{block.cursor, middle}.word(),
                                   std::memory_order_acq_rel)) {
      return {middle, block.end};
    }
  }
}

}  // namespace lomp

#endif
