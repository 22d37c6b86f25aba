// Side: parent.
/// \file
/// When a file is to be written to its disk.
#ifndef LOMP_CHECKPOINT_SYNC_SHARE_HPP
#define LOMP_CHECKPOINT_SYNC_SHARE_HPP

#include <cstdint>

#include "lomp/os/clock.hpp"

namespace lomp {

/// What a process has written survives its own end at once, but the machine's only when the system
/// has written it to the disk, for which this process would have to wait. It does so when a hundred
/// times as long has passed as the last time took, and a second at the least: so that it waits for
/// one percent of its time, and a call that is over in a second, for nothing but its new file. All
/// of the last time counts, other than in TimeShare: while a disk is busy it is put off.
class SyncShare {
 public:
  using Clock = std::int64_t (*)();

  explicit SyncShare(Clock clock = now_ns) : clock_(clock), ended_(clock()) {}

  bool is_due() const { return clock_() - ended_ >= interval_; }

  /// Around each time.
  void begin() { began_ = clock_(); }
  void end() {
    ended_ = clock_();
    const std::int64_t wait = times * (ended_ - began_);
    interval_ = wait > least_ns ? wait : least_ns;
  }

  static constexpr std::int64_t times = 100, least_ns = 1000000000;

 private:
  Clock clock_;
  std::int64_t began_ = 0;
  std::int64_t ended_;
  std::int64_t interval_ = least_ns;
};

}  // namespace lomp

#endif
