/// \file
/// The list of a call's results.
#ifndef LOMP_SRC_CALL_PLACES_H
#define LOMP_SRC_CALL_PLACES_H

#include <algorithm>
#include <cstdint>

#include "call/kept.h"
#include "lomp/os/allocator.hpp"
#include "memory/fresh_cells.h"
#include "memory/heap_headroom.h"
#include "r/api.h"

namespace lomp {

/// Puts each result into its item's place. The list is an element of the call's kept ones: R's own,
/// which is filled in place; or, for items that are many or produced, one that grows. So it grows
/// after the forks: the pages of one that was there before would all be copied when they are filled
/// (2,000 page faults of a call of 1e6 results, faults.R: `integers`).
class Places {
 public:
  explicit Places(SEXP kept)
      : kept_(kept),
        list_(VECTOR_ELT(kept, kept_results)),
        n_(XLENGTH(list_)),
        room_(kept, kept_witness) {}

  /// Before the first result, and before the forks, if there are any. May jump.
  void expect(std::uint64_t results, bool forks) {
    expected_ = static_cast<R_xlen_t>(results);
    cells_.expect(results);
    room_.expect(results, forks);
  }

  /// Young garbage was collected here, see HeapHeadroom. May jump.
  void note_collection(const HeapUse& cells) { room_.note_collection(cells); }

  /// The caller protects the value. May jump.
  void put(std::uint64_t item, SEXP value) {
    const R_xlen_t place = static_cast<R_xlen_t>(item);
    if (place >= n_) lengthen(longer(place));
    SET_VECTOR_ELT(list_, place, value);
    room_.note(value);
    cells_.note();
  }

  /// The first n places. May jump.
  SEXP first(R_xlen_t n) {
    if (n_ != n) lengthen(n);
    return list_;
  }

 private:
  /// Of what is expected a small part is made first, since workers may still be forked.
  R_xlen_t longer(R_xlen_t place) const {
    if (place >= expected_) return std::max<R_xlen_t>(32, 2 * (place + 1));
    return place < expected_ / 32 ? expected_ / 32 : expected_;
  }

  /// Or shortens it.
  void lengthen(R_xlen_t n) {
    const std::size_t bytes = static_cast<std::size_t>(n) * sizeof(SEXP);
    if (bytes >= huge_page_threshold) grow_heap(bytes);
    list_ = Rf_xlengthgets(list_, n);
    n_ = n;
    SET_VECTOR_ELT(kept_, kept_results, list_);
  }

  SEXP kept_;
  SEXP list_;
  R_xlen_t n_;
  R_xlen_t expected_ = 0;  // of results
  HeapHeadroom room_;
  FreshCells cells_;
};

}  // namespace lomp

#endif
