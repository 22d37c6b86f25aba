// Workers that end between two blocks and leave the rest to others; and forks where memory is
// short.
#include <testthat/vendor/catch.h>

#include <cstring>
#include <utility>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/streams.hpp"
#include "harness/tree.hpp"

using namespace lomp_test;

namespace {

/// Does blocks of a job's items up to the end, or until `has_enough` says so after one of them.
template <class HasEnough>
lomp::WorkerMain main_until(const Job& job, HasEnough has_enough) {
  return [&job, has_enough](Worker& worker) {
    int blocks = 0;
    while (worker.next_block()) {
      std::uint32_t item = 0;
      while (worker.take(item)) {
        job.during(worker, item);
        put_payload(worker, item, job.size_of(item), job.piece);
        worker.finish(kind_of(item));
      }
      if (has_enough(worker, ++blocks)) return;
    }
  };
}

/// Ends a worker as soon as it may after so many blocks, unless the others have taken all before.
auto leaving_after(int most) {
  return [most](const Worker& worker, int blocks) {
    bool may_leave = false;
    const auto is_told = [&] {
      may_leave = worker.may_leave();
      return may_leave || worker.waiting() == 0;
    };
    if (blocks >= most) eventually(is_told);
    return may_leave;
  };
}

/// Ends the first of two workers after its first block, and returns how many had been forked by the
/// time at which some results of the other had come.
int forks_after_an_end() {
  SharedArray<pid_t> first(1);
  Gate gate;
  Job job(500, 2);
  job.during = [&](Worker&, std::uint32_t) {
    static bool has_passed = false;
    pid_t none = 0;
    first[0].compare_exchange_strong(none, ::getpid());
    if (first[0] != ::getpid() && !std::exchange(has_passed, true)) gate.pass();
  };
  Pool pool(job.options,
            main_until(job, [&](const Worker&, int) { return first[0] == ::getpid(); }));
  pool.fork_all();
  REQUIRE(pool.forks() == 2);
  REQUIRE(eventually([&] { return has_ended(first[0]); }));
  Tally tally(job);
  for (int i = 0; i < 10; ++i) tally.note(pool.next(0));
  const int forks = pool.forks();
  gate.open(job.options.items);  // there may be a third one by now
  collect(pool, tally);
  check_complete(tally);
  return forks;
}

}  // namespace

TEST_CASE("workers that end with items left are replaced and all items are run once") {
  const LeavesNothing check;
  for (int workers : {1, 3}) {
    Job job(40, workers);
    job.options.may_replace = true;
    SharedArray<int> runs(40);
    job.during = [&](Worker&, std::uint32_t item) {
      ++runs[item];
      work_for_us(2000);  // an item for each block or two
    };
    Pool pool(job.options, main_until(job, leaving_after(2)));
    Tally tally(job);
    collect(pool, tally);
    check_complete(tally);
    CHECK(pool.forks() > workers + 2);
    CHECK(pool.deaths() == 0);
    for (std::size_t item = 0; item < 40; ++item) CHECK(runs[item] == 1);
  }
}

