/// \file
/// Processes in tests: started, watched, and shown to be gone.
#ifndef LOMP_TESTS_PROCESSES_HPP
#define LOMP_TESTS_PROCESSES_HPP

#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <testthat/vendor/catch.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/os/shared_memory.hpp"
#if defined(__linux__)
#include <sys/prctl.h>
#endif

/// A test of what only Linux has; see CMakeLists.txt.
#define LINUX_TEST_CASE TEST_CASE

namespace lomp_test {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool is_sanitized = true;  // g++
#elif defined(__has_feature)
constexpr bool is_sanitized = __has_feature(address_sanitizer);  // clang++
#else
constexpr bool is_sanitized = false;
#endif

/// Is malloc() glibc's, and are we to use what that has of its own?
#ifdef __GLIBC__
constexpr bool has_glibc_heap = LOMP_LINUX && !is_sanitized;
#else
constexpr bool has_glibc_heap = false;
#endif

/// Waits until a condition holds; false if it doesn't within the time given.
template <class Condition>
bool eventually(Condition condition, int milliseconds = 10000) {
  const std::int64_t deadline = lomp::now_ns() + std::int64_t{milliseconds} * 1000000;
  while (!condition()) {
    if (lomp::now_ns() > deadline) return false;
    ::poll(nullptr, 0, 1);
  }
  return true;
}

/// Uses processor time, as an item of that cost does.
inline void work_for_us(std::int64_t microseconds) {
  const std::int64_t end = lomp::now_ns() + microseconds * 1000;
  while (lomp::now_ns() < end) continue;
}

/// The process of the test itself, also in what it forks.
inline const pid_t test_program = ::getpid();

/// Waits to be killed, for as long as the test program is there. Children are in groups of their
/// own, so that a signal to the test's group, which ends a test that hangs, doesn't reach them.
[[noreturn]] inline void wait_for_death() {
  while (::kill(test_program, 0) == 0 || errno != ESRCH) ::poll(nullptr, 0, 500);
  ::_exit(97);
}

[[noreturn]] inline void kill_self(int signal = SIGKILL) {
  ::raise(signal);
  ::_exit(99);  // not reached, unless the signal failed to kill
}

/// Runs a function in a process of its own, whose exit status is what it returns. Gives the wait
/// status: 0 if it returned 0, -1 if there is no process to be had.
template <class Main>
int run_in_process(Main main) {
  const pid_t pid = ::fork();
  if (pid < 0) return -1;
  if (pid == 0) {
    try {
      ::_exit(main());
    } catch (...) {
      ::_exit(98);
    }
  }
  int status = -1;
  ::waitpid(pid, &status, 0);
  return status;
}

inline bool was_killed_by(int status, int signal) {
  return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

inline bool exited_with(int status, int code) {
  return WIFEXITED(status) && WEXITSTATUS(status) == code;
}

/// Atomic values, zero at first, that processes forked later share with this one.
template <class T>
class SharedArray {
 public:
  explicit SharedArray(std::size_t n) : memory_(n * sizeof(std::atomic<T>)) {}
  std::atomic<T>& operator[](std::size_t i) const {
    return reinterpret_cast<std::atomic<T>*>(memory_.data())[i];
  }

 private:
  lomp::SharedMemory memory_;
};

/// From now on, what a killed child leaves behind becomes this process's child, so that its end can
/// be seen for certain.
inline void adopt_orphans() {
#if defined(__linux__)
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
}

/// Has a child or an adopted orphan ended? Reaps it.
inline bool is_gone(pid_t pid) {
  if (::waitpid(pid, nullptr, WNOHANG) == pid) return true;
  return ::kill(pid, 0) == -1 && errno == ESRCH;
}

/// Has this child ended? It stays to be reaped.
inline bool has_ended(pid_t pid) {
  siginfo_t info{};
  const auto id = static_cast<id_t>(pid);
  return pid > 0 && ::waitid(P_PID, id, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

inline bool has_no_child() { return ::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD; }

/// Asks for the right to open as many descriptors; false if it can't be had.
inline bool may_open(rlim_t descriptors) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= descriptors;
}

inline std::vector<int> open_descriptors() {
  std::vector<int> found;
  for (int fd = 0; fd < 4096; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) found.push_back(fd);
  }
  return found;
}

inline std::vector<int> blocked_signals() {
  sigset_t set;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
  std::vector<int> found;
  for (int signal = 1; signal < 32; ++signal) {
    if (::sigismember(&set, signal) == 1) found.push_back(signal);
  }
  return found;
}

/// Checks at the end of a scope that no descriptor, no child, dead or alive, and no blocked signal
/// is left that wasn't there at its beginning. Children that are slow to end on a busy machine may
/// be with a reaper's thread.
class LeavesNothing {
 public:
  LeavesNothing() : descriptors_(open_descriptors()), blocked_(blocked_signals()) {}
  ~LeavesNothing() {
    CHECK(eventually([] { return has_no_child(); }));
    CHECK(open_descriptors() == descriptors_);
    CHECK(blocked_signals() == blocked_);
  }
  LeavesNothing(const LeavesNothing&) = delete;
  LeavesNothing& operator=(const LeavesNothing&) = delete;

 private:
  std::vector<int> descriptors_;
  std::vector<int> blocked_;
};

}  // namespace lomp_test

#endif
