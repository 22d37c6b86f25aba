#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"
#include "harness/processes.hpp"

using lomp::AddressRange;
using lomp::populate;
using namespace lomp_test;

namespace {
constexpr std::size_t many = 400;
}

TEST_CASE("a range counts its whole pages") {
  CHECK(AddressRange{}.pages() == 0);
  CHECK((AddressRange{4096, 4096 + 3 * lomp::page_size() + 1}.pages()) == 3);
  CHECK((AddressRange{8192, 4096}.bytes()) == 0);
}

TEST_CASE("pages that a fork shares are copied at one go") {
  const Pages pages(many);
  const int status = run_in_process([&] {
    populate(pages.range());
    return pages.rewrite() > static_cast<long>(many / 4);
  });
  CHECK((status == 0) == can_populate());
}

TEST_CASE("without that each page takes a fault which is what the other tests count") {
  const Pages pages(many);
  CHECK(run_in_process([&] { return pages.rewrite() < static_cast<long>(many / 4 * 3); }) == 0);
}

TEST_CASE("populated pages hold what they held and belong to this process") {
  const Pages pages(many);
  const int status = run_in_process([&] {
    populate(pages.range());
    for (std::size_t i = 0; i < pages.bytes; ++i) {
      if (pages.data[i] != 1) return 1;
    }
    std::memset(pages.data, 3, pages.bytes);
    return 0;
  });
  CHECK(status == 0);
  CHECK(pages.data[0] == 1);
  CHECK(pages.data[pages.bytes - 1] == 1);
}

TEST_CASE("a range that begins inside a page includes that page") {
  const Pages pages(many);
  AddressRange range = pages.range();
  range.begin += lomp::page_size() - 1;
  const int status = run_in_process([&] {
    populate(range);
    return pages.rewrite() > static_cast<long>(many / 4);
  });
  CHECK((status == 0) == can_populate());
}

TEST_CASE("what is not mapped or may not be written to does no harm") {
  populate({});
  AddressRange gone;
  {
    const Pages pages(4);
    gone = pages.range();
    ::mprotect(pages.data, pages.bytes, PROT_READ);
    populate(gone);
    CHECK(pages.data[0] == 1);
  }
  populate(gone);
}
