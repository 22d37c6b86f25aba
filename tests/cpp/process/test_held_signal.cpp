#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/process/child.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::spawn;

TEST_CASE("of a process that isn't there nothing is told") {
  Child child = spawn([] {});
  const pid_t pid = child.pid();
  child.wait();
  CHECK_FALSE(lomp::held_off_signal(pid, SIGUSR1));
}

#if LOMP_LINUX

namespace {

/// Has the child, which `main` is run in, held the signal off when it ended?
template <class Main>
bool held_off(Main main, int signal) {
  Child child = spawn([&] {
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    main();
  });
  REQUIRE(child.ends_within(10000));
  const bool is_held_off = child.held_off(signal);
  child.wait();
  return is_held_off;
}

void block(int signal) {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, signal);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

}  // namespace

LINUX_TEST_CASE("a killed process shows which signals had come") {
  const LeavesNothing check;
  const auto end_with = [](int sent) {
    return [sent] {
      block(SIGUSR1);
      ::kill(::getpid(), sent);
      kill_self();
    };
  };
  CHECK(held_off(end_with(SIGUSR1), SIGUSR1));
  CHECK_FALSE(held_off(end_with(SIGUSR1), SIGUSR2));
  CHECK_FALSE(held_off(end_with(SIGCONT), SIGUSR1));
}

LINUX_TEST_CASE("a signal that is ignored may have come") {
  CHECK(held_off(
      [] {
        ::signal(SIGUSR1, SIG_IGN);
        kill_self();
      },
      SIGUSR1));
}

LINUX_TEST_CASE("a process that ends in another way has held off nothing") {
  CHECK_FALSE(held_off(
      [] {
        block(SIGUSR1);
        ::kill(::getpid(), SIGUSR1);
        ::_exit(SIGKILL);
      },
      SIGUSR1));
  CHECK_FALSE(held_off([] { kill_self(SIGTERM); }, SIGTERM));
}

#endif
