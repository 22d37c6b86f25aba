#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/mapping.hpp"
#include "lomp/os/own_pages.hpp"

using namespace lomp_test;
using lomp::OwnPages;

namespace {

/// Does the system show it? The page of a variable on the stack is always one's own.
bool is_told() {
  const volatile int here = 1;
  return OwnPages().has(const_cast<const int*>(&here));
}

}  // namespace

TEST_CASE("pages are the process's own until it forks and again where it writes") {
  const LeavesNothing check;
  if (!is_told()) {
    SUCCEED("the system doesn't tell");
    return;
  }
  const Pages pages(4);
  const unsigned char* second = pages.data + lomp::page_size();
  CHECK(OwnPages().has(pages.data));
  const int status = run_in_process([&] {
    const OwnPages own;
    if (own.has(pages.data) || own.has(second)) return 1;
    pages.data[7] = 2;
    if (!own.has(pages.data) || !own.has(second - 1)) return 2;
    return own.has(second) ? 3 : 0;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("pages that aren't there are no process's own") {
  const lomp::Mapping fresh(-1, lomp::page_size(), MAP_PRIVATE | MAP_ANONYMOUS);
  CHECK_FALSE(OwnPages().has(fresh.data()));
  CHECK_FALSE(OwnPages().has(nullptr));
}

TEST_CASE("where the page table isn't shown no page is one's own") {
  const LeavesNothing check;
  const Fake<&Kernel::open> none(failing(EACCES));
  const Pages pages(1);
  CHECK_FALSE(OwnPages().has(pages.data));
}
