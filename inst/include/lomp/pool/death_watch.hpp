// Side: parent.
/// \file
/// The ends of workers that leave without a bye: expected, brought about, waited for.
#ifndef LOMP_POOL_DEATH_WATCH_HPP
#define LOMP_POOL_DEATH_WATCH_HPP

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/process/process_state.hpp"
#include "lomp/process/reaper.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/worker/item_timer.hpp"

namespace lomp {

/// Takes each worker that has to end, or seems to, to Phase::reaped, and never waits for one: while
/// a worker ends, the pool sees to the others. A worker that has been killed and doesn't end is
/// held by the system or by a debugger. It gets some time, and is then left to the reaper: none of
/// its own code will ever run again, so that its place and what it has staged are free.
class DeathWatch {
 public:
  static constexpr int look_every_ms = 100;

  DeathWatch(SharedPage& page, Workers& workers, Reaper& reaper)
      : page_(page), workers_(workers), reaper_(reaper) {}

  /// Ends all workers. From now on no worker's end is a loss, nor given much time.
  void stop() {
    is_stopping_ = true;
    for (auto& handle : workers_) {
      if (handle) end(*handle, stop_patience_ms);
    }
  }

  bool is_stopping() const { return is_stopping_; }

  // ---- What the pool has found out of a worker

  /// Its pipe has ended, or makes no sense: nothing more is read from it.
  void lose_pipe(WorkerHandle& w) {
    w.results.reset();
    w.readable = false;
    if (is_stopping_ || w.ending.is_expected() || page_.slot(w.slot).reason != ExitReason::none) {
      return end(w, death_patience_ms);
    }
    const ProcessState state = look_at_child(w.child.pid());
    if (state.is_living()) return give_up_on(w);
    if (state.is_dying()) return end(w, death_patience_ms);
    note_lateness(w);
    w.ending.doubt_for(doubt_ms);
  }

  /// All that came from it was read. If it has ended, or is late with that, it gets no more time.
  void see_off(WorkerHandle& w) {
    if (w.has_ended) return reap(w);
    if (!w.ending.is_overdue()) return;
    if (w.ending.is_doubtful()) return give_up_on(w);
    if (!makes_headway(w)) reap(w);
  }

  /// To be told after each wait whether the worker's pidfd is ready. Without a pidfd the kernel is
  /// asked for the process, at least once a tick. A worker that is dead and can't be reaped is in
  /// the hands of a debugger.
  void look_for_end(WorkerHandle& w, bool pidfd_ready) {
    if (w.child.pidfd() >= 0 && !pidfd_ready) return;
    w.has_ended = w.child.has_ended();
    if (w.has_ended || !pidfd_ready) return;
    w.child.close_pidfd();
    expect_end(w, death_patience_ms);
  }

  // ---- Now and then

  /// Ends workers whose timers should have ended them long ago, or have killed them in vain.
  void kill_late() {
    constexpr std::int64_t grace_ns = 1000000000;
    for (auto& handle : workers_) {
      if (!handle || handle->is_leaving()) continue;
      WorkerSlot& slot = page_.slot(handle->slot);
      if (!is_late(slot, 0)) continue;
      const bool is_dying = look_at_child(handle->child.pid()).is_dying();
      if (!is_dying && !is_late(slot, grace_ns)) continue;
      if (!is_dying && slot.reason == ExitReason::none) slot.reason = ExitReason::timed_out;
      end(*handle, stop_patience_ms);
    }
  }

  /// Nothing has happened for a while. A worker that was killed and is held has nothing to tell, so
  /// one after the other is looked at.
  void look_for_dying() {
    if (workers_.empty() || now_ns() < next_look_) return;
    next_look_ = now_ns() + std::int64_t{look_every_ms} * 1000000;
    looked_at_ = (looked_at_ + 1) % workers_.size();
    const auto& handle = workers_[looked_at_];
    if (!handle || handle->is_leaving()) return;
    if (look_at_child(handle->child.pid()).is_dying()) expect_end(*handle, death_patience_ms);
  }

