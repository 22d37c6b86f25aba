#include <testthat/vendor/catch.h>

#include <vector>

#include "lomp/payload/payload_returns.hpp"

using lomp::PayloadOrigin;
using lomp::PayloadReturns;

namespace {

PayloadOrigin origin(std::uint32_t pool, std::uint32_t number) { return {pool, 0, number, 0}; }

std::vector<std::uint32_t> numbers_for(PayloadReturns& returns, std::uint32_t pool) {
  std::vector<std::uint32_t> numbers;
  returns.take(pool, [&](const PayloadOrigin& one) {
    CHECK(one.pool == pool);
    numbers.push_back(one.number);
  });
  return numbers;
}

}  // namespace

TEST_CASE("what is returned is taken once and by its own pool") {
  PayloadReturns returns;
  returns.put(origin(1, 10));
  returns.put(origin(2, 20));
  returns.put(origin(1, 11));
  CHECK((numbers_for(returns, 1) == std::vector<std::uint32_t>{10, 11}));
  CHECK(numbers_for(returns, 1).empty());
  CHECK(numbers_for(returns, 2) == std::vector<std::uint32_t>{20});
  CHECK(numbers_for(returns, 2).empty());
}

TEST_CASE("what came from no pool goes nowhere") {
  PayloadReturns returns;
  returns.put({});
  CHECK(numbers_for(returns, 0).empty());
}

TEST_CASE("an origin is whole when it is taken") {
  PayloadReturns returns;
  returns.put({3, 4, 5, 6});
  int count = 0;
  returns.take(3, [&count](const PayloadOrigin& one) {
    CHECK(one.incarnation == 4);
    CHECK(one.number == 5);
    CHECK(one.slot == 6);
    ++count;
  });
  CHECK(count == 1);
}

TEST_CASE("where there are too many the latest stay") {
  PayloadReturns returns;
  for (std::uint32_t k = 0; k < 1000; ++k) returns.put(origin(1, k));
  const std::vector<std::uint32_t> kept = numbers_for(returns, 1);
  REQUIRE(kept.size() == 64);
  for (std::uint32_t number : kept) CHECK(number >= 1000 - 64);
}

TEST_CASE("a pool that never comes for its own does not crowd out another one") {
  PayloadReturns returns;
  for (std::uint32_t k = 0; k < 100; ++k) returns.put(origin(1, k));
  for (std::uint32_t k = 0; k < 10; ++k) {
    returns.put(origin(2, k));
    CHECK(numbers_for(returns, 2) == std::vector<std::uint32_t>{k});
  }
}
