// Side: parent.
/// \file
/// The parent's side of one worker.
#ifndef LOMP_POOL_WORKER_HANDLE_HPP
#define LOMP_POOL_WORKER_HANDLE_HPP

#include <set>

#include "lomp/os/pipe.hpp"
#include "lomp/pool/ending.hpp"
#include "lomp/pool/supply.hpp"
#include "lomp/process/child.hpp"
#include "lomp/wire/control.hpp"
#include "lomp/wire/frame_reader.hpp"

namespace lomp {

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
  bool is_reaped = false;  ///< gone without a bye: what it staged is still to be taken
  bool staged_taken = false;
  bool loss_reported = false;
};

}  // namespace lomp

#endif
