#include <testthat/vendor/catch.h>

#include <stdexcept>
#include <string>

#include "harness/fakes.hpp"
#include "harness/held.hpp"
#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/process/child.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::spawn;
using lomp::SystemError;

namespace {

/// Is there a process of that number, be it a zombie?
bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

bool is_zombie(pid_t pid) {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == pid;
}

/// Starts a process in a child. The child's group must be there first; a sealed worker sees to that
/// in the same way.
pid_t start_in_own_group() {
  ::setpgid(0, 0);
  const pid_t pid = ::fork();
  if (pid == 0) wait_for_death();
  return pid;
}

}  // namespace

TEST_CASE("a child runs its function and ends well") {
  const LeavesNothing check;
  const SharedArray<int> ran(1);
  Child child = spawn([&] { ran[0] = 1; });
  CHECK(child.pid() > 0);
  child.wait();
  CHECK(ran[0] == 1);
  CHECK(child.status() == 0);
  CHECK(child.pid() == -1);
}

TEST_CASE("the wait status tells how a child ended") {
  Child exits = spawn([] { ::_exit(7); });
  exits.wait();
  CHECK(exited_with(exits.status(), 7));
  Child dies = spawn([] { kill_self(); });
  dies.wait();
  CHECK(was_killed_by(dies.status(), SIGKILL));
}

TEST_CASE("a child that throws does not run the rest of its parent's program") {
  const LeavesNothing check;
  const SharedArray<int> strays(1);
  const pid_t self = ::getpid();
  Child child;
  try {
    child = spawn([] {
      ::signal(SIGABRT, SIG_DFL);
      ::close(STDERR_FILENO);  // what std::terminate() has to say is of no interest
      throw std::runtime_error("no good");
    });
  } catch (const std::runtime_error&) {
  }
  if (::getpid() != self) {
    strays[0] = 1;
    ::_exit(0);
  }
  child.wait();
  CHECK(strays[0] == 0);
  CHECK(child.status() != 0);
}

TEST_CASE("a child begins with all signals blocked and its parent's are as before") {
  const LeavesNothing check;
  sigset_t usr1;
  sigemptyset(&usr1);
  sigaddset(&usr1, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &usr1, nullptr);
  Child child = spawn([] {
    for (int signal : {SIGINT, SIGTERM, SIGCHLD, SIGUSR1, SIGALRM, SIGIO}) {
      sigset_t mask;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
      if (!sigismember(&mask, signal)) ::_exit(1);
    }
  });
  CHECK(blocked_signals() == std::vector<int>{SIGUSR1});
  ::pthread_sigmask(SIG_UNBLOCK, &usr1, nullptr);
  child.wait();
  CHECK(child.status() == 0);
}

TEST_CASE("a child leads its group as soon as its parent goes on") {
  Child child = spawn([] { wait_for_death(); });
  CHECK(::getpgid(child.pid()) == child.pid());
}

TEST_CASE("a fork that is refused throws and leaves signals as they were") {
  const LeavesNothing check;
  for (int error : {EAGAIN, ENOMEM}) {
    Fake<&Kernel::fork> fake(failing(error));
    try {
      spawn([] {});
      FAIL("no exception");
    } catch (const SystemError& refusal) {
      CHECK(refusal.code().value() == error);
      CHECK(std::string(refusal.what()).find("fork") == 0);
    }
    CHECK(blocked_signals().empty());
  }
}

TEST_CASE("a child that is let go of is killed and reaped") {
  const LeavesNothing check;
  pid_t pid;
  {
    const Child child = spawn([] { wait_for_death(); });
    pid = child.pid();
    CHECK(exists(pid));
  }
  CHECK_FALSE(exists(pid));
}

TEST_CASE("a child that holds signals back is killed all the same") {
  const LeavesNothing check;
  const Child child = spawn([] {
    ::signal(SIGTERM, SIG_IGN);
    wait_for_death();  // with all signals blocked, as spawn() left them
  });
}

TEST_CASE("what a child has started dies with it") {
  const LeavesNothing check;
  adopt_orphans();
  const SharedArray<pid_t> grandchild(1);
  Child child = spawn([&] {
    grandchild[0] = start_in_own_group();
    wait_for_death();
  });
  REQUIRE(eventually([&] { return grandchild[0] != 0; }));
  child.kill_group();
  child.wait();
  CHECK(eventually([&] { return is_gone(grandchild[0]); }));
}

