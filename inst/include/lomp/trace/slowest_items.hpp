// Side: parent.
/// \file
/// The items that took longest.
#ifndef LOMP_TRACE_SLOWEST_ITEMS_HPP
#define LOMP_TRACE_SLOWEST_ITEMS_HPP

#include <algorithm>
#include <array>
#include <cstdint>

namespace lomp {

struct SlowItem {
  std::uint64_t item = 0;
  float run_ns = 0;
  std::uint32_t process = 0;
};

/// A few of them, the slowest first. Most items cost one comparison.
class SlowestItems {
 public:
  static constexpr std::size_t most = 10;

  bool is_slow(float run_ns) const { return count_ < most || run_ns > items_[most - 1].run_ns; }

  void add(const SlowItem& item) {
    if (!is_slow(item.run_ns)) return;
    if (count_ < most) ++count_;
    std::size_t at = count_ - 1;
    for (; at > 0 && items_[at - 1].run_ns < item.run_ns; --at) items_[at] = items_[at - 1];
    items_[at] = item;
  }

  std::size_t size() const { return count_; }
  const SlowItem& operator[](std::size_t i) const { return items_[i]; }

 private:
  std::array<SlowItem, most> items_{};
  std::size_t count_ = 0;
};

}  // namespace lomp

#endif
