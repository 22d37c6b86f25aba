#include <testthat/vendor/catch.h>

#include <string>

#include "harness/checkpoints.hpp"

using namespace lomp_test;

namespace {

template <class Number>
Number number_at(const std::string& bytes, std::size_t at) {
  Number number;
  std::memcpy(&number, bytes.data() + at, sizeof number);
  return number;
}

}  // namespace

// What FORMATS.md says: a file of today is to be read by the versions of tomorrow.
TEST_CASE("a file has its fields where the format says") {
  const Folder folder;
  write_all_results(folder, {{5, 2, "result", {"payload!"}}});
  const std::string content = folder.content();
  CHECK(content.substr(0, 8) == "lompckpt");
  CHECK(number_at<std::uint32_t>(content, 8) == 1);
  CHECK(number_at<std::uint32_t>(content, 12) == 0x01020304);
  CHECK(number_at<std::uint32_t>(content, 16) == 1);
  CHECK(number_at<std::uint64_t>(content, 24) == 10);
  CHECK(number_at<std::uint64_t>(content, 40) == 3);
  CHECK(number_at<std::uint64_t>(content, 56) == lomp::checksum(content.data(), 56));
  CHECK(content.substr(64, 8) == std::string("\1\2\3\0\0\0\0\0", 8));
  const std::uint64_t id = number_at<std::uint64_t>(content, 32);
  const std::size_t payload = 72, result = payload + 40 + 8 + 8;
  REQUIRE(content.size() == result + 40 + 8 + 8);
  CHECK(content.substr(payload, 4) == "lecr");
  CHECK(content[payload + 4] == 2);
  CHECK(content.substr(payload + 40, 8) == "payload!");
  CHECK(content.substr(result, 4) == "lecr");
  CHECK(content[result + 4] == 1);
  CHECK(content[result + 5] == 2);
  CHECK(number_at<std::uint32_t>(content, result + 8) == 1);
  CHECK(number_at<std::uint64_t>(content, result + 16) == 5);
  CHECK(number_at<std::uint64_t>(content, result + 24) == 6);
  CHECK(number_at<std::uint64_t>(content, result + 32) ==
        lomp::checksum(content.data() + result, 32, id ^ result));
  CHECK(content.substr(result + 40, 8) == std::string("result\0\0", 8));
  CHECK(number_at<std::uint64_t>(content, result + 48) == lomp::checksum("result", 6, id ^ result));
}

TEST_CASE("entries without bytes are headers alone") {
  CHECK(lomp::entry_bytes(0) == 40);
  CHECK(lomp::entry_bytes(1) == 56);
  CHECK(lomp::entry_bytes(8) == 56);
  CHECK(lomp::entry_bytes(9) == 64);
}
