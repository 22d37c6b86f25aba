// How a pool ends before its work is done: stopped, closed, dropped, or killed with its process.
#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/held.hpp"
#include "harness/pools.hpp"
#include "lomp/pool/pool.hpp"

using namespace lomp_test;
using lomp::EventKind;
using lomp::Pool;
using lomp::Worker;

namespace {

/// A job whose workers tell that they are at work and then wait to be killed.
struct Stuck {
  static constexpr int workers = 3;

  SharedArray<int> running{1};
  Job job{10, workers};

  Stuck() {
    job.during = [this](Worker&, std::uint32_t) {
      ++running[0];
      wait_for_death();
    };
  }

  /// Asks the pool until all workers are at work.
  void await(Pool& pool) {
    Tally tally(job);
    collect_while(pool, tally, [&](const Tally&) { return running[0] < workers; });
    REQUIRE(running[0] == workers);
  }
};

}  // namespace

TEST_CASE("a closed pool leaves nothing") {
  const LeavesNothing check;
  Stuck stuck;
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
  pool.close();
  CHECK(has_no_child());
  pool.close();
}

TEST_CASE("a dropped pool leaves nothing") {
  const LeavesNothing check;
  Stuck stuck;
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
}

TEST_CASE("whom a pool is too impatient to wait for is left to the reaper") {
  const LeavesNothing check;
  lomp::Reaper reaper;
  Stuck stuck;
  stuck.job.options.reaper = &reaper;
  stuck.job.options.patience_ms = 0;
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
  pool.close();
  CHECK(eventually([&] { return reaper.size() == 0; }));
  CHECK(has_no_child());
}

TEST_CASE("a worker that ends in time is reaped by the pool itself") {
  const LeavesNothing check;
  lomp::Reaper reaper;
  Stuck stuck;
  stuck.job.options.reaper = &reaper;
  stuck.job.options.patience_ms = 10000;
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
  pool.close();
  CHECK(reaper.size() == 0);
  CHECK(has_no_child());
}

TEST_CASE("workers that have nothing to do any more are not waited for") {
  const LeavesNothing check;
  lomp::Reaper reaper;
  Job job(1, 1);
  job.options.reaper = &reaper;
  job.options.patience_ms = 10000;
  Pool pool(job.options, [](Worker& worker) {
    std::uint32_t item;
    while (worker.next_block()) {
      while (worker.take(item)) worker.finish(0);
    }
    wait_for_death();
  });
  while (pool.next(tick_ms).kind != EventKind::finished) {
  }
  int polls = 0;
  Fake<&Kernel::poll> fake([&polls](pollfd* fds, nfds_t n, int milliseconds) {
    ++polls;
    return ::poll(fds, n, milliseconds);
  });
  pool.close();
  CHECK(polls == 0);
  CHECK(eventually([&] { return reaper.size() == 0; }));
  CHECK(has_no_child());
}

TEST_CASE("a pool that was never asked leaves nothing") {
  const LeavesNothing check;
  Stuck stuck;
  const Pool pool(stuck.job.options, main_of(stuck.job));
}

