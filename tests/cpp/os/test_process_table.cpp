#include <testthat/vendor/catch.h>

#include <algorithm>
#include <string>
#include <thread>

#include "harness/processes.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/process/child.hpp"

using namespace lomp_test;
using lomp::Child;
using lomp::spawn;

#if LOMP_LINUX

namespace {

std::vector<pid_t> sorted(std::vector<pid_t> pids) {
  std::sort(pids.begin(), pids.end());
  return pids;
}

std::vector<pid_t> children_of(pid_t process) {
  std::vector<pid_t> listed;
  lomp::visit_children(process, [&](pid_t pid) { listed.push_back(pid); });
  return sorted(listed);
}

}  // namespace

LINUX_TEST_CASE("a search finds the same children as the kernel's list") {
  const LeavesNothing check;
  std::vector<Child> children;
  for (int i = 0; i < 20; ++i) children.push_back(spawn([] { wait_for_death(); }));
  std::vector<pid_t> all, searched;
  for (const Child& child : children) all.push_back(child.pid());
  lomp::search_children(::getpid(), [&](pid_t pid) { searched.push_back(pid); });
  CHECK(children_of(::getpid()) == sorted(all));
  CHECK(sorted(searched) == sorted(all));
}

LINUX_TEST_CASE("a long list of children is read in pieces") {
  const LeavesNothing check;
  std::vector<Child> children;
  std::vector<pid_t> all;
  for (int i = 0; i < 200; ++i) children.push_back(spawn([] { wait_for_death(); }));
  for (const Child& child : children) all.push_back(child.pid());
  CHECK(children_of(::getpid()) == sorted(all));
}

LINUX_TEST_CASE("a process's state is told whatever its name is") {
  Child child = spawn([] {
    ::prctl(PR_SET_NAME, "a) Z 1 (b");
    wait_for_death();
  });
  pid_t parent = 0;
  CHECK(eventually([&] { return lomp::state_of(child.pid(), &parent) == 'S'; }));
  CHECK(parent == ::getpid());
  const pid_t pid = child.pid();
  ::kill(pid, SIGKILL);
  CHECK(eventually([&] { return lomp::state_of(pid) == 'Z'; }));
  child.wait();
  CHECK(lomp::state_of(pid) == 0);
  CHECK(children_of(pid).empty());
}

LINUX_TEST_CASE("this process finds itself in its own list of processes") {
  CHECK(lomp::is_own_process_list());
}

LINUX_TEST_CASE("a process that another thread has started is a child too") {
  const LeavesNothing check;
  SharedArray<pid_t> told(1);
  std::atomic<bool> may_end{false};
  std::thread thread([&] {
    const Child child = spawn([] { wait_for_death(); });
    told[0] = child.pid();
    eventually([&] { return may_end.load(); });
  });
  eventually([&] { return told[0] != 0; });
  CHECK(children_of(::getpid()) == std::vector<pid_t>{told[0]});
  may_end = true;
  thread.join();
}

LINUX_TEST_CASE("the numbers of a folder and of a file are told and nothing else is") {
  CHECK_FALSE(lomp::visit_numbers("/nothing/here", [](pid_t) { FAIL("a number"); }));
  lomp::visit_numbered_entries("/nothing/here", [](pid_t) { FAIL("a number"); });
  bool is_found = false;
  lomp::visit_numbered_entries("/proc", [&](pid_t pid) { is_found |= pid == ::getpid(); });
  CHECK(is_found);
}

LINUX_TEST_CASE("a process's files have their paths") {
  lomp::ProcessPath path;
  const char* end = lomp::write_process_path(path, 1234, "stat");
  CHECK(std::string(path) == "/proc/1234/stat");
  CHECK(end == path + 15);
}

#endif

TEST_CASE("a system that lists no processes tells of none") {
  const LeavesNothing check;
  const Child child = spawn([] { wait_for_death(); });
  lomp::ProcessPath path;
  lomp::write_process_path(path, child.pid(), "stat");
  CHECK(std::string(path).empty() == !lomp::lists_processes);
  if (lomp::lists_processes) return;
  CHECK_FALSE(lomp::is_own_process_list());
  CHECK(lomp::is_dead_state(lomp::state_of(child.pid())));
  lomp::visit_children(::getpid(), [](pid_t) { FAIL("a child"); });
}
