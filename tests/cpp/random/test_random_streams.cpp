#include <testthat/vendor/catch.h>

#include "lomp/random/random_streams.hpp"

using lomp::first_leaps;
using lomp::FirstModulus;
using lomp::RandomStreams;
using lomp::second_leaps;
using lomp::SecondModulus;
using lomp::StreamSeed;
using lomp::Transition;

namespace {

constexpr StreamSeed base{1, 2, 3, 4, 5, 6};

// The remainder as the language has it.
template <class M>
std::uint32_t plain_dot(const std::uint32_t* row, const std::uint32_t* words) {
  std::uint64_t sum = 0;
  for (int i = 0; i < 3; ++i) sum = (sum + std::uint64_t{row[i]} * words[i] % M::value) % M::value;
  return static_cast<std::uint32_t>(sum);
}

template <class M>
void check_against_division(const Transition& a, const std::uint32_t* words) {
  std::uint32_t fast[3] = {words[0], words[1], words[2]};
  lomp::apply<M>(a, fast);
  for (int i = 0; i < 3; ++i) CHECK(fast[i] == plain_dot<M>(a.at[i], words));
}

}  // namespace

TEST_CASE("stream 0 is the base") {
  RandomStreams streams(base);
  CHECK(streams.at(0) == base);
}

TEST_CASE("neighbouring streams are as far apart as those of the published package") {
  // From parallel::nextRNGStream() of R 4.2.2.
  RandomStreams streams(base);
  CHECK((streams.at(1) ==
         StreamSeed{3847595764u, 542750874u, 3358998068u, 4025640956u, 701604884u, 2546910389u}));
  CHECK((streams.at(2) ==
         StreamSeed{311773008u, 2901318700u, 433058656u, 3749492613u, 2059732357u, 994549473u}));
  CHECK((streams.at(1000) ==
         StreamSeed{98022451u, 27015954u, 46214352u, 275560269u, 3349299313u, 2565149465u}));
}

TEST_CASE("a stream is the same by any way") {
  RandomStreams one_by_one(base);
  for (std::uint64_t number = 0; number < 300; ++number) {
    const StreamSeed seed = one_by_one.at(number);
    RandomStreams at_once(base);
    CHECK(at_once.at(number) == seed);
    CHECK(at_once.at(number / 2) == RandomStreams(base).at(number / 2));
    CHECK(at_once.at(number) == seed);
  }
}

TEST_CASE("the last stream of four thousand million is had in a few leaps") {
  constexpr std::uint64_t last = (std::uint64_t{1} << 32) - 1;
  RandomStreams streams(base);
  streams.at(last - 1);
  const StreamSeed by_a_step = streams.at(last);
  CHECK(RandomStreams(base).at(last) == by_a_step);
}

TEST_CASE("leaps double") {
  for (int power = 0; power + 1 < lomp::Leaps<FirstModulus>::count; ++power) {
    std::uint32_t once[] = {7, 8, 9}, twice[] = {7, 8, 9};
    lomp::apply<FirstModulus>(first_leaps[power + 1], once);
    lomp::apply<FirstModulus>(first_leaps[power], twice);
    lomp::apply<FirstModulus>(first_leaps[power], twice);
    for (int i = 0; i < 3; ++i) CHECK(once[i] == twice[i]);
  }
}

TEST_CASE("folding gives the remainders that a division gives") {
  std::uint32_t most = 0xffffffffu;
  for (std::uint32_t k = 0; k < 1000; ++k) {
    const std::uint32_t first[] = {static_cast<std::uint32_t>(FirstModulus::value - 1 - k), k,
                                   most / (k + 1)};
    const std::uint32_t second[] = {static_cast<std::uint32_t>(SecondModulus::value - 1 - k), k,
                                    most / (k + 2)};
    check_against_division<FirstModulus>(first_leaps[static_cast<int>(k % 33)], first);
    check_against_division<SecondModulus>(second_leaps[static_cast<int>(k % 33)], second);
  }
}

TEST_CASE("the largest sum of products is reduced") {
  constexpr std::uint64_t largest = 3 * ((std::uint64_t{1} << 32) * 22853 + 0xffffffffu);
  CHECK(SecondModulus::reduce(largest) == largest % SecondModulus::value);
  CHECK(SecondModulus::reduce(SecondModulus::value) == 0);
  CHECK(SecondModulus::reduce(2 * SecondModulus::value) == 0);
  CHECK(FirstModulus::reduce(FirstModulus::value - 1) == FirstModulus::value - 1);
}