TEST_CASE("what a dead child left behind dies with its group") {
  const LeavesNothing check;
  adopt_orphans();
  const SharedArray<pid_t> grandchild(1);
  {
    const Child child = spawn([&] { grandchild[0] = start_in_own_group(); });
    REQUIRE(eventually([&] { return child.has_ended(); }));
    CHECK_FALSE(is_gone(grandchild[0]));
  }
  CHECK(eventually([&] { return is_gone(grandchild[0]); }));
}

TEST_CASE("a child moves and is killed once") {
  const LeavesNothing check;
  Child first = spawn([] { wait_for_death(); });
  const pid_t pid = first.pid();
  Child second(std::move(first));
  CHECK(first.pid() == -1);
  CHECK(second.pid() == pid);
  Child third;
  third = std::move(second);
  CHECK(third.pid() == pid);
  CHECK(exists(pid));
  third = Child();
  // It is the temporary's now, which has ended it.
  CHECK_FALSE(exists(pid));
}

TEST_CASE("an end is seen without reaping") {
  const LeavesNothing check;
  const lomp::Pipe gate = lomp::make_pipe();
  Child child = spawn([&] {
    pollfd closed{gate.reader.get(), POLLIN, 0};
    ::poll(&closed, 1, -1);
  });
  const pid_t pid = child.pid();
  CHECK_FALSE(child.has_ended());
  REQUIRE(::write(gate.writer.get(), "x", 1) == 1);
  CHECK(eventually([&] { return child.has_ended(); }));
  CHECK(is_zombie(pid));
  CHECK(child.has_ended());
  child.wait();
  CHECK(child.has_ended());
  CHECK_FALSE(exists(pid));
}

TEST_CASE("an end is waited for up to a time") {
  const LeavesNothing check;
  const lomp::Pipe gate = lomp::make_pipe();
  Child child = spawn([&] {
    pollfd closed{gate.reader.get(), POLLIN, 0};
    ::poll(&closed, 1, -1);
  });
  const std::int64_t before = lomp::now_ns();
  CHECK_FALSE(child.ends_within(0));
  CHECK_FALSE(child.ends_within(30));
  CHECK(lomp::now_ns() - before >= 25000000);
  REQUIRE(::write(gate.writer.get(), "x", 1) == 1);
  CHECK(child.ends_within(20000));
  CHECK(lomp::now_ns() - before < 10000000000);
  CHECK(is_zombie(child.pid()));
  CHECK(child.ends_within(0));
}

TEST_CASE("no child is an ended child and can be waited for") {
  Child none;
  CHECK(none.has_ended());
  none.kill_group();
  none.wait();
  CHECK(none.status() == -1);
}

TEST_CASE("another child is not reaped") {
  const LeavesNothing check;
  const pid_t other = ::fork();
  if (other == 0) ::_exit(5);
  REQUIRE(eventually([&] { return is_zombie(other); }));
  {
    Child child = spawn([] {});
    child.wait();
    const Child killed = spawn([] { wait_for_death(); });
  }
  int status = 0;
  CHECK(::waitpid(other, &status, 0) == other);
  CHECK(exited_with(status, 5));
}

TEST_CASE("a process that is no child of this one is left alone") {
  // As when the kernel has reaped a child and has given its number to another process.
  const LeavesNothing check;
  adopt_orphans();
  const SharedArray<pid_t> stranger(1);
  Child parent = spawn([&] {
    stranger[0] = start_in_own_group();
    wait_for_death();
  });
  REQUIRE(eventually([&] { return stranger[0] != 0; }));
  {
    const Child mistaken(stranger[0]);
    CHECK(mistaken.has_ended());
  }
  // Had it been killed, it would be a zombie now, which is ours as soon as its parent has ended.
  const pid_t pid = parent.pid();
  parent.disown();
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  CHECK_FALSE(is_gone(stranger[0]));
  ::kill(stranger[0], SIGKILL);
  CHECK(eventually([&] { return is_gone(stranger[0]); }));
}

TEST_CASE("a disowned child is neither killed nor reaped") {
  const LeavesNothing check;
  pid_t pid;
  {
    Child child = spawn([] { wait_for_death(); });
    pid = child.pid();
    child.disown();
  }
  REQUIRE(exists(pid));
  CHECK_FALSE(is_zombie(pid));
  ::kill(pid, SIGKILL);
  CHECK(::waitpid(pid, nullptr, 0) == pid);
}

