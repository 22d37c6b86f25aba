// Side: any process.
/// \file
/// Tells a process from its forked copies, and whether there are any, without asking the kernel.
#ifndef LOMP_OS_FORK_COUNT_HPP
#define LOMP_OS_FORK_COUNT_HPP

#include <pthread.h>

namespace lomp {

struct ForkCount {
  unsigned as_child = 0;
  unsigned as_parent = 0;
};

/// Counts from the first call on.
inline const ForkCount& count_forks() {
  static ForkCount count;
  static const int registered = ::pthread_atfork(
      nullptr, [] { ++count.as_parent; }, [] { ++count.as_child; });
  (void)registered;
  return count;
}

/// How many forks lie between this process and the first one that asked. Code that remembers the
/// number can tell later whether it still runs in the same process: a system call for each emitted
/// value would cost as much as all the rest of it. Copies that don't come from fork() (bare clone
/// calls) go unnoticed.
inline unsigned fork_depth() { return count_forks().as_child; }

/// How many forks this process has seen from either side. As long as the number stays the same no
/// other process can have a copy of what is mapped here.
inline unsigned forks_seen() {
  const ForkCount& count = count_forks();
  return count.as_child + count.as_parent;
}

}  // namespace lomp

#endif
