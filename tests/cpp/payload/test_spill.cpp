#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/spill.hpp"

using namespace lomp_test;
using lomp::Spill;

namespace {

bool append(Spill& spill, const Bytes& first, const Bytes& second) {
  return spill.append(first.data(), first.size(), second.data(), second.size());
}

Bytes all_of(const Spill& spill) {
  Bytes all;
  spill.read_back(
      [&](const unsigned char* data, std::size_t n) { all.insert(all.end(), data, data + n); });
  return all;
}

}  // namespace

TEST_CASE("a spill is opened and owns its file") {
  const LeavesNothing check;
  CHECK_FALSE(Spill().is_open());
  Spill spill = Spill::open();
  CHECK(spill.is_open());
  CHECK(spill.bytes() == 0);
  CHECK(all_of(spill).empty());
  spill = Spill();
  CHECK_FALSE(spill.is_open());
}

TEST_CASE("pieces follow each other") {
  Spill spill = Spill::open();
  const Bytes bytes = payload(1, 2500000);
  const auto middle = bytes.begin() + 1200000;
  REQUIRE(append(spill, Bytes(bytes.begin(), middle), Bytes()));
  REQUIRE(append(spill, Bytes(middle, middle + 1), Bytes(middle + 1, bytes.end())));
  CHECK(spill.bytes() == bytes.size());
  CHECK(all_of(spill) == bytes);
  const lomp::MappedPayload mapped(spill.file().get(), bytes.size());
  CHECK(std::equal(bytes.begin(), bytes.end(), mapped.data()));
}

TEST_CASE("what was appended before the disk was full is still there") {
  Spill spill = Spill::open();
  const Bytes bytes = payload(2, 100000);
  REQUIRE(append(spill, bytes, Bytes()));
  {
    // Half of it still fits.
    Fake<&Kernel::writev> fake([n = 0](int fd, const iovec* parts, int) mutable -> ssize_t {
      if (++n == 1) return ::write(fd, parts->iov_base, parts->iov_len / 2);
      errno = ENOSPC;
      return -1;
    });
    CHECK_FALSE(append(spill, bytes, bytes));
  }
  CHECK(spill.bytes() == bytes.size());
  CHECK(all_of(spill) == bytes);
}