TEST_CASE("workers that hold back every signal they can are ended") {
  const LeavesNothing check;
  Stuck stuck;
  stuck.job.during = [&](Worker&, std::uint32_t) {
    for (int signal = 1; signal < 32; ++signal) ::signal(signal, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    ++stuck.running[0];
    wait_for_death();
  };
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
  pool.close();
  CHECK(has_no_child());
}

TEST_CASE("workers that are stopped by a signal are ended") {
  const LeavesNothing check;
  Stuck stuck;
  stuck.job.during = [&](Worker&, std::uint32_t) {
    ++stuck.running[0];
    ::raise(SIGSTOP);
  };
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
  pool.close();
}

TEST_CASE("what workers have started is ended with the pool") {
  const LeavesNothing check;
  adopt_orphans();
  SharedArray<pid_t> started(2);
  Job job(2, 2);
  job.during = [&](Worker&, std::uint32_t item) {
    const pid_t pid = ::fork();
    if (pid == 0) wait_for_death();
    started[item] = pid;
    // The other worker ends well; what it has started need not outlive it, but must be ended.
    if (item == 1) wait_for_death();
  };
  {
    Pool pool(job.options, main_of(job));
    Tally tally(job);
    collect_while(pool, tally, [&](const Tally&) { return !started[0] || !started[1]; });
    CHECK_FALSE(is_gone(started[1]));
  }
  CHECK(eventually([&] { return is_gone(started[0]) && is_gone(started[1]); }));
}

TEST_CASE("a stopped pool delivers what was finished and ends") {
  const LeavesNothing check;
  constexpr std::uint32_t finished = 50;
  SharedArray<int> stuck(1);
  Job job(1000, 1);
  job.during = [&](Worker&, std::uint32_t item) {
    if (item < finished) return;
    stuck[0] = 1;
    wait_for_death();
  };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect_while(pool, tally, [&](const Tally&) { return stuck[0] == 0; });
  pool.stop();
  // A killed process takes its time to die: its pipe seems empty at first.
  Fake<&Kernel::read> fake(failing_calls(1, 1, EAGAIN, ::read));
  collect(pool, tally);
  CHECK(tally.end == EventKind::finished);
  CHECK(tally.is_sound);
  CHECK(tally.delivered() == finished);
  CHECK(tally.losses.empty());
  CHECK(pool.done() == finished);
  CHECK(pool.is_done(finished - 1));
  CHECK_FALSE(pool.is_done(finished));
  CHECK(pool.forks() == 1);
  CHECK(has_no_child());
}

TEST_CASE("a stopped pool ends although its workers are stuck") {
  const LeavesNothing check;
  Stuck stuck;
  Pool pool(stuck.job.options, main_of(stuck.job));
  stuck.await(pool);
  pool.stop();
  pool.stop();
  Tally tally(stuck.job);
  collect(pool, tally);
  CHECK(tally.end == EventKind::finished);
  CHECK(tally.delivered() == 0);
  CHECK(tally.losses.empty());
  CHECK(pool.next(tick_ms).kind == EventKind::finished);
}

namespace {

/// Stuck workers one of which has finished an item and can't end for as long as `hold` says so,
/// which gets its number; false if it can't be held.
template <class Hold>
bool hold_one(Stuck& stuck, Pool& pool, Tally& tally, const SharedArray<pid_t>& pid, Hold hold) {
  stuck.job.during = [&](Worker&, std::uint32_t item) {
    if (item == 0) return;
    allow_holders();
    pid[0] = ::getpid();
    ++stuck.running[0];
    wait_for_death();
  };
  pool.fork_all();
  collect_while(pool, tally,
                [&](const Tally&) { return stuck.running[0] < Stuck::workers || !tally.came[0]; });
  return hold(pid[0]);
}

/// Checks that `end` ends a pool in time although a worker of its can't end, which is left to the
/// reaper, the pool's own if there is no other; and that nothing is left when `release` is over.
template <class Hold, class Release>
void check_ends(bool has_reaper, bool is_stopped, Hold hold, Release release) {
  lomp::Reaper reaper;
  Stuck stuck;
  const SharedArray<pid_t> pid(1);
  if (has_reaper) stuck.job.options.reaper = &reaper;
  Tally tally(stuck.job);
  std::int64_t before = 0;
  {
    Pool pool(stuck.job.options, main_of(stuck.job));
    const bool is_held = hold_one(stuck, pool, tally, pid, hold);
    before = lomp::now_ns();
    if (is_held && is_stopped) {
      pool.stop();
      collect(pool, tally);
      CHECK(tally.end == EventKind::finished);
      CHECK(tally.losses.empty());
    }
    pool.close();
    if (!is_held) {
      WARN("no process can be held here");
      return;
    }
  }
  CHECK(lomp::now_ns() - before < 2000000000);
  CHECK(tally.delivered() == 1);
  if (has_reaper) CHECK(eventually([&] { return reaper.size() == 1; }));
  CHECK_FALSE(is_gone(pid[0]));
  release();
  CHECK(eventually([] { return has_no_child(); }));
  CHECK(eventually([&] { return reaper.size() == 0; }));
}

}  // namespace

TEST_CASE("a pool ends although a debugger holds a worker") {
  const LeavesNothing check;
  for (bool has_reaper : {false, true}) {
    for (bool is_stopped : {false, true}) {
      CAPTURE(has_reaper);
      CAPTURE(is_stopped);
      Debugger debugger;
      const auto hold = [&](pid_t pid) { return debugger.seize(pid); };
      check_ends(has_reaper, is_stopped, hold, [&] { debugger.release(); });
    }
  }
}

TEST_CASE("a pool ends although a worker is frozen") {
  const LeavesNothing check;
  for (bool is_stopped : {false, true}) {
    Freezer freezer;
    const auto hold = [&](pid_t pid) { return freezer && freezer.freeze(pid); };
    check_ends(true, is_stopped, hold, [&] { freezer.thaw(); });
  }
}

TEST_CASE("a pool that is stopped before it began forks no worker") {
  Stuck stuck;
  Pool pool(stuck.job.options, main_of(stuck.job));
  pool.stop();
  CHECK(pool.next(tick_ms).kind == EventKind::finished);
  CHECK(pool.forks() == 0);
}

namespace {

/// Kills a process that holds a pool whose workers have started processes of their own, and checks
/// that all of them are gone within a second.
void check_that_a_killed_parent_leaves_nothing(int signal, bool is_busy) {
  const LeavesNothing check;
  adopt_orphans();
  constexpr int workers = 3;
  SharedArray<pid_t> pids(2 * workers);
  SharedArray<int> running(1);
  const pid_t parent = ::fork();
  if (parent == 0) {
    Job job(workers, workers);
    job.during = [&](Worker&, std::uint32_t item) {
      const pid_t pid = ::fork();
      if (pid == 0) wait_for_death();
      pids[2 * item] = ::getpid();
      pids[2 * item + 1] = pid;
      ++running[0];
      while (is_busy) work_for_us(1000);
      wait_for_death();
    };
    run(job);
    ::_exit(1);
  }
  REQUIRE(eventually([&] { return running[0] == workers; }));
  ::kill(parent, signal);
  ::waitpid(parent, nullptr, 0);
  const std::int64_t killed = lomp::now_ns();
  for (std::size_t i = 0; i < 2 * workers; ++i) {
    CHECK(eventually([&] { return is_gone(pids[i]); }, 2000));
  }
  CHECK(lomp::now_ns() - killed < 1000000000);
}

}  // namespace

TEST_CASE("a killed parent leaves no worker and nothing that workers started") {
  check_that_a_killed_parent_leaves_nothing(SIGKILL, false);
}

TEST_CASE("a killed parent leaves no busy worker") {
  check_that_a_killed_parent_leaves_nothing(SIGKILL, true);
}

TEST_CASE("a terminated parent leaves no worker") {
  check_that_a_killed_parent_leaves_nothing(SIGTERM, false);
}

TEST_CASE("a killed parent leaves no worker of a worker's pool") {
  const LeavesNothing check;
  adopt_orphans();
  SharedArray<pid_t> pids(2);
  const pid_t parent = ::fork();
  if (parent == 0) {
    Job inner(1, 1), outer(1, 1);
    inner.during = [&](Worker&, std::uint32_t) {
      pids[0] = ::getpid();
      wait_for_death();
    };
    outer.during = [&](Worker&, std::uint32_t) {
      pids[1] = ::getpid();
      run(inner);
    };
    run(outer);
    ::_exit(1);
  }
  REQUIRE(eventually([&] { return pids[0] != 0; }));
  ::kill(parent, SIGKILL);
  ::waitpid(parent, nullptr, 0);
  CHECK(eventually([&] { return is_gone(pids[1]); }, 1000));
  CHECK(eventually([&] { return is_gone(pids[0]); }, 1000));
}
