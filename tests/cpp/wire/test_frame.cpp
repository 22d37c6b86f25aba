#include <testthat/vendor/catch.h>

#include <cstring>
#include <random>

#include "lomp/wire/frame.hpp"

using lomp::FrameHeader;
using lomp::FrameKind;
using lomp::is_sound;
using lomp::PartEnd;
using lomp::sealed;

namespace {

FrameHeader random_header(std::mt19937_64& random) {
  FrameHeader header;
  header.kind = static_cast<FrameKind>(1 + random() % 3);
  header.end = static_cast<PartEnd>(random() % 3);
  header.record_kind = static_cast<std::uint16_t>(random());
  header.sequence = static_cast<std::uint32_t>(random());
  header.item = static_cast<std::uint32_t>(random());
  header.bytes = random() >> random() % 64;
  header.payload_pages = static_cast<std::uint32_t>(random() % 10);
  return header;
}

FrameHeader with_flipped_bit(FrameHeader header, std::size_t bit) {
  unsigned char bytes[sizeof header];
  std::memcpy(bytes, &header, sizeof header);
  bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] ^ 1u << bit % 8);
  std::memcpy(&header, bytes, sizeof header);
  return header;
}

}  // namespace

TEST_CASE("a sealed header is sound and keeps its fields") {
  FrameHeader header;
  header.kind = FrameKind::part;
  header.end = PartEnd::last;
  header.record_kind = 7;
  header.sequence = 1234567;
  header.item = 0xffffffff;
  header.bytes = std::uint64_t{1} << 40;
  header.payload_pages = 3;
  const FrameHeader sent = sealed(header);
  CHECK(is_sound(sent));
  CHECK(sent.kind == FrameKind::part);
  CHECK(sent.end == PartEnd::last);
  CHECK(sent.record_kind == 7);
  CHECK(sent.sequence == 1234567);
  CHECK(sent.item == 0xffffffff);
  CHECK(sent.bytes == std::uint64_t{1} << 40);
  CHECK(sent.payload_pages == 3);
}

TEST_CASE("a header that was not sealed is unsound") {
  CHECK_FALSE(is_sound(FrameHeader{}));
  FrameHeader header;
  header.magic = lomp::frame_magic;
  CHECK_FALSE(is_sound(header));
}

TEST_CASE("any single flipped bit makes a header unsound") {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const FrameHeader header = sealed(random_header(random));
    REQUIRE(is_sound(header));
    for (std::size_t bit = 0; bit < 8 * sizeof header; ++bit) {
      REQUIRE_FALSE(is_sound(with_flipped_bit(header, bit)));
    }
  }
}

TEST_CASE("fields that have changed places make a header unsound") {
  FrameHeader header;
  header.sequence = 5;
  header.item = 6;
  header = sealed(header);
  std::swap(header.sequence, header.item);
  CHECK_FALSE(is_sound(header));
}

TEST_CASE("random bytes are no header even with the right magic") {
  std::mt19937_64 random(2);
  for (int round = 0; round < 100000; ++round) {
    FrameHeader header = random_header(random);
    header.magic = lomp::frame_magic;
    header.check = static_cast<std::uint32_t>(random());
    REQUIRE_FALSE(is_sound(header));
  }
}
