#include <testthat/vendor/catch.h>

#include <stdexcept>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/os/available_memory.hpp"

using namespace lomp_test;
using lomp::add_memory;
using lomp::available_memory;
using lomp::has_memory_limit;
using lomp::read_bytes;
using lomp::room_below;
using lomp::unknown_memory;

TEST_CASE("a limit leaves what isn't used and pages of files count as not used") {
  CHECK(room_below(100, 30, 0) == 70);
  CHECK(room_below(100, 30, 10) == 80);
  CHECK(room_below(100, 30, 30) == 100);
  CHECK(room_below(100, 30, 40) == 100);
  CHECK(room_below(100, 100, 0) == 0);
  CHECK(room_below(100, 120, 0) == 0);
}

TEST_CASE("without a limit or without the sum of what is used nothing is known") {
  CHECK(room_below(unknown_memory, 30, 0) == unknown_memory);
  CHECK(room_below(100, unknown_memory, 0) == unknown_memory);
}

TEST_CASE("a sum of which one part is unknown is unknown and none overflows") {
  CHECK(add_memory(1, 2) == 3);
  CHECK(add_memory(unknown_memory, 0) == unknown_memory);
  CHECK(add_memory(0, unknown_memory) == unknown_memory);
  CHECK(add_memory(unknown_memory, 5) == unknown_memory);
  CHECK(add_memory(5, unknown_memory) == unknown_memory);
  CHECK(add_memory(unknown_memory, unknown_memory) == unknown_memory);
  CHECK(add_memory(unknown_memory - 1, 7) == unknown_memory);
}

#if LOMP_LINUX

namespace {

constexpr std::uint64_t mb = std::uint64_t{1} << 20;

std::string bytes(std::uint64_t n) { return std::to_string(n) + "\n"; }

/// What the machine itself has left.
Tree& machine(Tree& tree, std::uint64_t room, std::uint64_t swap) {
  return tree.file("/proc/meminfo", "MemTotal:       99999999 kB\nMemFree:            1234 kB\n" +
                                        ("MemAvailable:   " + std::to_string(room >> 10)) +
                                        " kB\nSwapCached:            7 kB\nSwapFree:       " +
                                        std::to_string(swap >> 10) + " kB\n");
}

/// A group of version 2 with a limit of which some is used, of that some by files.
Tree& group_2(Tree& tree, const std::string& name, const std::string& limit, std::uint64_t used,
              std::uint64_t files = 0) {
  return tree.group_file(name, "memory.max", limit)
      .group_file(name, "memory.current", bytes(used))
      .group_file(name, "memory.stat",
                  "anon 1\nactive_file 99999999999\ninactive_file " + bytes(files));
}

/// The same of version 1.
Tree& group_1(Tree& tree, const std::string& name, const std::string& limit, std::uint64_t used,
              std::uint64_t files = 0) {
  return tree.group_file("/memory" + name, "memory.limit_in_bytes", limit)
      .group_file("/memory" + name, "memory.usage_in_bytes", bytes(used))
      .group_file("/memory" + name, "memory.stat",
                  "cache 1\ninactive_file 99999999999\ntotal_inactive_file " + bytes(files));
}

Tree& swap_2(Tree& tree, const std::string& name, const std::string& limit, std::uint64_t used) {
  return tree.group_file(name, "memory.swap.max", limit)
      .group_file(name, "memory.swap.current", bytes(used));
}

/// Memory and swap together.
Tree& both_1(Tree& tree, const std::string& name, const std::string& limit, std::uint64_t used) {
  return tree.group_file("/memory" + name, "memory.memsw.limit_in_bytes", limit)
      .group_file("/memory" + name, "memory.memsw.usage_in_bytes", bytes(used));
}

const std::string no_limit_1 = "9223372036854771712\n";

}  // namespace

