// Side: parent.
/// \file
/// What has come of one item.
#ifndef LOMP_API_ITEM_RESULT_HPP
#define LOMP_API_ITEM_RESULT_HPP

#include <cstdint>
#include <string>

namespace lomp {

enum class ItemOutcome {
  value,      ///< the function returned
  exception,  ///< it threw
  crash,      ///< its worker ended with it: by a signal, by exit(), or killed from outside
  timeout,    ///< it took longer than its time limit, and was ended
  not_run     ///< no worker could be had for it
};

/// Each item of a pool has exactly one.
struct ItemResult {
  std::uint64_t item = 0;
  ItemOutcome outcome = ItemOutcome::not_run;
  std::string value;    ///< the bytes that the function returned; else empty
  std::string problem;  ///< what went wrong, in words: what() of an exception; else empty

  bool is_value() const { return outcome == ItemOutcome::value; }
};

}  // namespace lomp

#endif
