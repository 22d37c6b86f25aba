// Side: parent.
/// \file
/// Which items of a stream are where.
#ifndef LOMP_SCHEDULE_IN_FLIGHT_HPP
#define LOMP_SCHEDULE_IN_FLIGHT_HPP

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <utility>

namespace lomp {

/// The books of a stream of items, whose number isn't known: those that were given to a worker and
/// have not ended yet, and those that must be given again: their worker died before it began them,
/// or was held up while another one had nothing to do.
///
/// Items that a worker was given one after the other are a range. A worker ends its items in their
/// order, so to settle one takes no memory, nor a search of more than a few ranges.
class InFlight {
 public:
  /// The item was given to a worker, known by its incarnation.
  void give(std::uint64_t item, std::uint32_t incarnation) {
    if (!returned_.empty()) returned_.erase(item);
    if (!given_.empty()) {
      const auto last = std::prev(given_.end());
      Range& range = last->second;
      if (item == range.end && incarnation == range.incarnation) {
        ++range.end;
        return;
      }
      if (item < range.end) remove(item);
    }
    given_.emplace(item, Range{item + 1, incarnation});
  }

  /// The item has ended; false if it wasn't underway.
  bool settle(std::uint64_t item) {
    if (!remove(item)) return false;
    ++settled_;
    return true;
  }

  bool is_given(std::uint64_t item) const {
    const auto after = given_.upper_bound(item);
    return after != given_.begin() && item < std::prev(after)->second.end;
  }

  /// Is the item with a worker, or must it be given again?
  bool is_open(std::uint64_t item) const { return is_given(item) || returned_.count(item) > 0; }

  /// The worker is dead: what it had and didn't end must be given to another one.
  void take_back(std::uint32_t incarnation) {
    for (auto one = given_.begin(); one != given_.end();) {
      if (one->second.incarnation == incarnation) {
        for (std::uint64_t item = one->first; item < one->second.end; ++item) {
          returned_.insert(item);
        }
        one = given_.erase(one);
      } else {
        ++one;
      }
    }
  }

  /// The item was given to a worker that never gets to it.
  void take_back_item(std::uint64_t item) {
    if (remove(item)) returned_.insert(item);
  }

  /// The first item that must be given again; false if there is none.
  bool first_returned(std::uint64_t& item) const {
    if (returned_.empty()) return false;
    item = *returned_.begin();
    return true;
  }

  /// The same, which isn't to be given again any more: as good as settled.
  bool withdraw_returned(std::uint64_t& item) {
    if (!first_returned(item)) return false;
    returned_.erase(returned_.begin());
    ++settled_;
    return true;
  }

  /// The first item that was given and has not ended, wherever it is; that is the largest number if
  /// all have.
  std::uint64_t first_open() const {
    const std::uint64_t given = given_.empty() ? UINT64_MAX : given_.begin()->first;
    return returned_.empty() ? given : std::min(given, *returned_.begin());
  }

  bool has_returned() const { return !returned_.empty(); }
  bool empty() const { return given_.empty() && returned_.empty(); }
  std::uint64_t settled() const { return settled_; }

 private:
  /// What a worker was given from an item, its key, on.
  struct Range {
    std::uint64_t end;  ///< behind its last item
    std::uint32_t incarnation;
  };

  /// Takes an item out of its range; false if it is in none. From the middle of one that leaves
  /// two; where there is no memory for that nothing has changed.
  bool remove(std::uint64_t item) {
    const auto after = given_.upper_bound(item);
    if (after == given_.begin()) return false;
    const auto found = std::prev(after);
    const Range range = found->second;
    if (item >= range.end) return false;
    if (found->first == item) {
      drop_first(found);
      return true;
    }
    if (item + 1 < range.end) given_.emplace_hint(after, item + 1, range);
    found->second.end = item;
    return true;
  }

  using Ranges = std::map<std::uint64_t, Range>;

  void drop_first(Ranges::iterator range) {
    if (range->first + 1 == range->second.end) {
      given_.erase(range);
      return;
    }
    const auto after = std::next(range);
    auto node = given_.extract(range);
    ++node.key();
    given_.insert(after, std::move(node));
  }

  Ranges given_;
  std::set<std::uint64_t> returned_;
  std::uint64_t settled_ = 0;
};

}  // namespace lomp

#endif
