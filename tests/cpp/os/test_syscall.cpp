#include <testthat/vendor/catch.h>

#include <string>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/os/syscall.hpp"

using namespace lomp_test;
using lomp::check;
using lomp::kernel;
using lomp::SystemError;

TEST_CASE("check hands results on and turns -1 into an exception that names the call") {
  CHECK(check(0, "zero") == 0);
  CHECK(check(ssize_t{1} << 40, "large") == ssize_t{1} << 40);
  CHECK(check(-2, "negative") == -2);
  try {
    errno = EMFILE;
    check(-1, "socketpair");
    FAIL("no exception");
  } catch (const SystemError& error) {
    CHECK(error.code().value() == EMFILE);
    CHECK(error.code() == std::errc::too_many_files_open);
    CHECK(std::string(error.what()).find("socketpair") == 0);
  }
}

TEST_CASE("an error may be given instead of errno") {
  errno = EMFILE;
  CHECK(SystemError("fork", ENOMEM).code().value() == ENOMEM);
}

TEST_CASE("the table of calls holds the real ones and a fake goes back out") {
  int ends[2];
  {
    Fake<&Kernel::pipe> fake(failing(ENFILE));
    CHECK(kernel().pipe(ends) == -1);
    CHECK(errno == ENFILE);
  }
  CHECK((kernel().pipe == lomp::pipe_closed_on_exec));
  REQUIRE(kernel().pipe(ends) == 0);
  for (int end : ends) CHECK(::fcntl(end, F_GETFD) == FD_CLOEXEC);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a forked child has its parent's table of calls") {
  Fake<&Kernel::fork> fake(failing(ENOMEM));
  CHECK(run_in_process([] { return kernel().fork() == -1 && errno == ENOMEM ? 0 : 1; }) == 0);
}
