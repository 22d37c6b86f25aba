#include "memory/heap_headroom.h"

#include "memory/collector.h"

namespace lomp {

void HeapHeadroom::expect(std::uint64_t results) {
  constexpr std::uint64_t many = 200000;
  if (results < many) return;
  missing_ = results;
  const HeapUse cells = collect(Collection::young);
  plan(cells.used, cells.limit);
}

void HeapHeadroom::grow() {
  if (has_collected(VECTOR_ELT(list_, place_))) return;
  const HeapUse cells = collect(Collection::full);
  plan(cells.used, cells.limit);
}

// Some room is left for what else is made meanwhile.
void HeapHeadroom::plan(double used, double limit) {
  const double room = limit - used - limit / 100;
  if (room < 1 || room >= static_cast<double>(missing_)) return;
  left_ = static_cast<std::uint64_t>(room);
  missing_ -= left_;
  SET_VECTOR_ELT(list_, place_, new_witness());
}

}  // namespace lomp
