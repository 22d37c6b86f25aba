/// \file
/// Streamed items that workers have been sent and that have not ended.
#ifndef LOMP_SRC_CALL_ITEMS_UNDERWAY_H
#define LOMP_SRC_CALL_ITEMS_UNDERWAY_H

#include <cstdint>
#include <map>
#include <utility>

#include "codec/serialize.h"
#include "lomp/os/allocator.hpp"
#include "lomp/pool/held_item.hpp"
#include "r/api.h"
#include "r/preserve_list.h"

namespace lomp {

/// Keeps each one in case its worker dies before it begins it: as it was sent, if it is large, or
/// else on the shelf. R's collector has nothing to do with items that are held as they were sent.
class ItemsUnderway {
 public:
  explicit ItemsUnderway(Shelf& shelf) : shelf_(shelf) {}
  ItemsUnderway(const ItemsUnderway&) = delete;
  ItemsUnderway& operator=(const ItemsUnderway&) = delete;

  /// The caller protects the value. May jump.
  void keep(std::uint64_t item, HeldItem held, SEXP value) {
    Place& place = places_[item];
    place.held = std::move(held);
    if (place.held) {
      keep_some_freed_memory();
    } else {
      place.on_shelf = shelf_.put(value);
    }
  }

  /// One that is kept; the caller protects it. May jump.
  SEXP look(std::uint64_t item) {
    Place& place = places_.at(item);
    return place.held ? read_record(place.held.record(), place.held) : shelf_.look(place.on_shelf);
  }

  /// It has ended. Does nothing if it was never kept.
  void let_go(std::uint64_t item) {
    const auto found = places_.find(item);
    if (found == places_.end()) return;
    if (!found->second.held) shelf_.take(found->second.on_shelf);
    places_.erase(found);
  }

 private:
  struct Place {
    HeldItem held;
    R_xlen_t on_shelf = -1;
  };

  Shelf& shelf_;
  std::map<std::uint64_t, Place> places_;
};

}  // namespace lomp

#endif
