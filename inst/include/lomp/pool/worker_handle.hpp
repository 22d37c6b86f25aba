// Side: parent.
/// \file
/// The parent's side of one worker.
#ifndef LOMP_POOL_WORKER_HANDLE_HPP
#define LOMP_POOL_WORKER_HANDLE_HPP

#include <memory>
#include <set>
#include <vector>

#include "lomp/os/pipe.hpp"
#include "lomp/pool/ending.hpp"
#include "lomp/pool/supply.hpp"
#include "lomp/process/child.hpp"
#include "lomp/wire/control.hpp"
#include "lomp/wire/frame_reader.hpp"

namespace lomp {

/// How far the parent is with the end of a worker that left without a bye.
enum class Phase {
  alive,    ///< it hasn't ended, as far as the parent knows
  reaped,   ///< what it has staged is still to be taken
  drained,  ///< its loss is still to be told
  told      ///< items of which it had sent records, but not the last one, are still to be told
};

/// A worker as the parent sees it: the process, the reading end of its pipe and what was read.
struct WorkerHandle {
  Child child;
  Fd results;
  Fd control;
  FrameReader reader;
  Buffer taken;            ///< what was taken last of what it had staged
  Supply supply;           ///< where items are streamed
  std::uint32_t told = 0;  ///< numbers without a descriptor that it was sent
  int slot = 0;
  std::uint32_t incarnation = 0;  ///< tells it from earlier processes at its place
  pid_t last_pid = 0;             ///< outlives the child, for the news of its death
  std::set<std::uint64_t> begun;  ///< items of which records have come, but not yet the last one
  std::uint64_t unreadable = 0;   ///< the item whose record can't be read here, plus 1
  bool readable = false;
  bool has_ended = false;  ///< the kernel says so; its pipe may still hold frames
  Ending ending;           ///< of one that is about to end
  bool was_late = false;   ///< at the first sign of its end its item's time was over
  Phase phase = Phase::alive;

  /// Nothing more is to be expected of it.
  bool is_leaving() const { return phase != Phase::alive || ending.is_awaited(); }

  /// Sends a number without a descriptor, which wakes the worker, too. Never waits.
  void tell(std::uint32_t number) {
    if (send_number(control.get(), number)) ++told;
  }

  /// The number 0 without a descriptor wakes the worker and means nothing else. If the socket is
  /// full, what it holds will wake the worker as well.
  void wake() { tell(0); }
};

/// By their places; empty where there is none.
using Workers = std::vector<std::unique_ptr<WorkerHandle>>;

/// How many places have a worker.
inline int count_live(const Workers& workers) {
  int n = 0;
  for (const auto& handle : workers) n += handle != nullptr;
  return n;
}

}  // namespace lomp

#endif
