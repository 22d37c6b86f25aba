// Side: any process.
/// \file
/// Beginning and end of processes, as every POSIX system has them.
#ifndef LOMP_OS_POSIX_PROCESSES_HPP
#define LOMP_OS_POSIX_PROCESSES_HPP

#include <sys/types.h>
#include <unistd.h>

namespace lomp {

/// Ends this process, and nothing else: no exit handler, no stdio buffer, no destructor. For forked
/// children only.
[[noreturn]] inline void end_process(int status) { ::_exit(status); }

/// A descriptor that becomes readable when the process ends, closed on exec; -1 where the kernel
/// has none.
inline int open_pidfd(pid_t) { return -1; }

/// From now on what this process's descendants leave behind when they end becomes its child, where
/// that can be had.
inline void adopt_orphans() {}

/// Has this process get a signal when the thread that forked it ends. False where the system sends
/// none.
inline bool ask_for_death_signal(int) { return false; }

/// For waitid(): children of all kinds.
constexpr int children_of_all_kinds = 0;

}  // namespace lomp

#endif
