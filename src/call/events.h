/// \file
/// What becomes of a pool's events on their way to R.
#ifndef LOMP_SRC_CALL_EVENTS_H
#define LOMP_SRC_CALL_EVENTS_H

#include "lomp/pool/pool.hpp"
#include "r/api.h"

namespace lomp {

constexpr int tick_ms = 100;  ///< between looks at interrupts and time limits

/// Tells when to look at interrupts although there is always something to do.
class InterruptClock {
 public:
  bool is_due() {
    const std::int64_t now = now_ns();
    if (now - last_ < interval_ns) return false;
    last_ = now;
    return true;
  }

 private:
  static constexpr std::int64_t interval_ns = 50000000;
  std::int64_t last_ = now_ns();
};

/// Tells when a call is to say how far it is; never if `seconds` is 0.
class ProgressClock {
 public:
  explicit ProgressClock(double seconds) : interval_(static_cast<std::int64_t>(seconds * 1e9)) {}

  bool is_due() {
    if (interval_ == 0) return false;
    const std::int64_t now = now_ns();
    if (now - last_ < interval_) return false;
    last_ = now;
    return true;
  }

  /// Will is_due() be true?
  bool is_over() const { return interval_ != 0 && now_ns() - last_ >= interval_; }

  /// What it is for has been undone: it is due again in a tenth of the time.
  void hurry() { last_ -= interval_ - interval_ / 10; }

 private:
  std::int64_t interval_;
  std::int64_t last_ = now_ns();
};

/// For unwind(): jumps if the user has interrupted R or its time is over, unless such things are
/// held back.
SEXP let_interrupts_through();

/// Calls R's look(), a function without arguments that lets interrupts and time limits through.
/// May jump, as unwind() does.
void look(SEXP function);

/// For the whole process; waits a little for its children when R ends.
Reaper& reaper();

/// R counts from 1.
inline double as_item(std::uint64_t item) { return static_cast<double>(item) + 1; }

/// list(kind = , item = , value = ). May jump.
SEXP make_event(const char* kind, double item, SEXP value);

/// list(kind = "request", item = <the worker's number>, value = <how many items it wants>). May
/// jump.
SEXP make_request(int worker, double wanted);

/// As make_event(), for a death, or for the lack of workers. The value is an integer vector c(pid =
/// , signal = , status = , reason = , errno = , late = , ran = ). May jump.
SEXP make_loss_event(const char* kind, const Event& event);

}  // namespace lomp

#endif
