// Side: parent.
/// \file
/// All results of a pool at once.
#ifndef LOMP_API_FORK_MAP_HPP
#define LOMP_API_FORK_MAP_HPP

#include <cstdint>
#include <utility>
#include <vector>

#include "lomp/api/fork_pool.hpp"

namespace lomp {

/// Runs the function for each item in a ForkPool; element i is the result of item i. Since all are
/// kept, workers wait for nobody.
inline std::vector<ItemResult> fork_map(std::uint64_t items, ForkPool::Function function,
                                        ForkPoolOptions options = {}) {
  options.in_order = false;
  options.buffer_bytes = 0;
  ForkPool pool(items, std::move(function), std::move(options));
  std::vector<ItemResult> results(static_cast<std::size_t>(items));
  ItemResult result;
  while (pool.next(result)) {
    const std::uint64_t item = result.item;
    results[static_cast<std::size_t>(item)] = std::move(result);
  }
  return results;
}

}  // namespace lomp

#endif
