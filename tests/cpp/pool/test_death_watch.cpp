#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/held.hpp"
#include "harness/processes.hpp"
#include "lomp/pool/death_watch.hpp"

using namespace lomp_test;
using lomp::DeathWatch;
using lomp::ExitReason;
using lomp::Phase;
using lomp::Reaper;
using lomp::spawn;
using lomp::WorkerHandle;
using lomp::Workers;

namespace {

constexpr std::int64_t second = 1000000000;

/// A child begins with all signals blocked, and with the host's ways to handle them.
[[noreturn]] void die_unblocked(int signal) {
  ::signal(signal, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  ::pthread_sigmask(SIG_SETMASK, &none, nullptr);
  kill_self(signal);
}

/// One child in the place of a worker, which does nothing.
struct Ward {
  template <class Main>
  explicit Ward(Main main) {
    page.renew(0);
    workers.push_back(std::make_unique<WorkerHandle>());
    handle().child = spawn(main);
  }
  Ward() : Ward([] { wait_for_death(); }) {}

  WorkerHandle& handle() { return *workers[0]; }
  lomp::WorkerSlot& slot() { return page.slot(0); }

  bool has_ended() {
    return eventually([this] { return handle().child.has_ended(); });
  }

  /// Sees the worker off for as long as that takes; why it has ended.
  ExitReason see_off() {
    eventually([this] {
      watch.look_for_end(handle(), handle().child.pidfd() >= 0 && handle().child.has_ended());
      watch.see_off(handle());
      return handle().phase == Phase::reaped;
    });
    CHECK(handle().phase == Phase::reaped);
    return slot().reason;
  }

  lomp::SharedPage page{10, 1, 64};
  Workers workers;
  Reaper reaper;
  DeathWatch watch{page, workers, reaper};
};

}  // namespace

TEST_CASE("a living worker is left alone") {
  const LeavesNothing check;
  Ward ward;
  ward.watch.see_off(ward.handle());
  ward.watch.kill_late();
  ward.watch.look_for_dying();
  CHECK(ward.handle().phase == Phase::alive);
  CHECK_FALSE(ward.watch.is_waiting());
  CHECK(DeathWatch::patience_with(ward.handle(), 70) == 70);
  CHECK_FALSE(ward.handle().child.has_ended());
}

TEST_CASE("a worker that has ended is reaped with its status") {
  const LeavesNothing check;
  Ward ward([] { ::_exit(7); });
  REQUIRE(ward.has_ended());
  CHECK(ward.see_off() == ExitReason::none);
  CHECK(exited_with(ward.handle().child.status(), 7));
  CHECK(has_no_child());
}

TEST_CASE("a worker that goes on without its pipe is ended and given up") {
  const LeavesNothing check;
  Ward ward;
  ward.watch.lose_pipe(ward.handle());
  CHECK(ward.watch.is_waiting());
  CHECK(ward.see_off() == ExitReason::given_up);
  CHECK(was_killed_by(ward.handle().child.status(), SIGKILL));
}

TEST_CASE("a worker that has said why it ends keeps its reason") {
  const LeavesNothing check;
  Ward ward;
  ward.slot().reason = ExitReason::c_exit;
  ward.watch.lose_pipe(ward.handle());
  CHECK(ward.see_off() == ExitReason::c_exit);
}

TEST_CASE("a worker of which nothing is known gets time before it is given up") {
  const LeavesNothing check;
  Ward ward;
  {
    const Fake<&Kernel::open> none(failing(ENOENT));
    ward.watch.lose_pipe(ward.handle());
  }
  CHECK(ward.handle().ending.is_doubtful());
  CHECK_FALSE(ward.handle().child.has_ended());
  CHECK(DeathWatch::patience_with(ward.handle(), 60000) <= 2000);
}

TEST_CASE("when the call is stopped all workers end and none is lost") {
  const LeavesNothing check;
  Ward ward;
  ward.slot().deadline = lomp::now_ns() - second;
  ward.watch.stop();
  CHECK(ward.watch.is_stopping());
  CHECK(ward.see_off() == ExitReason::none);
}

TEST_CASE("a worker that its timer has killed was timed out") {
  const LeavesNothing check;
  for (int signal : {lomp::time_out_signal, lomp::alarm_signal, SIGSEGV}) {
    Ward ward([=] { die_unblocked(signal); });
    ward.slot().deadline = lomp::now_ns() - 1;
    REQUIRE(ward.has_ended());
    const bool is_timed_out = signal != SIGSEGV;
    CHECK((ward.see_off() == ExitReason::timed_out) == is_timed_out);
  }
}

TEST_CASE("a worker whose timer has failed is killed after a while") {
  const LeavesNothing check;
  Ward ward;
  ward.slot().deadline = lomp::now_ns() - second / 10;
  ward.watch.kill_late();
  CHECK_FALSE(ward.watch.is_waiting());
  ward.slot().deadline = lomp::now_ns() - 2 * second;
  ward.watch.kill_late();
  CHECK(ward.watch.is_waiting());
  CHECK(ward.see_off() == ExitReason::timed_out);
}

TEST_CASE("a killed worker that a debugger holds is left to the reaper") {
  const LeavesNothing check;
  Ward ward([] {
    allow_holders();
    wait_for_death();
  });
  Debugger debugger;
  if (!debugger.seize(ward.handle().child.pid())) {
    WARN("no debugger may hold a process here");
    return;
  }
  ::kill(ward.handle().child.pid(), SIGKILL);
  REQUIRE(eventually([&] { return debugger.has_stopped(); }));
  CHECK(eventually([&] {
    ward.watch.look_for_dying();
    return ward.watch.is_waiting() || !lomp::lists_processes;
  }));
  if (!lomp::lists_processes) return;
  CHECK(ward.see_off() == ExitReason::held);
  CHECK(ward.handle().child.pid() < 0);
  CHECK(ward.reaper.size() == 1);
  debugger.release();
  CHECK(eventually([&] { return ward.reaper.size() == 0; }));
}
