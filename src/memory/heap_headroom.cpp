#include "memory/heap_headroom.h"

#include <algorithm>

#include "memory/cell_ballast.h"
#include "r/allocate.h"

namespace lomp {

namespace {

// After a look at all objects R lets its heap grow if more than so much of it is in use
// (R_NGrowFrac), as a rule until it is no more than that, and shrink if less is (R_NShrinkFrac, by
// R_NShrinkIncrFrac; so many free cells count as used, see R_MinFreeFrac). Where a version of R has
// other figures the heap grows later, as it would without this.
constexpr double grows_at = 0.7, shrinks_at = 0.3, shrinks_by = 0.2, kept_free = 70000;

}  // namespace

void HeapHeadroom::expect(std::uint64_t results, bool forks) {
  constexpr std::uint64_t many = 200000;
  if (results < many) return;
  missing_ = results;
  HeapUse cells = collect(Collection::young);
  const double used = cells.used, all = 1.02 * (used + static_cast<double>(results));
  if (forks && cells.limit < all && find_allocate() != nullptr) cells = grow_to(all, cells);
  plan(cells);
}

// Looks at all objects twice or more, the last time for the ballast to go.
HeapUse HeapHeadroom::grow_to(double limit, HeapUse cells) {
  constexpr double most_ballast = 2;  // times what is in use
  constexpr int most_rounds = 3;
  if (cells.used + kept_free < shrinks_at * limit) limit /= 1 - shrinks_by;
  const double full = grows_at * limit;
  if (full > (1 + most_ballast) * cells.used) return cells;
  SEXP ballast = PROTECT(Rf_allocVector(VECSXP, most_rounds));
  for (int i = 0; i < most_rounds && cells.limit < limit; ++i) {
    // Below the limit, or R would look for garbage meanwhile.
    const double missing = std::min(full, 0.98 * cells.limit) - cells.used;
    if (missing >= 1) SET_VECTOR_ELT(ballast, i, make_cell_ballast(missing));
    cells = collect(Collection::full);
  }
  UNPROTECT(1);
  return collect(Collection::full);
}

void HeapHeadroom::grow() {
  if (has_collected(VECTOR_ELT(list_, place_))) return;
  plan(collect(Collection::full));
}

// Some room is left for what else is made meanwhile.
void HeapHeadroom::plan(const HeapUse& cells) {
  const double room = cells.limit - cells.used - cells.limit / 50;
  if (room < 1 || room >= static_cast<double>(missing_)) return;
  left_ = static_cast<std::uint64_t>(room);
  missing_ -= left_;
  SET_VECTOR_ELT(list_, place_, new_witness());
}

}  // namespace lomp
