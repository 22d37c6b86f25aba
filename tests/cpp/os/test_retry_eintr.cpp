#include <testthat/vendor/catch.h>

#include "lomp/os/retry_eintr.hpp"

using lomp::retry_eintr;

TEST_CASE("an interrupted call is made again until it is not interrupted") {
  int calls = 0;
  const int result = retry_eintr([&] {
    if (++calls == 4) return 42;
    errno = EINTR;
    return -1;
  });
  CHECK(result == 42);
  CHECK(calls == 4);
}

TEST_CASE("any other failure is handed on at once with its errno") {
  int calls = 0;
  const int result = retry_eintr([&] {
    ++calls;
    errno = EAGAIN;
    return -1;
  });
  CHECK(result == -1);
  CHECK(errno == EAGAIN);
  CHECK(calls == 1);
}

TEST_CASE("a success is handed on although errno still says EINTR") {
  int calls = 0;
  errno = EINTR;
  CHECK(retry_eintr([&] { return ++calls; }) == 1);
}