  /// Is a worker's end awaited, so that a wait may be shorter than the caller wants?
  bool is_waiting() const {
    return std::any_of(workers_.begin(), workers_.end(),
                       [](const auto& handle) { return handle && handle->ending.is_awaited(); });
  }

  /// How many of these milliseconds the pool may wait at the most: until this worker's time is
  /// over, and, if no descriptor tells of its end, one after the other.
  static int patience_with(const WorkerHandle& w, int milliseconds) {
    if (w.phase != Phase::alive || !w.ending.is_awaited()) return milliseconds;
    const int left = w.ending.milliseconds_left();
    return w.child.pidfd() >= 0 ? left : std::min(left, 1);
  }

 private:
  /// It goes on although its pipe has ended: it is ended here, and that is why it died.
  void give_up_on(WorkerHandle& w) {
    page_.slot(w.slot).reason = ExitReason::given_up;
    end(w, death_patience_ms);
  }

  /// Kills what may not be dead yet.
  void end(WorkerHandle& w, int patience_ms) {
    w.child.kill_group();
    expect_end(w, patience_ms);
  }

  void expect_end(WorkerHandle& w, int patience_ms) {
    note_lateness(w);
    w.ending.expect_within(patience_ms);
  }

  /// Whether its item's time was over is decided when there is a first sign of its end.
  void note_lateness(WorkerHandle& w) const {
    if (!w.ending.is_awaited()) w.was_late = is_late(page_.slot(w.slot), 0);
  }

  /// A large process takes its time to end, but it runs, or waits for a processor to do so.
  bool makes_headway(WorkerHandle& w) const {
    const int most = w.was_late ? death_patience_ms : huge_patience_ms;
    return !is_stopping_ && look_at_child(w.child.pid()).is_running() &&
           w.ending.prolong(look_every_ms, most);
  }

  /// The worker has ended, or was given all the time there is for that.
  void reap(WorkerHandle& w) {
    expect_end(w, 0);
    w.child.kill_group();
    note_time_out(w);
    if (!w.child.reap()) leave_behind(w);
    w.results.reset();
    w.phase = Phase::reaped;
  }

  /// A worker whose time was over, and that is still there, was killed by its timer, too.
  void leave_behind(WorkerHandle& w) {
    WorkerSlot& slot = page_.slot(w.slot);
    if (slot.reason == ExitReason::none) {
      slot.reason = w.was_late ? ExitReason::timed_out : ExitReason::held;
    }
    std::vector<Child> held;
    held.push_back(std::move(w.child));
    reaper_.adopt(held);
  }

  /// A worker that its timer has ended says so, unless it held the timer's signal off or had
  /// another handler for it. A worker that was killed in any other way wasn't late, however long
  /// the parent hasn't looked. This must be seen before the worker is reaped.
  void note_time_out(const WorkerHandle& w) {
    WorkerSlot& slot = page_.slot(w.slot);
    if (is_stopping_ || slot.reason != ExitReason::none || !is_late(slot, 0)) return;
    if (w.child.was_ended_by(time_out_signal) || w.child.was_ended_by(alarm_signal) ||
        w.child.held_off(time_out_signal)) {
      slot.reason = ExitReason::timed_out;
    }
  }

  static bool is_late(const WorkerSlot& slot, std::int64_t grace_ns) {
    const std::int64_t deadline = slot.deadline.load(std::memory_order_acquire);
    return deadline != 0 && now_ns() > deadline + grace_ns;
  }

  static constexpr int stop_patience_ms = 500;    // the caller waits for the end of the call
  static constexpr int death_patience_ms = 1000;  // the others go on meanwhile
  static constexpr int huge_patience_ms = 30000;  // it is busy with its end
  static constexpr int doubt_ms = 2000;           // it can't be told whether it is dying

  SharedPage& page_;
  Workers& workers_;
  Reaper& reaper_;
  bool is_stopping_ = false;
  std::size_t looked_at_ = 0;
  std::int64_t next_look_ = 0;
};

}  // namespace lomp

#endif
