#include <testthat/vendor/catch.h>

#include <vector>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/os/allocator.hpp"

using namespace lomp_test;

namespace {

#ifdef __GLIBC__
constexpr bool is_glibc = LOMP_LINUX;
#else
constexpr bool is_glibc = false;
#endif

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
  if (!is_glibc || is_sanitized) {
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

TEST_CASE("more than is kept goes back to the system") {
  if (!is_glibc || is_sanitized) {
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
