// Side: both.
/// \file
/// The state that parent and workers share: the work counter and a slot for each worker.
#ifndef LOMP_SHARED_SHARED_PAGE_HPP
#define LOMP_SHARED_SHARED_PAGE_HPP

#include <cstdint>
#include <new>

#include "lomp/os/shared_memory.hpp"
#include "lomp/shared/block.hpp"
#include "lomp/shared/collector_facts.hpp"
#include "lomp/shared/flow.hpp"
#include "lomp/shared/inbox.hpp"
#include "lomp/shared/staging.hpp"
#include "lomp/shared/worker_usage.hpp"

namespace lomp {

/// How a worker left, where its wait status doesn't tell.
enum class ExitReason : std::uint32_t {
  none = 0,
  quit = 1,       ///< the item asked the host program to quit
  c_exit = 2,     ///< the item's code called exit()
  lost_pipe = 3,  ///< its results could not be written
  too_large = 4,  ///< its result doesn't fit into the parent's memory; the parent ended it
  given_up = 5,   ///< its pipe ended or made no sense while it ran; the parent ended it
  held = 6,       ///< it was killed, or was about to end, and doesn't: it hasn't been reaped
  timed_out = 7   ///< its item took too long
};

/// Descriptors that one worker may have sent and the parent not yet taken. The kernel destroys what
/// it can't queue and blocks a sender after a few hundred; without credit data go through the pipe.
constexpr int max_descriptors_under_way = 16;

/// One worker's lines of the page. The worker writes them; the parent reads them at any time, and
/// after its death with certainty. A line of its own keeps workers from slowing each other.
struct alignas(128) WorkerSlot {
  BlockWord block{0};                      ///< what it has claimed and not begun; stealable
  std::atomic<std::uint64_t> running{0};   ///< the item in hand + 1; 0 between items
  std::atomic<std::uint64_t> last{0};      ///< the item begun last + 1, in hand or not
  std::atomic<std::uint64_t> begun{0};     ///< items that this process has begun
  std::atomic<std::uint64_t> finished{0};  ///< items in the blocks it has been through
  std::atomic<std::uint64_t> busy_ns{0};   ///< time it took for these
  Staging::Word staged{0};
  Staging::Word staged_taken{0};  ///< what of it the parent has taken
  std::atomic<ExitReason> reason{ExitReason::none};
  std::atomic<std::int64_t> deadline{0};    ///< of the item in hand, see ItemTimer
  std::atomic<std::int64_t> item_began{0};  ///< when it was begun; 0 before the first one
  std::atomic<int> credits{0};  ///< descriptors that the worker may have under way to the parent
  FlowLine flow;
  std::atomic<std::uint32_t> heard{0};  ///< numbers without a descriptor that it has got
  std::atomic<int> young_left{CollectorFacts::unknown};  ///< the parent writes it
  WorkerUsage usage;
  /// Where items are streamed: one is read, one is filled. Both sides write to them often.
  alignas(128) Inbox::Word inbox[2] = {{0}, {0}};
};

/// Lays out the shared memory: a header, the slots, the staging buffers. Atomics without locks
/// work between processes because all of them see the same memory.
class SharedPage {
 public:
  /// `items` below 2^32. Throws SystemError if there is no memory.
  SharedPage(std::uint64_t items, int slots, std::size_t staging_bytes, std::size_t inbox_bytes = 0)
      : memory_(sizeof(Header) + static_cast<std::size_t>(slots) *
                                     (sizeof(WorkerSlot) + staging_bytes + 2 * inbox_bytes)),
        slots_(slots),
        staging_bytes_(staging_bytes),
        inbox_bytes_(inbox_bytes),
        header_(new (memory_.data()) Header) {
    header_->items = items;
    for (int i = 0; i < slots; ++i) new (&slot(i)) WorkerSlot;
  }

  std::uint64_t items() const { return header_->items; }
  int slots() const { return slots_; }

