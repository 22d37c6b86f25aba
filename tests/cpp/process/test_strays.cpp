#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/process/strays.hpp"

using namespace lomp_test;
using lomp::Strays;

#if LOMP_LINUX

namespace {

int count_children() {
  int n = 0;
  lomp::visit_children(::getpid(), [&](pid_t) { ++n; });
  return n;
}

/// Children that have ended.
void leave_dead(int count) {
  for (int i = 0; i < count; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) ::_exit(0);
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOWAIT);
  }
}

constexpr std::int64_t period = Strays::period_ns;

}  // namespace

LINUX_TEST_CASE("many dead children are reaped when they have lain for a while and a few are not") {
  CHECK(run_in_process([] {
          Strays strays;
          leave_dead(Strays::many);
          for (int t = 1; t < 5; ++t) strays.look(t * period);
          if (count_children() != Strays::many) return 1;
          leave_dead(1);
          strays.look(6 * period);
          strays.look(6 * period + 1);
          if (count_children() != Strays::many + 1) return 2;
          strays.look(7 * period);
          return count_children() < Strays::many ? 0 : 3;
        }) == 0);
}

LINUX_TEST_CASE("the living aren't touched") {
  CHECK(run_in_process([] {
          Strays strays;
          leave_dead(Strays::many);
          const pid_t pid = ::fork();
          if (pid == 0) wait_for_death();
          for (int t = 1; t < 5; ++t) strays.look(t * period);
          const bool is_there = !is_gone(pid);
          ::kill(pid, SIGKILL);
          return is_there ? 0 : 1;
        }) == 0);
}

#endif

TEST_CASE("without children nothing happens") {
  const LeavesNothing check;
  Strays strays;
  for (int t = 1; t < 5; ++t) strays.look(t * Strays::period_ns);
}
