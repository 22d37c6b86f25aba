// Side: parent.
/// \file
/// The books of a call's items: which there are, which are over, which must be given to a worker.
#ifndef LOMP_POOL_ITEM_LEDGER_HPP
#define LOMP_POOL_ITEM_LEDGER_HPP

#include <cstdint>

#include "lomp/schedule/bitmap.hpp"
#include "lomp/schedule/in_flight.hpp"

namespace lomp {

/// Items are numbered, from 0 up to a number that is known at the start, and workers take them from
/// the shared page; or they are produced, one by one, and given to workers. Then the ledger knows
/// those that were given and aren't over, and how many are. An item is over when its last record
/// has come or it is lost.
class ItemLedger {
 public:
  ItemLedger(std::uint64_t items, bool is_produced) : is_produced_(is_produced), done_(items) {}

  bool is_produced() const { return is_produced_; }

  /// Can there be a record of this item? A worker's code may have written where it shouldn't.
  bool is_item(std::uint64_t item) const {
    return is_produced_ ? in_flight_.is_given(item) : item < done_.size();
  }

  /// The item is over; false if it was already, or is none.
  bool settle(std::uint64_t item) {
    if (is_produced_) return in_flight_.settle(item);
    return item < done_.size() && done_.add(item);
  }

  /// How many are over.
  std::uint64_t settled() const { return is_produced_ ? in_flight_.settled() : done_.count(); }

  /// Is this one over? A produced one that was never given to a worker counts as that, too.
  bool is_settled(std::uint64_t item) const {
    return is_produced_ ? !in_flight_.is_open(item) : item < done_.size() && done_.has(item);
  }

  /// Are all over, and will none come?
  bool is_complete() const { return is_produced_ ? has_all_ && in_flight_.empty() : done_.full(); }

  /// All items before this one are over.
  std::uint64_t first_open() {
    if (is_produced_) return in_flight_.first_open();
    return first_open_ = done_.first_missing(first_open_);
  }

  /// Of numbered items: the first row of them that aren't over.
  Block first_gap() const { return done_.first_gap(); }

  // ---- Produced items

  InFlight& in_flight() { return in_flight_; }
  const InFlight& in_flight() const { return in_flight_; }

  /// No new ones will come.
  void end() { has_all_ = true; }
  bool has_all() const { return has_all_; }

  /// Has its producer any new ones now? Else none is asked for until it has.
  void set_stock(bool has_stock) { has_stock_ = has_stock; }

  /// Is none to be had, now or ever, but those that must be given again?
  bool lacks_new() const { return has_all_ || !has_stock_; }

  /// Is there one to give: a new one, or one that came back?
  bool has_more() const { return !lacks_new() || in_flight_.has_returned(); }

 private:
  bool is_produced_;
  bool has_all_ = false;
  bool has_stock_ = true;
  Bitmap done_;
  std::uint64_t first_open_ = 0;
  InFlight in_flight_;
};

}  // namespace lomp

#endif
