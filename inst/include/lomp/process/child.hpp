// Side: parent.
/// \file
/// A child process: forked with signals held back, watched, ended with all that it started, and
/// reaped by its own number.
#ifndef LOMP_PROCESS_CHILD_HPP
#define LOMP_PROCESS_CHILD_HPP

#include <signal.h>

#include <cstdlib>
#include <utility>

#include "lomp/os/clock.hpp"
#include "lomp/os/fd.hpp"
#include "lomp/process/descendants.hpp"
#include "lomp/process/held_signal.hpp"

namespace lomp {

/// Holds back all signals, so that a forked child meets none before it has its own handlers. In the
/// parent the destructor brings the old mask back, also when fork fails; the child calls release().
class SignalBlock {
 public:
  SignalBlock() {
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &old_);
  }
  ~SignalBlock() {
    if (armed_) ::pthread_sigmask(SIG_SETMASK, &old_, nullptr);
  }
  SignalBlock(const SignalBlock&) = delete;
  SignalBlock& operator=(const SignalBlock&) = delete;

  void release() { armed_ = false; }

 private:
  sigset_t old_;
  bool armed_ = true;
};

/// Owns one child, which leads a process group of its own. The destructor ends the group and reaps
/// the child: nothing is left behind, and no other child is touched. Only one that can't end (held
/// by the system, or by a debugger) is let go of after a second; a Reaper has more patience.
class Child {
 public:
  Child() = default;
  explicit Child(pid_t pid) : pid_(pid), pidfd_(open_pidfd(pid)) {}
  Child(Child&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)),
        status_(other.status_),
        is_alone_(other.is_alone_),
        pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    std::swap(status_, other.status_);
    std::swap(is_alone_, other.is_alone_);
    std::swap(pidfd_, other.pidfd_);
    return *this;
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    kill_group();
    if (ends_within(patience_ms)) (void)reap();
  }

  pid_t pid() const { return pid_; }

  /// Becomes readable when the child ends; -1 where the kernel has no such descriptor, and then the
  /// pipe's end and waitpid() must do.
  int pidfd() const { return pidfd_.get(); }

  /// The wait status, once wait() has seen it; -1 if it can't be known.
  int status() const { return status_; }

  /// Ends the child, what it has started and every process that it has left in its group. Before
  /// the child is reaped its number can't belong to another process, so no other is hit. Where the
  /// kernel has reaped it (the host ignores SIGCHLD, see waitpid(2)) it may, so then no signal is
  /// sent.
  void kill_group() {
    siginfo_t info{};
    if (pid_ <= 0 || look(info) != 0) return;
    if (info.si_pid == 0 && !is_alone_) end_descendants_of_child(pid_);
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
  }

  /// The child has ended what it started, and starts nothing more.
  void note_alone() { is_alone_ = true; }

  /// Has the child, which isn't reaped, ended by this signal?
  bool was_ended_by(int signal) const {
    siginfo_t info{};
    return pid_ > 0 && look(info) == 0 && info.si_pid != 0 && info.si_code != CLD_EXITED &&
           info.si_status == signal;
  }

  /// Has it been killed while a signal waited that it held off? False where that can't be told.
  bool held_off(int signal) const { return was_ended_by(SIGKILL) && held_off_signal(pid_, signal); }

  /// Waits for the end of the child, for ever if need be, and reaps it. A host that ignores SIGCHLD
  /// has the kernel reap children; then the status isn't known and stays -1.
  void wait() {
    if (pid_ <= 0) return;
    retry_eintr([&] { return kernel().waitpid(pid_, &status_, 0); });
    forget();
  }

  /// Reaps the child if it has ended, without waiting; false if it hasn't, or if a debugger that
  /// holds it must see its end first.
  bool reap() {
    if (pid_ <= 0) return true;
    if (retry_eintr([&] { return kernel().waitpid(pid_, &status_, WNOHANG); }) == 0) return false;
    forget();
    return true;
  }

  /// Has the child ended? Never waits, and doesn't reap it: its number stays ours.
  bool has_ended() const {
    if (pid_ <= 0) return true;
    siginfo_t info{};
    return look(info) == -1 || info.si_pid != 0;
  }

  /// Waits up to `milliseconds` for the child's end; tells whether it has come.
  bool ends_within(int milliseconds) const {
    const std::int64_t deadline = now_ns() + std::int64_t{milliseconds} * 1000000;
    pollfd end{pidfd_.get(), POLLIN, 0};
    while (!has_ended()) {
      const std::int64_t left = deadline - now_ns();
      if (left <= 0) return false;
      // A poll of nothing is a short wait.
      const int step = end.fd >= 0 ? static_cast<int>(left / 1000000) + 1 : 1;
      // What tells of its end now goes on doing so, though a debugger may keep it from us.
      if (kernel().poll(&end, 1, step) > 0) end.fd = -1;
    }
    return true;
  }

  /// A caller that does nothing more than wait() for the child needs no descriptor.
  void close_pidfd() { pidfd_.reset(); }

  /// In a forked child: the sibling isn't ours to end or to reap.
  void disown() { forget(); }

 private:
  /// Takes a look at the child without reaping it; -1 if there is no such child.
  int look(siginfo_t& info) const {
    return retry_eintr([&] {
      return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    });
  }

  void forget() {
    pid_ = -1;
    pidfd_.reset();
  }

  static constexpr int patience_ms = 1000;

  pid_t pid_ = -1;
  int status_ = -1;
  bool is_alone_ = false;
  Fd pidfd_;
};

/// What a forked child does. An exception that leaves `main` ends the child by std::terminate():
/// unwinding further would let it run its parent's program.
template <class Main>
[[noreturn]] void run_child(Main& main) noexcept {
  main();
  end_process(EXIT_SUCCESS);
}

/// Forks. The child runs `main` with all signals blocked (seal_process() unblocks them) and never
/// returns from here. Throws SystemError if the fork is refused; the signal mask is as it was.
template <class Main>
Child spawn(Main&& main) {
  SignalBlock block;
  const pid_t pid = check(kernel().fork(), "fork");
  if (pid == 0) {
    block.release();
    run_child(main);
  }
  ::setpgid(pid, pid);  // the child does the same: the first of both makes the group
  return Child(pid);
}

}  // namespace lomp

#endif
