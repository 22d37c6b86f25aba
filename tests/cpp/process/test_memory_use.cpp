#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/process/memory_use.hpp"

using namespace lomp_test;
using lomp::memory_use;
using lomp::MemoryUse;
using lomp::resident_memory;

namespace {

constexpr std::size_t pages_of_test = 8000;

std::uint64_t bytes_of(std::size_t pages) { return pages * lomp::page_size(); }

bool is_about(std::uint64_t bytes, std::size_t pages) {
  return bytes > bytes_of(pages) / 4 * 3 && bytes < bytes_of(pages) / 4 * 5;
}

bool is_told() { return memory_use(::getpid()).own > 0; }

}  // namespace

TEST_CASE("a process that is gone has no memory") {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  CHECK(memory_use(pid).resident == 0);
  CHECK(memory_use(pid).own == 0);
  CHECK(resident_memory(pid) == 0);
}

TEST_CASE("what a process has written to is its own and resident") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const MemoryUse before = memory_use(::getpid());
  const std::uint64_t resident = resident_memory(::getpid());
  const Pages pages(pages_of_test);
  const MemoryUse now = memory_use(::getpid());
  CHECK(is_about(now.own - before.own, pages_of_test));
  CHECK(is_about(now.resident - before.resident, pages_of_test));
  CHECK(is_about(resident_memory(::getpid()) - resident, pages_of_test));
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
  CHECK(resident_memory(pid) > bytes_of(pages_of_test));
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, 0);
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
  tree.file("/proc/8/statm", "1000 300 120 1 0 250 0\n");
  CHECK(resident_memory(8) == bytes_of(300));
}

LINUX_TEST_CASE("files that tell nothing are no memory") {
  for (const char* content : {"", "\n", "nonsense\n", "12\n", "-\n"}) {
    Tree tree;
    const Fake<&Kernel::open> fake(opening(tree));
    tree.file("/proc/7/smaps_rollup", content).file("/proc/7/statm", content);
    CHECK(memory_use(7).resident == 0);
    CHECK(memory_use(7).own == 0);
    CHECK(resident_memory(7) == 0);
  }
}

#endif
