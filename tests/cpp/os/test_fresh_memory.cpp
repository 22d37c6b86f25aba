#include <testthat/vendor/catch.h>

#include <cstdlib>
#include <fstream>

#include "harness/fakes.hpp"
#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "harness/tree.hpp"
#include "lomp/os/allocator.hpp"
#include "lomp/os/fresh_memory.hpp"

using namespace lomp_test;
using lomp::FreshMemory;
using lomp::heap_end;

namespace {

constexpr std::size_t mb = std::size_t{1} << 20;
constexpr std::size_t free_bytes = 48 * mb;

bool can_take() { return has_glibc_heap && lomp::has_huge_pages(); }

void* take_block(std::size_t bytes) {
  void* volatile block = std::malloc(bytes);
  return block;
}

/// Has this process's heap hold free blocks of 3 MB with small ones in use between them. All their
/// pages have been written to.
void make_free_blocks() {
  std::vector<void*> blocks;
  for (std::size_t bytes = 0; bytes < free_bytes; bytes += 3 * mb) {
    blocks.push_back(take_block(3 * mb));
    std::memset(blocks.back(), 1, 3 * mb);
    take_block(100);
  }
  for (void* block : blocks) std::free(block);
}

/// Runs a function in a process whose parent had much free memory, as a worker's may have. It
/// returns 0, or what is wrong.
template <class Main>
int status_of_worker(Main main) {
  return run_in_process([&] {
    lomp::keep_freed_memory();
    make_free_blocks();
    const int status = run_in_process(main);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 97;
  });
}

/// How many blocks of that size can be had below that end, up to as many.
int blocks_below(std::uintptr_t end, std::size_t bytes, int most) {
  int count = 0;
  for (int i = 0; i < most; ++i) {
    count += reinterpret_cast<std::uintptr_t>(take_block(bytes)) + bytes <= end;
  }
  return count;
}

/// Writes to a new block of 32 MB; how many faults that took.
long faults_of_block() {
  const long before = faults();
  void* block = take_block(32 * mb);
  std::memset(block, 1, 32 * mb);
  return faults() - before;
}

const long pages_of_block = static_cast<long>(32 * mb / lomp::page_size());

}  // namespace

TEST_CASE("what a forked process takes first is what its parent had free") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  CHECK(status_of_worker([] { return blocks_below(heap_end(), mb, 30) == 30 ? 0 : 1; }) == 0);
}

TEST_CASE("larger blocks come from behind the heap that was inherited") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  for (std::size_t bytes : {FreshMemory::smallest_block, mb, 2 * mb, 16 * mb}) {
    CAPTURE(bytes);
    const int status = status_of_worker([=] {
      FreshMemory memory;
      const std::uintptr_t end = heap_end();
      if (!memory.take()) return 1;
      return blocks_below(end, bytes, static_cast<int>(64 * mb / bytes)) == 0 ? 0 : 2;
    });
    CHECK(exited_with(status, 0));
  }
}

TEST_CASE("blocks that the process has used before stay in use") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int status = status_of_worker([] {
    const std::uintptr_t end = heap_end();
    void* used = take_block(2 * mb);
    if (reinterpret_cast<std::uintptr_t>(used) >= end) return 1;
    std::memset(used, 2, 2 * mb);
    const bool is_told = lomp::OwnPages().has(used);
    std::free(used);
    FreshMemory memory;
    if (!memory.take()) return 2;
    if (!is_told) return 0;
    // It was taken out of use as a whole, as other blocks of 2 MB were, and given back.
    const int below = blocks_below(end, FreshMemory::smallest_block, 64);
    return below >= 10 && below <= 20 ? 0 : 3;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("no page of new memory is touched before it is used") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int status = status_of_worker([] {
    const long before = faults();
    FreshMemory memory;
    if (!memory.take()) return 1;
    return faults() - before < 200 ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("blocks of new memory are in huge pages") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int plain = status_of_worker([] {
    return faults_of_block() > pages_of_block / 4 * 3 ? 0 : 1;  // or else this shows nothing
  });
  std::ifstream choice("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string always;
  if (choice >> always && always != "[always]") CHECK(exited_with(plain, 0));
  const int status = status_of_worker([] {
    FreshMemory memory;
    if (!memory.take()) return 1;
    return faults_of_block() < pages_of_block / 2 ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("there is another region only when the last one is used up") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int status = status_of_worker([] {
    FreshMemory memory;
    if (!memory.take()) return 1;
    if (memory.take()) return 2;
    for (std::size_t taken = 0; taken + 8 * mb < FreshMemory::region_bytes; taken += 4 * mb) {
      take_block(4 * mb);
      if (memory.take()) return 3;
    }
    for (int i = 0; i < 3; ++i) take_block(4 * mb);
    const std::uintptr_t end = heap_end();
    if (!memory.take()) return 4;
    if (heap_end() - end < FreshMemory::region_bytes / 2) return 5;
    if (faults_of_block() > pages_of_block / 2) return 6;
    return memory.take() ? 7 : 0;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("where there isn't so much address space nothing changes and nothing is lost") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int status = status_of_worker([] {
    long mapped = 0;
    std::ifstream("/proc/self/statm") >> mapped;
    const rlim_t most = static_cast<rlim_t>(mapped) * lomp::page_size() + 16 * mb;
    const rlimit limit{most, most};
    if (::setrlimit(RLIMIT_AS, &limit) != 0) return 1;
    FreshMemory memory;
    const std::uintptr_t end = heap_end();
    for (int i = 0; i < 3; ++i) {
      if (memory.take()) return 2;
    }
    return blocks_below(end, mb, 30) == 30 ? 0 : 3;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("where there are no huge pages nothing changes") {
  if (!can_take()) {
    SUCCEED("another allocator, or no huge pages");
    return;
  }
  const int status = status_of_worker([] {
    const Fake<&Kernel::open> none(failing(ENOENT));
    FreshMemory memory;
    if (memory.take()) return 1;
    return blocks_below(heap_end(), mb, 30) == 30 ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

#if LOMP_LINUX

LINUX_TEST_CASE("huge pages can be had unless they are never given") {
  const auto has_them = [](const std::string& choice) {
    Tree tree;
    tree.file("/sys/kernel/mm/transparent_hugepage/enabled", choice);
    const Fake<&Kernel::open> fake(opening(tree));
    return lomp::has_huge_pages();
  };
  CHECK(has_them("[always] madvise never\n"));
  CHECK(has_them("always [madvise] never\n"));
  CHECK_FALSE(has_them("always madvise [never]\n"));
  CHECK_FALSE(has_them(""));
}

#endif

TEST_CASE("where the heap can't be told nothing is done") {
#if LOMP_LINUX
  SUCCEED("it can be told");
#else
  FreshMemory memory;
  CHECK_FALSE(memory.take());
#endif
}
