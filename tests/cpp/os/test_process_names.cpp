#include <testthat/vendor/catch.h>

#include "lomp/os/process_names.hpp"

TEST_CASE("a process has ended if its state says so or there is none") {
  for (char state : {'\0', 'Z', 'X'}) CHECK(lomp::is_dead_state(state));
  for (char state : {'R', 'S', 'D', 'T', 't', 'I'}) CHECK_FALSE(lomp::is_dead_state(state));
}
