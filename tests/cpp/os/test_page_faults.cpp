#include <testthat/vendor/catch.h>

#include <sstream>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/page_faults.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;
using lomp::page_faults;
using lomp::page_price;

namespace {

/// Where the kernel takes several pages at once there are fewer faults, and never many more.
bool is_about(long faults, std::size_t pages) {
  const auto n = static_cast<long>(pages);
  return faults > n / 4 * 3 && faults < n + 100;
}

constexpr std::size_t many = 400;

/// Pages of address space that this process has, where the system tells.
long mapped_pages() {
  std::istringstream in(lomp::read_text("/proc/self/statm"));
  long pages = 0;
  in >> pages;
  return pages;
}

}  // namespace

TEST_CASE("each page that is touched first is a fault") {
  const long before = page_faults();
  const Pages pages(many);
  CHECK(is_about(page_faults() - before, many));
}

TEST_CASE("a page that was written to before is none") {
  const Pages pages(many);
  const long before = page_faults();
  std::memset(pages.data, 2, pages.bytes);
  CHECK(page_faults() - before < static_cast<long>(many / 4));
}

TEST_CASE("each page that is written to first after a fork is a fault of the process that writes") {
  const Pages pages(many);
  const long before = page_faults();
  const int status = run_in_process([&] {
    const long begin = page_faults();
    for (std::size_t at = 0; at < pages.bytes; at += lomp::page_size()) {
      if (static_cast<volatile unsigned char*>(pages.data)[at] != 1) return 2;
    }
    if (page_faults() - begin > static_cast<long>(many / 4)) return 3;  // it only looked
    std::memset(pages.data, 2, pages.bytes);
    return is_about(page_faults() - begin, many) ? 0 : 1;
  });
  CHECK(exited_with(status, 0));
  CHECK(page_faults() - before < static_cast<long>(many / 4));
}

TEST_CASE("a page has a price") { CHECK(page_price() > 0); }

TEST_CASE("the price is found out by a few faults and leaves nothing behind") {
  const LeavesNothing check;
  page_price();
  const long mapped = mapped_pages(), before = page_faults();
  for (int i = 0; i < 100; ++i) page_price();
  CHECK(mapped_pages() - mapped < 100);
  CHECK(page_faults() - before >= 100);
  CHECK(page_faults() - before < 5000);
}

TEST_CASE("where there is no memory to try it with the price isn't known") {
  const int status = run_in_process([] {
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_AS, &none) != 0) return 2;
    return page_price() == 0 ? 0 : 1;
  });
  CHECK(exited_with(status, 0));
}
