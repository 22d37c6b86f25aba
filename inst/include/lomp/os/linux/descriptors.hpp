// Side: any process.
/// \file
/// Descriptors, as Linux has them.
#ifndef LOMP_OS_LINUX_DESCRIPTORS_HPP
#define LOMP_OS_LINUX_DESCRIPTORS_HPP

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstdlib>

namespace lomp {

/// A pipe whose ends are closed on exec from their birth: a program that another thread starts
/// meanwhile doesn't have them.
inline int pipe_closed_on_exec(int* ends) { return ::pipe2(ends, O_CLOEXEC); }

/// Asks for a pipe of so many bytes. A refusal (the user's quota is spent) costs speed only.
inline void grow_pipe(int fd, std::size_t bytes) {
  (void)::fcntl(fd, F_SETPIPE_SZ, static_cast<int>(bytes));
}

/// A new file in memory that has no name; -1 if there is none to be had, or where the C library
/// doesn't know such files (glibc before 2.27).
inline int open_file_in_memory() {
#ifdef MFD_ALLOW_SEALING
  return ::memfd_create("lomp", MFD_CLOEXEC | MFD_ALLOW_SEALING);
#else
  return -1;
#endif
}

/// As mkstemp(), closed on exec from its birth.
inline int open_temporary_file(char* name) { return ::mkostemp(name, O_CLOEXEC); }

/// A new file of this folder that has no name yet, and is gone with its last descriptor as long as
/// it hasn't; -1 where the file system has none, or where there is no /proc to name it by.
inline int open_unnamed_file(const char* folder) {
#ifdef O_TMPFILE
  if (::access("/proc/self/fd", X_OK) != 0) return -1;
  return ::open(folder, O_TMPFILE | O_RDWR | O_CLOEXEC, S_IRUSR | S_IWUSR);
#else
  (void)folder;
  errno = ENOTSUP;
  return -1;
#endif
}

/// Gives it its name. -1 if that failed, as errno says: EEXIST if something has the name.
inline int name_file(int fd, const char* path) {
  char own[32];
  std::snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
  return ::linkat(AT_FDCWD, own, AT_FDCWD, path, AT_SYMLINK_FOLLOW);
}

/// Waits until what was written to a file is on its disk, with what it takes to read it again. -1
/// if that failed, as errno says.
inline int write_to_disk(int fd) { return ::fdatasync(fd); }

/// From now on no process can change the size of a file in memory, nor its content if that is to be
/// fixed, too. False if that can't be had: the file is on disk, or its content is to be fixed while
/// a process has a mapping that writes to it. Older headers know no seals; then there are no files
/// in memory either.
inline bool fix_file([[maybe_unused]] int fd, [[maybe_unused]] bool with_content) {
#ifdef F_ADD_SEALS
  const int content = with_content ? F_SEAL_WRITE : 0;
  return ::fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | content) == 0;
#else
  return false;
#endif
}

/// Calls visit(fd) for each open descriptor but 0. False if the system doesn't list them.
template <class Visit>
bool visit_descriptors(Visit visit) {
  DIR* folder = ::opendir("/proc/self/fd");
  if (folder == nullptr) return false;
  while (const dirent* entry = ::readdir(folder)) {
    const int fd = std::atoi(entry->d_name);  // 0 for the folder itself and the one above
    if (fd > 0 && fd != ::dirfd(folder)) visit(fd);
  }
  ::closedir(folder);
  return true;
}

/// Opens the file of a descriptor once more, with flags of its own; -1 if that can't be done.
inline int open_again(int fd, int flags) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  return ::open(path, flags);
}

/// Makes `fd`, which is open, another descriptor of what `other` is one of, closed on exec: its
/// place is free at no time. False if that can't be had.
inline bool replace_descriptor(int fd, int other) { return ::dup3(other, fd, O_CLOEXEC) != -1; }

/// May signal_owner() be asked for any signal, or for SIGIO alone?
constexpr bool has_signal_choice = true;

/// Has a process, or the group of a negative number, get a signal when there is something to be
/// read from a descriptor, or when the last process at the other end is gone. False if that can't
/// be had.
inline bool signal_owner(int fd, pid_t owner, int signal) {
  return ::fcntl(fd, F_SETOWN, owner) == 0 && ::fcntl(fd, F_SETSIG, signal) == 0 &&
         ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_ASYNC) == 0;
}

}  // namespace lomp

#endif
