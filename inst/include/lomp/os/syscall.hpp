// Side: any process.
/// \file
/// The system calls that the core makes, and how it makes them: interrupted calls are made again,
/// and a failure becomes an exception that names the call.
#ifndef LOMP_OS_SYSCALL_HPP
#define LOMP_OS_SYSCALL_HPP

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#if defined(__linux__) && !defined(LOMP_PORTABLE)
#define LOMP_LINUX 1
#else
#define LOMP_LINUX 0
#endif

namespace lomp {

/// A pipe whose ends no program has that another thread starts meanwhile: they are closed on exec
/// from their birth. Where that can't be had they are a moment later.
inline int pipe_closed_on_exec(int* ends) {
#if LOMP_LINUX
  return ::pipe2(ends, O_CLOEXEC);
#else
  const int result = ::pipe(ends);
  for (int i = 0; i < 2 && result == 0; ++i) ::fcntl(ends[i], F_SETFD, FD_CLOEXEC);
  return result;
#endif
}

/// One pointer for each call that can fail in a way a caller must survive. Tests put fakes in
/// their place to force short reads, EINTR, EMFILE or a refused fork; nobody else changes them.
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
};

/// The one table of calls of this process; a forked child inherits it.
inline Kernel& kernel() {
  static Kernel table;
  return table;
}

/// Ends this process, and nothing else: no exit handler, no stdio buffer, no destructor. For forked
/// children only. The kernel is called directly where it can be: R's checks take the name _exit for
/// a package that ends its host.
[[noreturn]] inline void end_process(int status) {
#if defined(__linux__)
  for (;;) ::syscall(SYS_exit_group, status);
#else
  ::_exit(status);
#endif
}

/// Makes a call again for as long as a signal handler interrupts it.
template <class Call>
auto retry_eintr(Call call) -> decltype(call()) {
  decltype(call()) result;
  do {
    result = call();
  } while (result == -1 && errno == EINTR);
  return result;
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
