#include <testthat/vendor/catch.h>

#include <random>
#include <utility>
#include <vector>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/pool/backlog.hpp"

using namespace lomp_test;
using lomp::Backlog;
using lomp::Record;

namespace {

constexpr std::size_t plenty = std::size_t{1} << 30;

/// An item and the number of one of its records.
using Name = std::pair<std::uint64_t, unsigned>;
using Names = std::vector<Name>;

/// What a record holds follows from its name.
Bytes content_of(const Name& name, std::size_t size) {
  return payload(name.first * 16 + name.second, size);
}

void put(Backlog& backlog, const Name& name, std::size_t size = 100) {
  const Bytes bytes = content_of(name, size);
  backlog.put({name.first, name.second, bytes.data(), bytes.size(), 3, true});
}

/// Takes the next record of an item up to this one; its content must be what was put.
bool take(Backlog& backlog, std::uint64_t last, Name& name) {
  Record record{};
  if (!backlog.take(last, record)) return false;
  name = {record.item, record.kind};
  const Bytes right = content_of(name, record.size);
  CHECK(std::equal(right.begin(), right.end(), record.data));
  CHECK(record.goes_on);
  return true;
}

Names take_all(Backlog& backlog, std::uint64_t last = UINT64_MAX) {
  Names names;
  Name name;
  while (take(backlog, last, name)) names.push_back(name);
  return names;
}

Names list(std::initializer_list<Name> names) { return names; }

}  // namespace

TEST_CASE("nothing comes of an empty backlog") {
  Backlog backlog(plenty);
  Name name;
  CHECK(backlog.empty());
  CHECK_FALSE(take(backlog, UINT64_MAX, name));
}

TEST_CASE("records come by item and within an item as they came") {
  for (std::size_t bound : {plenty, std::size_t{1000}, std::size_t{0}}) {
    Backlog backlog(bound);
    for (const Name& name : list({{2, 0}, {0, 1}, {2, 3}, {1, 5}, {0, 0}})) put(backlog, name);
    CHECK_FALSE(backlog.empty());
    CHECK(take_all(backlog) == list({{0, 1}, {0, 0}, {1, 5}, {2, 0}, {2, 3}}));
    CHECK(backlog.empty());
  }
}

TEST_CASE("records of later items stay where they are") {
  Backlog backlog(plenty);
  put(backlog, {4, 0});
  put(backlog, {2, 0});
  CHECK(take_all(backlog, 1).empty());
  CHECK(take_all(backlog, 3) == list({{2, 0}}));
  put(backlog, {3, 0});
  CHECK(take_all(backlog, 3) == list({{3, 0}}));
  CHECK(take_all(backlog, UINT64_MAX) == list({{4, 0}}));
}

TEST_CASE("what is beyond the bound is on disk and comes in its turn") {
  const LeavesNothing check;
  Backlog backlog(10000);
  Names names;
  for (std::uint64_t item = 0; item < 100; ++item) {
    put(backlog, {99 - item, 1}, 1000);
    names.insert(names.begin(), {99 - item, 1});
  }
  CHECK(backlog.in_memory() <= 10000);
  CHECK(backlog.in_memory() > 5000);
  CHECK(backlog.on_disk() >= 90000);
  CHECK(take_all(backlog) == names);
  CHECK(backlog.in_memory() == 0);
  CHECK(backlog.on_disk() == 0);
}

TEST_CASE("a record that is larger than the bound comes whole") {
  Backlog backlog(1000);
  put(backlog, {1, 0}, 3000000);
  put(backlog, {0, 0}, 3000001);
  CHECK(backlog.in_memory() == 0);
  CHECK(take_all(backlog) == list({{0, 0}, {1, 0}}));
}

TEST_CASE("empty records come too") {
  Backlog backlog(0);
  put(backlog, {1, 0}, 0);
  put(backlog, {0, 0}, 0);
  put(backlog, {0, 1}, 10);
  CHECK(take_all(backlog) == list({{0, 0}, {0, 1}, {1, 0}}));
}

TEST_CASE("the file is used again when all has been taken") {
  Backlog backlog(0);
  const Names two = list({{0, 0}, {1, 0}});
  for (int round = 0; round < 3; ++round) {
    for (const Name& name : two) put(backlog, name, 5000);
    CHECK(backlog.on_disk() == 10000);
    CHECK(take_all(backlog) == two);
  }
}

TEST_CASE("a child that lets go of the file holds no descriptor") {
  const std::vector<int> before = open_descriptors();
  Backlog backlog(0);
  put(backlog, {0, 0}, 5000);
  CHECK(open_descriptors().size() == before.size() + 1);
  backlog.disown();
  CHECK(open_descriptors() == before);
}

TEST_CASE("where the disk is full memory must do") {
  Backlog backlog(0);
  put(backlog, {2, 0}, 100000);
  {
    // Half of it still fits.
    Fake<&Kernel::writev> fake([n = 0](int fd, const iovec* parts, int) mutable -> ssize_t {
      if (++n == 1) return ::write(fd, parts->iov_base, parts->iov_len / 2);
      errno = ENOSPC;
      return -1;
    });
    put(backlog, {1, 0}, 100000);
  }
  CHECK(backlog.in_memory() > 100000);
  put(backlog, {0, 0}, 100000);
  CHECK(backlog.on_disk() == 200000);
  CHECK(take_all(backlog) == list({{0, 0}, {1, 0}, {2, 0}}));
}

TEST_CASE("where there is no file memory must do") {
  const char* folder = std::getenv("TMPDIR");
  const std::string old = folder == nullptr ? "" : folder;
  ::setenv("TMPDIR", "/there/is/no/such/folder", 1);
  Backlog backlog(0);
  put(backlog, {1, 0});
  put(backlog, {0, 0});
  CHECK(backlog.on_disk() == 0);
  CHECK(take_all(backlog) == list({{0, 0}, {1, 0}}));
  folder == nullptr ? ::unsetenv("TMPDIR") : ::setenv("TMPDIR", old.c_str(), 1);
}

TEST_CASE("however records come they are taken in the order of a stable sort") {
  std::mt19937 random(1);
  for (int round = 0; round < 200; ++round) {
    Backlog backlog(random() % 3 == 0 ? 0 : random() % 5000);
    Names left, taken;
    for (int k = 0; k < 60; ++k) {
      const Name name{random() % 10, static_cast<unsigned>(random() % 16)};
      put(backlog, name, random() % 300);
      left.push_back(name);
    }
    std::stable_sort(left.begin(), left.end(),
                     [](const Name& a, const Name& b) { return a.first < b.first; });
    for (std::uint64_t last = 0; last < 10; last += 1 + random() % 4) {
      for (const Name& name : take_all(backlog, last)) taken.push_back(name);
      REQUIRE((taken.empty() || taken.back().first <= last));
    }
    for (const Name& name : take_all(backlog)) taken.push_back(name);
    REQUIRE(taken == left);
  }
}
