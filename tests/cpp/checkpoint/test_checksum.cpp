#include <testthat/vendor/catch.h>

#include <string>
#include <vector>

#include "lomp/checkpoint/checksum.hpp"

using lomp::Checksum;
using lomp::checksum;

namespace {

std::uint64_t sum_of(const std::string& text, std::uint64_t seed = 0) {
  return checksum(text.data(), text.size(), seed);
}

}  // namespace

// Of the reference implementation: its documentation and its own tests, xsum_sanity_check.c.
TEST_CASE("the sums are those of XXH64") {
  CHECK(sum_of("") == 0xef46db3751d8e999u);
  CHECK(sum_of("a") == 0xd24ec4f1a98c6e5bu);
  CHECK(sum_of("abc") == 0x44bc2cf5ad770999u);
  CHECK(sum_of("Nobody inspects the spammish repetition") == 0xfbcea83c8a378bf1u);
}

TEST_CASE("the sums of the reference's own test bytes are its own") {
  std::vector<unsigned char> bytes(222);
  std::uint64_t generator = 2654435761u;
  for (unsigned char& byte : bytes) {
    byte = static_cast<unsigned char>(generator >> 56);
    generator *= 11400714785074694797u;
  }
  constexpr std::uint64_t seed = 2654435761u;
  CHECK(checksum(bytes.data(), 0, seed) == 0xac75fda2929b17efu);
  CHECK(checksum(bytes.data(), 1) == 0xe934a84adb052768u);
  CHECK(checksum(bytes.data(), 1, seed) == 0x5014607643a9b4c3u);
  CHECK(checksum(bytes.data(), 4) == 0x9136a0dca57457eeu);
  CHECK(checksum(bytes.data(), 14) == 0x8282dcc4994e35c8u);
  CHECK(checksum(bytes.data(), 14, seed) == 0xc3bd6bf63deb6df0u);
  CHECK(checksum(bytes.data(), 222) == 0xb641ae8cb691c174u);
  CHECK(checksum(bytes.data(), 222, seed) == 0x20cb8ab7ae10c14au);
}

TEST_CASE("pieces of any sizes sum to the same") {
  std::string text;
  for (int i = 0; i < 500; ++i) text += static_cast<char>(i * 7);
  for (std::size_t piece = 1; piece < 80; ++piece) {
    Checksum sum(5);
    for (std::size_t at = 0; at < text.size(); at += piece) {
      sum.add(text.data() + at, std::min(piece, text.size() - at));
    }
    CHECK(sum.sum() == sum_of(text, 5));
  }
}
