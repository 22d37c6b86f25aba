// Side: worker.
/// \file
/// Reaps what a worker has adopted.
#ifndef LOMP_PROCESS_STRAYS_HPP
#define LOMP_PROCESS_STRAYS_HPP

#include <cstdint>

#include "lomp/process/descendants.hpp"

namespace lomp {

/// A worker adopts what its programs leave running in the background, so that all ends with the
/// worker. Without it the system's first process would reap these when they end; now the worker
/// must. It can't tell them from dead children that an item's own code has started, which are that
/// code's to reap. So a few are let lie, and many are reaped once they have lain for a second: an
/// item that starts thousands of programs doesn't use up the system's processes.
class Strays {
 public:
  static constexpr std::int64_t period_ns = 1000000000;
  static constexpr int many = 64;

  /// Between items. Takes no time in most cases.
  void look(std::int64_t now) {
    if (!lists_processes || now - last_look_ < period_ns) return;
    last_look_ = now;
    siginfo_t info{};
    const bool has_dead =
        ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
    const bool are_many = has_dead && count() > many;
    if (are_many && were_many_) reap();
    were_many_ = are_many;
  }

 private:
  template <class Visit>
  static void visit_dead(Visit visit) {
    if (!is_own_process_list()) return;
    visit_children(::getpid(), [&](pid_t child) {
      if (is_dead_state(state_of(child))) visit(child);
    });
  }

  static int count() {
    int n = 0;
    visit_dead([&](pid_t) { ++n; });
    return n;
  }

  static void reap() {
    visit_dead([](pid_t child) { ::waitpid(child, nullptr, WNOHANG); });
  }

  std::int64_t last_look_ = 0;
  bool were_many_ = false;
};

}  // namespace lomp

#endif
