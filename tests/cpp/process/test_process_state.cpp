#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/held.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/process/child.hpp"
#include "lomp/process/process_state.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::look_at_child;
using lomp::ProcessState;
using lomp::spawn;

namespace {

const std::string quiet = "Name:\tR\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n";

/// The text of a file stat, of a child of process 7.
std::string stat_of(const std::string& name, char state, const std::string& flags) {
  return "123 (" + name + ") " + state + " 7 7 7 34816 7 " + flags + " 97 0 0 0\n";
}

/// The portable build doesn't look.
constexpr bool can_look = LOMP_LINUX;

ProcessState read(char state, const std::string& flags, const std::string& status = quiet) {
  return {stat_of("R", state, flags), status, 7};
}

}  // namespace

TEST_CASE("a process that runs or sleeps or waits or is stopped is living") {
  for (char state : {'R', 'S', 'D', 'T', 't', 'I'}) {
    CHECK(read(state, "4194368").is_living());
    CHECK_FALSE(read(state, "4194368").is_dying());
    CHECK(read(state, "4194368").is_running() == (state == 'R'));
  }
}

TEST_CASE("a dead process is dying whatever its marks") {
  for (char state : {'Z', 'X', 'x'}) {
    for (const char* flags : {"0", "4194368", "4228108"}) {
      CHECK(read(state, flags).is_dying());
      CHECK_FALSE(read(state, flags).is_living());
    }
  }
}

TEST_CASE("a process with the mark of its exit is dying") {
  CHECK(read('D', "4194372").is_dying());
  CHECK(read('R', "4").is_dying());
  CHECK_FALSE(read('R', "4194360").is_dying());
}

TEST_CASE("a process to which SIGKILL is under way is dying") {
  CHECK(read('S', "64", "SigPnd:\t0000000000000100\n").is_living());  // not a line of its own
  CHECK(read('S', "64", "Name:\tR\nSigPnd:\t0000000000000100\nShdPnd:\t0\n").is_dying());
  CHECK(read('t', "64", "Name:\tR\nSigPnd:\t0\nShdPnd:\t0000000000004102\n").is_dying());
  CHECK(read('S', "64", "Name:\tR\nSigPnd:\tfffffffffffffeff\nShdPnd:\t0\n").is_living());
}

TEST_CASE("a process may have any name") {
  for (const char* name : {"", "a b", ")", "(R) Z 7 7", ") Z 7 7 7 7 7 4 ", "x)\n7 (y"}) {
    CHECK(ProcessState(stat_of(name, 'S', "64"), quiet, 7).is_living());
    CHECK(ProcessState(stat_of(name, 'S', "68"), quiet, 7).is_dying());
  }
}

TEST_CASE("what can't be made out is unknown") {
  for (const std::string& stat : {std::string(), std::string("123"), std::string("123 (R)"),
                                  std::string("123 (R) "), stat_of("R", 'S', "0")}) {
    const ProcessState state(stat, quiet, 7);
    CHECK_FALSE(state.is_known());
    CHECK_FALSE(state.is_living());
    CHECK_FALSE(state.is_dying());
  }
}

TEST_CASE("another process by the same number says nothing of this one") {
  const ProcessState state(stat_of("R", 'Z', "4"), quiet, 8);
  CHECK_FALSE(state.is_known());
  CHECK_FALSE(state.is_dying());
}

TEST_CASE("without the files nothing is known") {
  const Child child = spawn([] { wait_for_death(); });
  const Fake<&Kernel::open> none(failing(ENOENT));
  const ProcessState state = look_at_child(child.pid());
  CHECK_FALSE(state.is_living());
  CHECK_FALSE(state.is_dying());
}

TEST_CASE("a living child that has closed its pipe is living") {
  const LeavesNothing check;
  if (!can_look) return;
  lomp::Pipe pipe = lomp::make_pipe();
  const Child child = spawn([&] {
    for (int fd = 3; fd < 4096; ++fd) ::close(fd);
    wait_for_death();
  });
  pipe.writer.reset();
  pollfd end{pipe.reader.get(), POLLIN, 0};
  REQUIRE(::poll(&end, 1, 10000) == 1);
  CHECK(look_at_child(child.pid()).is_living());
}

TEST_CASE("a stopped child is living") {
  const LeavesNothing check;
  if (!can_look) return;
  const Child child = spawn([] {
    ::raise(SIGSTOP);
    wait_for_death();
  });
  siginfo_t info{};
  REQUIRE(::waitid(P_PID, static_cast<id_t>(child.pid()), &info, WSTOPPED | WNOWAIT) == 0);
  CHECK(look_at_child(child.pid()).is_living());
}

TEST_CASE("a child that has ended is dying until it is reaped") {
  const LeavesNothing check;
  if (!can_look) return;
  Child child = spawn([] {});
  REQUIRE(eventually([&] { return child.has_ended(); }));
  const pid_t pid = child.pid();
  CHECK(look_at_child(pid).is_dying());
  CHECK(child.reap());
  CHECK_FALSE(look_at_child(pid).is_known());
}

TEST_CASE("a killed child that a debugger holds at its end is dying") {
  const LeavesNothing check;
  if (!can_look) return;
  const Child child = spawn([] {
    allow_holders();
    wait_for_death();
  });
  Debugger debugger;
  if (!debugger.seize(child.pid())) {
    WARN("no debugger may hold a process here");
    return;
  }
  CHECK(look_at_child(child.pid()).is_living());
  ::kill(child.pid(), SIGKILL);
  REQUIRE(eventually([&] { return debugger.has_stopped(); }));
  CHECK_FALSE(child.has_ended());
  CHECK(look_at_child(child.pid()).is_dying());
  CHECK_FALSE(look_at_child(child.pid()).is_running());
  debugger.release();
  CHECK(eventually([&] { return child.has_ended(); }));
}

TEST_CASE("a killed child that is frozen is dying") {
  const LeavesNothing check;
  if (!can_look) return;
  const Child child = spawn([] { wait_for_death(); });
  Freezer freezer;
  if (!freezer || !freezer.freeze(child.pid())) {
    WARN("no control group can be frozen here");
    return;
  }
  CHECK(look_at_child(child.pid()).is_living());
  ::kill(child.pid(), SIGKILL);
  CHECK(look_at_child(child.pid()).is_dying());
  CHECK_FALSE(child.has_ended());
  freezer.thaw();
  CHECK(eventually([&] { return child.has_ended(); }));
}

TEST_CASE("a parent that sees a dying child's pipe end sees that it is dying") {
  const LeavesNothing check;
  if (!can_look) return;
  for (int round = 0; round < 300; ++round) {
    lomp::Pipe pipe = lomp::make_pipe(4096);
    const Child child = spawn([&] {
      if (round % 2 == 0) kill_self();
    });
    pipe.writer.reset();
    pollfd end{pipe.reader.get(), POLLIN, 0};
    REQUIRE(::poll(&end, 1, 10000) == 1);
    REQUIRE(look_at_child(child.pid()).is_dying());
  }
}

TEST_CASE("a process that is no child of this one is unknown") {
  CHECK_FALSE(look_at_child(1).is_known());
  CHECK_FALSE(look_at_child(::getpid()).is_known());
}
