// Side: parent.
/// \file
/// What a caller asks of a pool.
#ifndef LOMP_POOL_POOL_OPTIONS_HPP
#define LOMP_POOL_POOL_OPTIONS_HPP

#include <cstddef>
#include <cstdint>
#include <functional>

#include "lomp/process/reaper.hpp"
#include "lomp/trace/call_trace.hpp"
#include "lomp/worker/worker.hpp"

namespace lomp {

struct PoolOptions {
  std::uint64_t items = 0;   ///< below 2^32; none if they are streamed
  bool is_streamed = false;  ///< the items come from batch(), as many as there are
  int workers = 1;           ///< at most; fewer are forked if the work runs out before
  std::size_t staging_bytes = std::size_t{128} << 10;
  std::size_t pipe_bytes = std::size_t{1} << 20;
  /// What may be made and not released, all workers together; 0: all.
  std::size_t buffer_bytes = 0;
  bool is_prompt = false;  ///< the caller waits for each record: none is kept to gather more
  bool is_watched = true;  ///< the caller shows how many items are done while others run
  /// Payloads are let go of one by one: each worker uses their files again.
  bool takes_returns = false;
  /// Of files that wait to be used again, so much may be kept: by each worker, and here for each
  /// worker that gets streamed items.
  std::size_t most_free_bytes = std::size_t{64} << 20;
  bool is_ordered = false;  ///< records are released in the order of their items, see set_head()
  std::size_t backlog_bytes = 0;  ///< so much of what hold() gets is kept in memory
  /// Runs in the parent before each fork, with their number so far.
  std::function<CollectorFacts(int forks)> before_fork;
  /// A worker may end early: those that are forked later see the parent as the first ones did.
  bool may_replace = false;
  std::size_t worker_bytes = 0;  ///< of its own, before a worker is replaced; 0: as there is memory
  bool keeps_connections = false;  ///< workers share the parent's connections, see sever()
  /// Outlives the pool, which tells it of its processes; or nullptr.
  CallTrace* trace = nullptr;
  /// Outlives the pool; takes over workers that are slow to end. Without one the pool has its own.
  Reaper* reaper = nullptr;
  int patience_ms = 100;  ///< how long the pool itself waits for their end, if it has one
};

/// Runs in the child, sealed: takes all items it can get from the worker and returns.
using WorkerMain = std::function<void(Worker&)>;

}  // namespace lomp

#endif
