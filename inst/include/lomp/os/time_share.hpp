// Side: any process.
/// \file
/// How much of its time a process spends on something.
#ifndef LOMP_OS_TIME_SHARE_HPP
#define LOMP_OS_TIME_SHARE_HPP

#include <algorithm>
#include <cstdint>

#include "lomp/os/clock.hpp"

namespace lomp {

/// For something of which it isn't known before how long it takes: it is done again only when so
/// many times as long has passed since. By the clock on the wall, or by another one.
class TimeShare {
 public:
  using Clock = std::int64_t (*)();

  explicit TimeShare(std::int64_t times, Clock clock = now_ns) : times_(times), clock_(clock) {}

  /// `more`: so many times less of the time, for once.
  bool is_due(std::int64_t more = 1) const { return clock_() - ended_ >= more * times_ * cost_; }

  /// How long it takes: the last time, or twice as long as was thought before, if it took more. An
  /// exceptional time doesn't put off the next one for long. 0 before the first one.
  std::int64_t cost() const { return cost_; }

  /// How long the last time took.
  std::int64_t last() const { return last_; }

  /// Around each time.
  void begin() { began_ = clock_(); }
  void end() {
    ended_ = clock_();
    last_ = ended_ - began_;
    cost_ = cost_ == 0 ? last_ : std::min(last_, 2 * cost_);
  }

 private:
  std::int64_t times_;
  Clock clock_;
  std::int64_t began_ = 0;
  std::int64_t ended_ = 0;
  std::int64_t cost_ = 0;
  std::int64_t last_ = 0;
};

}  // namespace lomp

#endif
