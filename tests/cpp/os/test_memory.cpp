#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;

namespace {
constexpr std::size_t many = 400;
}

// What other advice is good for is measured by the tests of those that give it: huge_pages,
// allocator and payload_file.

TEST_CASE("advice leaves what is in the pages alone") {
  const Pages pages(4);
  lomp::advise_huge_pages(pages.data, pages.bytes);
  lomp::populate_pages(pages.data, pages.bytes);
  lomp::keep_from_forks(pages.data, pages.bytes);
  for (std::size_t at = 0; at < pages.bytes; ++at) REQUIRE(pages.data[at] == 1);
}

TEST_CASE("advice on what isn't there does nothing") {
  lomp::advise_huge_pages(nullptr, 0);
  lomp::populate_pages(nullptr, 0);
  lomp::keep_from_forks(nullptr, 0);
  SUCCEED("still here");
}

TEST_CASE("advice on what is not mapped or may not be written to does no harm") {
  unsigned char* gone = nullptr;
  std::size_t bytes = 0;
  {
    const Pages pages(4);
    gone = pages.data;
    bytes = pages.bytes;
    ::mprotect(gone, bytes, PROT_READ);
    lomp::populate_pages(gone, bytes);
    CHECK(gone[0] == 1);
  }
  lomp::populate_pages(gone, bytes);
}

TEST_CASE("pages that a fork shares are copied at one go") {
  const Pages pages(many);
  const int status = run_in_process([&] {
    lomp::populate_pages(pages.data, pages.bytes);
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
    lomp::populate_pages(pages.data, pages.bytes);
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

TEST_CASE("the heap goes on whatever it is told to keep") {
  CHECK(run_in_process([] {
          lomp::show_block_to_heap(std::size_t{1} << 20);
          lomp::keep_freed_bytes(1 << 20);
          std::vector<char> block(std::size_t{4} << 20, 'x');
          return block.back() == 'x' ? 0 : 1;
        }) == 0);
}

#if LOMP_LINUX

LINUX_TEST_CASE("pages that are kept from forks aren't there in a forked process") {
  const Pages pages(2);
  lomp::keep_from_forks(pages.data, lomp::page_size());
  CHECK(run_in_process([&] {
          const auto is_there = [](void* page) { return ::msync(page, 1, MS_ASYNC) == 0; };
          return !is_there(pages.data) && is_there(pages.data + lomp::page_size()) ? 0 : 1;
        }) == 0);
}

LINUX_TEST_CASE("the number of mappings has a limit that can be read") {
  CHECK(std::stol(lomp::read_text(lomp::mapping_limit_file)) > 0);
}

#endif
