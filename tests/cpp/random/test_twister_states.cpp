#include <testthat/vendor/catch.h>

#include <array>
#include <random>
#include <set>
#include <sstream>

#include "lomp/random/twister_states.hpp"

using lomp::StreamSeed;
using lomp::TwisterStates;

namespace {

using Words = std::array<std::uint32_t, TwisterStates::size>;

constexpr StreamSeed base{1, 2, 3, 4, 5, 6};

Words state_of(std::uint64_t item, const StreamSeed& from = base) {
  Words words;
  TwisterStates(from).write(item, words.data());
  return words;
}

int differing_bits(const Words& a, const Words& b) {
  int n = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::uint32_t rest = a[i] ^ b[i]; rest != 0; rest &= rest - 1) ++n;
  }
  return n;
}

// Of 19968 bits half, give or take seven standard deviations.
void check_unrelated(const Words& a, const Words& b) {
  CHECK(differing_bits(a, b) > 9984 - 495);
  CHECK(differing_bits(a, b) < 9984 + 495);
}

// The standard library reads a generator's words as text, and the place of the next number.
std::mt19937 generator_of(const Words& words) {
  std::stringstream text;
  for (const std::uint32_t word : words) text << word << ' ';
  text << words.size();
  std::mt19937 generator;
  text >> generator;
  return generator;
}

}  // namespace

// These are from a program of a few lines in another language, for the numbers of the seeds that
// users have used must stay what they are.
TEST_CASE("the words of a base and an item are these") {
  const Words first = state_of(0), last = state_of(std::uint64_t{1} << 33);
  CHECK(first[0] == 1011801076u);
  CHECK(first[1] == 3208060240u);
  CHECK(first[622] == 2162394330u);
  CHECK(first[623] == 810741215u);
  CHECK(state_of(1)[0] == 2529314639u);
  CHECK(state_of(1000000)[623] == 2114790298u);
  CHECK(last[0] == 4227440561u);
  CHECK(last[623] == 2031517945u);
}

TEST_CASE("each bit of an item's number changes about half of its state") {
  const Words zero = state_of(0);
  for (int bit = 0; bit < 34; ++bit) check_unrelated(zero, state_of(std::uint64_t{1} << bit));
}

TEST_CASE("each bit of the base changes about half of a state") {
  const Words words = state_of(7);
  for (std::size_t i = 0; i < base.size(); ++i) {
    for (int bit = 0; bit < 32; ++bit) {
      StreamSeed other = base;
      other[i] ^= std::uint32_t{1} << bit;
      check_unrelated(words, state_of(7, other));
    }
  }
}

TEST_CASE("no word of an item's state comes by the same way in another item") {
  std::set<std::uint64_t> pairs;
  constexpr std::uint64_t items = 1000;
  for (std::uint64_t item = 0; item < items; ++item) {
    const Words words = state_of(item);
    for (std::size_t i = 0; i < words.size(); i += 2) {
      pairs.insert(std::uint64_t{words[i]} << 32 | words[i + 1]);
    }
  }
  CHECK(pairs.size() == items * TwisterStates::size / 2);  // by chance two in 2^64 / 4.9e10
}

TEST_CASE("first numbers of neighbouring items are no more alike than any") {
  constexpr int items = 20000;
  double sum = 0, products = 0, before = generator_of(state_of(items))() / 4294967296.0;
  for (int item = 0; item < items; ++item) {
    const double number = generator_of(state_of(static_cast<std::uint64_t>(item)))() / 4294967296.0;
    sum += number;
    products += (number - 0.5) * (before - 0.5);
    before = number;
  }
  // Standard deviations: sqrt(1 / 12 / n) and 1 / 12 / sqrt(n); these are five of them.
  CHECK(sum / items == Approx(0.5).margin(0.0102));
  CHECK(products / items == Approx(0).margin(0.00295));
}

TEST_CASE("the generator's first number is that of the published one") {
  CHECK(generator_of(state_of(0))() == 452171219u);
  CHECK(generator_of(state_of(1))() == 973306056u);
}
