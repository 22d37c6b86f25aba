#include <testthat/vendor/catch.h>

#include "lomp/os/named_value.hpp"

using lomp::value_of;

TEST_CASE("the number behind a name is found in any line") {
  const std::string text = "MemTotal:   24105 kB\nMemFree: 17 kB\nSwapFree:\t3 kB\nlast 9";
  CHECK(value_of(text, "MemTotal:") == 24105);
  CHECK(value_of(text, "MemFree:") == 17);
  CHECK(value_of(text, "last") == 9);
}

TEST_CASE("a name is a whole word at the beginning of a line") {
  const std::string text = "total_inactive_file 1\nx inactive_file 2\ninactive_files 3\n";
  CHECK(value_of(text, "inactive_file") == 0);
  CHECK(value_of(text + "inactive_file 4096\n", "inactive_file") == 4096);
  CHECK(value_of("inactive_file 5\n" + text, "inactive_file") == 5);
}

TEST_CASE("of a name that comes twice the first one counts") {
  CHECK(value_of("a 1\na 2\n", "a") == 1);
}

TEST_CASE("what isn't there or is no number is zero") {
  CHECK(value_of("", "a") == 0);
  CHECK(value_of("b 1\n", "a") == 0);
  CHECK(value_of("a", "a") == 0);
  CHECK(value_of("a ", "a") == 0);
  CHECK(value_of("a max\n", "a") == 0);
  CHECK(value_of("a 0\n", "a") == 0);
}

TEST_CASE("a number may be as large as 64 bits hold") {
  CHECK(value_of("a 18446744073709551615\n", "a") == UINT64_MAX);
}
