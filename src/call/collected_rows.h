/// \file
/// What has come of a call, as rows for another process.
#ifndef LOMP_SRC_CALL_COLLECTED_ROWS_H
#define LOMP_SRC_CALL_COLLECTED_ROWS_H

#include <cstdint>
#include <deque>

#include "call/delivery.h"
#include "call/row_kind.h"
#include "lomp/os/clock.hpp"

namespace lomp {

/// Rows are taken from a call's delivery, in the order of coming, and their values stay where that
/// keeps them, until all rows are made one R list: so a million small ones take few allocations,
/// and a jump before that loses nothing.
class CollectedRows {
 public:
  explicit CollectedRows(Delivery& delivery) : delivery_(delivery) {}
  CollectedRows(const CollectedRows&) = delete;
  CollectedRows& operator=(const CollectedRows&) = delete;

  /// Takes the next thing that has come; false if there is none. Throws std::bad_alloc; nothing is
  /// lost then.
  bool take(Arrival& arrival);

  /// What the rows take, and about what they will take elsewhere: a row has some columns.
  std::uint64_t bytes() const { return bytes_; }

  /// list(kind, item, goes_on, drawn, value, run, waited, ended, bytes, holder, undone, is_over):
  /// vectors with an element for each row, and the last two as they are given. Values are a list,
  /// or an atomic vector if each is a bare element of one; without any holder there are none. There
  /// are no rows any more then. May jump, and nothing has changed then.
  SEXP release(double undone, bool is_over);

 private:
  /// What is told of an arrival. A million of these wait at once.
  struct Row {
    std::uint64_t item;
    std::uint64_t bytes;
    R_xlen_t place;     // of the value, or -1
    BareNumber number;  // or the value itself
    int holder;
    RecordTime time;
    RowKind kind;
    bool goes_on;
    bool has_drawn;
    bool is_last;   // only an item's last record knows its times
    bool is_event;  // of which what R has to hear is the value
  };

  RowKind kind_of(const Arrival& arrival) const;
  SEXP look(const Row& row) const { return delivery_.waiting().look(row.place); }
  SEXPTYPE type_of(const Row& row) const;
  SEXPTYPE type_of_values() const;
  bool has_holder() const;
  void put_facts(SEXP list) const;
  void put_times(SEXP list, std::int64_t now) const;
  void put_holders(SEXP holders) const;
  void put_numbers(SEXP values) const;
  void put_values(SEXP values);

  static constexpr std::uint64_t row_bytes = 64;

  Delivery& delivery_;
  std::int64_t began_ = now_ns();
  std::deque<Row> rows_;  // no copies are made while it grows
  std::uint64_t bytes_ = 0;
};

/// What such a list is of a call that has been closed. May jump.
SEXP make_no_rows();

}  // namespace lomp

#endif
