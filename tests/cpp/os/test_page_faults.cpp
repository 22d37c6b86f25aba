#include <testthat/vendor/catch.h>

#include <sstream>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/os/huge_pages.hpp"
#include "lomp/os/page_faults.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;
using lomp::page_faults;
using lomp::page_price;
using lomp::PageCount;

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

TEST_CASE("pages taken are faults or those that there are whichever is more") {
  const PageCount now{30, 500}, few_pages{10, 490}, few_faults{10, 400};
  CHECK(now.since(few_pages) == 20);
  CHECK(now.since(few_faults) == 100);
  CHECK(now.since(now) == 0);
}

TEST_CASE("copies of shared pages are counted though there are no more of them") {
  const Pages pages(10 * many);
  const int status = run_in_process([&] {
    const PageCount before = PageCount::now();
    std::memset(pages.data, 2, pages.bytes);
    return is_about(PageCount::now().since(before), 10 * many) ? 0 : 1;
  });
  CHECK(exited_with(status, 0));
}

#if LOMP_LINUX

LINUX_TEST_CASE("pages of files aren't counted as the process's own") {
  Tree tree;
  const Fake<&Kernel::open> fake(opening(tree));
  CHECK(lomp::anonymous_pages() == 0);
  tree.file("/proc/self/statm", "1000 300 120 1 0 250 0\n");
  CHECK(lomp::anonymous_pages() == 180);
  for (const char* content : {"", "1000 300\n", "nonsense\n"}) {
    tree.file("/proc/self/statm", content);
    CHECK(lomp::anonymous_pages() == 0);
  }
}

LINUX_TEST_CASE("fresh pages are counted whether they are small or huge") {
  constexpr std::size_t bytes = std::size_t{64} << 20;
  const int status = run_in_process([] {
    const PageCount before = PageCount::now();
    const lomp::Mapping fresh(-1, bytes, MAP_PRIVATE | MAP_ANONYMOUS);
    lomp::prefer_huge_pages(fresh.data(), bytes);
    std::memset(fresh.data(), 1, bytes);
    const long taken = PageCount::now().since(before);
    const auto right = static_cast<long>(bytes / lomp::page_size());
    return taken > right / 4 * 3 && taken < right / 4 * 5 ? 0 : 1;
  });
  CHECK(exited_with(status, 0));
}

#endif

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
