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
class ItemsUnderway {
 public:
  explicit ItemsUnderway(PreserveList& list) : preserved_(list) {}
  ItemsUnderway(const ItemsUnderway&) = delete;
  ItemsUnderway& operator=(const ItemsUnderway&) = delete;

  /// The caller protects the value. May jump.
  void keep(std::uint64_t item, RetainedItem retained, SEXP value) {
    Place& place = places_[item];
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

  /// It has ended. Does nothing if it was never kept.
  void let_go(std::uint64_t item) {
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

  PreserveList& preserved_;
  std::map<std::uint64_t, Place> places_;
};

}  // namespace lomp

#endif
