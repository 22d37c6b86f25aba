#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/fork_count.hpp"
#include "lomp/process/child.hpp"

using namespace lomp_test;
using lomp::fork_depth;
using lomp::forks_seen;

TEST_CASE("a process keeps its generation") {
  const unsigned first = fork_depth();
  for (int i = 0; i < 1000; ++i) CHECK(fork_depth() == first);
}

TEST_CASE("a fork leaves the parent's generation alone") {
  const LeavesNothing check;
  const unsigned before = fork_depth();
  for (int i = 0; i < 5; ++i) CHECK(run_in_process([] { return 0; }) == 0);
  CHECK(fork_depth() == before);
}

TEST_CASE("a forked child is of another generation and keeps that") {
  const LeavesNothing check;
  const unsigned mine = fork_depth();
  CHECK(run_in_process([&] {
          const unsigned own = fork_depth();
          return own == mine + 1 && fork_depth() == own ? 0 : 1;
        }) == 0);
}

TEST_CASE("a grandchild is of another generation than its parent and its grandparent") {
  const LeavesNothing check;
  const unsigned mine = fork_depth();
  CHECK(run_in_process([&] {
          const unsigned child = fork_depth();
          const int status = run_in_process([&] {
            const unsigned own = fork_depth();
            return own != mine && own != child ? 0 : 1;
          });
          return status == 0 && fork_depth() == child ? 0 : 2;
        }) == 0);
}

TEST_CASE("a child that the core spawns is of another generation") {
  const LeavesNothing check;
  const unsigned mine = fork_depth();
  lomp::Child child = lomp::spawn([&] { ::_exit(fork_depth() != mine ? 0 : 1); });
  child.wait();
  CHECK(exited_with(child.status(), 0));
}

TEST_CASE("forks are seen from both sides") {
  const LeavesNothing check;
  const unsigned before = forks_seen();
  CHECK(forks_seen() == before);
  CHECK(run_in_process([&] { return forks_seen() == before + 1 ? 0 : 1; }) == 0);
  CHECK(forks_seen() == before + 1);
  CHECK(run_in_process([] { return 0; }) == 0);
  CHECK(forks_seen() == before + 2);
}
