// Side: any process.
/// \file
/// An owned file descriptor.
#ifndef LOMP_OS_FD_HPP
#define LOMP_OS_FD_HPP

#include <utility>

#include "lomp/os/syscall.hpp"

namespace lomp {

/// Owns one descriptor and closes it; moves, never copies. After a fork both processes own their
/// copy, so a child closes what isn't its own (see Pool).
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.release()) {}
  Fd& operator=(Fd&& other) noexcept {
    reset(other.release());
    return *this;
  }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }

  int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }

  /// Closes the descriptor held so far. close() is not made again after EINTR: on Linux the
  /// descriptor is gone by then, see close(2), and another thread may have opened a file by its
  /// number.
  void reset(int fd = -1) noexcept {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) ::close(old);
  }

 private:
  int fd_ = -1;
};

/// Marks a descriptor as closed on exec, so that no program started by a worker keeps it open. For
/// those that can't be born so: until then another thread may start a program that has it.
inline void set_close_on_exec(int fd) {
  if (::fcntl(fd, F_GETFD) == FD_CLOEXEC) return;
  check(::fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl(F_SETFD)");
}

/// The same descriptor by a number above those of the standard streams and of what scripts
/// redirect, closed on exec. A host may have closed these, and an item's code may open, close and
/// print to them. Throws SystemError.
inline Fd lifted(Fd fd) {
  if (fd.get() < 10) {
    const int higher = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10);
    if (higher == -1 && errno == EINVAL) errno = EMFILE;  // the limit ends below that number
    return Fd(check(higher, "fcntl(F_DUPFD)"));
  }
  set_close_on_exec(fd.get());
  return fd;
}

/// A second descriptor of the same file, closed on exec; none if there is none to be had.
inline Fd duplicate(const Fd& fd) { return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 10)); }

/// Makes reads and writes on a descriptor return EAGAIN instead of waiting.
inline void set_nonblocking(int fd) {
  const int flags = check(::fcntl(fd, F_GETFL), "fcntl(F_GETFL)");
  check(::fcntl(fd, F_SETFL, flags | O_NONBLOCK), "fcntl(F_SETFL)");
}

}  // namespace lomp

#endif
