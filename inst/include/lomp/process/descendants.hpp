// Side: any process.
/// \file
/// What a process has started, whatever groups and sessions that has moved to: found through the
/// parents while these are there, and ended.
///
/// A process outside its worker's group is found for as long as each of its ancestors up to the
/// worker lives or has left it to the worker, see adopt_orphans(). So one case is left: a worker
/// that a process other than its parent kills by SIGKILL. Its orphans are children of another
/// process from then on. Of those, programs that the worker itself has forked are ended by the
/// kernel (see tie_forked_processes()); those below them, and those that were started without
/// fork() and have moved to a group of their own, live on.
///
/// All of it allocates nothing and holds no lock: signal handlers use it.
#ifndef LOMP_PROCESS_DESCENDANTS_HPP
#define LOMP_PROCESS_DESCENDANTS_HPP

#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <cerrno>
#include <cstdint>

#include "lomp/os/clock.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/process/kill_patience.hpp"

namespace lomp {

inline bool has_children(pid_t process) {
  bool has_any = false;
  visit_children(process, [&](pid_t) { has_any = true; });
  return has_any;
}

/// What a look at all children has come to.
struct KillCount {
  int alive = 0;           ///< had to be killed
  int held = 0;            ///< of these: the kernel can't end them now, or a debugger is to see it
  std::uint64_t gone = 0;  ///< the sum of the numbers of those that had ended, or can't be killed
};

inline KillCount kill_children(pid_t process) {
  KillCount count;
  visit_children(process, [&](pid_t child) {
    const char state = state_of(child);
    if (is_dead_state(state) || ::kill(child, SIGKILL) != 0) {
      count.gone += static_cast<std::uint64_t>(child);
      return;
    }
    ++count.alive;
    if (state == 'D' || state == 't') ++count.held;
  });
  return count;
}

inline void pause_for(std::int64_t ns) {
  const timespec time{0, static_cast<long>(ns)};
  ::nanosleep(&time, nullptr);
}

/// Ends all that an adopting process has started, generation by generation: a process that is
/// killed starts nothing more, and leaves its children to `root`. So nothing escapes as long as
/// `root` itself starts nothing: it is this process, or has been stopped. Doesn't wait for what
/// can't be ended now.
///
/// A child may end, and be reaped by a handler of `root`'s, between the list and the look at it.
/// What it leaves isn't in that list. So there is one more look until all that had ended had done
/// so before, too.
inline void end_descendants(pid_t root) {
  constexpr std::int64_t pause_ns = 50000;
  if (!is_own_process_list()) return;
  KillPatience patience(now_ns());
  std::uint64_t gone_before = 0;
  for (;;) {
    const KillCount count = kill_children(root);
    if (count.alive == 0 && count.gone == gone_before) return;
    const bool are_all_held = count.alive > 0 && count.alive == count.held;
    if (patience.is_over(now_ns(), are_all_held)) return;
    gone_before = count.gone;
    pause_for(pause_ns);
  }
}

/// Ends all that this process has started. Takes no time if that is nothing.
inline void end_own_descendants() {
  siginfo_t info{};
  const int status = ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | children_of_all_kinds);
  if (status == -1 && errno == ECHILD) return;
  end_descendants(::getpid());
}

/// Stops a child, and waits until it has stopped, but not for ever: one that has been killed
/// already never stops, and may wait for a processor before it ends.
inline void stop_child(pid_t child) {
  ::kill(child, SIGSTOP);
  KillPatience patience(now_ns());
  for (char state = state_of(child); state != 'T' && state != 't'; state = state_of(child)) {
    if (is_dead_state(state) || patience.is_over(now_ns(), state == 'D')) return;
    pause_for(20000);
  }
}

/// Ends all that a child of this process has started, which is about to be killed itself: it is
/// stopped first if it has started anything.
inline void end_descendants_of_child(pid_t child) {
  if (!has_children(child) || !is_own_process_list()) return;
  stop_child(child);
  end_descendants(child);
}

}  // namespace lomp

#endif
