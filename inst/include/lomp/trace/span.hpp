// Side: parent.
/// \file
/// The items of a process in a span of time.
#ifndef LOMP_TRACE_SPAN_HPP
#define LOMP_TRACE_SPAN_HPP

#include <algorithm>
#include <cstdint>

#include "lomp/trace/item_end.hpp"

namespace lomp {

/// The items of one process that ended within one span of time, summed up.
struct Span {
  std::int64_t begin_ns = 0;  ///< of the first one
  std::int64_t end_ns = 0;    ///< of the last one
  std::uint64_t items = 0;
  std::uint64_t failed = 0;
  double run_ns = 0;
  double wait_ns = 0;
  std::uint64_t bytes = 0;
  std::uint64_t conditions = 0;

  /// An item more, with what came of it.
  void add(const ItemEnd& end, bool has_failed, std::uint64_t its_bytes,
           std::uint64_t its_conditions) {
    begin_ns = items == 0 ? end.begin_ns() : std::min(begin_ns, end.begin_ns());
    end_ns = std::max(end_ns, end.end_ns);
    ++items;
    failed += has_failed;
    run_ns += static_cast<double>(end.run_ns);
    wait_ns += static_cast<double>(end.wait_ns);
    bytes += its_bytes;
    conditions += its_conditions;
  }

  /// The one behind it.
  void join(const Span& next) {
    begin_ns = std::min(begin_ns, next.begin_ns);
    end_ns = std::max(end_ns, next.end_ns);
    items += next.items;
    failed += next.failed;
    run_ns += next.run_ns;
    wait_ns += next.wait_ns;
    bytes += next.bytes;
    conditions += next.conditions;
  }
};

}  // namespace lomp

#endif
