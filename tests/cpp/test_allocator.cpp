#include <testthat/vendor/catch.h>

#include "faults.hpp"
#include "lomp/allocator.hpp"
#include "processes.hpp"

using namespace lomp_test;

namespace {

constexpr std::size_t large = std::size_t{40} << 20;

/// Takes and frees a large block, all written to; how many faults that took.
long use_block() {
  const long before = faults();
  void* block = std::malloc(large);
  std::memset(block, 1, large);
  __asm__ volatile("" : : "r"(block) : "memory");
  std::free(block);
  return faults() - before;
}

}  // namespace

TEST_CASE("a large block that was freed is reused without faults") {
#ifdef __GLIBC__
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const int status = run_in_process([] {
    use_block();
    if (use_block() < 1000) return 1;  // the default gives it back, or this test shows nothing
    lomp::keep_freed_memory();
    use_block();
    return use_block() > 100 ? 2 : 0;
  });
  CHECK(exited_with(status, 0));
#else
  SUCCEED("another allocator");
#endif
}

TEST_CASE("more than is kept goes back to the system") {
#ifdef __GLIBC__
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const int status = run_in_process([] {
    lomp::keep_freed_memory();
    void* block = std::malloc(std::size_t{2} * lomp::kept_bytes);
    const auto end = reinterpret_cast<std::uintptr_t>(::sbrk(0));
    std::free(block);
    return reinterpret_cast<std::uintptr_t>(::sbrk(0)) < end ? 0 : 1;
  });
  CHECK(status == 0);
#else
  SUCCEED("another allocator");
#endif
}

TEST_CASE("a heap that was shown a large block keeps two of those that it is asked for") {
#ifdef __GLIBC__
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const auto use_blocks = [] {
    const long before = faults();
    void* blocks[3];
    for (void*& block : blocks) {
      block = std::malloc(large / 4);
      std::memset(block, 1, large / 4);
      __asm__ volatile("" : : "r"(block) : "memory");
    }
    for (void* block : blocks) std::free(block);
    return faults() - before;
  };
  const int status = run_in_process([&] {
    use_blocks();
    if (use_blocks() < 1000) return 1;  // the default gives them back, or this test shows nothing
    lomp::keep_some_freed_memory();
    lomp::keep_some_freed_memory();
    use_blocks();
    return use_blocks() > 100 ? 2 : 0;
  });
  CHECK(exited_with(status, 0));
#else
  SUCCEED("another allocator");
#endif
}
