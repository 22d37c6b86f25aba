#include <sys/wait.h>
#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/pool/launcher.hpp"

using namespace lomp_test;
using lomp::ForkPolicy;
using lomp::FrameKind;
using lomp::Launcher;
using lomp::PoolOptions;
using lomp::ReadStatus;
using lomp::SharedPage;
using lomp::Worker;
using lomp::Workers;

namespace {

std::atomic<int>* disowned = nullptr;

PoolOptions options_of(int workers) {
  PoolOptions options;
  options.items = 100;
  options.workers = workers;
  return options;
}

/// A launcher and what it works with, without a pool. The destructor ends all workers.
struct Launches {
  explicit Launches(
      int workers, lomp::WorkerMain main = [](Worker&) { wait_for_death(); })
      : Launches(options_of(workers), std::move(main)) {}
  Launches(const PoolOptions& chosen, lomp::WorkerMain main)
      : options(chosen),
        page(options.items, options.workers, 1024),
        launcher(
            options, std::move(main), [] { ++*disowned; }, page, workers, policy) {
    disowned = &told[0];
  }

  int live() const { return lomp::count_live(workers); }

  SharedArray<int> told{2};
  PoolOptions options;
  SharedPage page;
  Workers workers;
  ForkPolicy policy;
  Launcher launcher;
};

}  // namespace

TEST_CASE("a worker is put in the first free place") {
  const LeavesNothing check;
  Launches call(3);
  CHECK(call.launcher.free_slot() == 0);
  for (int n = 0; n < 3; ++n) call.launcher.launch();
  CHECK(call.live() == 3);
  call.workers[1].reset();
  CHECK(call.launcher.free_slot() == 1);
  call.launcher.launch();
  CHECK(call.workers[1]->slot == 1);
  CHECK(call.workers[1]->incarnation == 3);
  CHECK(call.workers[1]->last_pid == call.workers[1]->child.pid());
  CHECK(call.launcher.forks() == 4);
  CHECK(call.launcher.refused() == 0);
}

TEST_CASE("there is room for as many workers as the limit says") {
  const LeavesNothing check;
  Launches call(2);
  CHECK(call.launcher.limit() == 2);
  for (int n = 0; n < 2; ++n) {
    CHECK(call.launcher.has_room());
    call.launcher.launch();
  }
  CHECK_FALSE(call.launcher.has_room());
}

TEST_CASE("while workers die before they begin there is room only for the one that is needed") {
  const LeavesNothing check;
  Launches call(2);
  call.policy.hold_off(0);
  CHECK(call.launcher.has_room());
  call.launcher.launch();
  CHECK_FALSE(call.launcher.has_room());
}

TEST_CASE("a worker is sealed and knows none of its siblings before its own code runs") {
  const LeavesNothing check;
  Launches* launched = nullptr;
  Launches call(1, [&](Worker&) {
    launched->told[1] = lomp::is_sealed_worker() && ::getpgrp() == ::getpid() ? 1 : 2;
  });
  launched = &call;
  call.launcher.launch();
  CHECK(eventually([&] { return call.workers[0]->child.has_ended(); }));
  CHECK(call.told[0] == 1);
  CHECK(call.told[1] == 1);
}

TEST_CASE("a worker whose code returns says bye") {
  const LeavesNothing check;
  Launches call(1, [](Worker&) {});
  call.launcher.launch();
  lomp::WorkerHandle& w = *call.workers[0];
  ReadStatus status = ReadStatus::would_block;
  CHECK(eventually([&] {
    status = w.reader.next(w.results.get());
    return status != ReadStatus::would_block;
  }));
  CHECK(status == ReadStatus::frame);
  CHECK(w.reader.header().kind == FrameKind::bye);
  CHECK(w.child.ends_within(10000));
  CHECK(w.child.reap());
  CHECK(exited_with(w.child.status(), 0));
}

TEST_CASE("what is to be done before each fork is done in the parent") {
  const LeavesNothing check;
  PoolOptions options = options_of(2);
  int done = 0;
  options.before_fork = [&] { ++done; };
  Launches call(options, [](Worker&) { wait_for_death(); });
  for (int n = 1; n < 3; ++n) {
    call.launcher.launch();
    CHECK(done == n);
  }
}

TEST_CASE("a fork that is refused makes the workers that are there the limit") {
  const LeavesNothing check;
  Launches call(3);
  call.launcher.launch();
  {
    const Fake<&Kernel::fork> fake(failing(EAGAIN));
    call.launcher.launch();
  }
  CHECK(call.launcher.refused() == EAGAIN);
  CHECK(call.launcher.limit() == 1);
  CHECK(call.launcher.forks() == 1);
  CHECK_FALSE(call.launcher.has_room());
  CHECK(call.live() == 1);
}

TEST_CASE("a pipe or a socket that is refused leaves no descriptor and no process") {
  const LeavesNothing check;
  Launches call(3);
  {
    const Fake<&Kernel::pipe> fake(failing(EMFILE));
    call.launcher.launch();
    CHECK(call.launcher.refused() == EMFILE);
  }
  const Fake<&Kernel::socketpair> fake(failing(ENFILE));
  call.launcher.launch();
  CHECK(call.launcher.refused() == ENFILE);
  CHECK(call.launcher.limit() == 0);
  CHECK(call.live() == 0);
}
