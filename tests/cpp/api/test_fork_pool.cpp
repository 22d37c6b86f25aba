// The pool of other programs: results, what goes wrong as a result, and what is left behind.
#include <signal.h>
#include <testthat/vendor/catch.h>
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp.hpp"

using namespace lomp_test;
using lomp::ForkPool;
using lomp::ForkPoolOptions;
using lomp::ItemOutcome;
using lomp::ItemResult;

namespace {

ForkPoolOptions with_workers(int workers, bool in_order = true) {
  ForkPoolOptions options;
  options.workers = workers;
  options.in_order = in_order;
  return options;
}

std::vector<ItemResult> take_all(ForkPool& pool) {
  std::vector<ItemResult> results;
  ItemResult result;
  while (pool.next(result)) results.push_back(result);
  return results;
}

/// Waits in a worker for its end.
std::string wait_for_ever(std::uint64_t) { wait_for_death(); }

/// A function whose second item ends its worker in some way.
template <class End>
ForkPool::Function second_ends(End end) {
  return [end](std::uint64_t item) {
    if (item == 1) end();
    return std::to_string(item);
  };
}

/// Runs three items of which the second ends its worker; gives that one's result.
template <class End>
ItemResult result_of_end(End end, ForkPoolOptions options = with_workers(2)) {
  const LeavesNothing check;
  ForkPool pool(3, second_ends(end), options);
  const std::vector<ItemResult> results = take_all(pool);
  REQUIRE(results.size() == 3);
  CHECK(results[0].value == "0");
  CHECK(results[2].value == "2");
  CHECK(results[1].item == 1);
  CHECK(results[1].value.empty());
  return results[1];
}

}  // namespace

TEST_CASE("results come by item and each once") {
  const LeavesNothing check;
  for (int workers : {1, 3}) {
    ForkPool pool(
        300,
        [](std::uint64_t item) {
          if (item % 7 == 0) work_for_us(1000);
          return std::to_string(item * item);
        },
        with_workers(workers));
    const std::vector<ItemResult> results = take_all(pool);
    REQUIRE(results.size() == 300);
    for (std::uint64_t i = 0; i < results.size(); ++i) {
      REQUIRE(results[i].item == i);
      REQUIRE(results[i].value == std::to_string(i * i));
      REQUIRE(results[i].problem.empty());
    }
    ItemResult none;
    CHECK_FALSE(pool.next(none));
  }
}

TEST_CASE("results come as they are finished if they may") {
  const LeavesNothing check;
  const SharedArray<int> taken(1);
  const auto last_is_taken = [&] { return taken[0] == 1; };
  ForkPool pool(
      2,
      [&](std::uint64_t item) {
        if (item == 0 && !eventually(last_is_taken, 30000)) return std::string("waited in vain");
        return std::to_string(item);
      },
      with_workers(2, false));
  ItemResult result;
  REQUIRE(pool.next(result));
  CHECK(result.value == "1");
  taken[0] = 1;
  REQUIRE(pool.next(result));
  CHECK(result.value == "0");
  CHECK_FALSE(pool.next(result));
}

TEST_CASE("an exception is its item's result in its own words") {
  const LeavesNothing check;
  ForkPool pool(
      3,
      [](std::uint64_t item) {
        if (item == 1) throw std::runtime_error("picture 1 is broken");
        return std::to_string(item);
      },
      with_workers(1));
  const std::vector<ItemResult> results = take_all(pool);
  REQUIRE(results.size() == 3);
  CHECK(results[1].outcome == ItemOutcome::exception);
  CHECK(results[1].problem == "picture 1 is broken");
  CHECK(results[1].value.empty());
  CHECK(results[2].is_value());
}

TEST_CASE("a crash is its item's result and names the signal") {
  const ItemResult result = result_of_end([] { kill_self(SIGSEGV); });
  CHECK(result.outcome == ItemOutcome::crash);
  CHECK(result.problem == "its worker was killed by SIGSEGV");
}

TEST_CASE("exit() in an item is its result and runs no exit handler of the parent's") {
  static const SharedArray<int> exits(1);
  const pid_t parent = ::getpid();
  static pid_t own;
  own = parent;
  std::atexit([] {
    if (::getpid() != own) ++exits[0];
  });
  const ItemResult result = result_of_end([] { std::exit(0); });
  CHECK(result.outcome == ItemOutcome::crash);
  CHECK(result.problem == "its worker called exit()");
  CHECK(exits[0] == 0);
}

TEST_CASE("an item that is over its time limit is ended and the others go on") {
  ForkPoolOptions options = with_workers(2);
  options.timeout = std::chrono::milliseconds(1500);
  const ItemResult result = result_of_end([] { wait_for_death(); }, options);
  CHECK(result.outcome == ItemOutcome::timeout);
  CHECK(result.problem == "it took longer than its time limit");
}

