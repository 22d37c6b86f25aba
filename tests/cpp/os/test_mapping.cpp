#include <testthat/vendor/catch.h>

#include <utility>

#include "harness/processes.hpp"
#include "lomp/os/mapping.hpp"
#include "lomp/payload/payload.hpp"

using lomp::Mapping;
using namespace lomp_test;

namespace {

constexpr std::size_t bytes = 10000;

Mapping anonymous() { return Mapping(-1, bytes, MAP_PRIVATE | MAP_ANONYMOUS); }

bool is_mapped(void* page) { return ::msync(page, 1, MS_ASYNC) == 0; }

}  // namespace

TEST_CASE("a mapping has its bytes and can be written") {
  const Mapping pages = anonymous();
  REQUIRE(pages);
  CHECK(pages.size() == bytes);
  for (std::size_t i = 0; i < bytes; ++i) REQUIRE(pages.data()[i] == 0);
  pages.data()[bytes - 1] = 1;
  CHECK(pages.data()[bytes - 1] == 1);
}

TEST_CASE("no mapping is false") {
  CHECK_FALSE(Mapping());
  CHECK_FALSE(Mapping(-1, bytes, MAP_PRIVATE));
  CHECK(Mapping().release() == nullptr);
}

TEST_CASE("pages go with their owner") {
  unsigned char* data = nullptr;
  {
    Mapping pages = anonymous();
    data = pages.data();
    Mapping other(std::move(pages));
    CHECK(other.data() == data);
    other = anonymous();
    CHECK(other.data() != data);
  }
  CHECK_FALSE(is_mapped(data));
}

TEST_CASE("pages that were released are the caller's") {
  unsigned char* data = nullptr;
  {
    Mapping pages = anonymous();
    data = pages.release();
    CHECK_FALSE(pages);
  }
  REQUIRE(is_mapped(data));
  CHECK(::munmap(data, bytes) == 0);
}

TEST_CASE("a file's pages are shared or private as asked for") {
  const lomp::Fd file = lomp::make_nameless_file();
  REQUIRE(::ftruncate(file.get(), bytes) == 0);
  const Mapping shared(file.get(), bytes, MAP_SHARED);
  const Mapping own(file.get(), bytes, MAP_PRIVATE);
  own.data()[0] = 1;
  CHECK(shared.data()[0] == 0);
  shared.data()[1] = 2;
  const Mapping later(file.get(), bytes, MAP_PRIVATE);
  CHECK(later.data()[0] == 0);
  CHECK(later.data()[1] == 2);
}
