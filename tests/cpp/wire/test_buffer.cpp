#include <testthat/vendor/catch.h>

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "lomp/wire/buffer.hpp"

using lomp::Buffer;

TEST_CASE("an empty buffer has no memory") {
  Buffer buffer;
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.capacity() == 0);
}

TEST_CASE("growing keeps the content") {
  Buffer buffer;
  buffer.reserve(5);
  std::memcpy(buffer.data(), "lomp", 5);
  for (std::size_t bytes = 10; bytes < 100000000; bytes *= 7) {
    buffer.reserve(bytes);
    REQUIRE(buffer.capacity() >= bytes);
    REQUIRE(std::strcmp(reinterpret_cast<char*>(buffer.data()), "lomp") == 0);
    std::memset(buffer.data() + 5, 0xff, buffer.capacity() - 5);
  }
}

TEST_CASE("a smaller wish changes nothing") {
  Buffer buffer;
  buffer.reserve(1000);
  const unsigned char* data = buffer.data();
  buffer.reserve(1);
  buffer.reserve(1000);
  CHECK(buffer.data() == data);
  CHECK(buffer.capacity() == 1000);
}

TEST_CASE("growing byte by byte seldom asks for memory") {
  Buffer buffer;
  int grown = 0;
  for (std::size_t bytes = 1; bytes <= 1000000; ++bytes) {
    const std::size_t before = buffer.capacity();
    buffer.reserve(bytes);
    grown += buffer.capacity() != before;
  }
  CHECK(grown < 50);
}

TEST_CASE("room for more than can be counted is refused") {
  Buffer buffer;
  buffer.reserve_more(0, 10);
  buffer.reserve_more(10, 20);
  CHECK(buffer.capacity() >= 30);
  const std::size_t before = buffer.capacity();
  for (std::uint64_t more : {UINT64_MAX, UINT64_MAX - 9, std::uint64_t{1} << 62}) {
    CHECK_THROWS_AS(buffer.reserve_more(10, more), std::bad_alloc);
  }
  CHECK(buffer.capacity() == before);
}

TEST_CASE("a release gives all memory back") {
  Buffer buffer;
  buffer.reserve(1000);
  buffer.release();
  CHECK(buffer.data() == nullptr);
  CHECK(buffer.capacity() == 0);
  buffer.reserve(10);
  buffer.data()[9] = 1;
}

TEST_CASE("a move hands the memory over") {
  Buffer a;
  a.reserve(10);
  const unsigned char* data = a.data();
  Buffer b(std::move(a));
  CHECK(a.data() == nullptr);
  CHECK(a.capacity() == 0);
  CHECK(b.data() == data);
  Buffer c;
  c = std::move(b);
  CHECK(c.data() == data);
  CHECK(c.capacity() == 10);
}

TEST_CASE("more than there is throws and keeps the content") {
  Buffer buffer;
  buffer.reserve(3);
  std::memcpy(buffer.data(), "ab", 3);
  CHECK_THROWS_AS(buffer.reserve(SIZE_MAX / 2), std::bad_alloc);
  CHECK(buffer.capacity() == 3);
  CHECK(std::strcmp(reinterpret_cast<char*>(buffer.data()), "ab") == 0);
}
