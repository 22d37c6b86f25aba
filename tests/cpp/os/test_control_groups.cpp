#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/os/control_groups.hpp"

using namespace lomp_test;
using lomp::control_groups;
using lomp::ControlGroup;
using lomp::least_upwards;

namespace {

/// Folders, and what a file in each of them tells.
using Told = std::vector<std::pair<std::string, int>>;

int least_of(const Told& told, const std::string& base, const std::string& path) {
  return least_upwards(base, path, [&](const std::string& folder) {
    for (const auto& [name, value] : told) {
      if (name == folder) return value;
    }
    return 1000;
  });
}

}  // namespace

TEST_CASE("a group has the controllers that are named and no others") {
  const ControlGroup group{"cpuacct,cpu,memory", "/job"};
  for (const char* name : {"cpu", "cpuacct", "memory"}) CHECK(group.has(name));
  for (const char* name : {"", "cpuset", "cp", "mem", "cpu,memory", "/job"}) {
    CAPTURE(name);
    CHECK_FALSE(group.has(name));
  }
  CHECK_FALSE(group.is_version_2());
}

TEST_CASE("a group without controllers is one of version 2") {
  const ControlGroup group{"", "/job"};
  CHECK(group.is_version_2());
  CHECK_FALSE(group.has("cpu"));
  CHECK_FALSE(group.has(""));
}

TEST_CASE("a limit holds for all that is below and for nothing beside or above") {
  CHECK(least_of({}, "/base", "/a/b") == 1000);
  CHECK(least_of({{"/base/a/b", 5}}, "/base", "/a/b") == 5);
  CHECK(least_of({{"/base/a", 4}, {"/base/a/b", 5}}, "/base", "/a/b") == 4);
  CHECK(least_of({{"/base", 3}, {"/base/a", 4}}, "/base", "/a/b") == 3);
  CHECK(least_of({{"/base/b", 1}, {"/base/a/b/c", 1}, {"/", 1}}, "/base", "/a/b") == 1000);
}

TEST_CASE("of the group at the top its own folder is asked") {
  for (const char* path : {"/", ""}) CHECK(least_of({{"/base", 7}}, "/base", path) == 7);
}

TEST_CASE("a path that makes no sense comes to an end") {
  for (const char* path : {"a", "nonsense", "//", "/a//b/", "/../.."}) {
    CAPTURE(path);
    CHECK(least_of({{"/base", 7}}, "/base", path) == 7);
  }
}

#if LOMP_LINUX

LINUX_TEST_CASE("the groups of a process are read from their file line by line") {
  Tree tree;
  tree.groups("5:memory:/job\n4:cpu,cpuacct:/job/a:b\n1:name=systemd:/\n0::/two\n");
  const std::vector<ControlGroup> groups = control_groups(tree.root());
  REQUIRE(groups.size() == 4);
  CHECK(groups[0].controllers == "memory");
  CHECK(groups[0].path == "/job");
  CHECK(groups[1].has("cpuacct"));
  CHECK(groups[1].path == "/job/a:b");
  CHECK(groups[2].controllers == "name=systemd");
  CHECK(groups[3].is_version_2());
  CHECK(groups[3].path == "/two");
}

LINUX_TEST_CASE("without a file there are no groups") {
  const LeavesNothing check;
  const Tree tree;
  CHECK(control_groups(tree.root()).empty());
}

LINUX_TEST_CASE("lines that make no sense are passed over") {
  Tree tree;
  tree.groups("\n:\n0\n0:\nx:cpu\n0::/two\n4:cpu:/last without an end");
  const std::vector<ControlGroup> groups = control_groups(tree.root());
  REQUIRE(groups.size() == 2);
  CHECK(groups[0].path == "/two");
  CHECK(groups[1].path == "/last without an end");
}

#endif

TEST_CASE("this machine's own groups have paths if there are any") {
  for (const ControlGroup& group : control_groups()) CHECK(group.path[0] == '/');
  SUCCEED("there may be none");
}
