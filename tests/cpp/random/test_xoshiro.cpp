#include <testthat/vendor/catch.h>

#include "lomp/random/xoshiro.hpp"

using lomp::Xoshiro;

// What the published algorithm (xoshiro256starstar.c of Blackman and Vigna), typed in by itself,
// prints for this state.
TEST_CASE("the numbers are the published generator's") {
  Xoshiro next({1, 2, 3, 4});
  for (const std::uint64_t expected :
       {std::uint64_t{11520}, std::uint64_t{0}, std::uint64_t{1509978240},
        std::uint64_t{1215971899390074240u}, std::uint64_t{1216172134540287360u},
        std::uint64_t{607988272756665600u}, std::uint64_t{16172922978634559625u},
        std::uint64_t{8476171486693032832u}, std::uint64_t{10595114339597558777u},
        std::uint64_t{2904607092377533576u}}) {
    CHECK(next() == expected);
  }
}

TEST_CASE("the state with the least in it gives something soon") {
  Xoshiro next({0, 0, 0, 1});
  std::uint64_t all = 0;
  for (int i = 0; i < 4; ++i) all |= next();
  CHECK(all != 0);
}
