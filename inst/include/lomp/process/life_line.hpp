// Side: both.
/// \file
/// What ends workers when their session is gone, whatever signals they hold off.
#ifndef LOMP_PROCESS_LIFE_LINE_HPP
#define LOMP_PROCESS_LIFE_LINE_HPP

#include <signal.h>

#include <utility>

#include "lomp/os/fd.hpp"
#include "lomp/os/own_fd.hpp"

namespace lomp {

/// A pipe whose writing end the session alone holds. Each worker opens the reading end for itself
/// and has the kernel kill its group when the last writer is gone; that is SIGKILL, which no
/// process can block, ignore or handle as it can the signal of its parent's death. The writing
/// ends are closed in each forked process, workers or not (OwnFd): none outlives the session.
///
/// Does nothing where a system, a container or the table of descriptors refuses it. Open as long as
/// there may be workers: they don't outlive it.
class LifeLine {
 public:
  LifeLine() = default;
  LifeLine(const LifeLine&) = delete;
  LifeLine& operator=(const LifeLine&) = delete;
  ~LifeLine() { close(); }

  /// In the session, before it forks a worker. Does nothing if the line is open already.
  void open() {
    if (!has_signal_choice || reader_) return;
    int ends[2];
    if (pipe_closed_on_exec(ends) != 0) return;
    reader_ = moved_up(Fd(ends[0]));
    writer_ = OwnFd(moved_up(Fd(ends[1])));
    if (!reader_ || !writer_.is_open()) close();
  }

  /// In the worker, which leads its group: from now on that ends with the session. The worker must
  /// look afterwards whether the session was gone before.
  void hold() const {
    if (!reader_) return;
    Fd own(open_again(reader_.get(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!own) return;
    own = moved_up(std::move(own));
    const pid_t owner = ::getpgrp() == ::getpid() ? -::getpid() : ::getpid();
    if (signal_owner(own.get(), owner, SIGKILL)) own.release();  // the process's end closes it
  }

  /// In the session this ends all workers.
  void close() {
    writer_.close();
    reader_.reset();
  }

 private:
  /// As lifted(), but empty where that fails.
  static Fd moved_up(Fd fd) { return fd.get() < 10 ? duplicate(fd) : std::move(fd); }

  OwnFd writer_;
  Fd reader_;
};

}  // namespace lomp

#endif
