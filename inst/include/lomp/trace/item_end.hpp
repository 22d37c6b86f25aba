// Side: parent.
/// \file
/// When an item ended.
#ifndef LOMP_TRACE_ITEM_END_HPP
#define LOMP_TRACE_ITEM_END_HPP

#include <cstdint>

namespace lomp {

/// And how long it ran, and its process waited within its time.
struct ItemEnd {
  std::int64_t end_ns;
  float run_ns;
  float wait_ns;

  std::int64_t begin_ns() const {
    return end_ns - static_cast<std::int64_t>(run_ns) - static_cast<std::int64_t>(wait_ns);
  }
};

}  // namespace lomp

#endif
