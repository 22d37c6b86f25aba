#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/pool/shutdown.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::Reaper;
using lomp::Shutdown;
using lomp::spawn;

namespace {

Shutdown::Facts ended_well() {
  Shutdown::Facts facts;
  facts.has_ended_well = true;
  return facts;
}

void add_children(Shutdown& shutdown, int count) {
  shutdown.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) shutdown.add(spawn([] { wait_for_death(); }));
}

}  // namespace

TEST_CASE("without a reaper of the caller's all children are gone at the end") {
  const LeavesNothing check;
  for (const Shutdown::Facts& facts : {ended_well(), Shutdown::Facts()}) {
    Shutdown shutdown(nullptr, 0);
    add_children(shutdown, 3);
    shutdown.run(facts);
    CHECK(has_no_child());
  }
}

TEST_CASE("children of a call that was broken off are waited for") {
  const LeavesNothing check;
  Reaper reaper;
  Shutdown shutdown(&reaper, 10000);
  add_children(shutdown, 3);
  shutdown.run({});
  CHECK(has_no_child());
  CHECK(reaper.size() == 0);
}

TEST_CASE("children that would take most of the patience to end are the reaper's") {
  const LeavesNothing check;
  Reaper reaper;
  Shutdown shutdown(&reaper, 10000);
  add_children(shutdown, 2);
  Shutdown::Facts facts;
  facts.fork_ns = std::int64_t{3} * 1000000000;
  const std::int64_t begin = lomp::now_ns();
  shutdown.run(facts);
  CHECK(lomp::now_ns() - begin < std::int64_t{5} * 1000000000);
  CHECK(eventually([&] { return reaper.size() == 0; }));
}

TEST_CASE("the reaper has what was left to it while the pool lives") {
  const LeavesNothing check;
  Reaper reaper;
  Shutdown others(&reaper, 0), own(nullptr, 0);
  CHECK(&others.reaper() == &reaper);
  CHECK(&own.reaper() != &reaper);
}

TEST_CASE("an end without children is over at once") {
  const LeavesNothing check;
  Shutdown shutdown(nullptr, 0);
  shutdown.run({});
  shutdown.run(ended_well());
}

TEST_CASE("a forked process ends none of its siblings") {
  const LeavesNothing check;
  Shutdown shutdown(nullptr, 0);
  Child child = spawn([] { wait_for_death(); });
  const pid_t pid = child.pid();
  shutdown.add(std::move(child));
  CHECK(run_in_process([&] {
          shutdown.disown();
          shutdown.run({});
          return 0;
        }) == 0);
  CHECK_FALSE(has_ended(pid));
  shutdown.run({});
}
