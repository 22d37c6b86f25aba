#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <fstream>
#include <sstream>
#include <string>
#include <utility>

#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/payload_file.hpp"

using lomp::PayloadFile;
using namespace lomp_test;

namespace {

constexpr std::size_t bytes = 200000;

bool holds(const PayloadFile& file, const Bytes& content) {
  Bytes found(content.size());
  return lomp::holds_payload(file.fd().get(), content.size()) &&
         lomp::read_payload(file.fd().get(), found.data(), found.size()) && found == content;
}

PayloadFile file_with(const Bytes& content) { return {content.data(), content.size()}; }

/// Is this line of the list of mappings one of a payload file?
bool is_payload(const std::string& line) {
  return line.find("memfd:lomp") != std::string::npos || line.find("/lomp-") != std::string::npos;
}

/// How many shared mappings of payload files this process has with these rights: "rw" or "r-".
int count_mappings(const std::string& rights) {
  std::ifstream maps("/proc/self/maps");
  int count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += is_payload(line) && line.find(" " + rights + "-s ") != std::string::npos;
  }
  return count;
}

}  // namespace

TEST_CASE("a payload file holds what was written last") {
  const LeavesNothing check;
  PayloadFile file = file_with(payload(1, bytes));
  REQUIRE(file.is_open());
  CHECK(file.bytes() == bytes);
  CHECK(holds(file, payload(1, bytes)));
  for (std::uint64_t seed = 2; seed < 5; ++seed) {
    const Bytes content = payload(seed, bytes - seed);
    CHECK(file.rewrite(content.data(), content.size()));
    CHECK(holds(file, content));
  }
}

TEST_CASE("a payload file is free until it is sent and again when it is let go of") {
  PayloadFile file = file_with(payload(1, bytes));
  CHECK(file.is_free());
  file.send_as(5);
  CHECK_FALSE(file.is_free());
  CHECK(file.is_out_as(5));
  CHECK_FALSE(file.is_out_as(4));
  file.set_free();
  CHECK(file.is_free());
  CHECK_FALSE(file.is_out_as(5));
}

TEST_CASE("what fits is no more than a file holds and not much less") {
  const PayloadFile file = file_with(payload(1, 1000));
  CHECK(file.fits(1000));
  CHECK(file.fits(750));
  CHECK_FALSE(file.fits(749));
  CHECK_FALSE(file.fits(1001));
}

TEST_CASE("a payload file has one owner") {
  const LeavesNothing check;
  PayloadFile file = file_with(payload(1, bytes));
  REQUIRE(file.rewrite(payload(2, bytes).data(), bytes));
  file.send_as(3);
  PayloadFile moved(std::move(file));
  CHECK(moved.is_out_as(3));
  PayloadFile other = file_with(payload(4, bytes));
  other = std::move(moved);
  CHECK(other.is_out_as(3));
  CHECK(holds(other, payload(2, bytes)));
  CHECK(other.rewrite(payload(5, bytes).data(), bytes));
}

TEST_CASE("between two writes nothing here can change a payload file") {
  const LeavesNothing check;
  {
    PayloadFile file = file_with(payload(1, bytes));
    REQUIRE(file.rewrite(payload(2, bytes).data(), bytes));
    CHECK(count_mappings("rw") == 0);
#if LOMP_LINUX
    CHECK(count_mappings("r-") == 1);
    CHECK(run_in_process([] { return count_mappings("r-") + count_mappings("rw"); }) == 0);
#endif
  }
  CHECK(count_mappings("r-") == 0);
}

#if LOMP_LINUX

namespace {

/// Where the one shared mapping of a payload file lies in this process.
std::pair<std::uintptr_t, std::uintptr_t> place_of_mapping() {
  std::ifstream maps("/proc/self/maps");
  std::uintptr_t begin = 0, end = 0;
  char dash = 0;
  for (std::string line; std::getline(maps, line);) {
    if (!is_payload(line)) continue;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
  }
  return {begin, end};
}

}  // namespace

LINUX_TEST_CASE("a payload file without protection stays writable here and nowhere else") {
  const LeavesNothing check;
  const Bytes content = payload(1, bytes);
  PayloadFile file(content.data(), bytes, lomp::Protection::none);
  for (std::uint64_t seed = 2; seed < 4; ++seed) {
    REQUIRE(file.rewrite(payload(seed, bytes).data(), bytes));
    CHECK(holds(file, payload(seed, bytes)));
    CHECK(count_mappings("rw") == 1);
  }
  CHECK(run_in_process([] { return count_mappings("r-") + count_mappings("rw"); }) == 0);
}

LINUX_TEST_CASE("a forked copy of a payload file leaves alone what lies in its place there") {
  const LeavesNothing check;
  PayloadFile file = file_with(payload(1, bytes));
  REQUIRE(file.rewrite(payload(2, bytes).data(), bytes));
  const std::pair<std::uintptr_t, std::uintptr_t> place = place_of_mapping();
  CHECK(run_in_process([&] {
          void* at = reinterpret_cast<void*>(place.first);
          const std::size_t size = place.second - place.first;
          const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
          void* own = ::mmap(at, size, PROT_READ | PROT_WRITE, flags, -1, 0);
          if (own != at) return 1;
          { const PayloadFile copy(std::move(file)); }
          return ::msync(own, size, MS_ASYNC) == 0 ? 0 : 2;
        }) == 0);
  CHECK(file.rewrite(payload(3, bytes).data(), bytes));
}

#endif

TEST_CASE("a payload file keeps its size") {
  const PayloadFile file = file_with(payload(1, bytes));
#if LOMP_LINUX
  CHECK(::ftruncate(file.fd().get(), 0) == -1);
  CHECK(::ftruncate(file.fd().get(), static_cast<off_t>(10 * bytes)) == -1);
#endif
  CHECK(lomp::holds_payload(file.fd().get(), bytes));
}

TEST_CASE("a payload file that can not be mapped says so and keeps what it holds") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  CHECK(run_in_process([] {
          const Bytes content = payload(1, bytes);
          PayloadFile file = file_with(content);
          const Bytes other = payload(2, bytes);
          const rlimit none{0, 0};
          ::setrlimit(RLIMIT_AS, &none);
          const bool is_written = file.rewrite(other.data(), bytes);
          return !is_written && file.fits(bytes) ? 0 : 1;
        }) == 0);
}
