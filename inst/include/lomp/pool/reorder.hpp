// Side: parent.
/// \file
/// Puts what comes in any order into the order of its items.
#ifndef LOMP_POOL_REORDER_HPP
#define LOMP_POOL_REORDER_HPP

#include <cstdint>
#include <deque>
#include <map>
#include <utility>

namespace lomp {

/// Values of items 0, 1, 2, ..., any number for each, in the order of their coming within an item.
/// Holds only what waits for an earlier item's end.
template <class Value>
class Reorder {
 public:
  void put(std::uint64_t item, Value value) { waiting_[item].values.push_back(std::move(value)); }

  /// The item has no more values.
  void end(std::uint64_t item) { waiting_[item].has_ended = true; }

  /// The item whose turn it is.
  std::uint64_t head() const { return head_; }

  /// Nothing more will come: what is there can be taken, whatever is missing before it.
  void skip_gaps() { skips_gaps_ = true; }

  /// All values that have come and were not taken, in the order in which they would be.
  template <class Visit>
  void each(Visit visit) const {
    for (const auto& place : waiting_) {
      for (const Value& value : place.second.values) visit(value);
    }
  }

  /// The next value; nullptr if it hasn't come.
  const Value* next() const {
    std::uint64_t head = head_;
    for (const auto& place : waiting_) {
      if (!skips_gaps_ && place.first != head) return nullptr;
      if (!place.second.values.empty()) return &place.second.values.front();
      if (!skips_gaps_ && !place.second.has_ended) return nullptr;
      ++head;
    }
    return nullptr;
  }

  bool has_next() const { return next() != nullptr; }

  /// Leaves items behind that have ended and have no value any more. True if there were any.
  bool pass_ended() {
    const std::uint64_t before = head_;
    for (auto first = waiting_.begin(); is_next(first) && is_over(first->second); ++head_) {
      first = waiting_.erase(first);
    }
    return head_ != before;
  }

  /// Takes the next value if it has come.
  bool take(Value& value) {
    for (auto first = waiting_.begin(); is_next(first); first = waiting_.erase(first), ++head_) {
      head_ = first->first;
      std::deque<Value>& values = first->second.values;
      if (!values.empty()) {
        value = std::move(values.front());
        values.pop_front();
        return true;
      }
      if (!first->second.has_ended && !skips_gaps_) return false;
    }
    return false;
  }

 private:
  struct Waiting {
    std::deque<Value> values;
    bool has_ended = false;
  };
  using Place = typename std::map<std::uint64_t, Waiting>::iterator;

  static bool is_over(const Waiting& item) { return item.has_ended && item.values.empty(); }

  bool is_next(Place place) const {
    return place != waiting_.end() && (skips_gaps_ || place->first == head_);
  }

  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t head_ = 0;
  bool skips_gaps_ = false;
};

}  // namespace lomp

#endif
