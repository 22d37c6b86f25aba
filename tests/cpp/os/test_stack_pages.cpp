#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/stack_pages.hpp"

using namespace lomp_test;

namespace {

constexpr std::size_t page = 4096;
constexpr int deep = 24;  // pages, fewer than are populated

/// Goes down the stack by one page a call; how many faults that took.
__attribute__((noinline)) long descend(int levels) {
  volatile unsigned char frame[page];
  frame[0] = 1;
  const long below = levels > 0 ? descend(levels - 1) : faults();
  frame[page - 1] = 0;
  return below + frame[page - 1];
}

__attribute__((noinline)) long faults_of_descent() {
  const long before = faults();
  return descend(deep) - before;
}

/// Runs a function at the bottom of a deep stack and tells how many faults it took to come back.
template <class Function>
__attribute__((noinline)) long faults_of_return(int levels, Function at_bottom) {
  volatile unsigned char frame[page];
  frame[0] = 1;
  if (levels == 0) {
    at_bottom();
    return faults();
  }
  const long before = faults_of_return(levels - 1, at_bottom);
  frame[page / 2] = 0;
  return before + frame[page / 2];
}

}  // namespace

TEST_CASE("a forked process goes down its stack without faults") {
  descend(2 * deep);  // so that the pages are there, and shared
  const int plain = run_in_process([] { return faults_of_descent() < deep / 2; });
  const int populated = run_in_process([] {
    lomp::populate_stack_below();
    return faults_of_descent() > deep / 2;
  });
  CHECK((plain == 0 || is_sanitized));
  CHECK((populated == 0 || is_sanitized || !can_populate()));
}

TEST_CASE("a process that has forked comes back up its stack without faults") {
  const auto faults_with = [](bool populate) {
    pid_t child = -1;
    const long before = faults_of_return(deep, [&] {
      child = ::fork();
      if (child == 0) wait_for_death();
      if (populate) lomp::populate_stack_above();
    });
    const long taken = faults() - before;
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return taken;
  };
  const LeavesNothing check;
  CHECK(run_in_process([&] { return faults_with(false) < deep / 2; }) == 0);
  if (!can_populate()) return;
  CHECK(run_in_process([&] { return faults_with(true) > deep / 2; }) == 0);
}

TEST_CASE("a stack that has never been as deep or high is no obstacle") {
  const int status = run_in_process([] {
    lomp::populate_stack_below();
    lomp::populate_stack_above();
    return 0;
  });
  CHECK(status == 0);
}
