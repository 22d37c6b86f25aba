#include <testthat/vendor/catch.h>

#include <cstdlib>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/process/memory_use.hpp"

using namespace lomp_test;
using lomp::memory_use;
using lomp::MemoryUse;
using lomp::private_memory;
using lomp::resident_memory;

namespace {

constexpr std::size_t pages_of_test = 8000;

std::uint64_t bytes_of(std::size_t pages) { return pages * lomp::page_size(); }

bool is_about(std::uint64_t bytes, std::size_t pages) {
  return bytes > bytes_of(pages) / 4 * 3 && bytes < bytes_of(pages) / 4 * 5;
}

/// Not every kernel tells it.
bool is_told() { return memory_use(::getpid()).own > 0; }

constexpr std::size_t many = 2000;

/// By how much this process's own memory grows while it does something, in pages.
template <class Do>
long growth(Do act) {
  const auto before = static_cast<long>(private_memory(::getpid()));
  act();
  const auto after = static_cast<long>(private_memory(::getpid()));
  return (after - before) / static_cast<long>(lomp::page_size());
}

/// Is it so many pages but for what the measuring itself takes?
bool are_about(long pages, long right) { return std::abs(pages - right) < 300; }

}  // namespace

TEST_CASE("a process that is gone has no memory") {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  CHECK(memory_use(pid).resident == 0);
  CHECK(memory_use(pid).own == 0);
}

TEST_CASE("what a process has written to is its own and resident") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const MemoryUse before = memory_use(::getpid());
  const std::uint64_t resident = resident_memory();
  const Pages pages(pages_of_test);
  const MemoryUse now = memory_use(::getpid());
  CHECK(is_about(now.own - before.own, pages_of_test));
  CHECK(is_about(now.resident - before.resident, pages_of_test));
  CHECK(is_about(resident_memory() - resident, pages_of_test));
}

TEST_CASE("a forked process has its parent's pages and those it writes to of its own") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const LeavesNothing check;
  const Pages pages(pages_of_test);
  const int status = run_in_process([&] {
    const MemoryUse before = memory_use(::getpid());
    if (before.resident < bytes_of(pages_of_test)) return 1;
    if (before.own > bytes_of(pages_of_test) / 2) return 2;
    pages.rewrite();
    const MemoryUse now = memory_use(::getpid());
    if (!is_about(now.own - before.own, pages_of_test)) return 3;
    return now.resident - before.resident < bytes_of(pages_of_test) / 4 ? 0 : 4;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("another process's memory can be told from outside") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const LeavesNothing check;
  const SharedArray<int> is_ready(1);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const Pages pages(pages_of_test);
    is_ready[0] = 1;
    wait_for_death();
  }
  CHECK(eventually([&] { return is_ready[0] == 1; }));
  CHECK(memory_use(pid).own > bytes_of(pages_of_test));
  CHECK(memory_use(pid).own <= memory_use(pid).resident);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("memory that a process has written to is its own until it is given back") {
  const LeavesNothing check;
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const int status = run_in_process([] {
    long more = 0;
    const long kept = growth([&] { more = growth([] { const Pages pages(many); }); });
    if (!are_about(kept, 0) || !are_about(more, 0)) return 1;
    const long all = growth([] { new Pages(many); });
    return are_about(all, static_cast<long>(many)) ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("what a forked process shares with its parent is its own only where it writes") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const Pages pages(many);
  const int status = run_in_process([&] {
    if (private_memory(::getpid()) >= pages.bytes) return 1;
    const long copied = growth([&] { std::memset(pages.data, 2, pages.bytes / 2); });
    return are_about(copied, static_cast<long>(many / 2)) ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("another process's own memory can be told by its number") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const SharedArray<int> words(1);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const Pages pages(many);
    words[0] = 1;
    wait_for_death();
  }
  REQUIRE(eventually([&] { return words[0] == 1; }));
  CHECK(private_memory(pid) >= many * lomp::page_size());
  CHECK(private_memory(pid) < 2 * many * lomp::page_size() + (std::size_t{8} << 20));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
  CHECK(private_memory(pid) == 0);
}

TEST_CASE("where nothing tells it is zero") {
  const Fake<&Kernel::open> none(failing(EACCES));
  CHECK(private_memory(::getpid()) == 0);
}

#if LOMP_LINUX

LINUX_TEST_CASE("what was swapped out is a process's own and what others have is resident alone") {
  Tree tree;
  const Fake<&Kernel::open> fake(opening(tree));
  tree.file("/proc/7/smaps_rollup",
            "5581d6a8b000-7ffd2b5d9000 ---p 00000000 00:00 0    [rollup]\n"
            "Rss:               10000 kB\n"
            "Pss:                5000 kB\n"
            "Shared_Clean:       2000 kB\n"
            "Shared_Dirty:       3000 kB\n"
            "Private_Clean:      1000 kB\n"
            "Private_Dirty:      4000 kB\n"
            "SwapPss:             500 kB\n");
  CHECK(memory_use(7).resident == std::uint64_t{10000} << 10);
  CHECK(memory_use(7).own == std::uint64_t{5500} << 10);
  tree.file("/proc/self/statm", "1000 300 120 1 0 250 0\n");
  CHECK(resident_memory() == bytes_of(300));
}

LINUX_TEST_CASE("files that tell nothing are no memory") {
  for (const char* content : {"", "\n", "nonsense\n", "12\n", "-\n"}) {
    Tree tree;
    const Fake<&Kernel::open> fake(opening(tree));
    tree.file("/proc/7/smaps_rollup", content).file("/proc/self/statm", content);
    CHECK(memory_use(7).resident == 0);
    CHECK(memory_use(7).own == 0);
    CHECK(resident_memory() == 0);
  }
}

LINUX_TEST_CASE("clean and dirty and swapped memory are summed up") {
  Tree tree;
  tree.file("/proc/17/smaps_rollup",
            "55af25d96000-7fff3bdce000 ---p 00000000 00:00 0  [rollup]\n"
            "Rss: 1688 kB\nPss: 494 kB\nShared_Clean: 1000 kB\nShared_Dirty: 2000 kB\n"
            "Private_Clean:        3 kB\nPrivate_Dirty:      20 kB\nSwap: 700 kB\n"
            "SwapPss:             100 kB\n");
  const Fake<&Kernel::open> fake(opening(tree));
  CHECK(private_memory(17) == std::uint64_t{123} << 10);
  CHECK(private_memory(18) == 0);
}

#endif
