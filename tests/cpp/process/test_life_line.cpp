#include <testthat/vendor/catch.h>

#include <algorithm>
#include <memory>

#include "harness/processes.hpp"
#include "lomp/process/child.hpp"
#include "lomp/process/life_line.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::LifeLine;
using lomp::spawn;

TEST_CASE("where there is no descriptor or no place there is no line") {
  CHECK(run_in_process([] {
          while (::dup(STDIN_FILENO) >= 0) continue;
          LifeLine line;
          line.open();
          line.hold();
          return 0;
        }) == 0);
  const LeavesNothing check;
  std::vector<std::unique_ptr<LifeLine>> lines;
  for (int i = 0; i < 100; ++i) {
    lines.push_back(std::make_unique<LifeLine>());
    lines.back()->open();
  }
}

#if LOMP_LINUX

namespace {

void hold_all_signals_off() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
}

/// A worker on the line, which holds all signals off and has a process in its group.
Child start_worker(const LifeLine& line, const SharedArray<pid_t>& told) {
  return spawn([&] {
    ::setpgid(0, 0);
    line.hold();
    hold_all_signals_off();
    const pid_t pid = ::fork();
    if (pid == 0) wait_for_death();
    told[1] = pid;
    told[0] = ::getpid();
    for (;;) wait_for_death();
  });
}

}  // namespace

LINUX_TEST_CASE("a worker that holds all signals off ends with its session and so does its group") {
  adopt_orphans();
  const SharedArray<pid_t> told(2);
  const pid_t session = ::fork();
  if (session == 0) {
    LifeLine line;
    line.open();
    const Child worker = start_worker(line, told);
    wait_for_death();
  }
  REQUIRE(eventually([&] { return told[0] != 0; }));
  ::kill(session, SIGKILL);
  ::waitpid(session, nullptr, 0);
  CHECK(eventually([&] { return is_gone(told[0]); }, 1000));
  CHECK(eventually([&] { return is_gone(told[1]); }, 1000));
}

LINUX_TEST_CASE("neither other workers nor other forked processes keep the line") {
  adopt_orphans();
  const SharedArray<pid_t> told(4);
  const pid_t session = ::fork();
  if (session == 0) {
    LifeLine line;
    line.open();
    const Child first = start_worker(line, told);
    const pid_t other = ::fork();  // as mcparallel() does
    if (other == 0) {
      ::setsid();
      wait_for_death();
    }
    const Child second = spawn([&] { wait_for_death(); });  // never came to hold it
    told[3] = second.pid();
    told[2] = other;
    wait_for_death();
  }
  REQUIRE(eventually([&] { return told[0] != 0 && told[2] != 0; }));
  ::kill(session, SIGKILL);
  ::waitpid(session, nullptr, 0);
  CHECK(eventually([&] { return is_gone(told[0]) && is_gone(told[1]); }, 1000));
  for (std::size_t i : {2, 3}) {
    CHECK_FALSE(is_gone(told[i]));
    ::kill(told[i], SIGKILL);
    CHECK(eventually([&] { return is_gone(told[i]); }));
  }
}

LINUX_TEST_CASE("a worker's own workers end with it") {
  adopt_orphans();
  const SharedArray<pid_t> told(2);
  const pid_t session = ::fork();
  if (session == 0) {
    LifeLine line;
    line.open();
    const Child outer = spawn([&] {
      ::setpgid(0, 0);
      line.hold();
      LifeLine own;
      own.open();
      const Child inner = start_worker(own, told);
      wait_for_death();
    });
    wait_for_death();
  }
  REQUIRE(eventually([&] { return told[0] != 0; }));
  ::kill(session, SIGKILL);
  ::waitpid(session, nullptr, 0);
  CHECK(eventually([&] { return is_gone(told[0]) && is_gone(told[1]); }, 1000));
  CHECK(eventually([] { return ::waitpid(-1, nullptr, WNOHANG) == -1; }));  // the outer one, too
}

LINUX_TEST_CASE("to close the line ends the worker and no other process") {
  const LeavesNothing check;
  LifeLine line;
  line.open();
  const Child other = spawn([] { wait_for_death(); });
  Child worker = spawn([&] {
    ::setpgid(0, 0);
    line.hold();
    ::kill(::getpid(), SIGSTOP);
    wait_for_death();
  });
  REQUIRE(eventually([&] { return lomp::state_of(worker.pid()) == 'T'; }));
  line.close();
  worker.wait();
  CHECK(was_killed_by(worker.status(), SIGKILL));
  CHECK_FALSE(other.has_ended());
}

LINUX_TEST_CASE("a line takes two descriptors that no program gets") {
  const LeavesNothing check;
  const std::vector<int> before = open_descriptors();
  LifeLine line;
  line.open();
  line.open();
  std::vector<int> now = open_descriptors();
  REQUIRE(now.size() == before.size() + 2);
  for (int fd : now) {
    if (std::find(before.begin(), before.end(), fd) != before.end()) continue;
    CHECK(fd >= 10);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
  }
  line.close();
  CHECK(open_descriptors() == before);
}

#endif
