// Side: parent.
/// \file
/// The end of a pool: no child of it is left behind.
#ifndef LOMP_POOL_SHUTDOWN_HPP
#define LOMP_POOL_SHUTDOWN_HPP

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/process/reaper.hpp"

namespace lomp {

/// Has the children of workers that have left, and ends and reaps them with the pool. A process
/// takes as long to end as its fork took, which is long where the session is large: so the pool
/// waits only where that is short, and a reaper, which outlives it, has the time for the rest.
class Shutdown {
 public:
  /// How long the pool waits where there is no reaper that outlives it.
  static constexpr int own_patience_ms = 1000;

  /// What is known of the call when it ends.
  struct Facts {
    bool has_ended_well = false;  ///< all is done, and no worker has been ended
    std::int64_t fork_ns = 0;     ///< how long the last fork took
  };

  /// The caller's reaper, which may be none, and how long to wait for what it would get.
  Shutdown(Reaper* reaper, int patience_ms) : reaper_(reaper), patience_ms_(patience_ms) {}

  Reaper& reaper() { return reaper_ != nullptr ? *reaper_ : own_reaper_; }

  /// Makes room for so many more, so that add() allocates nothing.
  void reserve(std::size_t children) { leaving_.reserve(leaving_.size() + children); }

  /// The child is ending, or to be ended by run().
  void add(Child child) { leaving_.push_back(std::move(child)); }

  /// Ends them all; all are killed before the first is waited for. Reaps them, too, but for those
  /// that the reaper takes over: workers that were killed in the middle of an item may be held, so
  /// that each of them gets a thread.
  void run(const Facts& facts) {
    for (Child& child : leaving_) child.kill_group();
    wait_for_ends(facts);
    reap_ended();
    if (facts.has_ended_well) {
      reaper().adopt(leaving_);
    } else {
      reaper().adopt_each(leaving_);
    }
    leaving_.clear();
  }

  /// Reaps those that have ended. In a long call many may leave, one after the other.
  void reap_ended() {
    for (Child& child : leaving_) (void)child.reap();
    const auto is_reaped = [](const Child& child) { return child.pid() < 0; };
    leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(), is_reaped), leaving_.end());
  }

  /// Waits for the first of them to end, if there are any, for as long as the pool waits at its own
  /// end. False if none has.
  bool await_end() {
    const std::size_t before = leaving_.size();
    if (before > 0) (void)leaving_.front().ends_within(own_patience_ms);
    reap_ended();
    return leaving_.size() < before;
  }

  /// In a child: the siblings aren't its own to end or to reap.
  void disown() {
    for (Child& child : leaving_) child.disown();
    leaving_.clear();
  }

 private:
  /// Workers that have nothing to do any more needn't be waited for, nor those that would take a
  /// good part of the patience to end.
  bool must_wait(const Facts& facts, std::int64_t patience) const {
    return reaper_ == nullptr || !(facts.has_ended_well || facts.fork_ns > patience / 4);
  }

  void wait_for_ends(const Facts& facts) const {
    const int milliseconds = reaper_ != nullptr ? patience_ms_ : own_patience_ms;
    const std::int64_t patience = std::int64_t{milliseconds} * 1000000;
    if (!must_wait(facts, patience)) return;
    const std::int64_t deadline = now_ns() + patience;
    for (const Child& child : leaving_) {
      const std::int64_t left = std::max<std::int64_t>(0, deadline - now_ns());
      child.ends_within(static_cast<int>(left / 1000000));
    }
  }

  Reaper* reaper_;
  int patience_ms_;
  std::vector<Child> leaving_;
  Reaper own_reaper_;  // without one of the caller's
};

}  // namespace lomp

#endif
