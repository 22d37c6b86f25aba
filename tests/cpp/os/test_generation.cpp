#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/generation.hpp"
#include "lomp/process/child.hpp"

using namespace lomp_test;
using lomp::forks_seen;
using lomp::generation;

TEST_CASE("a process keeps its generation") {
  const unsigned first = generation();
  for (int i = 0; i < 1000; ++i) CHECK(generation() == first);
}

TEST_CASE("a fork leaves the parent's generation alone") {
  const LeavesNothing check;
  const unsigned before = generation();
  for (int i = 0; i < 5; ++i) CHECK(run_in_process([] { return 0; }) == 0);
  CHECK(generation() == before);
}

TEST_CASE("a forked child is of another generation and keeps that") {
  const LeavesNothing check;
  const unsigned mine = generation();
  CHECK(run_in_process([&] {
          const unsigned own = generation();
          return own == mine + 1 && generation() == own ? 0 : 1;
        }) == 0);
}

TEST_CASE("a grandchild is of another generation than its parent and its grandparent") {
  const LeavesNothing check;
  const unsigned mine = generation();
  CHECK(run_in_process([&] {
          const unsigned child = generation();
          const int status = run_in_process([&] {
            const unsigned own = generation();
            return own != mine && own != child ? 0 : 1;
          });
          return status == 0 && generation() == child ? 0 : 2;
        }) == 0);
}

TEST_CASE("a child that the core spawns is of another generation") {
  const LeavesNothing check;
  const unsigned mine = generation();
  lomp::Child child = lomp::spawn([&] { ::_exit(generation() != mine ? 0 : 1); });
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
