#include <testthat/vendor/catch.h>

#include <random>
#include <thread>

#include "harness/processes.hpp"
#include "harness/stepper.hpp"
#include "lomp/process/child.hpp"
#include "lomp/process/descendants.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::spawn;

TEST_CASE("a process that has started nothing has nothing to end") {
  const LeavesNothing check;
  lomp::end_own_descendants();
  const Child child = spawn([] { wait_for_death(); });
  lomp::end_descendants_of_child(child.pid());
  CHECK_FALSE(child.has_ended());
}

#if LOMP_LINUX

namespace {

/// Forks a process in a session of its own, which runs `main` and then waits.
template <class Main>
pid_t start_elsewhere(Main main) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::setsid();
  main();
  wait_for_death();
}

/// Starts a process that is in a session of its own and whose parent has ended.
void leave_behind(const SharedArray<pid_t>& told, std::size_t at) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    start_elsewhere([&] { told[at] = ::getpid(); });
    ::_exit(0);
  }
  ::waitpid(pid, nullptr, 0);
  eventually([&] { return told[at] != 0; });
}

/// Three generations below, one orphan, and one that a thread has started.
void start_family(const SharedArray<pid_t>& told) {
  start_elsewhere([&] {
    told[0] = ::getpid();
    start_elsewhere([&] {
      told[1] = ::getpid();
      start_elsewhere([&] { told[2] = ::getpid(); });
    });
  });
  leave_behind(told, 3);
  std::thread([&] {
    start_elsewhere([&] { told[4] = ::getpid(); });
    eventually([&] { return told[4] != 0; });
    wait_for_death();
  }).detach();
  eventually([&] { return told[0] && told[1] && told[2] && told[3] && told[4]; });
}

constexpr std::size_t family = 5;

/// Is each of the family gone? Those that this process has adopted are reaped.
bool are_gone(const SharedArray<pid_t>& told) {
  bool all = true;
  for (std::size_t i = 0; i < family; ++i) all = is_gone(told[i]) && all;
  return all;
}

}  // namespace

LINUX_TEST_CASE("a process ends all that it has started wherever that is") {
  const SharedArray<pid_t> told(family);
  const int status = run_in_process([&] {
    lomp::adopt_orphans();
    start_family(told);
    if (!lomp::has_children(::getpid())) return 1;
    lomp::end_own_descendants();
    return are_gone(told) ? 0 : 2;
  });
  CHECK(status == 0);
}

LINUX_TEST_CASE("what a child has started is ended by its parent") {
  adopt_orphans();
  const SharedArray<pid_t> told(family);
  SharedArray<int> is_ready(1);
  {
    const Child child = spawn([&] {
      lomp::adopt_orphans();
      start_family(told);
      is_ready[0] = 1;
      wait_for_death();
    });
    REQUIRE(eventually([&] { return is_ready[0] == 1; }));
    lomp::end_descendants_of_child(child.pid());
    CHECK(lomp::state_of(child.pid()) == 'T');
    for (std::size_t i = 0; i < family; ++i) {
      CAPTURE(i);
      CHECK(lomp::is_dead_state(lomp::state_of(told[i])));
    }
  }
  CHECK(eventually([&] { return are_gone(told); }));
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
}

LINUX_TEST_CASE("a child without children is not even stopped") {
  const Child child = spawn([] { wait_for_death(); });
  lomp::end_descendants_of_child(child.pid());
  CHECK(lomp::state_of(child.pid()) != 'T');
}

LINUX_TEST_CASE("a family that is still growing is ended") {
  adopt_orphans();
  const SharedArray<pid_t> told(1);
  {
    const Child child = spawn([&] {
      lomp::adopt_orphans();
      for (;;) {  // each one leaves a session of its own to another one and ends
        const pid_t pid = ::fork();
        if (pid == 0) {
          told[0] = start_elsewhere([] {});
          ::_exit(0);
        }
        ::waitpid(pid, nullptr, 0);
        ::poll(nullptr, 0, 1);
      }
    });
    REQUIRE(eventually([&] { return told[0] != 0; }));
    work_for_us(20000);
    lomp::end_descendants_of_child(child.pid());
    bool is_any_alive = false;
    lomp::visit_children(child.pid(), [&](pid_t pid) {
      if (!lomp::is_dead_state(lomp::state_of(pid))) is_any_alive = true;
    });
    CHECK_FALSE(is_any_alive);
  }
  CHECK(eventually([] {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
    return has_no_child();
  }));
}

#if LOMP_TESTS_CAN_STEP
namespace {

/// A child of the process that ends its descendants, which is killed before one of its
/// instructions.
volatile pid_t doomed = 0;
volatile long steps = 0;
volatile long last_step = 0;

/// A child whose end can be seen has left its own children to its heir.
void count_and_kill() {
  steps = steps + 1;
  if (steps != last_step) return;
  ::kill(doomed, SIGKILL);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(doomed), &info, WEXITED);
}

/// What a process comes to that ends its child and its grandchild, when the child is killed by
/// another process before that step. `told` has the number of steps, and the grandchild.
int end_beside_killer(long when, const SharedArray<long>& told) {
  return run_in_process([&] {
    lomp::adopt_orphans();
    doomed = start_elsewhere([&] { told[1] = start_elsewhere([] {}); });
    if (!eventually([&] { return told[1] != 0; })) return 1;
    last_step = when;
    {
      const Stepper stepper(count_and_kill);
      lomp::end_own_descendants();
    }
    told[0] = steps;
    const auto grandchild = static_cast<pid_t>(told[1]);  // killed, it may have to wait for its end
    return eventually([&] { return lomp::is_dead_state(lomp::state_of(grandchild)); }) ? 0 : 2;
  });
}

}  // namespace
#endif

LINUX_TEST_CASE("what a child leaves that ends while it is looked at is ended") {
#if LOMP_TESTS_CAN_STEP
  std::mt19937 random(std::random_device{}());
  const SharedArray<long> told(2);
  REQUIRE(end_beside_killer(0, told) == 0);
  const long all = told[0];
  CHECK(all > 100);
  const long stride = all / (is_sanitized ? 12 : 60) + 1;  // a sanitizer takes many steps
  for (long first = 1; first <= all; first += stride) {
    // Others in each run: one that fails is told.
    const long when = first + static_cast<long>(random() % 1000) % stride;
    CAPTURE(when);
    told[1] = 0;
    REQUIRE(end_beside_killer(when, told) == 0);
  }
#else
  SUCCEED("no code can be run step by step here");
#endif
}

#endif
