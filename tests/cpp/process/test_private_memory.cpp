#include <testthat/vendor/catch.h>

#include <cstdlib>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/process/private_memory.hpp"

using namespace lomp_test;
using lomp::private_memory;

namespace {

constexpr std::size_t many = 2000;

/// Not every kernel tells it.
bool is_told() { return private_memory(::getpid()) > 0; }

/// By how much this process's own memory grows while it does something, in pages.
template <class Do>
long growth(Do act) {
  const auto before = static_cast<long>(private_memory(::getpid()));
  act();
  const auto after = static_cast<long>(private_memory(::getpid()));
  return (after - before) / static_cast<long>(lomp::page_size());
}

/// Is it so many pages but for what the measuring itself takes?
bool is_about(long pages, long right) { return std::abs(pages - right) < 300; }

}  // namespace

TEST_CASE("memory that a process has written to is its own until it is given back") {
  const LeavesNothing check;
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const int status = run_in_process([] {
    long more = 0;
    const long kept = growth([&] { more = growth([] { const Pages pages(many); }); });
    if (!is_about(kept, 0) || !is_about(more, 0)) return 1;
    const long all = growth([] { new Pages(many); });
    return is_about(all, static_cast<long>(many)) ? 0 : 2;
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
    return is_about(copied, static_cast<long>(many / 2)) ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("another process's memory can be told by its number") {
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