TEST_CASE("a single worker's successors go on where it ended") {
  const LeavesNothing check;
  constexpr int items = 12;
  Job job(items, 1);
  SharedArray<pid_t> pids(items);
  job.during = [&](Worker&, std::uint32_t item) { pids[item] = ::getpid(); };
  Pool pool(job.options, main_until(job, [](const Worker&, int) { return true; }));
  Tally tally(job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(pool.forks() == items);  // a worker's first block is one item
  for (int i = 1; i < items; ++i) CHECK(pids[i] != pids[i - 1]);
}

TEST_CASE("results come in order also from workers that are replaced") {
  const LeavesNothing check;
  StreamJob job(30, 2, 200);
  job.options.is_ordered = true;
  job.options.may_replace = true;
  const auto main = [&job](Worker& worker) {
    std::uint32_t item = 0;
    for (int blocks = 0; blocks < 2 && worker.next_block(); ++blocks) {
      while (worker.take(item)) {
        const Sizes sizes = job.sizes_of(item);
        for (std::size_t k = 0; k < sizes.size(); ++k) make_record(job, worker, item, k, sizes);
      }
    }
  };
  Pool pool(job.options, main);
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run();
  check_complete(consumer);
  CHECK(pool.forks() > 2);
}

TEST_CASE("workers may leave if they are to be replaced and not else") {
  const LeavesNothing check;
  for (bool may_replace : {false, true}) {
    Job job(1000, 1);
    job.options.may_replace = may_replace;
    const SharedArray<int> told(1);
    const std::int64_t began = lomp::now_ns();
    Pool pool(job.options, main_until(job, [&](const Worker& worker, int blocks) {
                // By now the second block is over, and twenty times the first one was no longer.
                const std::int64_t now = lomp::now_ns();
                if (blocks == 2) work_for_us(20 * (now - began) / 1000);
                if (blocks == 2) told[0] = worker.may_leave() ? 2 : 1;
                return false;
              }));
    Tally tally(job);
    collect(pool, tally);
    check_complete(tally);
    CHECK(told[0] == (may_replace ? 2 : 1));
    CHECK(pool.forks() == 1);
  }
}

TEST_CASE("a worker that ends isn't replaced for a few trivial items") {
  const LeavesNothing check;
  // A dear fork, so that a busy machine has the time to see what follows from the worker's end.
  Fake<&Kernel::fork> fake([] {
    const pid_t pid = ::fork();
    if (pid > 0) work_for_us(200000);
    return pid;
  });
  // The items of a worker that isn't given a processor aren't trivial: one of several calls is.
  int forks = 0;
  for (int call = 0; call < 10 && forks != 2; ++call) forks = forks_after_an_end();
  CHECK(forks == 2);
}

TEST_CASE("what a caller allows its workers is known to them") {
  Job job(10, 2);
  job.options.worker_bytes = 12345;
  job.options.may_replace = true;
  const SharedArray<int> is_exceeded(1);
  Pool pool(job.options, main_until(job, [&](const Worker& worker, int blocks) {
              if (blocks > 1) return false;
              lomp::MemoryBudget budget = worker.memory_budget();
              is_exceeded[0] = eventually([&] { return budget.is_exceeded(true); }, 2000) ? 2 : 1;
              return false;
            }));
  Tally tally(job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(is_exceeded[0] == (lomp::private_memory(::getpid()) > 0 ? 2 : 1));
}

#if LOMP_LINUX

namespace {

/// What a call does where the machine has so much memory left.
struct Forks {
  int forks = 0;
  int questions = 0;  ///< how often it looked what is left
};

Forks forks_with(std::uint64_t bytes) {
  Tree tree;
  tree.file("/proc/meminfo", "MemAvailable: " + std::to_string(bytes >> 10) + " kB\n");
  int questions = 0;
  const Fake<&Kernel::open> fake([&](const char* path, int flags) {
    questions += std::strcmp(path, "/proc/meminfo") == 0;
    return opening(tree)(path, flags);
  });
  Job job(40, 5000);  // no machine has plenty for so many, so that it is asked
  job.options.staging_bytes = 64;
  job.during = [](Worker&, std::uint32_t) { work_for_us(5000); };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect(pool, tally);
  check_complete(tally);
  return {pool.forks(), questions};
}

}  // namespace

LINUX_TEST_CASE("where memory is short one worker does all") {
  const LeavesNothing check;
  CHECK(forks_with(std::uint64_t{1} << 20).forks == 1);
  CHECK(forks_with(std::uint64_t{1} << 50).forks > 1);
}

LINUX_TEST_CASE("where there is no plenty each fork but the first needs a look") {
  const LeavesNothing check;
  const Forks call = forks_with(std::uint64_t{1} << 32);
  CHECK(call.forks > 1);
  CHECK(call.questions >= call.forks - 1);
}

#endif
