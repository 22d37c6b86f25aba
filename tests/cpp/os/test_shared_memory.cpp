#include <testthat/vendor/catch.h>

#include <cstdint>
#include <string>

#include "harness/processes.hpp"
#include "lomp/os/shared_memory.hpp"

using namespace lomp_test;
using lomp::SharedMemory;
using lomp::SystemError;

namespace {

bool is_mapped(void* page) { return ::msync(page, 1, MS_ASYNC) == 0; }

}  // namespace

TEST_CASE("shared memory is zeroed and has the size asked for") {
  const SharedMemory memory(10000);
  CHECK(memory.size() == 10000);
  for (std::size_t i = 0; i < memory.size(); ++i) REQUIRE(memory.data()[i] == 0);
}

TEST_CASE("parent and child see each other's writes") {
  const SharedMemory memory(2);
  memory.data()[0] = 1;
  CHECK(run_in_process([&] {
          memory.data()[1] = 2;
          return memory.data()[0] == 1 ? 0 : 1;
        }) == 0);
  CHECK(memory.data()[1] == 2);
}

TEST_CASE("shared memory is unmapped with its owner") {
  unsigned char* data;
  {
    const SharedMemory memory(1 << 20);
    data = memory.data();
    CHECK(is_mapped(data));
  }
  CHECK_FALSE(is_mapped(data));
}

TEST_CASE("a move hands the memory over") {
  SharedMemory first(100);
  unsigned char* data = first.data();
  data[50] = 7;
  {
    const SharedMemory second(std::move(first));
    CHECK(second.data() == data);
    CHECK(second.size() == 100);
    CHECK(second.data()[50] == 7);
  }
  CHECK_FALSE(is_mapped(data));
}

TEST_CASE("memory that can't be had throws") {
  try {
    const SharedMemory memory(SIZE_MAX / 2);
    FAIL("no exception");
  } catch (const SystemError& error) {
    CHECK(error.code().value() == ENOMEM);
    CHECK(std::string(error.what()).find("mmap") == 0);
  }
}

TEST_CASE("pages that no process touches cost nothing") {
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const SharedMemory memory(std::size_t{1} << 30);
  memory.data()[memory.size() - 1] = 1;
  std::vector<unsigned char> is_resident(1 << 10);
  REQUIRE(::mincore(memory.data(), is_resident.size() * page, is_resident.data()) == 0);
  for (unsigned char flags : is_resident) REQUIRE((flags & 1) == 0);
}
