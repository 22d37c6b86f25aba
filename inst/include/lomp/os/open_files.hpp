// Side: any process.
/// \file
/// The C library's open files: what waits in their buffers is written without waiting for anybody.
#ifndef LOMP_OS_OPEN_FILES_HPP
#define LOMP_OS_OPEN_FILES_HPP

#include <poll.h>

#include <cstdio>

#if defined(__GLIBC__)
#include <stdio_ext.h>

/// How the library itself goes through its files; not declared in its headers any more.
extern "C" {
[[gnu::weak]] void* _IO_iter_begin();
[[gnu::weak]] void* _IO_iter_end();
[[gnu::weak]] void* _IO_iter_next(void*);
[[gnu::weak]] std::FILE* _IO_iter_file(void*);
[[gnu::weak]] void _IO_list_lock();
[[gnu::weak]] void _IO_list_unlock();
}
#endif

namespace lomp {

#if defined(__GLIBC__)

/// Calls visit(file) for each open file. False if that can't be done.
template <class Visit>
bool visit_open_files(Visit visit) {
  if (_IO_iter_begin == nullptr || _IO_iter_end == nullptr || _IO_iter_next == nullptr ||
      _IO_iter_file == nullptr || _IO_list_lock == nullptr || _IO_list_unlock == nullptr) {
    return false;
  }
  _IO_list_lock();
  for (void* at = _IO_iter_begin(); at != _IO_iter_end(); at = _IO_iter_next(at)) {
    visit(_IO_iter_file(at));
  }
  _IO_list_unlock();
  return true;
}

/// Does the file hold bytes that are still to be written to a descriptor? Those of one in memory
/// are where they belong.
inline bool has_pending(std::FILE* file) { return ::__fpending(file) > 0 && ::fileno(file) >= 0; }

/// Would a write wait, as to a pipe that nobody reads?
inline bool can_write(std::FILE* file) {
  pollfd state{::fileno(file), POLLOUT, 0};
  return ::poll(&state, 1, 0) > 0;
}

inline void flush_unless_locked(std::FILE* file) {
  if (::ftrylockfile(file) != 0) return;
  ::fflush_unlocked(file);
  ::funlockfile(file);
}

#endif

/// Somebody may sit in a read of the standard input for ever, and holds its lock all the time.
inline bool is_locked(std::FILE* file) {
  if (::ftrylockfile(file) != 0) return true;
  ::funlockfile(file);
  return false;
}

/// Writes what waits in the buffers of all files but of those that another thread is using, and, if
/// `may_wait` is false, of those that can't be written to just now.
inline void flush_open_files(bool may_wait) {
#if defined(__GLIBC__)
  const auto flush = [may_wait](std::FILE* file) {
    if (has_pending(file) && (may_wait || can_write(file))) flush_unless_locked(file);
  };
  if (visit_open_files(flush)) return;
#endif
  (void)may_wait;
  if (!is_locked(stdin)) std::fflush(nullptr);
}

/// In a forked process: what still waits in buffers is the parent's, which writes it itself.
inline void forget_inherited_output() {
#if defined(__GLIBC__)
  visit_open_files([](std::FILE* file) {
    if (has_pending(file)) ::__fpurge(file);
  });
#endif
}

}  // namespace lomp

#endif
