#include <testthat/vendor/catch.h>

#include <set>

#include "lomp/random/seed_hash.hpp"

using lomp::FirstModulus;
using lomp::SecondModulus;
using lomp::SeedHash;
using lomp::StreamSeed;

namespace {

StreamSeed hash_of(std::initializer_list<std::uint64_t> words) {
  SeedHash hash;
  for (const std::uint64_t word : words) hash.add(word);
  return hash.seed();
}

}  // namespace

TEST_CASE("the same words give the same seed") {
  CHECK(hash_of({1, 2, 3}) == hash_of({1, 2, 3}));
  SeedHash hash;
  hash.add(1);
  CHECK(hash.seed() == hash.seed());
}

TEST_CASE("order and number of the words matter") {
  const std::set<StreamSeed> seeds{hash_of({}),     hash_of({0}),    hash_of({0, 0}),
                                   hash_of({1}),    hash_of({1, 0}), hash_of({0, 1}),
                                   hash_of({1, 2}), hash_of({2, 1})};
  CHECK(seeds.size() == 8);
}

TEST_CASE("each bit of a word changes about half of the seed") {
  const StreamSeed zero = hash_of({0, 5});
  for (int bit = 0; bit < 64; ++bit) {
    const StreamSeed other = hash_of({std::uint64_t{1} << bit, 5});
    int differing = 0;
    for (std::size_t i = 0; i < zero.size(); ++i) {
      for (std::uint32_t rest = zero[i] ^ other[i]; rest != 0; rest &= rest - 1) ++differing;
    }
    CHECK(differing > 60);  // of 192; seven standard deviations below 96 would be 47
    CHECK(differing < 132);
  }
}

TEST_CASE("seeds are states of the generator") {
  std::set<StreamSeed> seeds;
  for (std::uint64_t k = 0; k < 20000; ++k) {
    const StreamSeed seed = hash_of({k});
    for (std::size_t i = 0; i < 3; ++i) {
      if (seed[i] == 0 || seed[i] >= FirstModulus::value) FAIL("a word out of its range");
      if (seed[i + 3] == 0 || seed[i + 3] >= SecondModulus::value) FAIL("a word out of its range");
    }
    seeds.insert(seed);
  }
  CHECK(seeds.size() == 20000);
}
