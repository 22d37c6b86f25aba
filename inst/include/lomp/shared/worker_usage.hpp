// Side: both.
/// \file
/// What a worker tells of itself while it lives, and when it leaves.
#ifndef LOMP_SHARED_WORKER_USAGE_HPP
#define LOMP_SHARED_WORKER_USAGE_HPP

#include <atomic>
#include <cstdint>

#include "lomp/shared/wait_time.hpp"

namespace lomp {

/// Why a worker that says bye does so.
enum class Leaving : std::uint32_t {
  done,   ///< there is no more work to begin
  worn,   ///< a successor is cheaper than its next collection
  memory  ///< it has more than its budget
};

/// Written by the worker alone, and read by its parent at any time, after its death as well.
struct WorkerUsage {
  WaitTime items;                               ///< it waited for items
  WaitTime delivery;                            ///< it waited to deliver what it had
  std::atomic<std::int64_t> collecting_ns{0};   ///< its host collected garbage between items
  std::atomic<std::int64_t> faults{-1};         ///< page faults; -1 before it has left
  std::atomic<std::uint64_t> private_bytes{0};  ///< its own memory, when it was looked at last
  std::atomic<Leaving> leaving{Leaving::done};

  void reset() {
    items.reset();
    delivery.reset();
    collecting_ns = 0;
    faults = -1;
    private_bytes = 0;
    leaving = Leaving::done;
  }
};

}  // namespace lomp

#endif
