#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/os/cpu_limit.hpp"

using namespace lomp_test;
using lomp::cgroup_limit;
using lomp::no_limit;

#if LOMP_LINUX

LINUX_TEST_CASE("without control groups there is no limit") {
  const Tree tree;
  CHECK(cgroup_limit(tree.root()) == no_limit);
}

LINUX_TEST_CASE("version 2: a quota is a number of processors and is rounded up") {
  const auto limit_of = [](const std::string& content) {
    Tree tree;
    tree.groups("0::/\n").cpu_max("", content);
    return cgroup_limit(tree.root());
  };
  CHECK(limit_of("200000 100000\n") == 2);
  CHECK(limit_of("150000 100000\n") == 2);
  CHECK(limit_of("100001 100000\n") == 2);
  CHECK(limit_of("100000 100000\n") == 1);
  CHECK(limit_of("5000 100000\n") == 1);
  CHECK(limit_of("300000 50000\n") == 6);
  CHECK(limit_of("max 100000\n") == no_limit);
}

LINUX_TEST_CASE("version 2: a file that makes no sense is no limit") {
  for (const char* content : {"", "\n", "max\n", "nonsense here\n", "100000 0\n", "-1 100000\n"}) {
    CAPTURE(content);
    Tree tree;
    tree.groups("0::/\n").cpu_max("", content);
    CHECK(cgroup_limit(tree.root()) == no_limit);
  }
}

LINUX_TEST_CASE("version 2: the least quota of a group and all above it holds") {
  Tree tree;
  tree.groups("0::/user.slice/user-1000.slice/session.scope\n");
  tree.cpu_max("/user.slice/user-1000.slice/session.scope", "800000 100000\n");
  CHECK(cgroup_limit(tree.root()) == 8);
  tree.cpu_max("/user.slice/user-1000.slice", "max 100000\n");
  CHECK(cgroup_limit(tree.root()) == 8);
  tree.cpu_max("/user.slice", "300000 100000\n");
  CHECK(cgroup_limit(tree.root()) == 3);
  tree.cpu_max("", "400000 100000\n");
  CHECK(cgroup_limit(tree.root()) == 3);
}

LINUX_TEST_CASE("version 1: a quota is read from the two files") {
  for (const std::string mount : {"/cpu", "/cpu,cpuacct"}) {
    Tree tree;
    tree.groups("5:memory:/job\n4:cpu,cpuacct:/job\n1:name=systemd:/job\n");
    tree.cfs(mount + "/job", "250000\n", "100000\n");
    CHECK(cgroup_limit(tree.root()) == 3);
  }
}

LINUX_TEST_CASE("version 1: a quota of -1 is none and one above holds below") {
  Tree tree;
  tree.groups("4:cpuacct,cpu:/docker/abc\n");
  tree.cfs("/cpu/docker/abc", "-1\n", "100000\n");
  CHECK(cgroup_limit(tree.root()) == no_limit);
  tree.cfs("/cpu/docker", "400000\n", "100000\n");
  CHECK(cgroup_limit(tree.root()) == 4);
  // What a container sees as its root.
  tree.cfs("/cpu", "200000\n", "100000\n");
  CHECK(cgroup_limit(tree.root()) == 2);
}

LINUX_TEST_CASE("version 1: other controllers say nothing of processors") {
  Tree tree;
  tree.groups("4:cpuset:/job\n3:cpuacct:/job\n");
  tree.cfs("/cpu/job", "100000\n", "100000\n");
  CHECK(cgroup_limit(tree.root()) == no_limit);
}

LINUX_TEST_CASE("both versions side by side: the lesser limit holds") {
  Tree tree;
  tree.groups("4:cpu:/one\n0::/two\n");
  tree.cfs("/cpu/one", "500000\n", "100000\n").cpu_max("/two", "300000 100000\n");
  CHECK(cgroup_limit(tree.root()) == 3);
}

#endif

TEST_CASE("this machine's own groups can be read") { CHECK(cgroup_limit() >= 1); }

TEST_CASE("a quota without end or sense is no limit") {
  CHECK(lomp::quota_limit(-1, 100000) == no_limit);
  CHECK(lomp::quota_limit(100000, 0) == no_limit);
  CHECK(lomp::quota_limit(0, 100000) == no_limit);
  CHECK(lomp::quota_limit(100000, 100000) == 1);
  CHECK(lomp::quota_limit(1, 100000) == 1);
}

TEST_CASE("the processors that this process is put on are counted") {
#if LOMP_LINUX
  cpu_set_t all;
  REQUIRE(::sched_getaffinity(0, sizeof all, &all) == 0);
  CHECK(lomp::affinity_limit() == CPU_COUNT(&all));
  const int status = run_in_process([&] {
    cpu_set_t one;
    CPU_ZERO(&one);
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &all)) CPU_SET(cpu, &one);
      if (CPU_COUNT(&one) == 1) break;
    }
    if (::sched_setaffinity(0, sizeof one, &one) != 0) return 2;
    return lomp::affinity_limit() == 1 ? 0 : 1;
  });
  CHECK(status == 0);
#else
  CHECK(lomp::affinity_limit() >= 1);
#endif
}