LINUX_TEST_CASE("a file of bytes is a number or tells of no limit") {
  Tree tree;
  const auto read = [&](const std::string& content) {
    tree.file("/bytes", content);
    return read_bytes(tree.root() + "/bytes");
  };
  CHECK(read("4096\n") == 4096);
  CHECK(read("0\n") == 0);
  CHECK(read("1152921504606846976\n") == std::uint64_t{1} << 60);
  for (const std::string& content :
       {std::string(), std::string("max\n"), std::string("-1\n"), std::string("\n"), no_limit_1}) {
    CAPTURE(content);
    CHECK(read(content) == unknown_memory);
  }
  CHECK(read_bytes(tree.root() + "/no-such-file") == unknown_memory);
}

LINUX_TEST_CASE("without any file nothing is known") {
  const LeavesNothing check;
  const Tree tree;
  CHECK(available_memory(tree.root()) == unknown_memory);
  CHECK_FALSE(has_memory_limit(tree.root()));
}

LINUX_TEST_CASE("without groups it is what the machine has with its swap") {
  Tree tree;
  machine(tree, 700 * mb, 50 * mb);
  CHECK(available_memory(tree.root()) == 750 * mb);
  tree.groups("9:name=systemd:/\n0::/\n");
  CHECK(available_memory(tree.root()) == 750 * mb);
}

LINUX_TEST_CASE("a machine that doesn't tell leaves it to the groups") {
  Tree tree;
  tree.file("/proc/meminfo", "MemTotal: 1000 kB\nMemFree: 500 kB\n").groups("0::/a\n");
  CHECK(available_memory(tree.root()) == unknown_memory);
  group_2(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 200 * mb);
}

