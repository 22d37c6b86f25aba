#include <testthat/vendor/catch.h>

#include <string>

#include "faults.hpp"
#include "lomp/heap_pages.hpp"
#include "processes.hpp"

using lomp::AddressRange;
using lomp::HeapPages;
using namespace lomp_test;

namespace {

constexpr std::size_t small_pages = 2000;

/// Grows the heap by whole pages, all written to, as an interpreter's small objects make it grow.
class Heap {
 public:
  explicit Heap(std::size_t pages) {
    const auto end = reinterpret_cast<std::uintptr_t>(::sbrk(0));
    const std::size_t gap = (page() - end % page()) % page();
    data_ = static_cast<unsigned char*>(::sbrk(static_cast<intptr_t>(gap + pages * page()))) + gap;
    std::memset(data_, 1, pages * page());
  }

  void write(std::size_t first, std::size_t n) const {
    for (std::size_t i = first; i < first + n; ++i) {
      static_cast<volatile unsigned char*>(data_)[i * page()] = 2;
    }
  }

  const unsigned char* data() const { return data_; }

 private:
  static std::size_t page() { return lomp::page_size(); }
  unsigned char* data_;
};

/// Runs a function in a process that shares its heap of that size with its parent.
template <class Main>
int with_shared_heap(std::size_t pages, Main main) {
  return run_in_process([&] {
    const Heap heap(pages);
    const int status = run_in_process([&] { return main(heap); });
    return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
  });
}

}  // namespace

TEST_CASE("the begin of the heap is read behind a name of any kind") {
  std::string stat = "1 (a b) c) d) S";
  for (int field = 4; field < 47; ++field) stat += " " + std::to_string(field);
  CHECK(lomp::parse_heap_begin((stat + " 140737488355327 48 49").c_str()) == 140737488355327u);
  CHECK(lomp::parse_heap_begin(stat.c_str()) == 0);
  CHECK(lomp::parse_heap_begin("nothing") == 0);
  CHECK(lomp::parse_heap_begin("") == 0);
}

TEST_CASE("the small heap is where brk() has made it") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const int status = with_shared_heap(10, [](const Heap& heap) {
    const AddressRange range = lomp::small_heap();
    const auto at = reinterpret_cast<std::uintptr_t>(heap.data());
    return !(range.begin <= at && at < range.end && range.pages() >= 10);
  });
  CHECK(status == 0);
}

TEST_CASE("own pages are those that have been written to since the fork") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const Pages pages(100);
  const int status = run_in_process([&] {
    const std::size_t before = lomp::count_own_pages(pages.range());
    for (std::size_t i = 0; i < 7; ++i) pages.data[i * lomp::page_size()] = 2;
    return static_cast<int>(before * 100 + lomp::count_own_pages(pages.range()));
  });
  CHECK(exited_with(status, 7));
  CHECK(lomp::count_own_pages({}) == 0);
}

TEST_CASE("a process that rewrites its heap page by page gets the rest at one go") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const int status = with_shared_heap(small_pages, [](const Heap& heap) {
    HeapPages watch;
    watch.begin();
    if (watch.look()) return 1;
    heap.write(0, 600);
    if (!watch.look()) return 2;
    const long before = faults();
    heap.write(600, small_pages - 600);
    if (faults() - before > 100) return 3;
    return watch.look() ? 4 : 0;  // once is enough
  });
  CHECK(exited_with(status, can_populate() ? 0 : 3));
}

TEST_CASE("a process that writes elsewhere keeps sharing its heap") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const Pages elsewhere(5000);
  const int status = with_shared_heap(small_pages, [&](const Heap&) {
    HeapPages watch;
    watch.begin();
    elsewhere.rewrite();
    if (watch.look()) return 1;
    return lomp::count_own_pages(lomp::small_heap()) > small_pages / 8 ? 2 : 0;
  });
  CHECK(status == 0);
}

TEST_CASE("a look that found little is followed by one after twice as many faults") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const Pages elsewhere(1100);
  const int status = with_shared_heap(small_pages, [&](const Heap& heap) {
    HeapPages watch;
    watch.begin();
    elsewhere.rewrite();
    if (watch.look()) return 1;
    heap.write(0, 700);  // more than the first look would have asked for
    if (watch.look()) return 2;
    heap.write(700, 700);
    return watch.look() ? 0 : 3;
  });
  CHECK(status == 0);
}

TEST_CASE("a process that rewrites its heap slowly keeps sharing it") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const int status = with_shared_heap(small_pages, [](const Heap& heap) {
    HeapPages watch;
    watch.begin();
    heap.write(0, 600);
    work_for_us(HeapPages::first_patience * HeapPages::slow_fault_ns / 1000 + 1000);
    return watch.look();
  });
  CHECK(status == 0);
}

TEST_CASE("a large heap stays shared") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const int status = with_shared_heap(HeapPages::largest + 1000, [](const Heap& heap) {
    HeapPages watch;
    watch.begin();
    heap.write(0, 3000);
    return watch.look();
  });
  CHECK(status == 0);
}

TEST_CASE("a process that shares nothing doesn't look") {
  if (!LOMP_LINUX) {
    SUCCEED("the kernel doesn't tell");
    return;
  }
  const Pages pages(1000);
  HeapPages watch;
  pages.rewrite();
  CHECK_FALSE(watch.look());
}
