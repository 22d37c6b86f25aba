// Side: any process.
/// \file
/// How long a process waits for the end of others that it has killed.
#ifndef LOMP_PROCESS_KILL_PATIENCE_HPP
#define LOMP_PROCESS_KILL_PATIENCE_HPP

#include <cstdint>

namespace lomp {

/// A killed process ends as soon as it gets a processor, for which it may wait long on a busy
/// machine; but one that the system or a debugger holds may never end. So there is much time for
/// the first, and little for the second, which begins when nothing but such ones is left.
class KillPatience {
 public:
  static constexpr std::int64_t running_ns = 2000000000;
  static constexpr std::int64_t held_ns = 100000000;

  explicit KillPatience(std::int64_t now) : begin_(now), held_since_(now) {}

  /// `all_held`: are all of those that are still there held now?
  bool is_over(std::int64_t now, bool all_held) {
    if (!all_held) held_since_ = now;
    return now - begin_ > running_ns || now - held_since_ > held_ns;
  }

 private:
  std::int64_t begin_;
  std::int64_t held_since_;
};

}  // namespace lomp

#endif
