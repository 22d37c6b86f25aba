// Side: parent.
/// \file
/// Sums over a call.
#ifndef LOMP_TRACE_CALL_TOTALS_HPP
#define LOMP_TRACE_CALL_TOTALS_HPP

#include <array>
#include <cstdint>

#include "lomp/trace/item_row.hpp"

namespace lomp {

/// Times are in nanoseconds.
struct CallTotals {
  std::uint64_t done = 0;  ///< items, failed ones among them
  std::uint64_t errors = 0;
  std::uint64_t crashes = 0;
  std::uint64_t timeouts = 0;
  double run_ns = 0;
  double wait_ns = 0;
  std::array<std::uint64_t, ways> bytes{};  ///< by Way
  std::uint64_t results = 0;
  std::uint64_t conditions = 0;
  int forks = 0;
  std::int64_t fork_ns = 0;
  std::int64_t cpu_ns = 0;  ///< of the parent
};

}  // namespace lomp

#endif
