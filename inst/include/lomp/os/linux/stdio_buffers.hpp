// Side: any process.
/// \file
/// The C library's open files one by one, as glibc has them. musl has no list of them: there it is
/// as on any POSIX system.
#ifndef LOMP_OS_LINUX_STDIO_BUFFERS_HPP
#define LOMP_OS_LINUX_STDIO_BUFFERS_HPP

#include <poll.h>
#include <stdio_ext.h>

#include <cstdio>

/// How the library itself goes through its files; not declared in its headers any more.
extern "C" {
[[gnu::weak]] void* _IO_iter_begin();
[[gnu::weak]] void* _IO_iter_end();
[[gnu::weak]] void* _IO_iter_next(void*);
[[gnu::weak]] std::FILE* _IO_iter_file(void*);
[[gnu::weak]] void _IO_list_lock();
[[gnu::weak]] void _IO_list_unlock();
}

namespace lomp {

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

/// Would a write go through at once? That to a full pipe would wait for its reader.
inline bool can_write(std::FILE* file) {
  pollfd state{::fileno(file), POLLOUT, 0};
  return ::poll(&state, 1, 0) > 0;
}

inline void flush_unless_locked(std::FILE* file) {
  if (::ftrylockfile(file) != 0) return;
  ::fflush_unlocked(file);
  ::funlockfile(file);
}

/// Writes what waits in the buffers of all files but of those that another thread is using, and, if
/// `may_wait` is false, of those that can't be written to just now. False if the files can't be
/// told apart.
inline bool flush_each_file(bool may_wait) {
  return visit_open_files([may_wait](std::FILE* file) {
    if (has_pending(file) && (may_wait || can_write(file))) flush_unless_locked(file);
  });
}

/// Drops what waits in the buffers of all files, where they can be told apart.
inline void drop_pending_output() {
  visit_open_files([](std::FILE* file) {
    if (has_pending(file)) ::__fpurge(file);
  });
}

}  // namespace lomp

#endif
