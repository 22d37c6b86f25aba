// Side: any process.
/// \file
/// The C library's open files: POSIX has no list of them.
#ifndef LOMP_OS_POSIX_STDIO_BUFFERS_HPP
#define LOMP_OS_POSIX_STDIO_BUFFERS_HPP

namespace lomp {

/// Writes what waits in the buffers of all files but of those that another thread is using, and, if
/// `may_wait` is false, of those that can't be written to just now. False if the files can't be
/// told apart.
inline bool flush_each_file(bool) { return false; }

/// Drops what waits in the buffers of all files, where they can be told apart.
inline void drop_pending_output() {}

}  // namespace lomp

#endif
