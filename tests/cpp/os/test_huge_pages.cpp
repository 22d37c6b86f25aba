#include <sys/mman.h>
#include <testthat/vendor/catch.h>

#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "lomp/os/huge_pages.hpp"

using lomp::huge_page_threshold;
using lomp::prefer_huge_pages;

namespace {

/// Does the kernel prefer huge pages at that address, or not know them at all?
bool is_preferred(const void* data) {
  std::ifstream maps("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(data);
  bool is_inside = false;
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream range(line);
    if (range >> std::hex >> begin >> dash >> end && dash == '-') {
      is_inside = begin <= wanted && wanted < end;
    }
    if (is_inside && line.rfind("VmFlags:", 0) == 0) return line.find(" hg") != std::string::npos;
  }
  return false;
}

bool has_huge_pages() {
  return LOMP_LINUX && std::ifstream("/sys/kernel/mm/transparent_hugepage/enabled").good();
}

struct Mapping {
  explicit Mapping(std::size_t bytes)
      : bytes(bytes),
        data(static_cast<unsigned char*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {}
  ~Mapping() { ::munmap(data, bytes); }
  std::size_t bytes;
  unsigned char* data;
};

}  // namespace

TEST_CASE("large memory prefers huge pages and small memory is left alone") {
  const Mapping large(2 * huge_page_threshold), small(huge_page_threshold / 2);
  REQUIRE_FALSE(is_preferred(large.data));
  prefer_huge_pages(large.data, large.bytes);
  prefer_huge_pages(small.data, small.bytes);
  CHECK(is_preferred(large.data) == has_huge_pages());
  CHECK_FALSE(is_preferred(small.data));
}

TEST_CASE("only whole pages of the memory given are advised on") {
  const Mapping mapping(4 * huge_page_threshold);
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  // From inside the first page to inside the last but one.
  prefer_huge_pages(mapping.data + 1, mapping.bytes - page - 2);
  CHECK_FALSE(is_preferred(mapping.data));
  CHECK(is_preferred(mapping.data + page) == has_huge_pages());
  CHECK_FALSE(is_preferred(mapping.data + mapping.bytes - page));
}

TEST_CASE("the advice leaves the content alone") {
  const Mapping mapping(2 * huge_page_threshold);
  mapping.data[12345] = 7;
  mapping.data[mapping.bytes - 1] = 8;
  prefer_huge_pages(mapping.data, mapping.bytes);
  CHECK(mapping.data[12345] == 7);
  CHECK(mapping.data[mapping.bytes - 1] == 8);
}

TEST_CASE("advice that is refused does no harm") {
  prefer_huge_pages(nullptr, 0);
  Mapping* gone = new Mapping(2 * huge_page_threshold);
  unsigned char* data = gone->data;
  delete gone;
  prefer_huge_pages(data, 2 * huge_page_threshold);
  SUCCEED("still here");
}
