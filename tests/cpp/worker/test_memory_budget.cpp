#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/worker/memory_budget.hpp"

using namespace lomp_test;
using lomp::MemoryBudget;
using lomp::MemoryMeter;
using lomp::SharedPage;
using lomp::unknown_memory;

namespace {

constexpr std::uint64_t mb = std::uint64_t{1} << 20;

/// What the meter of a test tells, and how often it was asked.
struct Told {
  std::int64_t now = 5000;
  std::int64_t look_ns = 0;  ///< what it takes to tell the memory of a process
  std::uint64_t own = 0;
  std::uint64_t available = unknown_memory;
  int looks = 0;
  int questions = 0;
} told;

MemoryMeter made_up_meter() {
  told = Told();
  MemoryMeter meter;
  meter.now_ns = [] { return told.now; };
  meter.available = [] {
    ++told.questions;
    return told.available;
  };
  meter.private_memory = [](pid_t pid) {
    told.now += told.look_ns;
    ++told.looks;
    return pid == ::getpid() ? told.own : 0;
  };
  return meter;
}

/// One worker of a call with four.
struct Budgeted {
  /// Asked again when it is time, with so much memory of its own.
  bool is_exceeded(std::uint64_t own, bool may_leave = true) {
    told.own = own;
    told.now += MemoryBudget::interval_ns;
    return budget.is_exceeded(may_leave);
  }

  SharedPage page{100, 4, 64};
  MemoryBudget budget{page, made_up_meter()};
};

}  // namespace

TEST_CASE("a worker with more than its caller's budget should end") {
  Budgeted worker;
  worker.page.worker_budget() = 100 * mb;
  CHECK_FALSE(worker.is_exceeded(100 * mb));
  CHECK(worker.is_exceeded(100 * mb + 1));
  CHECK(told.questions == 0);
  CHECK(worker.page.worker_budget() == 100 * mb);
}

TEST_CASE("a worker that can't leave has the budget of all raised") {
  Budgeted worker;
  worker.page.worker_budget() = 100 * mb;
  CHECK_FALSE(worker.is_exceeded(100 * mb, false));
  CHECK(worker.page.worker_budget() == 100 * mb);
  CHECK_FALSE(worker.is_exceeded(130 * mb, false));
  CHECK(worker.page.worker_budget() == 260 * mb);
  CHECK_FALSE(worker.is_exceeded(260 * mb));
  CHECK(worker.is_exceeded(261 * mb));
}

TEST_CASE("without a budget of the caller's it is a share of what there is") {
  Budgeted worker;
  told.available = 4000 * mb;
  CHECK_FALSE(worker.is_exceeded(200 * mb));
  CHECK(worker.page.worker_budget() == 900 * mb);
  told.available = 0;
  CHECK_FALSE(worker.is_exceeded(900 * mb));
  CHECK(worker.is_exceeded(901 * mb));
  CHECK(told.questions == 1);
}

TEST_CASE("a share of little is enough to get something done") {
  Budgeted worker;
  told.available = 0;
  CHECK_FALSE(worker.is_exceeded(MemoryBudget::least));
  CHECK(worker.page.worker_budget() == MemoryBudget::least);
  CHECK(worker.is_exceeded(MemoryBudget::least + 1));
}

TEST_CASE("where nothing tells what there is a worker may have all") {
  Budgeted worker;
  CHECK_FALSE(worker.is_exceeded(std::uint64_t{1} << 50));
  CHECK_FALSE(worker.is_exceeded(std::uint64_t{1} << 63));
  CHECK(told.questions == 1);
}

TEST_CASE("where nothing tells what a worker has it is never too much") {
  Budgeted worker;
  worker.page.worker_budget() = 1;
  CHECK_FALSE(worker.is_exceeded(0));
}

TEST_CASE("the most that a worker was seen to have is known to all") {
  Budgeted worker;
  for (const std::uint64_t own : {30, 50, 40}) worker.is_exceeded(own * mb);
  CHECK(worker.page.most_private() == 50 * mb);
  worker.page.most_private() = 70 * mb;
  worker.is_exceeded(60 * mb);
  CHECK(worker.page.most_private() == 70 * mb);
  worker.is_exceeded(80 * mb, false);
  CHECK(worker.page.most_private() == 80 * mb);
}

TEST_CASE("a worker looks after a while and not at once again") {
  Budgeted worker;
  worker.page.worker_budget() = 1;
  told.own = 2;
  CHECK_FALSE(worker.budget.is_exceeded(true));
  told.now += MemoryBudget::interval_ns - 1;
  CHECK_FALSE(worker.budget.is_exceeded(true));
  CHECK(told.looks == 0);
  told.now += 1;
  CHECK(worker.budget.is_exceeded(true));
  CHECK_FALSE(worker.budget.is_exceeded(true));
  CHECK(told.looks == 1);
  CHECK(worker.is_exceeded(2));
  CHECK(told.looks == 2);
}

TEST_CASE("where a look takes long the next one waits for fifty times as long") {
  Budgeted worker;
  worker.page.worker_budget() = 1;
  told.look_ns = MemoryBudget::interval_ns;
  CHECK(worker.is_exceeded(2));
  for (int i = 1; i < 50; ++i) CHECK_FALSE(worker.is_exceeded(2));
  CHECK(told.looks == 1);
  CHECK(worker.is_exceeded(2));
}

TEST_CASE("without a meter of the caller's the process itself is asked") {
  SharedPage own(100, 4, 64);
  own.worker_budget() = 1;
  MemoryBudget budget(own);
  if (lomp::private_memory(::getpid()) == 0) {
    SUCCEED("the system doesn't tell");
    return;
  }
  CHECK(eventually([&] { return budget.is_exceeded(true); }));
  CHECK(own.most_private() > 0);
}