LINUX_TEST_CASE("version 2: a group leaves its limit less what is used") {
  Tree tree;
  machine(tree, 700 * mb, 0).groups("0::/a\n");
  group_2(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 200 * mb);
  group_2(tree, "/a", bytes(300 * mb), 100 * mb, 30 * mb);
  CHECK(available_memory(tree.root()) == 230 * mb);
  group_2(tree, "/a", bytes(300 * mb), 310 * mb);
  CHECK(available_memory(tree.root()) == 0);
  group_2(tree, "/a", bytes(900 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 700 * mb);
  group_2(tree, "/a", "max\n", 100 * mb);
  CHECK(available_memory(tree.root()) == 700 * mb);
}

LINUX_TEST_CASE("version 2: the least room of a group and all above it counts") {
  Tree tree;
  machine(tree, 700 * mb, 0).groups("0::/a/b\n");
  group_2(tree, "/a/b", bytes(300 * mb), 100 * mb);
  group_2(tree, "/a", bytes(500 * mb), 350 * mb);
  CHECK(available_memory(tree.root()) == 150 * mb);
  group_2(tree, "", bytes(500 * mb), 380 * mb);  // a container's root is a group of its host's
  CHECK(available_memory(tree.root()) == 120 * mb);
  group_2(tree, "/a/b/c", bytes(1), 0);
  group_2(tree, "/c", bytes(1), 0);
  CHECK(available_memory(tree.root()) == 120 * mb);
}

LINUX_TEST_CASE("version 2: swap counts as far as the machine has it and the group may take it") {
  Tree tree;
  machine(tree, 700 * mb, 50 * mb).groups("0::/a\n");
  group_2(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 250 * mb);  // no file tells of a limit
  swap_2(tree, "/a", "max\n", 0);
  CHECK(available_memory(tree.root()) == 250 * mb);
  swap_2(tree, "/a", bytes(30 * mb), 10 * mb);
  CHECK(available_memory(tree.root()) == 220 * mb);
  swap_2(tree, "/a", bytes(0), 0);
  CHECK(available_memory(tree.root()) == 200 * mb);
}

LINUX_TEST_CASE("version 1: a group leaves its limit less what is used") {
  Tree tree;
  machine(tree, 700 * mb, 0).groups("5:cpu:/x\n4:memory:/a\n0::/\n");
  group_1(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 200 * mb);
  group_1(tree, "/a", bytes(300 * mb), 100 * mb, 30 * mb);
  CHECK(available_memory(tree.root()) == 230 * mb);
  group_1(tree, "/a", no_limit_1, 100 * mb);
  CHECK(available_memory(tree.root()) == 700 * mb);
}

LINUX_TEST_CASE("version 1: the least room of a group and all above it counts") {
  Tree tree;
  machine(tree, 700 * mb, 0).groups("4:memory:/a/b\n");
  group_1(tree, "/a/b", bytes(300 * mb), 100 * mb);
  group_1(tree, "/a", bytes(500 * mb), 350 * mb);
  CHECK(available_memory(tree.root()) == 150 * mb);
  group_1(tree, "", bytes(130 * mb), 10 * mb);
  CHECK(available_memory(tree.root()) == 120 * mb);
}

LINUX_TEST_CASE("version 1: memory and swap may have a limit together") {
  Tree tree;
  machine(tree, 700 * mb, 50 * mb).groups("4:memory:/a\n");
  group_1(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 250 * mb);
  both_1(tree, "/a", bytes(320 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 220 * mb);
  both_1(tree, "/a", no_limit_1, 100 * mb);
  CHECK(available_memory(tree.root()) == 250 * mb);
  group_1(tree, "/a", bytes(300 * mb), 100 * mb, 5 * mb);
  both_1(tree, "/a", bytes(310 * mb), 100 * mb);
  CHECK(available_memory(tree.root()) == 215 * mb);
}

LINUX_TEST_CASE("both versions side by side: the lesser room counts") {
  Tree tree;
  machine(tree, 700 * mb, 0).groups("4:memory:/one\n0::/two\n");
  group_1(tree, "/one", bytes(300 * mb), 0);
  CHECK(available_memory(tree.root()) == 300 * mb);
  group_2(tree, "/two", bytes(200 * mb), 0);
  CHECK(available_memory(tree.root()) == 200 * mb);
}

LINUX_TEST_CASE("other controllers say nothing of memory") {
  Tree tree;
  machine(tree, 700 * mb, 0).groups("4:cpu,cpuset:/a\n");
  group_1(tree, "/a", bytes(300 * mb), 0);
  CHECK(available_memory(tree.root()) == 700 * mb);
  CHECK_FALSE(has_memory_limit(tree.root()));
}

LINUX_TEST_CASE("a group has a limit though it may take all the swap that there is") {
  Tree tree;
  tree.groups("0::/a/b\n");
  group_2(tree, "/a/b", "max\n", 100 * mb);
  swap_2(tree, "/a/b", bytes(30 * mb), 0);
  CHECK_FALSE(has_memory_limit(tree.root()));
  group_2(tree, "/a", bytes(300 * mb), 100 * mb);
  swap_2(tree, "/a", "max\n", 0);
  CHECK(has_memory_limit(tree.root()));
  group_2(tree, "/a", bytes(300 * mb), 300 * mb);
  CHECK(has_memory_limit(tree.root()));
}

LINUX_TEST_CASE("version 1 has a limit where one was set") {
  Tree tree;
  tree.groups("4:memory:/a\n");
  group_1(tree, "/a", no_limit_1, 100 * mb);
  both_1(tree, "/a", no_limit_1, 100 * mb);
  CHECK_FALSE(has_memory_limit(tree.root()));
  both_1(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(has_memory_limit(tree.root()));
  both_1(tree, "/a", no_limit_1, 100 * mb);
  group_1(tree, "/a", bytes(300 * mb), 100 * mb);
  CHECK(has_memory_limit(tree.root()));
}

LINUX_TEST_CASE("what is plainly available is free on this machine") {
  const bool has_limit = has_memory_limit();
  CHECK(lomp::is_plainly_available(1) == !has_limit);
  CHECK(lomp::free_memory() > 0);
  CHECK_FALSE(lomp::is_plainly_available(std::uint64_t{1} << 60));
}

LINUX_TEST_CASE("whether there is a limit is asked once") {
  lomp::is_plainly_available(1);
  const Fake<&Kernel::open> fake([](const char*, int) -> int { throw std::logic_error("asked"); });
  CHECK_NOTHROW(lomp::is_plainly_available(1));
}

#endif

TEST_CASE("where nothing tells no memory is plainly available") {
#if LOMP_LINUX
  SUCCEED("something tells");
#else
  CHECK_FALSE(lomp::is_plainly_available(1));
  CHECK(available_memory() == unknown_memory);
#endif
}

TEST_CASE("this machine has some memory left") { CHECK(available_memory() > 0); }
