#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/process/process_file.hpp"

using namespace lomp_test;
using lomp::read_process_file;

TEST_CASE("a process's files are read where the system lists processes") {
  const LeavesNothing check;
  const std::string stat = read_process_file(::getpid(), "stat");
  CHECK(stat.empty() != lomp::lists_processes);
  CHECK((stat.empty() || stat.find(std::to_string(::getpid()) + " (") == 0));
}

TEST_CASE("a file that isn't there or can't be opened is empty") {
  CHECK(read_process_file(::getpid(), "no-such-file").empty());
  const Fake<&Kernel::open> none(failing(EMFILE));
  CHECK(read_process_file(::getpid(), "stat").empty());
}
