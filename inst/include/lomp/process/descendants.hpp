// Side: any process.
/// \file
/// What a process has started, whatever groups and sessions that has moved to: found through the
/// parents while these are there, and ended.
///
/// A process outside its worker's group is found for as long as each of its ancestors up to the
/// worker lives or has left it to the worker, see adopt_orphans(). So what can't be found is what
/// such a worker leaves behind that somebody else has killed by SIGKILL: its orphans are children
/// of another process from then on. Of those, programs that the worker itself has forked are ended
/// by the kernel (see tie_forked_processes()); those below them, and those that somebody started
/// without fork() and moved to a group of their own, live on.
///
/// All of it allocates nothing and holds no lock: signal handlers use it.
#ifndef LOMP_PROCESS_DESCENDANTS_HPP
#define LOMP_PROCESS_DESCENDANTS_HPP

#include <signal.h>
#include <time.h>

#include <cstdint>
#include <cstring>

#include "lomp/os/clock.hpp"
#include "lomp/os/syscall.hpp"
#include "lomp/process/kill_patience.hpp"
#if LOMP_LINUX
#include <sys/prctl.h>
#include <sys/stat.h>
#endif

namespace lomp {

#if LOMP_LINUX

using ProcPath = char[64];

inline char* append(char* at, const char* text) {
  while (*text != '\0') *at++ = *text++;
  *at = '\0';
  return at;
}

inline char* append(char* at, pid_t number) {
  char digits[12];
  char* first = digits + sizeof digits - 1;
  *first = '\0';
  do *--first = static_cast<char>('0' + number % 10);
  while ((number /= 10) > 0);
  return append(at, first);
}

/// "/proc/12/task/34/children" or a part of it.
inline void write_proc_path(ProcPath& path, pid_t process, const char* folder = "",
                            pid_t thread = 0, const char* file = "") {
  char* at = append(append(append(path, "/proc/"), process), folder);
  if (thread > 0) append(append(at, thread), file);
}

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Calls visit(number) for each of a file's numbers, behind each of which is a blank. False if the
/// file isn't there.
template <class Visit>
bool visit_numbers(const char* path, Visit visit) {
  const int fd = retry_eintr([&] { return ::open(path, O_RDONLY | O_CLOEXEC); });
  if (fd < 0) return false;
  char text[512];
  pid_t number = 0;
  ssize_t n = 0;
  while ((n = retry_eintr([&] { return ::read(fd, text, sizeof text); })) > 0) {
    for (const char* c = text; c < text + n; ++c) {
      if (is_digit(*c)) {
        number = 10 * number + (*c - '0');
      } else if (number > 0) {
        visit(number);
        number = 0;
      }
    }
  }
  ::close(fd);
  return true;
}

/// Calls visit(number) for each entry of a folder whose name is a number. Not readdir(), which
/// allocates.
template <class Visit>
void visit_numbered_entries(const char* path, Visit visit) {
  constexpr std::size_t length_at = 16, name_at = 19;  // of linux_dirent64
  const int fd = retry_eintr([&] { return ::open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC); });
  if (fd < 0) return;
  alignas(8) char entries[2048];
  long n = 0;
  while ((n = ::syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0) {
    std::uint16_t length = 0;
    for (long at = 0; at < n; at += length) {
      std::memcpy(&length, entries + at + length_at, sizeof length);
      pid_t number = 0;
      for (const char* c = entries + at + name_at; is_digit(*c); ++c) {
        number = 10 * number + (*c - '0');
      }
      if (number > 0) visit(number);
    }
  }
  ::close(fd);
}

/// A process's state as ps tells it, and its parent; 0 if there is no such process. Its name, which
/// comes before, may hold anything.
inline char state_of(pid_t process, pid_t* parent = nullptr) {
  ProcPath path;
  append(append(append(path, "/proc/"), process), "/stat");
  const int fd = retry_eintr([&] { return ::open(path, O_RDONLY | O_CLOEXEC); });
  if (fd < 0) return 0;
  char text[256];
  const ssize_t n = retry_eintr([&] { return ::read(fd, text, sizeof text - 1); });
  ::close(fd);
  if (n <= 0) return 0;
  text[n] = '\0';
  const char* name_end = std::strrchr(text, ')');
  if (name_end == nullptr || std::strlen(name_end) < 5) return 0;
  if (parent != nullptr) {
    *parent = 0;
    for (const char* c = name_end + 4; is_digit(*c); ++c) *parent = 10 * *parent + (*c - '0');
  }
  return name_end[2];
}

inline bool is_dead_state(char state) { return state == 0 || state == 'Z' || state == 'X'; }

/// In a namespace of its own a process may see the /proc of another one, whose numbers mean other
/// processes here.
inline bool is_own_proc() {
  char text[16] = "";
  const ssize_t n = ::readlink("/proc/self", text, sizeof text - 1);
  ProcPath self;
  append(self, ::getpid());
  return n > 0 && std::strcmp(text, self) == 0;
}

/// The way of kernels that keep no lists of children: all processes are asked for their parents.
template <class Visit>
void search_children(pid_t process, Visit visit) {
  visit_numbered_entries("/proc", [&](pid_t other) {
    pid_t parent = 0;
    if (state_of(other, &parent) != 0 && parent == process) visit(other);
  });
}

template <class Visit>
bool visit_children_of_thread(pid_t process, pid_t thread, Visit visit) {
  ProcPath path;
  write_proc_path(path, process, "/task/", thread, "/children");
  return visit_numbers(path, visit);
}

/// A folder's links tell how many folders it has.
inline bool has_threads(pid_t process) {
  ProcPath path;
  write_proc_path(path, process, "/task");
  struct stat status {};
  return ::stat(path, &status) == 0 && status.st_nlink > 3;
}

/// Calls visit(pid) for each child, dead ones that nobody has reaped among them.
template <class Visit>
void visit_children(pid_t process, Visit visit) {
  if (!visit_children_of_thread(process, process, visit)) {
    if (!is_dead_state(state_of(process))) search_children(process, visit);
    return;
  }
  if (!has_threads(process)) return;
  ProcPath path;
  write_proc_path(path, process, "/task");
  visit_numbered_entries(path, [&](pid_t thread) {
    if (thread != process) visit_children_of_thread(process, thread, visit);
  });
}

inline bool has_children(pid_t process) {
  bool has_any = false;
  visit_children(process, [&](pid_t) { has_any = true; });
  return has_any;
}

/// How many children had to be killed, and how many of these something holds: the kernel can't end
/// them now, or a debugger is to see their end.
struct KillCount {
  int alive = 0;
  int held = 0;
};

inline KillCount kill_children(pid_t process) {
  KillCount count;
  visit_children(process, [&](pid_t child) {
    const char state = state_of(child);
    if (is_dead_state(state) || ::kill(child, SIGKILL) != 0) return;
    ++count.alive;
    if (state == 'D' || state == 't') ++count.held;
  });
  return count;
}

inline void pause_for(std::int64_t ns) {
  const timespec time{0, static_cast<long>(ns)};
  ::nanosleep(&time, nullptr);
}

/// Ends all that an adopting process has started, generation by generation: who is killed starts
/// nothing more, and leaves its children to `root`. So nothing escapes as long as `root` itself
/// starts nothing: it is this process, or has been stopped. Doesn't wait for what can't be ended
/// now.
inline void end_descendants(pid_t root) {
  constexpr std::int64_t pause_ns = 50000;
  if (!is_own_proc()) return;
  KillPatience patience(now_ns());
  for (;;) {
    const KillCount count = kill_children(root);
    if (count.alive == 0 || patience.is_over(now_ns(), count.alive == count.held)) return;
    pause_for(pause_ns);
  }
}

/// From now on what this process's descendants leave behind when they end becomes its child, so
/// that it can be found.
inline void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

/// Ends all that this process has started. Takes no time if that is nothing.
inline void end_own_descendants() {
  siginfo_t info{};
  const int status = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL);
  if (status == -1 && errno == ECHILD) return;
  end_descendants(::getpid());
}

/// Stops a child, if it can be. A killed one that waits for a processor stops no more.
inline void stop_child(pid_t child) {
  ::kill(child, SIGSTOP);
  KillPatience patience(now_ns());
  for (char state = state_of(child); state != 'T' && state != 't'; state = state_of(child)) {
    if (is_dead_state(state) || patience.is_over(now_ns(), state == 'D')) return;
    pause_for(20000);
  }
}

/// Ends all that a child of this process has started, which is about to be killed itself: it is
/// stopped first if it has started anything.
inline void end_descendants_of_child(pid_t child) {
  if (!has_children(child) || !is_own_proc()) return;
  stop_child(child);
  end_descendants(child);
}

#else

/// Elsewhere only a group can be found.
inline void adopt_orphans() {}
inline void end_own_descendants() {}
inline void end_descendants_of_child(pid_t) {}

#endif

}  // namespace lomp

#endif
