// Side: parent.
/// \file
/// Whether one more worker is worth its fork.
#ifndef LOMP_SCHEDULE_FORK_POLICY_HPP
#define LOMP_SCHEDULE_FORK_POLICY_HPP

#include <algorithm>
#include <cstdint>

#include "lomp/os/clock.hpp"

namespace lomp {

/// What the workers have been through so far, summed up.
struct Progress {
  std::uint64_t finished = 0;
  std::uint64_t busy_ns = 0;
  std::uint64_t waiting = 0;  ///< items that no worker has begun
};

/// A worker costs a fork here, about as much again in the child, whose pages are copied when it
/// first writes to them, and as much at its exit: milliseconds where the session is large. A few
/// trivial items aren't worth that. The rule is that of renting or buying: go on with the workers
/// at hand for as long as the work left is estimated to be less. Where nothing is known yet, an
/// item takes at least as long as has been waited for one.
class ForkPolicy {
 public:
  /// Between these two calls the process forked.
  void before_fork() { began_ = now_ns(); }
  void after_fork() {
    last_change_ = now_ns();
    fork_ns_ = last_change_ - began_;
    if (first_fork_ == 0) first_fork_ = last_change_;
  }

  /// Something came from a worker.
  void heard() { last_change_ = now_ns(); }

  bool is_worth(const Progress& progress, int live) const {
    if (progress.waiting == 0) return false;
    if (live == 0) return true;
    return work_left(progress, live) > static_cast<double>(cost()) ||
           now_ns() - last_change_ >= cost();
  }

  /// New workers die before they begin: this many more than may by chance. The next one is tried
  /// after a while, which doubles each time, lest the session does nothing but fork.
  void hold_off(int deaths) { retry_at_ = now_ns() + (first_hold_ns << std::min(deaths, 6)); }
  bool holds_off() const { return now_ns() < retry_at_; }

  /// How long the last fork took.
  std::int64_t fork_ns() const { return fork_ns_; }

  /// How long to wait before asking again, in whole milliseconds as poll() takes them.
  int patience_ms() const { return static_cast<int>(fork_ns_ / 1000000) + 1; }

 private:
  static constexpr std::int64_t first_hold_ns = 100000000;

  std::int64_t cost() const { return 3 * fork_ns_; }

  /// In nanoseconds, of which there may be more than an integer holds.
  double work_left(const Progress& p, int live) const {
    return item_ns(p) * static_cast<double>(p.waiting) / live;
  }

  /// What one item takes, as far as is known: a worker's start takes as long as its fork.
  double item_ns(const Progress& p) const {
    if (p.finished > 0) return static_cast<double>(p.busy_ns) / static_cast<double>(p.finished);
    return static_cast<double>(std::max<std::int64_t>(0, now_ns() - first_fork_ - 2 * fork_ns_));
  }

  std::int64_t began_ = 0;
  std::int64_t fork_ns_ = 0;
  std::int64_t first_fork_ = 0;
  std::int64_t last_change_ = 0;
  std::int64_t retry_at_ = 0;
};

}  // namespace lomp

#endif
