/// \file
/// Room in R's heap for the cells of many results.
#ifndef LOMP_SRC_MEMORY_HEAP_HEADROOM_H
#define LOMP_SRC_MEMORY_HEAP_HEADROOM_H

#include <cstdint>

#include "memory/collector.h"
#include "r/api.h"

namespace lomp {

/// When R's heap is full, R looks for garbage among the young objects, then among the older ones as
/// well, and then among all, before it lets the heap grow: three looks at many results, none of
/// which is garbage. And a look at all objects writes to each of them: once workers are forked that
/// copies every page of R's heap.
///
/// So the heap grows before the first fork, if what that takes is in proportion to what would be
/// copied: R lets it grow when it is full, and for a moment ballast fills it. It took the session's
/// faults in a call of 1e6 results from 18,600 to 11,500 (faults.R: `integers`).
///
/// Else this class asks for the last of the looks alone, shortly before the heap is full. That is
/// known where each result takes one cell; where they take more R looks by itself before, and
/// nothing is done. It bought 38 % of the time of a call of 1e6 results, 21 % of one of 4e6
/// (lomp_map(seq_len(n), function(i) i + 0.5, .workers = 2), medians of alternating runs, 2026-11).
class HeapHeadroom {
 public:
  /// It keeps what it needs in this place of a list that outlives it.
  HeapHeadroom(SEXP list, R_xlen_t place) : list_(list), place_(place) {}

  /// Before a call with so many results, and before its forks, if there are any. Where the results
  /// are few it isn't worth while. May jump.
  void expect(std::uint64_t results, bool forks);

  /// Young garbage was collected, and not by R itself. May jump.
  void note_collection(const HeapUse& cells) {
    if (left_ == 0) return;
    missing_ += left_;
    left_ = 0;
    plan(cells);
  }

  /// A result has come. May jump.
  void note(SEXP value) {
    if (left_ == 0 || is_shared(value)) return;
    if (--left_ == 0) grow();
  }

 private:
  /// R has one NULL, and one of each logical value.
  static bool is_shared(SEXP value) { return TYPEOF(value) == NILSXP || TYPEOF(value) == LGLSXP; }

  static HeapUse grow_to(double limit, HeapUse cells);
  void grow();
  void plan(const HeapUse& cells);

  SEXP list_;
  R_xlen_t place_;
  std::uint64_t missing_ = 0;  // results that will come
  std::uint64_t left_ = 0;     // of those, how many may come before the heap must grow; 0 for all
};

}  // namespace lomp

#endif
