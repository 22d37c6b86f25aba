// What a pool notes in its call's trace: processes, their ends, want of memory.
#include <testthat/vendor/catch.h>

#include <cstring>
#include <memory>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/streams.hpp"
#include "harness/tree.hpp"
#include "lomp/pool/pool.hpp"

using namespace lomp_test;
using lomp::CallTrace;
using lomp::EventKind;
using lomp::Leaving;
using lomp::Pool;
using lomp::ProcessEnd;
using lomp::ProcessRow;
using lomp::Worker;

namespace {

/// A job and what is noted of it.
struct Traced : Job {
  Traced(std::uint64_t items, int workers) : Job(items, workers) { options.trace = &trace; }

  std::size_t ended_by(ProcessEnd end) const {
    std::size_t n = 0;
    for (const ProcessRow& row : trace.processes()) n += row.end == end;
    return n;
  }

  CallTrace trace{0, 0};
};

/// Does each process have a row of its own that can be so?
void check_processes(const CallTrace& trace, int forks, int slots) {
  const std::vector<ProcessRow> processes = trace.processes();
  REQUIRE(processes.size() == static_cast<std::size_t>(forks));
  CHECK(trace.totals().forks == forks);
  std::set<pid_t> pids;
  for (const ProcessRow& row : processes) {
    CHECK(row.pid > 0);
    pids.insert(row.pid);
    CHECK(row.slot >= 0);
    CHECK(row.slot < slots);
    CHECK(row.begin_ns >= trace.begin_ns());
    CHECK_FALSE(row.is_running());
    CHECK(row.end_ns >= row.begin_ns);
  }
  CHECK(pids.size() == processes.size());
}

}  // namespace

TEST_CASE("a trace has all workers of a call with their forks and their ends") {
  const LeavesNothing check;
  Traced job(60, 3);
  job.during = [](Worker&, std::uint32_t) { work_for_us(500); };
  int forks = 0;
  const std::int64_t began = lomp::now_ns();
  {
    Pool pool(job.options, main_of(job));
    Tally tally(job);
    pool.fork_all();
    for (const ProcessRow& row : job.trace.processes()) CHECK(row.is_running());
    collect(pool, tally);
    check_complete(tally);
    forks = pool.forks();
  }
  CHECK(forks == 3);
  check_processes(job.trace, forks, 3);
  CHECK(job.ended_by(ProcessEnd::finished) == 3);
  CHECK(job.trace.totals().fork_ns > 0);
  CHECK(job.trace.totals().fork_ns < lomp::now_ns() - began);
  for (const ProcessRow& row : job.trace.processes()) CHECK((row.faults > 0 || !LOMP_LINUX));
}

TEST_CASE("a worker's goodbye tells why it has left and what it took") {
  const LeavesNothing check;
  for (const Leaving why : {Leaving::worn, Leaving::memory}) {
    constexpr int items = 8;
    Traced job(items, 1);
    job.options.may_replace = true;
    const auto main = [why](Worker& worker) {  // does one block
      std::uint32_t item = 0;
      worker.next_block();
      while (worker.take(item)) {
        put_payload(worker, item, 8);
        worker.finish(kind_of(item));
      }
      worker.note_collection(123);
      worker.note_leaving(why);
    };
    Tally tally(job);
    {
      Pool pool(job.options, main);
      collect(pool, tally);
      CHECK(pool.forks() == items);
    }
    check_complete(tally);
    check_processes(job.trace, items, 1);
    const ProcessEnd end = why == Leaving::worn ? ProcessEnd::worn : ProcessEnd::memory;
    const std::vector<ProcessRow> processes = job.trace.processes();
    for (std::size_t i = 0; i + 1 < items; ++i) {
      CHECK(processes[i].end == end);
      CHECK(processes[i].faults > 0);
      CHECK(processes[i].collecting_ns == 123);
    }
    const ProcessEnd last = processes.back().end;  // the call may be over before it says bye
    CHECK((last == end || last == ProcessEnd::finished));
  }
}

