// Side: worker.
/// \file
/// How much memory a worker may have of its own.
#ifndef LOMP_WORKER_MEMORY_BUDGET_HPP
#define LOMP_WORKER_MEMORY_BUDGET_HPP

#include <unistd.h>

#include <algorithm>
#include <cstdint>

#include "lomp/os/time_share.hpp"
#include "lomp/process/memory_meter.hpp"
#include "lomp/shared/shared_page.hpp"

namespace lomp {

/// A worker that has more memory of its own than it should ends between two blocks, and what it had
/// is free again: its successor begins with what the parent has. The budget is the caller's, or a
/// share of what is there when a worker has been at work for a while. One that a worker can't keep,
/// since it needs more from the beginning, is raised, for all workers of the call: to end one after
/// the other would get nothing done.
class MemoryBudget {
 public:
  explicit MemoryBudget(SharedPage& page, const MemoryMeter& meter = {})
      : page_(page), meter_(meter), next_ns_(meter.now_ns() + interval_ns) {}

  /// Between two blocks. True if the worker should end, which it must be able to.
  bool is_exceeded(bool may_leave) {
    if (meter_.now_ns() < next_ns_ || !time_.is_due()) return false;
    next_ns_ = meter_.now_ns() + interval_ns;
    time_.begin();
    const std::uint64_t mine = meter_.private_memory(::getpid());
    time_.end();
    note(mine);
    if (mine <= budget(mine)) return false;
    if (!may_leave) raise(2 * mine);
    return may_leave;
  }

  static constexpr std::int64_t interval_ns = 50000000;
  static constexpr std::uint64_t least = std::uint64_t{64} << 20;

 private:
  void raise(std::uint64_t bytes) {
    page_.worker_budget() = bytes;
    page_.is_budget_raised() = true;
  }

  void note(std::uint64_t mine) {
    std::uint64_t most = page_.most_private();
    while (mine > most && !page_.most_private().compare_exchange_weak(most, mine)) continue;
  }

  std::uint64_t budget(std::uint64_t mine) {
    std::uint64_t budget = page_.worker_budget();
    if (budget != 0) return budget;
    const std::uint64_t room = meter_.available();
    const auto workers = static_cast<std::uint64_t>(page_.slots());
    budget =
        room == unknown_memory ? unknown_memory : std::max(least, (room / workers + mine) / 4 * 3);
    page_.worker_budget() = budget;
    return budget;
  }

  SharedPage& page_;
  MemoryMeter meter_;
  std::int64_t next_ns_;
  TimeShare time_{50, meter_.now_ns};  // at most 2 % of the time
};

}  // namespace lomp

#endif
