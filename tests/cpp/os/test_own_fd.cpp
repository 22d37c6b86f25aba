#include <fcntl.h>
#include <testthat/vendor/catch.h>

#include <utility>
#include <vector>

#include "harness/processes.hpp"
#include "lomp/os/own_fd.hpp"

using lomp::Fd;
using lomp::OwnFd;
using namespace lomp_test;

namespace {

Fd open_null() { return Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)); }

bool is_there(int fd) { return ::fcntl(fd, F_GETFD) != -1; }

}  // namespace

TEST_CASE("a forked process hasn't got the file") {
  const LeavesNothing check;
  OwnFd file(open_null());
  const int fd = file.fd();
  REQUIRE(is_there(fd));
  CHECK(run_in_process([&] { return is_there(fd) || file.is_open(); }) == 0);
  CHECK(file.is_open());
  CHECK(is_there(fd));
}

TEST_CASE("a process that was forked from a forked one leaves its parent's other files alone") {
  const LeavesNothing check;
  OwnFd file(open_null());
  const int number = file.fd();
  CHECK(run_in_process([&] {
          const Fd other = open_null();
          if (other.get() != number && ::dup2(other.get(), number) != number) return 2;
          file.close();
          if (!is_there(number)) return 3;
          return run_in_process([&] { return is_there(number) ? 0 : 1; });
        }) == 0);
}

TEST_CASE("a forked process has files of its own which the next one hasn't") {
  const LeavesNothing check;
  OwnFd file(open_null());
  CHECK(run_in_process([&] {
          OwnFd own(open_null());
          const int fd = own.fd();
          if (!own.is_open() || !is_there(fd)) return 2;
          return run_in_process([&] { return is_there(fd) ? 1 : 0; });
        }) == 0);
  CHECK(file.is_open());
}

TEST_CASE("a file that has moved is still hidden and closed once") {
  const LeavesNothing check;
  OwnFd first(open_null());
  const int fd = first.fd();
  OwnFd second(std::move(first));
  CHECK_FALSE(first.is_open());
  CHECK(second.fd() == fd);
  CHECK(run_in_process([&] { return is_there(fd) ? 1 : 0; }) == 0);
  first = std::move(second);
  first.close();
  CHECK_FALSE(is_there(fd));
}

TEST_CASE("what isn't open takes no place") {
  for (std::size_t i = 0; i < OwnFd::most; ++i) CHECK_FALSE(OwnFd(Fd()).is_open());
  CHECK(OwnFd(open_null()).is_open());
}

TEST_CASE("more files than there are places aren't open and places are used again") {
  const LeavesNothing check;
  std::vector<OwnFd> files;
  for (std::size_t i = 0; i < OwnFd::most; ++i) files.emplace_back(open_null());
  CHECK(files.back().is_open());
  CHECK_FALSE(OwnFd(open_null()).is_open());
  files.pop_back();
  CHECK(OwnFd(open_null()).is_open());
}