TEST_CASE("an interrupted wait goes on") {
  const LeavesNothing check;
  Fake<&Kernel::waitpid> fake(interrupted(::waitpid));
  Child child = spawn([] { ::_exit(3); });
  child.wait();
  CHECK(exited_with(child.status(), 3));
}

TEST_CASE("a host that ignores the ends of children is survived") {
  const int status = run_in_process([] {
    ::signal(SIGCHLD, SIG_IGN);
    Child child = spawn([] { ::_exit(3); });
    if (!eventually([&] { return child.has_ended(); })) return 1;
    child.wait();
    return child.status() == -1 && child.pid() == -1 ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("a child's descriptor is readable when it has ended") {
  const LeavesNothing check;
  const Child child = spawn([] { wait_for_death(); });
#if LOMP_LINUX
  if (child.pidfd() >= 0) {
    CHECK((::fcntl(child.pidfd(), F_GETFD) & FD_CLOEXEC) != 0);
    pollfd end{child.pidfd(), POLLIN, 0};
    CHECK(::poll(&end, 1, 0) == 0);
    ::kill(child.pid(), SIGKILL);
    CHECK(::poll(&end, 1, 10000) == 1);
    return;
  }
  WARN("this kernel has no pidfd");
#endif
  CHECK(child.pidfd() == -1);
}

TEST_CASE("a child without a descriptor of its own is watched all the same") {
  // As where the table of descriptors is full.
  const int status = run_in_process([] {
    while (::dup(STDIN_FILENO) >= 0) continue;
    Child child = spawn([] { ::_exit(4); });
    if (child.pidfd() != -1) return 1;
    if (!child.ends_within(10000)) return 2;
    child.wait();
    return exited_with(child.status(), 4) ? 0 : 3;
  });
  CHECK(status == 0);
}

TEST_CASE("a child is reaped without waiting once it has ended") {
  const LeavesNothing check;
  Child child = spawn([] {
    ::raise(SIGSTOP);
    ::_exit(6);
  });
  const pid_t pid = child.pid();
  CHECK_FALSE(child.reap());
  CHECK(child.pid() == pid);
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(pid), &info, WSTOPPED | WNOWAIT) == 0);
  CHECK_FALSE(child.reap());
  ::kill(pid, SIGCONT);
  REQUIRE(eventually([&] { return child.has_ended(); }));
  CHECK(child.reap());
  CHECK(child.pid() == -1);
  CHECK(exited_with(child.status(), 6));
  CHECK(child.reap());
}

TEST_CASE("a child that can't end is let go of after a while") {
  const LeavesNothing check;
  Debugger debugger;
  pid_t pid = 0;
  std::int64_t before = 0;
  {
    const Child child = spawn([] {
      allow_holders();
      wait_for_death();
    });
    if (!debugger.seize(child.pid())) {
      WARN("no debugger may hold a process here");
      return;
    }
    pid = child.pid();
    before = lomp::now_ns();
  }
  CHECK(lomp::now_ns() - before < 2000000000);
  CHECK_FALSE(is_gone(pid));
  debugger.release();
  CHECK(::waitpid(pid, nullptr, 0) == pid);
}

TEST_CASE("a dead child that a debugger keeps is waited for without haste") {
  const LeavesNothing check;
  // It holds the one thread that isn't gone yet.
  Debugger debugger;
  const SharedArray<pid_t> thread(1);
  Child child = spawn([&] {
    allow_holders();
    thread[0] = start_thread_apart();
    wait_for_death();
  });
  REQUIRE(eventually([&] { return thread[0] != 0; }));
  if (!debugger.seize(thread[0])) {
    WARN("no debugger may hold a process here");
    return;
  }
  child.kill_group();
  int polls = 0;
  {
    Fake<&Kernel::poll> fake([&polls](pollfd* fds, nfds_t n, int milliseconds) {
      ++polls;
      return ::poll(fds, n, milliseconds);
    });
    CHECK_FALSE(child.ends_within(100));
  }
  CHECK(polls <= 101);
  CHECK_FALSE(child.reap());
  debugger.release();
  CHECK(child.ends_within(10000));
  CHECK(child.reap());
  CHECK(was_killed_by(child.status(), SIGKILL));
}
