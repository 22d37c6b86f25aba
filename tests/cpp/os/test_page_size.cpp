#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"

using lomp::page_size;

TEST_CASE("memory is protected by pages of that size") {
  const lomp_test::Pages pages(2);
  CHECK(::mprotect(pages.data + page_size(), page_size(), PROT_READ) == 0);
  CHECK(::mprotect(pages.data + page_size() / 2, page_size(), PROT_READ) == -1);
  pages.data[page_size() - 1] = 2;
  CHECK(pages.data[page_size()] == 1);
}
