// Side: any process.
/// \file
/// Waits for any of a set of descriptors.
#ifndef LOMP_OS_POLL_SET_HPP
#define LOMP_OS_POLL_SET_HPP

#include <vector>

#include "lomp/os/syscall.hpp"

namespace lomp {

/// The descriptors of one wait and what came of it. poll(), not select(): numbers may be large.
class PollSet {
 public:
  void clear() { set_.clear(); }

  /// Adds a descriptor to the next wait and gives its place. A negative one is never ready.
  std::size_t watch(int fd) {
    set_.push_back({fd, POLLIN, 0});
    return set_.size() - 1;
  }

  /// True if something is ready; false when `milliseconds` have passed or a signal handler ran, so
  /// that the caller can see to its interrupts. Throws SystemError.
  bool wait(int milliseconds) {
    const int n = kernel().poll(set_.data(), static_cast<nfds_t>(set_.size()), milliseconds);
    if (n == -1 && errno != EINTR) throw SystemError("poll");
    if (n <= 0) forget();
    return n > 0;
  }

  /// Ready to be read, at its end, or broken: a read will tell.
  bool is_ready(std::size_t place) const { return set_[place].revents != 0; }

 private:
  /// After a failed poll() the kernel's answers are those of an earlier wait.
  void forget() {
    for (pollfd& p : set_) p.revents = 0;
  }

  std::vector<pollfd> set_;
};

}  // namespace lomp

#endif
