// Side: any process.
/// \file
/// The C library's open files: what waits in their buffers is written without waiting for a reader.
#ifndef LOMP_OS_OPEN_FILES_HPP
#define LOMP_OS_OPEN_FILES_HPP

#include <cstdio>

#include "lomp/os/platform.hpp"

namespace lomp {

/// Does another thread use the file? One that waits for input holds the lock all the time, maybe
/// for ever.
inline bool is_locked(std::FILE* file) {
  if (::ftrylockfile(file) != 0) return true;
  ::funlockfile(file);
  return false;
}

/// Writes what waits in the buffers of all files but of those that another thread is using, and, if
/// `may_wait` is false, of those that can't be written to just now.
inline void flush_open_files(bool may_wait) {
  if (flush_each_file(may_wait)) return;
  if (!is_locked(stdin)) std::fflush(nullptr);
}

/// In a forked process: what still waits in buffers is the parent's, which writes it itself.
inline void forget_inherited_output() { drop_pending_output(); }

}  // namespace lomp

#endif
