// Side: any process.
/// \file
/// How much of its time a process spends on something.
#ifndef LOMP_WORKER_TIME_SHARE_HPP
#define LOMP_WORKER_TIME_SHARE_HPP

#include <cstdint>

#include "lomp/os/clock.hpp"

namespace lomp {

/// For something of which it isn't known before how long it takes: it is done again only when so
/// many times as long has passed since.
class TimeShare {
 public:
  explicit TimeShare(std::int64_t times) : times_(times) {}

  bool is_due() const { return now_ns() - ended_ >= times_ * cost_; }

  /// Around each time.
  void begin() { began_ = now_ns(); }
  void end() {
    ended_ = now_ns();
    cost_ = ended_ - began_;
  }

 private:
  std::int64_t times_;
  std::int64_t began_ = 0;
  std::int64_t ended_ = 0;
  std::int64_t cost_ = 0;
};

}  // namespace lomp

#endif
