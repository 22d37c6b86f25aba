// Side: any process.
/// \file
/// The system calls that tests replace, and how a failure becomes an exception that names the call.
#ifndef LOMP_OS_SYSCALL_HPP
#define LOMP_OS_SYSCALL_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "lomp/os/platform.hpp"
#include "lomp/os/retry_eintr.hpp"

namespace lomp {

/// One pointer for each call that can fail in a way a caller must survive. Tests put fakes in
/// their place to force short reads, EINTR, EMFILE or a refused fork; no other code changes them.
struct Kernel {
  ssize_t (*read)(int, void*, size_t) = ::read;
  ssize_t (*writev)(int, const iovec*, int) = ::writev;
  ssize_t (*sendmsg)(int, const msghdr*, int) = ::sendmsg;
  ssize_t (*recvmsg)(int, msghdr*, int) = ::recvmsg;
  int (*pipe)(int*) = pipe_closed_on_exec;
  int (*socketpair)(int, int, int, int*) = ::socketpair;
  int (*poll)(pollfd*, nfds_t, int) = ::poll;
  pid_t (*fork)() = ::fork;
  pid_t (*waitpid)(pid_t, int*, int) = ::waitpid;
  int (*open)(const char*, int) = [](const char* path, int flags) { return ::open(path, flags); };
  int (*open_unnamed_file)(const char*) = lomp::open_unnamed_file;
  int (*write_to_disk)(int) = lomp::write_to_disk;
  int (*fsync)(int) = ::fsync;
};

/// The one table of calls of this process; a forked child inherits it.
inline Kernel& kernel() {
  static Kernel table;
  return table;
}

/// A system call that failed: code() holds errno, what() names the call.
class SystemError : public std::system_error {
 public:
  explicit SystemError(const char* call, int error = errno)
      : std::system_error(error, std::generic_category(), call) {}
};

/// Passes a call's result on, and throws SystemError where it is -1.
template <class Result>
Result check(Result result, const char* call) {
  if (result == -1) throw SystemError(call);
  return result;
}

}  // namespace lomp

#endif
