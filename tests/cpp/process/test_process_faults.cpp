#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/process/process_faults.hpp"

using namespace lomp_test;
using lomp::faults_of;

namespace {

constexpr std::size_t many = 2000;

bool is_told() { return faults_of(::getpid()) >= 0; }

}  // namespace

TEST_CASE("a process's faults are those that it counts itself") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  for (int i = 0; i < 3; ++i) {
    const Pages pages(many);
    const std::int64_t least = lomp::page_faults();
    const std::int64_t told = faults_of(::getpid());
    CHECK(told >= least);
    CHECK(told <= lomp::page_faults());
  }
}

TEST_CASE("another process's faults are its own also when it has ended and isn't reaped") {
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const LeavesNothing check;
  const SharedArray<long> faults(1);
  const pid_t pid = ::fork();
  if (pid == 0) {
    const Pages pages(many);
    faults[0] = lomp::page_faults();
    wait_for_death();
  }
  CHECK(eventually([&] { return faults[0] != 0; }));
  CHECK(faults_of(pid) >= faults[0]);
  CHECK(faults_of(pid) < faults[0] + static_cast<long>(many / 2));
  ::kill(pid, SIGKILL);
  CHECK(eventually([&] { return has_ended(pid); }));
  CHECK(faults_of(pid) >= faults[0]);
  ::waitpid(pid, nullptr, 0);
}

TEST_CASE("of a process that isn't there no faults are known") {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
  CHECK(faults_of(pid) == -1);
  CHECK(faults_of(0) == -1);
}

#if LOMP_LINUX

LINUX_TEST_CASE("a process's name may be anything") {
  for (const char* name : {"R", "a b", "a) R 1 2 3 (b", ")", ""}) {
    Tree tree;
    const Fake<&Kernel::open> fake(opening(tree));
    const std::string before = "7 (" + std::string(name) + ") ";
    tree.file("/proc/7/stat", before + "S 1 7 7 34816 -1 4194304 12345 99 1 0 5 6\n");
    CHECK(faults_of(7) == 12345);
  }
}

LINUX_TEST_CASE("a file that tells nothing tells of no faults") {
  for (const char* content :
       {"", "7", "7 (R", "7 (R)", "7 (R) S 1 7 7 34816 -1 4194304", "7 (R) S x"}) {
    Tree tree;
    const Fake<&Kernel::open> fake(opening(tree));
    tree.file("/proc/7/stat", content);
    CHECK(faults_of(7) == -1);
  }
}

#endif
