#include <testthat/vendor/catch.h>
#include <unistd.h>

#include "lomp/os/platform.hpp"

TEST_CASE("no more processors are schedulable than there are") {
  CHECK(lomp::schedulable_processors() >= 0);
  CHECK(lomp::schedulable_processors() <= ::sysconf(_SC_NPROCESSORS_CONF));
}

TEST_CASE("control groups have a list and a folder or neither") {
  CHECK((*lomp::control_groups_file == '\0') == (*lomp::control_groups_folder == '\0'));
}
