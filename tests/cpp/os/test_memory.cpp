#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;

// What advice is good for is measured by the tests of those that give it: huge_pages, populate,
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
