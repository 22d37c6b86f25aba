#include <testthat/vendor/catch.h>

#include <string>
#include <vector>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/allocator.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;

namespace {

constexpr std::size_t large = std::size_t{40} << 20;

/// Takes so many blocks, all written to, and frees them; how many faults that took.
long use_blocks(int count, std::size_t bytes) {
  const long before = faults();
  std::vector<void*> blocks(static_cast<std::size_t>(count));
  for (void*& block : blocks) {
    block = std::malloc(bytes);
    std::memset(block, 1, bytes);
    __asm__ volatile("" : : "r"(block) : "memory");
  }
  for (void* block : blocks) std::free(block);
  return faults() - before;
}

/// Checks that such blocks are given back by default, or this shows nothing, and reused after
/// keep().
void check_reuse(int count, std::size_t bytes, void (*keep)()) {
  if (!has_glibc_heap) {
    SUCCEED("another allocator");
    return;
  }
  const int status = run_in_process([=] {
    use_blocks(count, bytes);
    if (use_blocks(count, bytes) < 1000) return 1;
    keep();
    use_blocks(count, bytes);
    return use_blocks(count, bytes) > 100 ? 2 : 0;
  });
  CHECK(exited_with(status, 0));
}

}  // namespace

TEST_CASE("a large block that was freed is reused without faults") {
  check_reuse(1, large, lomp::keep_freed_memory);
}

TEST_CASE("a heap that was shown a large block reuses a row of smaller ones") {
  check_reuse(3, large / 4, [] {
    lomp::keep_some_freed_memory();
    lomp::keep_some_freed_memory();
  });
}

namespace {

constexpr std::size_t small = 2000;

/// So many faults take small blocks of that many bytes in all, which aren't freed.
long faults_of_small_blocks(std::size_t bytes) {
  const long before = faults();
  for (std::size_t used = 0; used < bytes; used += small) {
    void* block = std::malloc(small);
    std::memset(block, 1, small);
    __asm__ volatile("" : : "r"(block) : "memory");
  }
  return faults() - before;
}

bool may_have_huge_pages() {
  const std::string text = lomp::read_text("/sys/kernel/mm/transparent_hugepage/enabled");
  return !text.empty() && text.find("[never]") == std::string::npos;
}

}  // namespace

TEST_CASE("small blocks come from huge pages where the heap has grown for them") {
  if (!has_glibc_heap || !may_have_huge_pages()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int status = run_in_process([] {
    const long by_page = static_cast<long>(lomp::most_growth / lomp::page_size());
    if (faults_of_small_blocks(lomp::most_growth) < by_page / 2) return 1;
    for (int i = 0; i < 2; ++i) {
      if (!lomp::grow_heap(lomp::most_growth)) return 2;
      if (faults_of_small_blocks(lomp::most_growth) > by_page / 4) return 3;
    }
    return 0;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("a heap that has grown and isn't used takes no memory") {
  if (is_sanitized) {
    SUCCEED("another allocator");
    return;
  }
  CHECK(run_in_process([] {
          const long before = faults();
          lomp::grow_heap(lomp::most_growth);
          return faults() - before < 100 ? 0 : 1;
        }) == 0);
}

TEST_CASE("a heap that can't grow is told and does no harm") {
  if (is_sanitized) {
    SUCCEED("another allocator");
    return;
  }
  CHECK(run_in_process([] {
          const rlimit none{0, 0};
          ::setrlimit(RLIMIT_AS, &none);
          return lomp::grow_heap(lomp::most_growth) ? 1 : 0;
        }) == 0);
}

TEST_CASE("what malloc() takes from elsewhere is no growth of the heap") {
  if (is_sanitized) {
    SUCCEED("another allocator");
    return;
  }
  CHECK(run_in_process([] { return lomp::grow_heap(std::size_t{1} << 30) ? 1 : 0; }) == 0);
}

TEST_CASE("more than is kept goes back to the system") {
  if (!has_glibc_heap) {
    SUCCEED("another allocator");
    return;
  }
  const int status = run_in_process([] {
    lomp::keep_freed_memory();
    void* volatile block = std::malloc(std::size_t{2} * lomp::kept_bytes);
    const auto end = reinterpret_cast<std::uintptr_t>(::sbrk(0));
    std::free(block);
    return reinterpret_cast<std::uintptr_t>(::sbrk(0)) < end ? 0 : 1;
  });
  CHECK(status == 0);
}
