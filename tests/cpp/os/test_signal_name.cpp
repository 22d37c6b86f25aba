#include <testthat/vendor/catch.h>

#include <cstring>

#include "lomp/os/signal_name.hpp"

TEST_CASE("signals that end a worker have their names") {
  CHECK(lomp::signal_name(SIGKILL) == "SIGKILL");
  CHECK(lomp::signal_name(SIGSEGV) == "SIGSEGV");
  CHECK(lomp::signal_name(SIGABRT) == "SIGABRT");
  CHECK(lomp::signal_name(SIGBUS) == "SIGBUS");
  CHECK(lomp::signal_name(SIGTERM) == "SIGTERM");
  CHECK(lomp::signal_name(SIGINT) == "SIGINT");
  CHECK(lomp::signal_name(SIGXFSZ) == "SIGXFSZ");
}

TEST_CASE("other signals have their number") {
  CHECK(lomp::signal_name(0) == "signal 0");
  CHECK(lomp::signal_name(63) == "signal 63");
}

TEST_CASE("the names are those of the C library") {
  for (int signal = 1; signal < 32; ++signal) {
    const std::string name = lomp::signal_name(signal);
    CHECK_FALSE(name.empty());
#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 32)
    if (name.rfind("SIG", 0) == 0) CHECK(name == "SIG" + std::string(::sigabbrev_np(signal)));
#endif
  }
}
