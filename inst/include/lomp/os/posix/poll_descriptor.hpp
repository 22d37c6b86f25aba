// Side: any process.
/// \file
/// One descriptor that stands for several, as every POSIX system has it.
#ifndef LOMP_OS_POSIX_POLL_DESCRIPTOR_HPP
#define LOMP_OS_POSIX_POLL_DESCRIPTOR_HPP

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "lomp/os/posix/descriptors.hpp"

namespace lomp {

/// A descriptor, and a number that tells it from an earlier one of the same number; a negative
/// descriptor is none.
using NumberedDescriptor = std::pair<int, std::uint32_t>;

/// A descriptor for somebody else's poll(): readable when it is told to be, or from when any of a
/// set of others is, or a time is over. It stays the same, and nobody reads from it. It is a pipe
/// into which a thread writes, which waits for copies of the others, so that their owner may close
/// them meanwhile. The thread blocks all signals, and holds no lock that a forked process could
/// miss. Closed on exec; a forked process has a copy, which it must not use.
class PollDescriptor {
 public:
  PollDescriptor() {
    if (!open(bell_) || !open(recall_)) close();
  }
  PollDescriptor(const PollDescriptor&) = delete;
  PollDescriptor& operator=(const PollDescriptor&) = delete;
  ~PollDescriptor() { close(); }

  /// -1 if the system has refused it, as errno says, or it was closed.
  int fd() const { return bell_[0]; }

  /// It is readable until watch() is called.
  void set() { ring(bell_); }

  /// It becomes readable when one of these is, or when so many milliseconds have passed. Where the
  /// system refuses that, it is readable.
  void watch(const std::vector<NumberedDescriptor>& others, int milliseconds) {
    stop();
    hush(bell_);
    if (!copy(others) || !start(milliseconds)) set();
  }

  void close() {
    stop();
    for (int* fd : {&bell_[0], &bell_[1], &recall_[0], &recall_[1]}) {
      if (*fd >= 0) ::close(*fd);
      *fd = -1;
    }
  }

 private:
  static bool open(int* ends) {
    if (pipe_closed_on_exec(ends) != 0) return false;
    for (int i = 0; i < 2; ++i) ::fcntl(ends[i], F_SETFL, ::fcntl(ends[i], F_GETFL) | O_NONBLOCK);
    return true;
  }

  static void ring(const int* ends) { (void)!::write(ends[1], "", 1); }

  static void hush(const int* ends) {
    char bytes[64];
    while (::read(ends[0], bytes, sizeof bytes) == static_cast<ssize_t>(sizeof bytes)) continue;
  }

  bool copy(const std::vector<NumberedDescriptor>& others) {
    awaited_.reserve(others.size() + 1);  // a copy has an owner as soon as it is there
    awaited_.push_back({recall_[0], POLLIN, 0});
    for (const NumberedDescriptor& other : others) {
      if (other.first < 0) continue;
      const int fd = ::fcntl(other.first, F_DUPFD_CLOEXEC, 10);
      if (fd < 0) return false;
      awaited_.push_back({fd, POLLIN, 0});
    }
    return true;
  }

  /// A thread has its creator's signal mask.
  bool start(int milliseconds) {
    sigset_t all, old;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old);
    try {
      thread_ = std::make_unique<std::thread>([this, milliseconds] {
        const int n = ::poll(awaited_.data(), static_cast<nfds_t>(awaited_.size()), milliseconds);
        if (n <= 0 || awaited_.front().revents == 0) ring(bell_);
      });
    } catch (const std::exception&) {
      thread_.reset();
    }
    ::pthread_sigmask(SIG_SETMASK, &old, nullptr);
    return thread_ != nullptr;
  }

  /// A forked process has no thread.
  void stop() {
    if (::getpid() != owner_) (void)thread_.release();
    if (thread_) {
      ring(recall_);
      thread_->join();
      thread_.reset();
      hush(recall_);
    }
    for (std::size_t i = 1; i < awaited_.size(); ++i) ::close(awaited_[i].fd);
    awaited_.clear();
  }

  pid_t owner_ = ::getpid();
  int bell_[2] = {-1, -1};    // readable when somebody is to look
  int recall_[2] = {-1, -1};  // ends the thread's wait
  std::vector<pollfd> awaited_;
  std::unique_ptr<std::thread> thread_;
};

}  // namespace lomp

#endif
