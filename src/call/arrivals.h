/// \file
/// A queue of what has come.
#ifndef LOMP_SRC_CALL_ARRIVALS_H
#define LOMP_SRC_CALL_ARRIVALS_H

#include <deque>
#include <vector>

#include "codec/bare_number.h"
#include "codec/dead_references.h"
#include "lomp/pool/reorder.hpp"
#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

/// A result; or an event for R that is the end of an item, such as a failure; or what one that goes
/// on has said; or nothing but an end.
enum class ArrivalKind { value, event, said, nothing };

struct Arrival {
  ArrivalKind kind = ArrivalKind::nothing;
  Record record{};          ///< of its item; the rest counts if it is to be released
  bool has_record = false;  ///< to be released when this is taken
  R_xlen_t place = -1;      ///< of the value, among those that wait
  BareNumber number;        ///< or else the value itself, if it is one
  int holder = DeadReferences::harmless;
};

/// What has come, in the order of its coming or of the items. Knows nothing of R's values.
class Arrivals {
 public:
  explicit Arrivals(bool is_ordered) : is_ordered_(is_ordered) {}

  void put(const Arrival& arrival, bool is_last) {
    if (!is_ordered_) return queue_.push_back(arrival);
    order_.put(arrival.record.item, arrival);
    if (is_last) order_.end(arrival.record.item);
  }

  /// These come once more, before all others.
  void put_back(const std::vector<Arrival>& arrivals) {
    again_.insert(again_.begin(), arrivals.begin(), arrivals.end());
  }

  /// Nothing more will come: what waits for something before it can be had now.
  void end() { order_.skip_gaps(); }

  /// In order: leaves items behind that have ended and of which all was taken. True if there were
  /// any.
  bool pass_ended() { return is_ordered_ && order_.pass_ended(); }

  /// In order: the item whose turn it is.
  std::uint64_t head() const { return order_.head(); }

  /// What take() will give; nullptr if there is nothing.
  const Arrival* next() const {
    if (!again_.empty()) return &again_.front();
    if (is_ordered_) return order_.next();
    return first_ != queue_.size() ? &queue_[first_] : nullptr;
  }

  bool has_next() const { return next() != nullptr; }

  /// Takes the next one; false if there is none.
  bool take(Arrival& arrival) {
    if (!again_.empty()) {
      arrival = again_.front();
      again_.pop_front();
      return true;
    }
    return is_ordered_ ? order_.take(arrival) : take_first(arrival);
  }

  /// Visits the results in the order in which they would be taken.
  template <class Visit>
  void each_value(Visit visit) const {
    const auto look = [&visit](const Arrival& arrival) {
      if (arrival.kind == ArrivalKind::value) visit(arrival);
    };
    for (const Arrival& arrival : again_) look(arrival);
    for (std::size_t i = first_; i < queue_.size(); ++i) look(queue_[i]);
    order_.each(look);
  }

 private:
  bool take_first(Arrival& arrival) {
    if (first_ == queue_.size()) return false;
    arrival = queue_[first_++];
    if (first_ == queue_.size()) {
      queue_.clear();
      first_ = 0;
    }
    return true;
  }

  bool is_ordered_;
  Reorder<Arrival> order_;
  std::vector<Arrival> queue_;
  std::size_t first_ = 0;
  std::deque<Arrival> again_;
};

}  // namespace lomp

#endif
