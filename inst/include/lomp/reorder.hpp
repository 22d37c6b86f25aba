/// \file
/// Puts what comes in any order into the order of its items.
#ifndef LOMP_REORDER_HPP
#define LOMP_REORDER_HPP

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

  /// Takes the next value if it has come.
  bool take(Value& value) {
    for (auto first = waiting_.begin(); is_head(first); first = waiting_.erase(first), ++head_) {
      std::deque<Value>& values = first->second.values;
      if (!values.empty()) {
        value = std::move(values.front());
        values.pop_front();
        return true;
      }
      if (!first->second.has_ended) return false;
    }
    return false;
  }

 private:
  struct Waiting {
    std::deque<Value> values;
    bool has_ended = false;
  };
  using Place = typename std::map<std::uint64_t, Waiting>::iterator;

  bool is_head(Place place) const { return place != waiting_.end() && place->first == head_; }

  std::map<std::uint64_t, Waiting> waiting_;
  std::uint64_t head_ = 0;
};

}  // namespace lomp

#endif
