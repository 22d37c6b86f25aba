#include <testthat/vendor/catch.h>

#include <cstdlib>

#include "harness/processes.hpp"
#include "lomp/os/fd.hpp"

using namespace lomp_test;
using lomp::Fd;

namespace {

const SharedArray<int>* exit_handlers = nullptr;

}  // namespace

TEST_CASE("a process that is ended runs no exit handler") {
  const SharedArray<int> ran(1);
  exit_handlers = &ran;
  const int status = run_in_process([]() -> int {
    std::atexit([] { (*exit_handlers)[0] = 1; });
    lomp::end_process(7);
  });
  CHECK(exited_with(status, 7));
  CHECK(ran[0] == 0);
}

TEST_CASE("a process's descriptor can be read when it has ended") {
  const LeavesNothing check;
  const pid_t pid = ::fork();
  if (pid == 0) wait_for_death();
  REQUIRE(pid > 0);
  const Fd fd(lomp::open_pidfd(pid));
  pollfd end{fd.get(), POLLIN, 0};
  if (fd) {
    CHECK(::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC);
    CHECK(::poll(&end, 1, 0) == 0);
  }
  ::kill(pid, SIGKILL);
  CHECK((!fd || ::poll(&end, 1, 10000) == 1));
  CHECK(::waitpid(pid, nullptr, 0) == pid);
}

TEST_CASE("what isn't a process has no descriptor") { CHECK(lomp::open_pidfd(-1) == -1); }

TEST_CASE("a process that asks for it gets a signal when its parent ends") {
  adopt_orphans();
  const SharedArray<pid_t> told(1);
  const SharedArray<int> has_signal(1);
  run_in_process([&] {
    const pid_t pid = ::fork();
    if (pid != 0) return eventually([&] { return told[0] != 0; }) ? 0 : 1;
    has_signal[0] = lomp::ask_for_death_signal(SIGUSR1);
    told[0] = ::getpid();
    wait_for_death();
  });
  REQUIRE(told[0] > 0);
  if (has_signal[0] == 0) ::kill(told[0], SIGUSR1);
  CHECK(eventually([&] { return is_gone(told[0]); }));
}

TEST_CASE("a process without children has none of any kind") {
  const LeavesNothing check;
  siginfo_t info{};
  const int flags = WEXITED | WNOHANG | WNOWAIT | lomp::children_of_all_kinds;
  CHECK(::waitid(P_ALL, 0, &info, flags) == -1);
  CHECK(errno == ECHILD);
}

#if LOMP_LINUX

LINUX_TEST_CASE("a process adopts what a child of its own leaves behind") {
  const int status = run_in_process([] {
    lomp::adopt_orphans();
    const SharedArray<pid_t> told(1);
    run_in_process([&] {
      const pid_t pid = ::fork();
      if (pid == 0) wait_for_death();
      told[0] = pid;
      return 0;
    });
    if (told[0] <= 0) return 2;  // kill(0) would end the whole group
    ::kill(told[0], SIGKILL);
    return ::waitpid(told[0], nullptr, 0) == told[0] ? 0 : 1;
  });
  CHECK(status == 0);
}

#endif
