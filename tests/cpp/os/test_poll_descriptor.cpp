// For os/linux/poll_descriptor.hpp and os/posix/poll_descriptor.hpp.
#include <testthat/vendor/catch.h>

#include <memory>

#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"

using namespace lomp_test;
using lomp::make_pipe;
using lomp::NumberedDescriptor;
using lomp::Pipe;
using lomp::PollDescriptor;

namespace {

using Others = std::vector<NumberedDescriptor>;

constexpr int hour_ms = 3600000;

bool is_readable(const PollDescriptor& descriptor, int milliseconds = 0) {
  pollfd one{descriptor.fd(), POLLIN, 0};
  return ::poll(&one, 1, milliseconds) == 1;
}

void write_byte(const Pipe& pipe) { REQUIRE(::write(pipe.writer.get(), "x", 1) == 1); }

void read_byte(const Pipe& pipe) {
  char byte;
  REQUIRE(::read(pipe.reader.get(), &byte, 1) == 1);
}

}  // namespace

TEST_CASE("a new descriptor is open and not readable and closed on exec") {
  const LeavesNothing check;
  const PollDescriptor descriptor;
  REQUIRE(descriptor.fd() >= 0);
  CHECK_FALSE(is_readable(descriptor));
  CHECK(::fcntl(descriptor.fd(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("it is readable from when it is told to be until it watches") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  for (int round = 0; round < 3; ++round) {
    descriptor.set();
    descriptor.set();
    CHECK(is_readable(descriptor));
    CHECK(is_readable(descriptor));
    descriptor.watch({}, hour_ms);
    CHECK_FALSE(is_readable(descriptor));
  }
}

TEST_CASE("it is readable when another one is") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  const Pipe first = make_pipe(), second = make_pipe();
  const Others others = {{first.reader.get(), 1}, {-1, 1}, {second.reader.get(), 2}};
  descriptor.watch(others, hour_ms);
  CHECK_FALSE(is_readable(descriptor, 20));
  write_byte(second);
  CHECK(is_readable(descriptor, 10000));
  CHECK(is_readable(descriptor));
  descriptor.watch(others, hour_ms);  // it still is
  CHECK(is_readable(descriptor, 10000));
  read_byte(second);
  descriptor.watch(others, hour_ms);
  CHECK_FALSE(is_readable(descriptor, 20));
}

TEST_CASE("it is readable when another one's other end is closed") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  Pipe pipe = make_pipe();
  descriptor.watch({{pipe.reader.get(), 1}}, hour_ms);
  pipe.writer.reset();
  CHECK(is_readable(descriptor, 10000));
}

TEST_CASE("it is readable when a time is over") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  const std::int64_t began = lomp::now_ns();
  descriptor.watch({}, 50);
  CHECK(is_readable(descriptor, 10000));
  CHECK(lomp::now_ns() - began >= 50000000);
  CHECK(is_readable(descriptor));
  descriptor.watch({}, hour_ms);
  CHECK_FALSE(is_readable(descriptor));
}

TEST_CASE("what isn't watched any more wakes nobody though a forked process has it") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  Pipe old = make_pipe(), stop = make_pipe();
  const int number = old.reader.get();
  descriptor.watch({{number, 1}}, hour_ms);
  const pid_t other = ::fork();
  if (other == 0) {
    stop.writer.reset();
    pollfd end{stop.reader.get(), POLLIN, 0};
    ::poll(&end, 1, -1);
    ::_exit(0);
  }
  old.reader.reset();
  write_byte(old);
  // The same number, for another file.
  const Pipe next = make_pipe();
  REQUIRE(next.reader.get() == number);
  descriptor.watch({{number, 2}}, hour_ms);
  CHECK_FALSE(is_readable(descriptor, 20));
  write_byte(next);
  CHECK(is_readable(descriptor, 10000));
  stop.writer.reset();
  ::waitpid(other, nullptr, 0);
}

TEST_CASE("a descriptor that can't be watched makes it readable") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  Pipe pipe = make_pipe();
  const int closed = pipe.reader.get();
  pipe.reader.reset();
  descriptor.watch({{closed, 1}}, hour_ms);
  CHECK(is_readable(descriptor, 10000));
  descriptor.watch({}, hour_ms);
  CHECK_FALSE(is_readable(descriptor));
}

TEST_CASE("a forked process that drops its copy leaves the other alone") {
  const LeavesNothing check;
  auto descriptor = std::make_unique<PollDescriptor>();
  const Pipe pipe = make_pipe();
  descriptor->watch({{pipe.reader.get(), 1}}, hour_ms);
  CHECK(run_in_process([&] {
          descriptor.reset();
          return 0;
        }) == 0);
  CHECK_FALSE(is_readable(*descriptor));
  write_byte(pipe);
  CHECK(is_readable(*descriptor, 10000));
}

TEST_CASE("a closed one is none") {
  const LeavesNothing check;
  PollDescriptor descriptor;
  descriptor.watch({}, hour_ms);
  descriptor.close();
  CHECK(descriptor.fd() == -1);
  descriptor.close();
}

TEST_CASE("it is none where the system has no more descriptors") {
  const LeavesNothing check;
  CHECK(run_in_process([] {
          const rlimit none{0, 0};
          if (::setrlimit(RLIMIT_NOFILE, &none) != 0) return 1;
          return PollDescriptor().fd() == -1 ? 0 : 2;
        }) == 0);
}
