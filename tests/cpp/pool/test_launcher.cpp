#include <sys/wait.h>
#include <testthat/vendor/catch.h>

#include <cstdlib>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/pool/launcher.hpp"

using namespace lomp_test;
using lomp::CollectorFacts;
using lomp::ForkPolicy;
using lomp::FrameKind;
using lomp::Launcher;
using lomp::PoolOptions;
using lomp::ReadStatus;
using lomp::SharedPage;
using lomp::Worker;
using lomp::Workers;

namespace {

using Ints = std::vector<int>;

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
  Ints forks;
  options.before_fork = [&](int so_far) {
    ++done;
    forks.push_back(so_far);
    return CollectorFacts();
  };
  Launches call(options, [](Worker&) { wait_for_death(); });
  for (int n = 1; n < 3; ++n) {
    call.launcher.launch();
    CHECK(done == n);
  }
  CHECK(forks == Ints({0, 1}));
}

namespace {

/// A launcher whose parent finds out these facts before its forks, one after the other.
struct FactLaunches : Launches {
  explicit FactLaunches(std::vector<CollectorFacts> facts)
      : Launches(options_with(std::move(facts)), [](Worker&) { wait_for_death(); }) {}

  static PoolOptions options_with(std::vector<CollectorFacts> facts) {
    PoolOptions options = options_of(static_cast<int>(facts.size()));
    options.before_fork = [facts = std::move(facts)](int forks) {
      return facts[static_cast<std::size_t>(forks)];
    };
    return options;
  }

  Ints young_left() const {
    Ints all;
    for (int i = 0; i < page.slots(); ++i) all.push_back(page.slot(i).young_left);
    return all;
  }
};

constexpr int unknown = CollectorFacts::unknown;

}  // namespace

TEST_CASE("what is found out before a fork is known to the new worker") {
  const LeavesNothing check;
  PoolOptions options = options_of(1);
  options.before_fork = [](int) { return CollectorFacts{7, 1234}; };
  const SharedArray<std::int64_t> seen(2);
  Launches call(options, [&](Worker& worker) {
    seen[0] = worker.collector_facts().young_left;
    seen[1] = worker.collector_facts().cost_ns;
  });
  call.launcher.launch();
  CHECK(eventually([&] { return call.workers[0]->child.has_ended(); }));
  CHECK(seen[0] == 7);
  CHECK(seen[1] == 1234);
}

TEST_CASE("workers that were forked without such facts get them later and keep the first ones") {
  const LeavesNothing check;
  FactLaunches call({{unknown, 0}, {unknown, 0}, {7, 0}, {9, 0}, {unknown, 0}});
  for (int n = 0; n < 2; ++n) call.launcher.launch();
  CHECK(call.young_left() == Ints({unknown, unknown, unknown, unknown, unknown}));
  call.launcher.launch();
  CHECK(call.young_left() == Ints({7, 7, 7, unknown, unknown}));
  call.launcher.launch();
  CHECK(call.young_left() == Ints({7, 7, 7, 9, unknown}));
  call.launcher.launch();
  CHECK(call.young_left() == Ints({7, 7, 7, 9, unknown}));
}

TEST_CASE("a new worker has nothing of what was known to the one that had its place") {
  const LeavesNothing check;
  FactLaunches call({{7, 0}, {7, 0}, {unknown, 0}, {0, 0}});
  for (int n = 0; n < 2; ++n) call.launcher.launch();
  call.workers[0].reset();
  call.launcher.launch();
  CHECK(call.young_left() == Ints({unknown, 7, unknown, unknown}));
  call.workers[0].reset();
  call.launcher.launch();
  CHECK(call.young_left() == Ints({0, 7, unknown, unknown}));
}

TEST_CASE("what a collection costs is kept until it is found out again") {
  const LeavesNothing check;
  FactLaunches call({{unknown, 0}, {7, 100}, {7, 0}, {unknown, 300}});
  for (const std::int64_t cost : {0, 100, 100, 300}) {
    call.launcher.launch();
    CHECK(call.page.collection_ns() == cost);
  }
}

TEST_CASE("a worker goes before its parent when there is no memory left") {
  const LeavesNothing check;
  const int own = std::atoi(lomp::read_text("/proc/self/oom_score_adj").c_str());
  const SharedArray<int> seen(1);
  Launches call(1, [&](Worker&) {
    seen[0] = std::atoi(lomp::read_text("/proc/self/oom_score_adj").c_str());
  });
  call.launcher.launch();
  CHECK(eventually([&] { return call.workers[0]->child.has_ended(); }));
  CHECK(seen[0] == (LOMP_LINUX ? std::min(own + 200, 1000) : own));
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
