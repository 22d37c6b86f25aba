// Side: parent.
/// \file
/// Which items of a stream are where.
#ifndef LOMP_SCHEDULE_IN_FLIGHT_HPP
#define LOMP_SCHEDULE_IN_FLIGHT_HPP

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

namespace lomp {

/// The books of a stream of items, whose number isn't known: those that were given to a worker and
/// have not ended yet, and those that must be given again: their worker died before it began them,
/// or was held up while another one had nothing to do.
class InFlight {
 public:
  /// The item was given to a worker, known by its incarnation.
  void give(std::uint64_t item, std::uint32_t incarnation) {
    returned_.erase(item);
    given_[item] = incarnation;
  }

  /// The item has ended; false if it wasn't underway.
  bool settle(std::uint64_t item) {
    if (given_.erase(item) == 0) return false;
    ++settled_;
    return true;
  }

  bool is_given(std::uint64_t item) const { return given_.count(item) > 0; }

  /// Is the item with a worker, or must it be given again?
  bool is_open(std::uint64_t item) const { return is_given(item) || returned_.count(item) > 0; }

  /// The worker is dead: what it had and didn't end must be given to another one.
  void take_back(std::uint32_t incarnation) {
    for (auto one = given_.begin(); one != given_.end();) {
      if (one->second == incarnation) {
        returned_.insert(one->first);
        one = given_.erase(one);
      } else {
        ++one;
      }
    }
  }

  /// The item was given to a worker that never gets to it.
  void take_back_item(std::uint64_t item) {
    if (given_.erase(item) > 0) returned_.insert(item);
  }

  /// The first item that must be given again; false if there is none.
  bool first_returned(std::uint64_t& item) const {
    if (returned_.empty()) return false;
    item = *returned_.begin();
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
  std::map<std::uint64_t, std::uint32_t> given_;
  std::set<std::uint64_t> returned_;
  std::uint64_t settled_ = 0;
};

}  // namespace lomp

#endif