  /// The first item that no worker has claimed; past the end when all are.
  std::atomic<std::uint64_t>& next() const { return header_->next; }

  /// The parent sleeps until something comes: what is finished must be sent at once.
  std::atomic<bool>& parent_waits() { return header_->parent_waits; }

  /// Will it ever do so? Settled before the first worker is forked.
  bool& parent_may_wait() const { return header_->parent_may_wait; }

  /// Does the caller watch how far the call is? Settled before the first worker is forked.
  bool& is_watched() const { return header_->is_watched; }

  /// Has an item drawn random numbers, or tried to?
  std::atomic<bool>& has_drawn() const { return header_->has_drawn; }

  /// What a garbage collection took in the parent; 0 as long as that isn't known.
  std::atomic<std::int64_t>& collection_ns() const { return header_->collection_ns; }

  /// May a worker end before all items are done, and leave the rest to one that is forked later? It
  /// will see the parent as this one did. No more once a fork was refused.
  std::atomic<bool>& may_be_replaced() const { return header_->may_be_replaced; }

  /// What a worker may have of its own, in bytes; 0 until that has been found out.
  std::atomic<std::uint64_t>& worker_budget() const { return header_->worker_budget; }

  /// Was that raised, since items need more?
  std::atomic<bool>& is_budget_raised() const { return header_->is_budget_raised; }

  /// The most that any worker has been seen to have.
  std::atomic<std::uint64_t>& most_private() const { return header_->most_private; }

  FlowState& flow() const { return header_->flow; }

  WorkerSlot& slot(int i) const {
    return reinterpret_cast<WorkerSlot*>(memory_.data() + sizeof(Header))[i];
  }

  Staging staging(int i) const {
    return {slot(i).staged, slot(i).staged_taken,
            buffers() + static_cast<std::size_t>(i) * staging_bytes_, staging_bytes_};
  }

  /// Are items streamed to the workers?
  bool has_inboxes() const { return inbox_bytes_ > 0; }

  /// `half` is 0 or 1.
  Inbox inbox(int i, int half) const {
    unsigned char* first = buffers() + static_cast<std::size_t>(slots_) * staging_bytes_;
    return {slot(i).inbox[half], first + static_cast<std::size_t>(2 * i + half) * inbox_bytes_,
            inbox_bytes_};
  }

  /// Prepares a slot for a new process. The block stays: the new process goes on with it.
  void renew(int i) {
    WorkerSlot& s = slot(i);
    s.running = 0;
    s.last = 0;
    s.begun = 0;
    s.reason = ExitReason::none;
    s.deadline = 0;
    s.item_began = 0;
    s.credits = max_descriptors_under_way;
    s.flow.released = 0;
    s.flow.is_waiting = false;
    s.heard = 0;
    s.young_left = CollectorFacts::unknown;
    s.usage.reset();
    s.inbox[0] = s.inbox[1] = 0;
    staging(i).reset();
  }

 private:
  struct alignas(128) Header {
    std::atomic<std::uint64_t> next{0};
    std::uint64_t items = 0;
    std::atomic<bool> parent_waits{false};
    bool parent_may_wait = true;
    bool is_watched = true;
    std::atomic<bool> may_be_replaced{false};
    std::atomic<bool> has_drawn{false};
    std::atomic<std::int64_t> collection_ns{0};
    std::atomic<std::uint64_t> worker_budget{0};
    std::atomic<bool> is_budget_raised{false};
    std::atomic<std::uint64_t> most_private{0};
    FlowState flow;
  };

  unsigned char* buffers() const {
    return memory_.data() + sizeof(Header) + static_cast<std::size_t>(slots_) * sizeof(WorkerSlot);
  }

  SharedMemory memory_;
  int slots_;
  std::size_t staging_bytes_;
  std::size_t inbox_bytes_;
  Header* header_;
};

}  // namespace lomp

#endif
