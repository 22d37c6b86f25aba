/// \file
/// The list of a call's results.
#ifndef LOMP_SRC_CALL_PLACES_H
#define LOMP_SRC_CALL_PLACES_H

#include <algorithm>
#include <cstdint>

#include "call/kept.h"
#include "memory/fresh_cells.h"
#include "memory/heap_headroom.h"
#include "r/api.h"

namespace lomp {

/// Puts each result into its item's place. The list is an element of the call's kept ones: R's own,
/// which is filled in place; or, for items that are produced, one that grows.
class Places {
 public:
  explicit Places(SEXP kept)
      : kept_(kept),
        list_(VECTOR_ELT(kept, kept_results)),
        n_(XLENGTH(list_)),
        room_(kept, kept_witness) {}

  /// Before the first result. May jump.
  void expect(std::uint64_t results) {
    cells_.expect(results);
    room_.expect(results);
  }

  /// Young garbage was collected here, see HeapHeadroom. May jump.
  void note_collection(const HeapUse& cells) { room_.note_collection(cells); }

  /// The caller protects the value. May jump.
  void put(std::uint64_t item, SEXP value) {
    const R_xlen_t place = static_cast<R_xlen_t>(item);
    if (place >= n_) lengthen(std::max<R_xlen_t>(32, 2 * (place + 1)));
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
  /// Or shortens it.
  void lengthen(R_xlen_t n) {
    list_ = Rf_xlengthgets(list_, n);
    n_ = n;
    SET_VECTOR_ELT(kept_, kept_results, list_);
  }

  SEXP kept_;
  SEXP list_;
  R_xlen_t n_;
  HeapHeadroom room_;
  FreshCells cells_;
};

}  // namespace lomp

#endif
