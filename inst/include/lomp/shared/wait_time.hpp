// Side: both.
/// \file
/// For how long a worker has waited.
#ifndef LOMP_SHARED_WAIT_TIME_HPP
#define LOMP_SHARED_WAIT_TIME_HPP

#include <atomic>
#include <cstdint>

namespace lomp {

/// The worker is the only one that writes: no atomic addition is needed.
inline void add_time(std::atomic<std::int64_t>& sum, std::int64_t ns) {
  sum.store(sum.load(std::memory_order_relaxed) + ns, std::memory_order_relaxed);
}

/// A sum of nanoseconds, and since when the worker waits that does so now: one that is ended while
/// it waits adds nothing more.
class WaitTime {
 public:
  void begin(std::int64_t now) { since_.store(now, std::memory_order_relaxed); }
  void end() { since_.store(0, std::memory_order_relaxed); }
  void add(std::int64_t ns) {
    if (ns != 0) add_time(sum_, ns);
  }

  /// Of waits that are over.
  std::int64_t sum() const { return sum_.load(std::memory_order_relaxed); }

  /// With the wait that goes on.
  std::int64_t until(std::int64_t now) const {
    const std::int64_t since = since_.load(std::memory_order_relaxed);
    return sum() + (since == 0 ? 0 : now - since);
  }

  void reset() {
    sum_ = 0;
    since_ = 0;
  }

 private:
  std::atomic<std::int64_t> sum_{0};
  std::atomic<std::int64_t> since_{0};
};

}  // namespace lomp

#endif
