// Side: any process.
/// \file
/// What /proc tells of processes, see proc(5). All of it allocates nothing and holds no lock:
/// signal handlers use it.
#ifndef LOMP_OS_LINUX_PROCESS_TABLE_HPP
#define LOMP_OS_LINUX_PROCESS_TABLE_HPP

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lomp/os/process_names.hpp"
#include "lomp/os/retry_eintr.hpp"

namespace lomp {

/// Does the system list processes at all?
constexpr bool lists_processes = true;

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

/// The file of that name, say "stat", by which the system tells of a process; "" if it has none.
/// Gives the path's end.
inline char* write_process_path(ProcessPath& path, pid_t process, const char* file) {
  return append(append(append(append(path, "/proc/"), process), "/"), file);
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
  constexpr std::size_t length_at = 16, name_at = 19;  // of linux_dirent64, see getdents(2)
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

/// A process's state as ps tells it, and its parent; 0 if there is no such process, or none that
/// can be told of. Its name, which comes before, may hold anything.
inline char state_of(pid_t process, pid_t* parent = nullptr) {
  ProcessPath path;
  write_process_path(path, process, "stat");
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

/// Do the numbers mean the same processes here as in the list? In a namespace of its own a process
/// may see the /proc of another one, see pid_namespaces(7).
inline bool is_own_process_list() {
  char text[16] = "";
  const ssize_t n = ::readlink("/proc/self", text, sizeof text - 1);
  ProcessPath self;
  append(self, ::getpid());
  return n > 0 && std::strcmp(text, self) == 0;
}

/// The way of kernels that keep no lists of children (CONFIG_PROC_CHILDREN): all processes are
/// asked for their parents.
template <class Visit>
void search_children(pid_t process, Visit visit) {
  visit_numbered_entries("/proc", [&](pid_t other) {
    pid_t parent = 0;
    if (state_of(other, &parent) != 0 && parent == process) visit(other);
  });
}

template <class Visit>
bool visit_children_of_thread(pid_t process, pid_t thread, Visit visit) {
  ProcessPath path;
  append(append(write_process_path(path, process, "task/"), thread), "/children");
  return visit_numbers(path, visit);
}

/// A folder's links tell how many folders it has.
inline bool has_threads(pid_t process) {
  ProcessPath path;
  write_process_path(path, process, "task");
  struct stat status {};
  return ::stat(path, &status) == 0 && status.st_nlink > 3;
}

/// Calls visit(pid) for each child, dead ones that haven't been reaped among them.
template <class Visit>
void visit_children(pid_t process, Visit visit) {
  if (!visit_children_of_thread(process, process, visit)) {
    if (!is_dead_state(state_of(process))) search_children(process, visit);
    return;
  }
  if (!has_threads(process)) return;
  ProcessPath path;
  write_process_path(path, process, "task");
  visit_numbered_entries(path, [&](pid_t thread) {
    if (thread != process) visit_children_of_thread(process, thread, visit);
  });
}

}  // namespace lomp

#endif
