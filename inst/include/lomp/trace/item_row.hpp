// Side: parent.
/// \file
/// What is known of one item.
#ifndef LOMP_TRACE_ITEM_ROW_HPP
#define LOMP_TRACE_ITEM_ROW_HPP

#include <cstdint>

#include "lomp/trace/item_end.hpp"

namespace lomp {

/// What has become of an item.
enum class Outcome : std::uint8_t {
  not_run,
  ok,
  error,
  crash,
  timeout,
  unfinished  ///< begun, and not ended yet, or when the call was
};

/// How an item's results came: of several ways the last one here.
enum class Way : std::uint8_t { none, pipe, file, mapped };
constexpr int ways = 4;

/// All zeros is an item that wasn't run, so that fresh pages hold such rows.
struct ItemRow {
  std::int64_t end_ns;    ///< by now_ns()
  std::uint64_t bytes;    ///< of its results
  float run_ns;           ///< of its own work
  float wait_ns;          ///< within its time, for what its process waited
  std::uint32_t process;  ///< by the order of the call's processes
  std::uint32_t results;
  std::uint16_t conditions;
  Way way;
  Outcome outcome;

  bool has_ended() const { return outcome != Outcome::not_run && outcome != Outcome::unfinished; }

  ItemEnd time() const { return {end_ns, run_ns, wait_ns}; }
  std::int64_t begin_ns() const { return time().begin_ns(); }
};

}  // namespace lomp

#endif
