// Side: any process.
/// \file
/// One descriptor that stands for several, as Linux has it.
#ifndef LOMP_OS_LINUX_POLL_DESCRIPTOR_HPP
#define LOMP_OS_LINUX_POLL_DESCRIPTOR_HPP

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

namespace lomp {

/// A descriptor, and a number that tells it from an earlier one of the same number; a negative
/// descriptor is none.
using NumberedDescriptor = std::pair<int, std::uint32_t>;

/// A descriptor for somebody else's poll(): readable when it is told to be, or from when any of a
/// set of others is, or a time is over. It stays the same, and nobody reads from it. The others are
/// in a set of their own, which is made anew when they change: one that was closed would stay in it
/// for as long as a forked process has it, too. Closed on exec; a forked process has a copy, which
/// it must not use.
class PollDescriptor {
 public:
  PollDescriptor()
      : all_(::epoll_create1(EPOLL_CLOEXEC)),
        flag_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    const bool is_open = all_ >= 0 && flag_ >= 0 && timer_ >= 0;
    if (is_open && add(all_, flag_) && add(all_, timer_)) return;
    const int error = errno;
    close();
    errno = error;
  }
  PollDescriptor(const PollDescriptor&) = delete;
  PollDescriptor& operator=(const PollDescriptor&) = delete;
  ~PollDescriptor() { close(); }

  /// -1 if the system has refused it, as errno says, or it was closed.
  int fd() const { return all_; }

  /// It is readable until watch() is called.
  void set() {
    if (std::exchange(is_set_, true)) return;
    const std::uint64_t one = 1;
    (void)!::write(flag_, &one, sizeof one);
  }

  /// It becomes readable when one of these is, or when so many milliseconds have passed. Where the
  /// system refuses that, it is readable.
  void watch(const std::vector<NumberedDescriptor>& others, int milliseconds) {
    if (!watch_others(others) || !start_timer(milliseconds)) return set();
    std::uint64_t before = 0;
    if (std::exchange(is_set_, false)) (void)!::read(flag_, &before, sizeof before);
  }

  void close() {
    for (int* fd : {&all_, &flag_, &timer_, &set_}) {
      if (*fd >= 0) ::close(*fd);
      *fd = -1;
    }
  }

 private:
  static bool add(int set, int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    return ::epoll_ctl(set, EPOLL_CTL_ADD, fd, &event) == 0;
  }

  bool watch_others(const std::vector<NumberedDescriptor>& others) {
    if (set_ >= 0 && others == others_) return true;
    drop_others();
    set_ = ::epoll_create1(EPOLL_CLOEXEC);
    bool is_complete = set_ >= 0;
    for (const NumberedDescriptor& other : others) {
      if (other.first >= 0) is_complete = is_complete && add(set_, other.first);
    }
    if (!is_complete || !add(all_, set_)) return false;
    others_ = others;
    return true;
  }

  void drop_others() {
    others_.clear();
    if (set_ < 0) return;
    (void)::epoll_ctl(all_, EPOLL_CTL_DEL, set_, nullptr);
    ::close(std::exchange(set_, -1));
  }

  bool start_timer(int milliseconds) const {
    itimerspec value{};
    value.it_value.tv_sec = milliseconds / 1000;
    value.it_value.tv_nsec = milliseconds % 1000 * 1000000L;
    return ::timerfd_settime(timer_, 0, &value, nullptr) == 0;
  }

  int all_;
  int flag_;
  int timer_;
  int set_ = -1;  // of the others
  std::vector<NumberedDescriptor> others_;
  bool is_set_ = false;
};

}  // namespace lomp

#endif
