#include "memory/heap_headroom.h"

namespace lomp {

void HeapHeadroom::expect(std::uint64_t results) {
  constexpr std::uint64_t many = 200000;
  if (results < many) return;
  missing_ = results;
  plan(collect(Collection::young));
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
