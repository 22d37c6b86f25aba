/// \file
/// Streamed items that workers have been sent and that have not ended.
#ifndef LOMP_SRC_CALL_ITEMS_UNDERWAY_H
#define LOMP_SRC_CALL_ITEMS_UNDERWAY_H

#include <cstdint>
#include <map>
#include <utility>

#include "codec/serialize.h"
#include "lomp/os/allocator.hpp"
#include "lomp/pool/retained_item.hpp"
#include "r/api.h"
#include "r/preserve_list.h"

namespace lomp {

/// Keeps each one in case its worker dies before it begins it: as it was sent, if it is large, or
/// else in the list of preserved values. R's collector has nothing to do with items that are kept
/// as they were sent.
///
/// Numbered items come in rows of elements of one vector, which is kept until all of them have
/// ended: so one of them costs nothing but a count.
class ItemsUnderway {
 public:
  /// A place in a row's vectors.
  struct Element {
    SEXP values;
    SEXP numbers;
    R_xlen_t at;
  };

  explicit ItemsUnderway(PreserveList& list) : preserved_(list) {}
  ItemsUnderway(const ItemsUnderway&) = delete;
  ItemsUnderway& operator=(const ItemsUnderway&) = delete;

  /// Before an item is sent: makes room for it. May jump, and throws.
  void expect() {
    preserved_.reserve();
    if (spare_.empty()) spare_ = places_.extract(places_.emplace(UINT64_MAX, Place()).first);
  }

  /// One that was expected; the caller protects the value. Never jumps, nor throws.
  void keep(std::uint64_t item, RetainedItem retained, SEXP value) {
    spare_.key() = item;
    Place& place = places_.insert(std::move(spare_)).position->second;
    place.retained = std::move(retained);
    if (place.retained) {
      keep_some_freed_memory();
    } else {
      place.preserved = preserved_.put(value);
    }
  }

  /// One that is kept; the caller protects it. May jump.
  SEXP look(std::uint64_t item) {
    Place& place = places_.at(item);
    if (!place.retained) return preserved_.look(place.preserved);
    return read_record(place.retained.record(), place.retained);
  }

  /// Items that begin with this one, none of which was sent yet, are a row of elements from that
  /// place on. The caller protects the vectors, and nothing writes to them. May jump, and throws;
  /// nothing has changed then.
  void begin_row(std::uint64_t item, SEXP values, SEXP numbers, R_xlen_t from) {
    preserved_.reserve();
    SEXP pair = PROTECT(Rf_cons(values, numbers));
    row_ = rows_.emplace(item, Row{-1, from, 0, 1}).first;
    row_->second.preserved = preserved_.put(pair);
    UNPROTECT(1);
  }

  /// The next item of the row was sent.
  void extend_row() {
    ++row_->second.size;
    ++row_->second.open;
  }

  /// The row has no more items. Does nothing if none was begun.
  void end_row() {
    if (row_ != rows_.end()) close(std::exchange(row_, rows_.end()));
  }

  /// Where an item is that is kept in a row.
  Element look_in_row(std::uint64_t item) {
    const auto found = row_of(item);
    SEXP pair = preserved_.look(found->second.preserved);
    const auto place = static_cast<R_xlen_t>(item - found->first);
    return {CAR(pair), CDR(pair), found->second.from + place};
  }

  /// It has ended, which it does once. Does nothing if it was never kept.
  void let_go(std::uint64_t item) {
    const auto row = row_of(item);
    if (row != rows_.end()) return close(row);
    const auto found = places_.find(item);
    if (found == places_.end()) return;
    if (!found->second.retained) preserved_.take(found->second.preserved);
    places_.erase(found);
  }

 private:
  struct Place {
    RetainedItem retained;
    R_xlen_t preserved = -1;
  };

  struct Row {
    R_xlen_t preserved;
    R_xlen_t from;  // the place of its first item
    R_xlen_t size;
    R_xlen_t open;  // how many haven't ended; one more while it is being made
  };

  using Places = std::map<std::uint64_t, Place>;
  using Rows = std::map<std::uint64_t, Row>;

  Rows::iterator row_of(std::uint64_t item) {
    auto found = rows_.upper_bound(item);
    if (found == rows_.begin()) return rows_.end();
    --found;
    return item - found->first < static_cast<std::uint64_t>(found->second.size) ? found
                                                                                : rows_.end();
  }

  void close(Rows::iterator row) {
    if (--row->second.open > 0) return;
    preserved_.take(row->second.preserved);
    rows_.erase(row);
  }

  PreserveList& preserved_;
  Places places_;
  Places::node_type spare_;           // for the next item
  Rows rows_;                         // by their first items
  Rows::iterator row_ = rows_.end();  // that is being made
};

}  // namespace lomp

#endif
