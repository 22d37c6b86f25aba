#include <testthat/vendor/catch.h>

#include "harness/held.hpp"
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

/// Checks that a child which can't end is the caller's reaper's at once when a call ends so, though
/// there would be patience. Where no debugger may hold it, it ends.
void check_reaper_takes_over(const Shutdown::Facts& facts) {
  const LeavesNothing check;
  Reaper reaper;
  Child child = spawn([] {
    allow_holders();
    wait_for_death();
  });
  Debugger debugger;
  const bool is_held = debugger.seize(child.pid());
  if (!is_held) WARN("no debugger may hold a process here");
  Shutdown shutdown(&reaper, 10000);
  shutdown.add(std::move(child));
  const std::int64_t begin = lomp::now_ns();
  shutdown.run(facts);
  CHECK(lomp::now_ns() - begin < std::int64_t{5} * 1000000000);
  CHECK((!is_held || reaper.size() == 1));
  debugger.release();
  CHECK(eventually([&] { return reaper.size() == 0; }));
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

TEST_CASE("children that have ended are reaped on the way and those that haven't are kept") {
  const LeavesNothing check;
  Shutdown shutdown(nullptr, 0);
  CHECK_FALSE(shutdown.await_end());
  Child brief = spawn([] {});
  const pid_t pid = brief.pid();
  shutdown.add(std::move(brief));
  CHECK(shutdown.await_end());
  CHECK(::waitpid(pid, nullptr, WNOHANG) == -1);
  add_children(shutdown, 1);
  shutdown.reap_ended();
  CHECK_FALSE(has_no_child());
  shutdown.run(ended_well());
  CHECK(has_no_child());
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
  Shutdown::Facts facts;
  facts.fork_ns = std::int64_t{3} * 1000000000;
  check_reaper_takes_over(facts);
}

TEST_CASE("children of a call that has ended well are the reaper's") {
  check_reaper_takes_over(ended_well());
}

TEST_CASE("the caller's reaper is used where there is one and else an own one") {
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
