// Side: both.
/// \file
/// Back-pressure: how far workers may run ahead of the caller that takes their results.
#ifndef LOMP_SHARED_FLOW_HPP
#define LOMP_SHARED_FLOW_HPP

#include <atomic>
#include <cstdint>

namespace lomp {

/// What all workers and the parent share. A worker may begin a record as long as those that it has
/// made, and that have not been released, cost less than `bound`; so it exceeds the bound by one
/// record at the most. Where records are taken in the order of their items, those of later items
/// wait for the first one, the head, and its worker must not wait for them: what counts for it is
/// the head's records alone. `bound` 0 means that no worker ever waits.
struct FlowState {
  std::uint64_t bound = 0;
  bool is_ordered = false;
  std::atomic<std::uint64_t> head{0};           ///< the item whose turn it is, where it matters
  std::atomic<std::uint64_t> head_released{0};  ///< what its records cost that were taken
  std::atomic<bool> is_open{false};             ///< the bound is lifted: the head has no worker
};

/// What one worker and the parent share.
struct FlowLine {
  std::atomic<std::uint64_t> released{0};   ///< what the records cost that were taken
  std::atomic<bool> is_waiting{false};      ///< it sleeps, or is about to, and was not woken
  std::atomic<std::uint64_t> wake_at{0};    ///< `released` at which to wake it
  std::atomic<std::uint64_t> wake_head{0};  ///< `head_released` at which to wake it
};

/// The worker's side.
class FlowSender {
 public:
  FlowSender(FlowState& state, FlowLine& line) : state_(&state), line_(&line) {}

  void begin_item(std::uint64_t item) {
    item_ = item;
    item_sent_ = 0;
  }

  /// A record of the item in hand was made.
  void sent(std::uint64_t cost) {
    sent_ += cost;
    item_sent_ += cost;
  }

  bool may_send() const {
    if (state_->bound == 0) return true;
    if (sent_ - line_->released.load(std::memory_order_seq_cst) < state_->bound) return true;
    return is_favoured();
  }

  /// Calls sleep() until a record may begin; it returns when the parent has woken this worker, or
  /// earlier. Half of the bound must have become free before that, lest worker and parent wake each
  /// other for every single record.
  template <class Sleep>
  void await(Sleep sleep) {
    while (!may_send()) {
      const std::uint64_t half = state_->bound / 2;
      line_->wake_at.store(sent_ - half, std::memory_order_relaxed);
      line_->wake_head.store(item_sent_ > half ? item_sent_ - half : 0, std::memory_order_relaxed);
      line_->is_waiting.store(true, std::memory_order_seq_cst);
      if (!may_send()) sleep();
      line_->is_waiting.store(false, std::memory_order_seq_cst);
    }
  }

 private:
  bool is_favoured() const {
    if (state_->is_open.load(std::memory_order_seq_cst)) return true;
    if (!state_->is_ordered || state_->head.load(std::memory_order_seq_cst) != item_) return false;
    return item_sent_ - state_->head_released.load(std::memory_order_seq_cst) < state_->bound;
  }

  FlowState* state_;
  FlowLine* line_;
  std::uint64_t item_ = 0;
  std::uint64_t item_sent_ = 0;
  std::uint64_t sent_ = 0;
};

/// The parent's side. Each function that may let a worker go on returns whether it must be woken.
class FlowReceiver {
 public:
  explicit FlowReceiver(FlowState& state) : state_(&state) {}

  /// A record of this worker's was taken.
  bool release(FlowLine& line, std::uint64_t item, std::uint64_t cost) {
    const bool is_head = state_->is_ordered && item == state_->head.load(std::memory_order_relaxed);
    const std::uint64_t head = is_head ? add(state_->head_released, cost) : 0;
    const std::uint64_t all = add(line.released, cost);
    if (!line.is_waiting.load(std::memory_order_seq_cst)) return false;
    const bool is_enough = all >= line.wake_at.load(std::memory_order_relaxed) ||
                           (is_head && head >= line.wake_head.load(std::memory_order_relaxed));
    return is_enough && must_wake(line);
  }

  /// Is the worker still to be woken? A caller that is told so must wake it. The answer is yes once
  /// for each time that the worker waits, so that one that is slow to wake up isn't sent wake-ups
  /// without end.
  static bool must_wake(FlowLine& line) {
    return line.is_waiting.load(std::memory_order_seq_cst) &&
           line.is_waiting.exchange(false, std::memory_order_seq_cst);
  }

  /// From now on it is this item's turn. All workers that wait must be woken, since one of them has
  /// it.
  void set_head(std::uint64_t item) {
    state_->head_released.store(0, std::memory_order_seq_cst);
    state_->head.store(item, std::memory_order_seq_cst);
  }

  /// Lifts the bound, or puts it back; true if the workers that wait must be woken.
  bool set_open(bool is_open) {
    return state_->is_open.exchange(is_open, std::memory_order_seq_cst) != is_open && is_open;
  }

 private:
  static std::uint64_t add(std::atomic<std::uint64_t>& sum, std::uint64_t cost) {
    const std::uint64_t after = sum.load(std::memory_order_relaxed) + cost;
    sum.store(after, std::memory_order_seq_cst);
    return after;
  }

  FlowState* state_;
};

}  // namespace lomp

#endif
