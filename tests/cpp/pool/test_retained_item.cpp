#include <testthat/vendor/catch.h>

#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/payload.hpp"
#include "lomp/pool/retained_item.hpp"

using lomp::RetainedItem;
using namespace lomp_test;

namespace {

constexpr std::size_t bytes = 5000;

RetainedItem hold(std::uint32_t first_number, std::uint64_t seeds) {
  std::vector<lomp::Fd> files;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    files.push_back(lomp::make_payload(payload(seed, bytes).data(), bytes));
  }
  return {3, {'a', 'b', 'c'}, std::move(files), first_number};
}

bool holds(int fd, std::uint64_t seed) {
  Bytes found(bytes);
  return lomp::read_payload(fd, found.data(), bytes) && found == payload(seed, bytes);
}

}  // namespace

TEST_CASE("an item is held with its record and all its files") {
  const LeavesNothing check;
  RetainedItem item = hold(7, 2);
  CHECK(static_cast<bool>(item));
  const lomp::Record record = item.record();
  CHECK(record.kind == 3);
  CHECK(std::string(record.data, record.data + record.size) == "abc");
  for (int times = 0; times < 2; ++times) {
    CHECK(holds(item.take_payload(0, 7), 0));
    CHECK(holds(item.take_payload(0, 8), 1));
    item.drop_payload();
  }
}

TEST_CASE("a number that no file of the item has is a lost payload") {
  RetainedItem item = hold(7, 2);
  CHECK(item.take_payload(0, 6) == -1);
  CHECK(item.take_payload(0, 9) == -1);
}

TEST_CASE("without files nothing is held") {
  CHECK_FALSE(static_cast<bool>(RetainedItem()));
  CHECK_FALSE(static_cast<bool>(hold(0, 0)));
}

TEST_CASE("a held item moves and has one owner") {
  const LeavesNothing check;
  RetainedItem one = hold(0, 1);
  RetainedItem two(std::move(one));
  CHECK_FALSE(static_cast<bool>(one));
  CHECK(holds(two.take_payload(0, 0), 0));
  two = RetainedItem();
  CHECK_FALSE(static_cast<bool>(two));
}
