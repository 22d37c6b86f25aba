/// \file
/// Tells a process from its forked copies without asking the kernel.
#ifndef LOMP_GENERATION_HPP
#define LOMP_GENERATION_HPP

#include <pthread.h>

namespace lomp {

/// How many forks lie between this process and the first one that asked. Whoever remembers the
/// number can tell later whether it is still in the same process: a system call for each emitted
/// value would cost as much as all the rest of it. Copies that don't come from fork() (bare clone
/// calls) go unnoticed.
inline unsigned generation() {
  static unsigned count = 0;
  static const int registered = ::pthread_atfork(nullptr, nullptr, [] { ++count; });
  (void)registered;
  return count;
}

}  // namespace lomp

#endif