TEST_CASE("a worker that is killed has crashed and its successor hasn't") {
  const LeavesNothing check;
  Traced job(30, 2);
  job.during = [](Worker&, std::uint32_t item) {
    if (item == 7) kill_self();
    work_for_us(300);
  };
  Tally tally(job);
  int forks = 0;
  {
    Pool pool(job.options, main_of(job));
    collect(pool, tally);
    forks = pool.forks();
  }
  check_exact(tally);
  REQUIRE(tally.losses.size() == 1);
  check_processes(job.trace, forks, 2);
  CHECK(job.ended_by(ProcessEnd::crash) == 1);
  CHECK(job.ended_by(ProcessEnd::finished) == static_cast<std::size_t>(forks) - 1);
  const ProcessRow row = job.trace.processes()[tally.losses[0].incarnation];
  CHECK(row.end == ProcessEnd::crash);
  CHECK(row.pid == tally.losses[0].pid);
}

TEST_CASE("a worker whose item took too long has timed out") {
  const LeavesNothing check;
  Traced job(3, 1);
  job.during = [](Worker& worker, std::uint32_t item) {
    if (item != 1) return;
    worker.start_timer(20000000);
    wait_for_death();
  };
  Tally tally(job);
  {
    Pool pool(job.options, main_of(job));
    collect(pool, tally);
  }
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].was_late);
  CHECK(job.ended_by(ProcessEnd::timeout) == 1);
  CHECK(job.trace.processes()[tally.losses[0].incarnation].end == ProcessEnd::timeout);
}

namespace {

/// Leaves a call whose two workers are in the middle of their items.
template <class Leave>
void check_stopped(Leave leave) {
  const LeavesNothing check;
  Traced job(10, 2);
  const SharedArray<int> begun(1);
  job.during = [&](Worker&, std::uint32_t) {
    ++begun[0];
    wait_for_death();
  };
  {
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    REQUIRE(eventually([&] { return begun[0] == 2; }));
    leave(pool, job);
  }
  check_processes(job.trace, 2, 2);
  CHECK(job.ended_by(ProcessEnd::stopped) == 2);
}

}  // namespace

TEST_CASE("workers of a call that is stopped or left have been stopped") {
  check_stopped([](Pool& pool, const Job& job) {
    pool.stop();
    Tally tally(job);
    collect(pool, tally);
    CHECK(tally.end == EventKind::finished);
  });
  check_stopped([](Pool&, const Job&) {});
  check_stopped([](Pool& pool, const Job&) {
    pool.close();
    pool.close();
  });
}

TEST_CASE("a pool's copy in a forked process notes nothing") {
  const LeavesNothing check;
  Traced job(10, 1);
  const SharedArray<int> begun(1);
  job.during = [&](Worker&, std::uint32_t) {
    ++begun[0];
    wait_for_death();
  };
  auto pool = std::make_unique<Pool>(job.options, main_of(job));
  pool->fork_all();
  REQUIRE(eventually([&] { return begun[0] == 1; }));
  CHECK(run_in_process([&] {
          pool.reset();
          return job.ended_by(ProcessEnd::running) == 1 ? 0 : 1;
        }) == 0);
  CHECK(job.ended_by(ProcessEnd::running) == 1);
}

TEST_CASE("a fork that is refused is noted with its error") {
  const LeavesNothing check;
  Traced job(40, 3);
  job.during = [](Worker&, std::uint32_t) { work_for_us(300); };
  const Fake<&Kernel::fork> fake(failing_calls(2, 100, EAGAIN, ::fork));
  {
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Tally tally(job);
    collect(pool, tally);
    check_complete(tally);
  }
  CHECK(job.trace.refused() == EAGAIN);
  check_processes(job.trace, 1, 3);
}

