// Side: parent.
/// \file
/// How long a worker's end is waited for.
#ifndef LOMP_POOL_ENDING_HPP
#define LOMP_POOL_ENDING_HPP

#include <algorithm>

#include "lomp/os/clock.hpp"

namespace lomp {

/// What the parent knows of the end of one worker: whether it is coming, and when the parent goes
/// on without it. A process that has been killed may be held by the system (a frozen control group,
/// a file system that doesn't answer) or by a debugger, for ever.
class Ending {
 public:
  /// It is dying, or has been killed: its end is waited for, for so long at the most. An earlier
  /// call may have set an earlier end.
  void expect_within(int milliseconds) {
    const std::int64_t by = after(milliseconds);
    by_ = is_expected() ? std::min(by_, by) : by;
    if (!is_expected()) since_ = now_ns();
    is_doubtful_ = false;
  }

  /// Whether it is dying can't be told: it is, if it ends within this time.
  void doubt_for(int milliseconds) {
    if (is_awaited()) return;
    is_doubtful_ = true;
    by_ = after(milliseconds);
  }

  /// It is dying and makes headway. False if it has had so long already.
  bool prolong(int milliseconds, int at_most) {
    if (now_ns() - since_ >= ns(at_most)) return false;
    by_ = after(milliseconds);
    return true;
  }

  bool is_expected() const { return since_ != 0; }
  bool is_doubtful() const { return is_doubtful_; }
  bool is_awaited() const { return by_ != 0; }
  bool is_overdue() const { return is_awaited() && now_ns() >= by_; }

  /// Until it is overdue, as poll() takes it; for ever (-1) if it isn't awaited.
  int milliseconds_left() const {
    if (!is_awaited()) return -1;
    return static_cast<int>((std::max<std::int64_t>(0, by_ - now_ns()) + 999999) / 1000000);
  }

 private:
  static std::int64_t ns(int milliseconds) { return std::int64_t{milliseconds} * 1000000; }
  static std::int64_t after(int milliseconds) { return now_ns() + ns(milliseconds); }

  std::int64_t since_ = 0;
  std::int64_t by_ = 0;
  bool is_doubtful_ = false;
};

}  // namespace lomp

#endif