TEST_CASE("where no worker can be had each item says so") {
  const LeavesNothing check;
  const Fake<&Kernel::fork> refused(failing(EAGAIN));
  for (bool in_order : {false, true}) {
    ForkPool pool(3, wait_for_ever, with_workers(2, in_order));
    const std::vector<ItemResult> results = take_all(pool);
    REQUIRE(results.size() == 3);
    for (const ItemResult& result : results) {
      CHECK(result.outcome == ItemOutcome::not_run);
      CHECK(result.problem == "no worker could be had: Resource temporarily unavailable");
    }
  }
}

TEST_CASE("the destructor ends workers and what they have started") {
  const SharedArray<int> pids(3);
  adopt_orphans();
  {
    ForkPool pool(
        3,
        [&](std::uint64_t item) -> std::string {
          if (item == 0) return "first";
          const pid_t pid = ::fork();
          if (pid > 0) pids[item] = pid;
          wait_for_death();
        },
        with_workers(2));
    ItemResult result;
    REQUIRE(pool.next(result));
    REQUIRE(eventually([&] { return pids[1] != 0; }));
  }
  CHECK(eventually([&] { return is_gone(pids[1]); }));
  CHECK(eventually([] { return has_no_child(); }));
}

TEST_CASE("what the caller runs while it waits may throw and no worker is left") {
  const LeavesNothing check;
  int looks = 0;
  ForkPoolOptions options = with_workers(2);
  options.while_waiting = [&looks] {
    if (++looks == 3) throw std::runtime_error("interrupted");
  };
  ForkPool pool(2, wait_for_ever, options);
  ItemResult result;
  CHECK_THROWS_WITH(pool.next(result), "interrupted");
  CHECK(looks == 3);
}

TEST_CASE("workers don't run further ahead of the caller than the buffer") {
  const LeavesNothing check;
  for (bool in_order : {false, true}) {
    const SharedArray<std::uint64_t> made(1);
    ForkPoolOptions options = with_workers(2, in_order);
    options.buffer_bytes = 10000;
    ForkPool pool(
        400,
        [&](std::uint64_t) {
          ++made[0];
          return std::string(1000, 'x');
        },
        options);
    ItemResult result;
    for (std::uint64_t taken = 1; pool.next(result); ++taken) {
      // Beside the buffer, a result more of each worker's, and one that waits.
      REQUIRE(made[0] <= taken + 10 + 2 * 2);
    }
    CHECK(made[0] == 400);
  }
}

TEST_CASE("in order a worker that has made too much goes on with the item that is next") {
  const LeavesNothing check;
  constexpr std::uint64_t items = 1000;
  enum { has_slow, has_last, has_earlier };
  const SharedArray<int> shared(3);
  ForkPoolOptions options = with_workers(2);
  options.buffer_bytes = 50000;
  // While one item waits, its worker's others are stolen. Its thief has the last one, which is more
  // than the buffer, before it comes to an earlier one.
  ForkPool pool(
      items,
      [&](std::uint64_t item) {
        if (shared[has_last] == 1) shared[has_earlier] = 1;
        if (item == items - 1) shared[has_last] = 1;
        if (item >= 200 && shared[has_slow].exchange(1) == 0) {
          (void)eventually([&] { return shared[has_earlier] == 1; }, 5000);
        }
        return std::string(item == items - 1 ? 100000 : 10, 'x');
      },
      options);
  const std::vector<ItemResult> results = take_all(pool);
  REQUIRE(results.size() == items);
  for (std::uint64_t i = 0; i < items; ++i) REQUIRE(results[i].item == i);
}

TEST_CASE("in order a death doesn't stop those that wait behind it") {
  const LeavesNothing check;
  ForkPoolOptions options = with_workers(3);
  options.buffer_bytes = 3000;
  ForkPool pool(
      200,
      [](std::uint64_t item) {
        if (item % 20 == 3) kill_self();
        return std::string(1000, 'x');
      },
      options);
  const std::vector<ItemResult> results = take_all(pool);
  REQUIRE(results.size() == 200);
  for (std::uint64_t i = 0; i < 200; ++i) {
    REQUIRE(results[i].item == i);
    REQUIRE(results[i].is_value() == (i % 20 != 3));
  }
}

TEST_CASE("a pool may be within an item of another") {
  const LeavesNothing check;
  const auto inner = [](std::uint64_t item) {
    std::string all;
    for (const ItemResult& result : lomp::fork_map(
             3, [item](std::uint64_t i) { return std::to_string(10 * item + i) + " "; })) {
      all += result.value;
    }
    return all;
  };
  const std::vector<ItemResult> results = lomp::fork_map(2, inner);
  CHECK(results[0].value == "0 1 2 ");
  CHECK(results[1].value == "10 11 12 ");
}

TEST_CASE("what can't be asked of a pool is refused before anything is forked") {
  const auto function = [](std::uint64_t) { return std::string(); };
  CHECK_THROWS_AS(ForkPool(std::uint64_t{1} << 32, function), std::invalid_argument);
  CHECK_THROWS_AS(ForkPool(1, nullptr), std::invalid_argument);
  CHECK_THROWS_AS(ForkPool(1, function, with_workers(-1)), std::invalid_argument);
  ForkPoolOptions options;
  options.timeout = std::chrono::seconds(-1);
  CHECK_THROWS_AS(ForkPool(1, function, options), std::invalid_argument);
}
