// Side: any process.
/// \file
/// Descriptors, as every POSIX system has them.
#ifndef LOMP_OS_POSIX_DESCRIPTORS_HPP
#define LOMP_OS_POSIX_DESCRIPTORS_HPP

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace lomp {

/// A pipe whose ends are closed on exec a moment after their birth: a program that another thread
/// starts in between has them.
inline int pipe_closed_on_exec(int* ends) {
  const int result = ::pipe(ends);
  for (int i = 0; i < 2 && result == 0; ++i) ::fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  return result;
}

/// Asks for a pipe of so many bytes. A refusal costs speed only.
inline void grow_pipe(int, std::size_t) {}

/// A new file in memory that has no name; -1 if there is none to be had.
inline int open_file_in_memory() { return -1; }

/// As mkstemp(): a program that another thread starts meanwhile has the file.
inline int open_temporary_file(char* name) { return ::mkstemp(name); }

/// A new file without a name that can be given one: there are none.
inline int open_unnamed_file(const char*) {
  errno = ENOTSUP;
  return -1;
}
inline int name_file(int, const char*) {
  errno = ENOTSUP;
  return -1;
}

/// Waits until what was written to a file is on its disk. -1 if that failed, as errno says.
inline int write_to_disk(int fd) { return ::fsync(fd); }

/// Files in memory are to be fixed; there are none.
inline bool fix_file(int, bool) { return false; }

/// Calls visit(fd) for each open descriptor but 0. False if the system doesn't list them.
template <class Visit>
bool visit_descriptors(Visit) {
  return false;
}

/// Opens the file of a descriptor once more, with flags of its own; -1 if that can't be done.
inline int open_again(int, int) { return -1; }

/// Makes `fd`, which is open, another descriptor of what `other` is one of, closed on exec a moment
/// later: its place is free at no time. False if that can't be had.
inline bool replace_descriptor(int fd, int other) {
  return ::dup2(other, fd) != -1 && ::fcntl(fd, F_SETFD, FD_CLOEXEC) != -1;
}

/// May signal_owner() be asked for any signal, or for SIGIO alone?
constexpr bool has_signal_choice = false;

/// Has a process, or the group of a negative number, get a signal when there is something to be
/// read from a descriptor, or when the last process at the other end is gone. False if that can't
/// be had. O_ASYNC is no part of POSIX, but macOS and the BSDs have it.
inline bool signal_owner(int fd, pid_t owner, int signal) {
  return signal == SIGIO && ::fcntl(fd, F_SETOWN, owner) == 0 &&
         ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_ASYNC) == 0;
}

}  // namespace lomp

#endif
