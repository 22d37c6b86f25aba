/// \file
/// Processes that can't end: held by a debugger, or by the system.
#ifndef LOMP_TESTS_HELD_HPP
#define LOMP_TESTS_HELD_HPP

#include <fstream>
#include <string>
#include <thread>

#include "harness/processes.hpp"
#if defined(__linux__)
#include <sched.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#endif

namespace lomp_test {

/// Lets any process of the user's hold this one, where that is restricted.
inline void allow_holders() {
#if defined(__linux__)
  ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
#endif
}

/// A debugger, a process of its own. What it holds goes on as ever until it is about to end, and
/// there it stops for a time, or until it is let go of, and can't be reaped.
class Debugger {
 public:
  explicit Debugger(int milliseconds = -1) : pid_(::fork()) {
    if (pid_ == 0) hold(milliseconds);
  }
  ~Debugger() { release(); }
  Debugger(const Debugger&) = delete;
  Debugger& operator=(const Debugger&) = delete;

  /// Also a thread's number. False if this isn't allowed here, or the system has no such thing.
  bool seize(pid_t pid) {
    words_[asked] = pid;
    return eventually([&] { return words_[answer] != 0; }) && words_[answer] == 1;
  }

  /// Has it stopped at its end?
  bool has_stopped() { return words_[stopped] == 1; }

  /// Lets go.
  void release() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }

 private:
  enum { asked, answer, stopped, words };

  [[noreturn]] void hold(int milliseconds) {
    ::alarm(60);
    eventually([&] { return words_[asked] != 0; }, 60000);
#if defined(__linux__)
    const pid_t pid = words_[asked];
    words_[answer] = ::ptrace(PTRACE_SEIZE, pid, nullptr, PTRACE_O_TRACEEXIT) == 0 ? 1 : -1;
    int status = 0;
    while (words_[answer] == 1 && ::waitpid(pid, &status, __WALL) == pid && WIFSTOPPED(status)) {
      if (status >> 16 == PTRACE_EVENT_EXIT) {
        words_[stopped] = 1;
        break;
      }
      ::ptrace(PTRACE_CONT, pid, nullptr, status >> 16 == 0 ? WSTOPSIG(status) : 0);
    }
#else
    words_[answer] = -1;
#endif
    ::poll(nullptr, 0, milliseconds);
    ::_exit(0);
  }

  SharedArray<int> words_{words};
  pid_t pid_;
};

/// For a process whose descriptors shall be closed at its death, though a debugger holds it: a
/// thread for the debugger, with a table of descriptors of its own, that never ends by itself.
/// Gives its number.
inline pid_t start_thread_apart() {
#if defined(__linux__)
  static std::atomic<pid_t> number{0};
  std::thread([] {
    ::unshare(CLONE_FILES);
    for (int fd = 0; fd < 4096; ++fd) ::close(fd);
    number = static_cast<pid_t>(::syscall(SYS_gettid));
    wait_for_death();
  }).detach();
  eventually([] { return number != 0; });
  return number;
#else
  return 0;
#endif
}

/// A control group that freezes the processes in it: where it can be had, no signal ends them.
class Freezer {
 public:
  Freezer() : folder_("/sys/fs/cgroup/freezer/lomp-test-" + std::to_string(::getpid())) {
#if defined(__linux__)
    exists_ = ::mkdir(folder_.c_str(), 0700) == 0 && write("freezer.state", "THAWED");
#endif
  }
  ~Freezer() {
    thaw();
    eventually([&] { return ::rmdir(folder_.c_str()) == 0 || errno != EBUSY; });
  }
  Freezer(const Freezer&) = delete;
  Freezer& operator=(const Freezer&) = delete;

  explicit operator bool() const { return exists_; }

  bool freeze(pid_t pid) {
    return write("cgroup.procs", std::to_string(pid)) && write("freezer.state", "FROZEN") &&
           eventually([&] { return state() == "FROZEN"; });
  }
  void thaw() { write("freezer.state", "THAWED"); }

 private:
  bool write(const char* file, const std::string& text) {
    std::ofstream out(folder_ + "/" + file);
    out << text << std::flush;
    return out.good();
  }
  std::string state() {
    std::string text;
    std::ifstream(folder_ + "/freezer.state") >> text;
    return text;
  }

  std::string folder_;
  bool exists_ = false;
};

}  // namespace lomp_test

#endif
