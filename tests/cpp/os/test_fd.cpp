#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/fd.hpp"

using namespace lomp_test;
using lomp::Fd;
using lomp::SystemError;

namespace {

int open_null() { return ::open("/dev/null", O_RDWR); }

bool is_open(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("an owned descriptor is open for as long as its owner lives") {
  const int number = open_null();
  {
    const Fd fd(number);
    CHECK(fd.get() == number);
    CHECK(static_cast<bool>(fd));
    CHECK(is_open(number));
  }
  CHECK_FALSE(is_open(number));
}

TEST_CASE("an empty owner closes nothing") {
  const LeavesNothing check;
  const Fd fd;
  CHECK(fd.get() == -1);
  CHECK_FALSE(static_cast<bool>(fd));
}

TEST_CASE("descriptor 0 counts as one") {
  // Not really owned, because the tests go on to need it.
  Fd fd(0);
  CHECK(static_cast<bool>(fd));
  CHECK(fd.release() == 0);
}

TEST_CASE("a move hands the descriptor over and closes the one held before") {
  const int first = open_null(), second = open_null();
  Fd a(first), b(second);
  b = std::move(a);
  CHECK(b.get() == first);
  CHECK(a.get() == -1);
  CHECK(is_open(first));
  CHECK_FALSE(is_open(second));
  const Fd c(std::move(b));
  CHECK(c.get() == first);
  CHECK(b.get() == -1);
}

TEST_CASE("a move to itself changes nothing") {
  const int number = open_null();
  Fd fd(number);
  Fd& same = fd;
  fd = std::move(same);
  CHECK(fd.get() == number);
  CHECK(is_open(number));
}

TEST_CASE("a descriptor is closed once only") {
  Fd fd(open_null());
  const int number = fd.get();
  fd.reset();
  const Fd successor(open_null());
  REQUIRE(successor.get() == number);  // the kernel hands out the lowest free number
  fd.reset();
  CHECK(is_open(number));
}

TEST_CASE("a released descriptor stays open") {
  const int number = open_null();
  {
    Fd fd(number);
    CHECK(fd.release() == number);
  }
  CHECK(is_open(number));
  ::close(number);
}

TEST_CASE("reset takes a new descriptor") {
  const int first = open_null(), second = open_null();
  Fd fd(first);
  fd.reset(second);
  CHECK_FALSE(is_open(first));
  CHECK(is_open(second));
  CHECK(fd.get() == second);
}

TEST_CASE("set_close_on_exec sets that flag") {
  const Fd fd(open_null());
  REQUIRE(::fcntl(fd.get(), F_GETFD) == 0);
  lomp::set_close_on_exec(fd.get());
  CHECK(::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("set_nonblocking adds its flag to the others") {
  const Fd fd(::open("/dev/null", O_WRONLY | O_APPEND));
  lomp::set_nonblocking(fd.get());
  const int flags = ::fcntl(fd.get(), F_GETFL);
  CHECK((flags & O_NONBLOCK) != 0);
  CHECK((flags & O_APPEND) != 0);
}

TEST_CASE("flags of what is no descriptor can't be set") {
  CHECK_THROWS_AS(lomp::set_close_on_exec(-1), SystemError);
  CHECK_THROWS_AS(lomp::set_nonblocking(-1), SystemError);
}

TEST_CASE("a lifted descriptor is above those of scripts and closed on exec") {
  const Fd fd = lomp::lifted(Fd(open_null()));
  CHECK(fd.get() >= 10);
  CHECK(::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("a duplicate is another descriptor of the same file") {
  const LeavesNothing check;
  Fd first(open_null());
  const Fd second = lomp::duplicate(first);
  CHECK(second.get() != first.get());
  CHECK(::fcntl(second.get(), F_GETFD) == FD_CLOEXEC);
  first.reset();
  CHECK(is_open(second.get()));
  CHECK_FALSE(static_cast<bool>(lomp::duplicate(first)));
}

TEST_CASE("a limit below the lifted numbers is a want of descriptors") {
  const int status = run_in_process([] {
    for (int number = 3; number < 10; ++number) ::close(number);
    const rlimit few{8, 8};
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
    try {
      lomp::lifted(Fd(open_null()));
    } catch (const SystemError& error) {
      return error.code().value() == EMFILE && !is_open(3) ? 0 : 1;
    }
    return 3;
  });
  CHECK(status == 0);
}
