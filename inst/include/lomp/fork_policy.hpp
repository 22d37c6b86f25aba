/// \file
/// Whether one more worker is worth its fork.
#ifndef LOMP_FORK_POLICY_HPP
#define LOMP_FORK_POLICY_HPP

#include <algorithm>
#include <cstdint>

#include "clock.hpp"

namespace lomp {

/// What the workers have been through so far, summed up.
struct Progress {
  std::uint64_t finished = 0;
  std::uint64_t busy_ns = 0;
  std::uint64_t waiting = 0;  ///< items that nobody has begun
};

/// A fork costs milliseconds where the session is large; a few trivial items aren't worth a second
/// one. The rule is that of renting or buying: go on with the workers at hand for as long as the
/// work left is estimated to be less than a fork, or, while nothing is known, for as long as a fork
/// takes. So at most twice the best possible is spent on the decision.
class ForkPolicy {
 public:
  /// Between these two calls the process forked.
  void before_fork() { began_ = now_ns(); }
  void after_fork() {
    last_change_ = now_ns();
    cost_ = last_change_ - began_;
  }

  /// Something came from a worker.
  void heard() { last_change_ = now_ns(); }

  bool is_worth(const Progress& progress, int live) const {
    if (progress.waiting == 0) return false;
    if (live == 0) return true;
    if (progress.finished > 0 && estimate(progress, live) > cost_) return true;
    return now_ns() - last_change_ >= cost_;
  }

  /// How long to wait before asking again, in whole milliseconds as poll() takes them.
  int patience_ms() const { return static_cast<int>(cost_ / 1000000) + 1; }

 private:
  static std::int64_t estimate(const Progress& p, int live) {
    const double per_item = static_cast<double>(p.busy_ns) / static_cast<double>(p.finished);
    return static_cast<std::int64_t>(per_item * static_cast<double>(p.waiting) / live);
  }

  std::int64_t began_ = 0;
  std::int64_t cost_ = 0;
  std::int64_t last_change_ = 0;
};

}  // namespace lomp

#endif
