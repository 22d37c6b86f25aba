// Side: both.
/// \file
/// Which worker does which item: workers claim blocks, and idle ones steal from the others.
#ifndef LOMP_SCHEDULE_SCHEDULE_HPP
#define LOMP_SCHEDULE_SCHEDULE_HPP

#include <algorithm>
#include <cstdint>

#include "lomp/shared/shared_page.hpp"

namespace lomp {

/// How many items to claim at once. Blocks begin with one item and grow towards a fixed time of
/// work, so that claiming costs nothing for cheap items and dear ones are dealt out singly.
class BlockSize {
 public:
  static constexpr std::int64_t target_ns = 5000000;
  static constexpr std::uint64_t max_growth = 8;

  std::uint64_t items() const { return items_; }

  /// Learns from a block of `items` that took `ns`.
  void learn(std::uint64_t items, std::int64_t ns) {
    if (items == 0) return;
    const std::uint64_t per_item =
        static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 1)) / items;
    const std::uint64_t ideal = target_ns / std::max<std::uint64_t>(per_item, 1);
    items_ = std::clamp<std::uint64_t>(ideal, 1, items_ * max_growth);
  }

 private:
  std::uint64_t items_ = 1;
};

/// Operations on the shared page that deal out work. Every process has one of its own.
class Schedule {
 public:
  explicit Schedule(SharedPage& page) : page_(&page) {}

  /// Claims about `wanted` items that no worker has yet; fewer towards the end, so that the last
  /// blocks of all workers end together.
  Block claim(std::uint64_t wanted) {
    const std::uint64_t items = page_->items();
    const std::uint64_t seen = page_->next().load(std::memory_order_relaxed);
    if (seen >= items) return {};
    const std::uint64_t share = (items - seen) / (2 * static_cast<std::uint64_t>(page_->slots()));
    const std::uint64_t size = std::max<std::uint64_t>(1, std::min(wanted, share));
    const std::uint64_t begin = page_->next().fetch_add(size, std::memory_order_acq_rel);
    if (begin >= items) return {};
    return {static_cast<std::uint32_t>(begin),
            static_cast<std::uint32_t>(std::min(begin + size, items))};
  }

  /// Takes the upper half of the largest block that another slot holds, a dead worker's among
  /// them. Empty when there is nothing left to begin anywhere.
  Block steal(int thief) {
    for (;;) {
      const int victim = richest(thief);
      if (victim < 0) return {};
      const Block loot = take_upper_half(page_->slot(victim).block);
      if (!loot.empty()) return loot;
    }
  }

  /// Items that no worker has begun, as far as can be seen from outside.
  std::uint64_t waiting() const {
    const std::uint64_t next = page_->next().load(std::memory_order_acquire);
    std::uint64_t sum = next < page_->items() ? page_->items() - next : 0;
    for (int i = 0; i < page_->slots(); ++i) sum += left_in(i);
    return sum;
  }

 private:
  std::uint64_t left_in(int slot) const {
    const Block block = Block::of(page_->slot(slot).block.load(std::memory_order_acquire));
    return block.empty() ? 0 : block.size();
  }

  int richest(int thief) const {
    int best = -1;
    std::uint64_t most = 0;
    for (int i = 0; i < page_->slots(); ++i) {
      const std::uint64_t left = i == thief ? 0 : left_in(i);
      if (left > most) {
        most = left;
        best = i;
      }
    }
    return best;
  }

  SharedPage* page_;
};

}  // namespace lomp

#endif
