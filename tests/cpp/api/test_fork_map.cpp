#include <testthat/vendor/catch.h>
#include <unistd.h>

#include <set>
#include <string>

#include "harness/processes.hpp"
#include "lomp.hpp"

using namespace lomp_test;
using lomp::fork_map;
using lomp::ForkPoolOptions;
using lomp::ItemOutcome;
using lomp::ItemResult;

TEST_CASE("element i is the result of item i whatever came first") {
  const LeavesNothing check;
  const std::string shared = "the parent's ";
  ForkPoolOptions options;
  options.workers = 3;
  const auto results = fork_map(
      500,
      [&](std::uint64_t item) {
        if (item % 50 == 0) work_for_us(2000);
        return shared + std::to_string(item);
      },
      options);
  REQUIRE(results.size() == 500);
  for (std::uint64_t item = 0; item < 500; ++item) {
    REQUIRE(results[item].item == item);
    REQUIRE(results[item].value == "the parent's " + std::to_string(item));
  }
}

TEST_CASE("no result is waited for however many bytes all have") {
  const LeavesNothing check;
  constexpr std::size_t bytes = std::size_t{3} << 20;
  ForkPoolOptions options;
  options.workers = 2;
  options.buffer_bytes = 1;
  const auto results = fork_map(
      20, [](std::uint64_t item) { return std::string(bytes, static_cast<char>('a' + item)); },
      options);
  for (const ItemResult& result : results) {
    REQUIRE(result.value == std::string(bytes, static_cast<char>('a' + result.item)));
  }
}

TEST_CASE("no items have no results") {
  const LeavesNothing check;
  CHECK(fork_map(0, [](std::uint64_t) { return std::string(); }).empty());
}
