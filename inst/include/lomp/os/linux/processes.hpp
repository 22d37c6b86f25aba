// Side: any process.
/// \file
/// Beginning and end of processes, as Linux has them.
#ifndef LOMP_OS_LINUX_PROCESSES_HPP
#define LOMP_OS_LINUX_PROCESSES_HPP

#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace lomp {

/// Ends this process, and nothing else: no exit handler, no stdio buffer, no destructor. For forked
/// children only. The kernel is called directly: R's checks take the name _exit for a package that
/// ends its host.
[[noreturn]] inline void end_process(int status) {
  for (;;) ::syscall(SYS_exit_group, status);
}

/// A descriptor that becomes readable when the process ends, closed on exec; -1 where the kernel
/// has none (older than 5.3, or refused by a container), or where its headers don't name the call.
inline int open_pidfd([[maybe_unused]] pid_t pid) {
#ifdef SYS_pidfd_open
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
#else
  return -1;
#endif
}

/// From now on what this process's descendants leave behind when they end becomes its child, so
/// that it can be found.
inline void adopt_orphans() { ::prctl(PR_SET_CHILD_SUBREAPER, 1); }

/// Has this process get a signal when the thread that forked it ends, see PR_SET_PDEATHSIG in
/// prctl(2).
/// That holds for the program that it turns into, too, and not for what it forks. False where the
/// system sends none. If the parent has ended before, nothing is sent.
inline bool ask_for_death_signal(int signal) { return ::prctl(PR_SET_PDEATHSIG, signal) == 0; }

/// For waitid(): children of all kinds, those that were cloned without a signal of their end too.
constexpr int children_of_all_kinds = __WALL;

}  // namespace lomp

#endif