TEST_CASE("at the end the budget of workers is noted and whether it was raised") {
  const LeavesNothing check;
  for (const bool is_raised : {false, true}) {
    Traced job(1, 1);
    job.options.worker_bytes = is_raised ? 1 : std::size_t{1} << 50;
    job.during = [](Worker& worker, std::uint32_t) {
      lomp::MemoryBudget budget = worker.memory_budget();
      work_for_us(lomp::MemoryBudget::interval_ns / 1000 + 1000);
      (void)budget.is_exceeded(false);
    };
    const Tally tally = run(job);
    check_complete(tally);
    const bool is_told = lomp::private_memory(::getpid()) > 0;
    CHECK(job.trace.was_raised() == (is_raised && is_told));
    if (is_told) CHECK((job.trace.budget() > job.options.worker_bytes) == is_raised);
  }
}

TEST_CASE("memory is sampled while a pool waits") {
  const LeavesNothing check;
  Traced job(1, 1);
  const SharedArray<int> has_samples(1);
  job.options.worker_bytes = 5000;
  job.during = [&](Worker&, std::uint32_t) {
    if (!eventually([&] { return has_samples[0] == 1; }, 20000)) ::_exit(70);
  };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  std::int64_t deadline = lomp::now_ns() + 20000000000;
  while (tally.end != EventKind::finished && lomp::now_ns() < deadline) {
    const lomp::Event event = pool.next(10);
    tally.note(event);
    tally.end = event.kind;
    if (job.trace.memory().size() >= 2) has_samples[0] = 1;
  }
  check_complete(tally);
  REQUIRE(job.trace.memory().size() >= 2);
  const lomp::MemorySample& sample = job.trace.memory()[0];
  CHECK(sample.time_ns >= job.trace.begin_ns() + lomp::MemoryTrace::first_ns);
  CHECK(sample.workers == 1);
  CHECK(sample.budget == 5000);
  CHECK((sample.session > 0) == (lomp::resident_memory() > 0));
  CHECK((job.trace.processes()[0].private_bytes > 0) == (lomp::private_memory(::getpid()) > 0));
}

TEST_CASE("a worker of a stream has waited for its items and says no goodbye") {
  const LeavesNothing check;
  Traced job(0, 1);
  job.options.is_streamed = true;
  {
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    lomp::Event event;
    const auto comes = [&](EventKind kind) {
      return eventually([&] { return (event = pool.next(10)).kind == kind; });
    };
    REQUIRE(comes(EventKind::request));
    work_for_us(5000);
    lomp::ItemBatch& batch = pool.feeder().batch(event.worker);
    batch.begin();
    pool.feeder().note_given(event.worker, 0);
    REQUIRE(batch.add(0, 0));
    pool.feeder().end_of_items();
    pool.feeder().post(event.worker);
    REQUIRE(comes(EventKind::records));
    REQUIRE(comes(EventKind::finished));
  }
  const ProcessRow row = job.trace.processes()[0];
  CHECK(row.end == ProcessEnd::finished);
  CHECK(row.wait_items_ns > 0);
  CHECK(row.wait_items_ns <= row.end_ns - row.begin_ns);
}

#if LOMP_LINUX

namespace {

bool is_held_back_with(std::uint64_t bytes) {
  Tree tree;
  tree.file("/proc/meminfo", "MemAvailable: " + std::to_string(bytes >> 10) + " kB\n");
  const Fake<&Kernel::open> fake([&](const char* path, int flags) {
    if (std::strncmp(path, "/proc/meminfo", 13) == 0) return opening(tree)(path, flags);
    return ::open(path, flags);
  });
  Traced job(40, 5000);  // no machine has plenty for so many
  job.options.staging_bytes = 64;
  job.during = [](Worker&, std::uint32_t) { work_for_us(5000); };
  check_complete(run(job));
  return job.trace.was_held_back();
}

}  // namespace

LINUX_TEST_CASE("workers that weren't forked for want of memory were held back") {
  const LeavesNothing check;
  CHECK(is_held_back_with(std::uint64_t{1} << 20));
  CHECK_FALSE(is_held_back_with(std::uint64_t{1} << 50));
}

#endif
