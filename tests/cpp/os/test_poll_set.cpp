#include <sys/resource.h>
#include <sys/time.h>
#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/os/clock.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/os/poll_set.hpp"

using namespace lomp_test;
using lomp::make_pipe;
using lomp::Pipe;
using lomp::PollSet;
using lomp::SystemError;

namespace {

void write_byte(const Pipe& pipe) { REQUIRE(::write(pipe.writer.get(), "x", 1) == 1); }

}  // namespace

TEST_CASE("a wait tells which descriptors can be read") {
  const Pipe silent = make_pipe(), ready = make_pipe();
  write_byte(ready);
  PollSet poll_set;
  const std::size_t first = poll_set.watch(silent.reader.get());
  const std::size_t second = poll_set.watch(ready.reader.get());
  REQUIRE(poll_set.wait(1000));
  CHECK_FALSE(poll_set.is_ready(first));
  CHECK(poll_set.is_ready(second));
}

TEST_CASE("a descriptor whose other end is closed is ready") {
  Pipe pipe = make_pipe();
  pipe.writer.reset();
  PollSet poll_set;
  const std::size_t place = poll_set.watch(pipe.reader.get());
  REQUIRE(poll_set.wait(1000));
  CHECK(poll_set.is_ready(place));
}

TEST_CASE("a closed descriptor is ready because a read will tell") {
  Pipe pipe = make_pipe();
  PollSet poll_set;
  const std::size_t place = poll_set.watch(pipe.reader.get());
  pipe.reader.reset();
  REQUIRE(poll_set.wait(1000));
  CHECK(poll_set.is_ready(place));
}

TEST_CASE("a negative descriptor keeps its place and is never ready") {
  const Pipe pipe = make_pipe();
  write_byte(pipe);
  PollSet poll_set;
  const std::size_t none = poll_set.watch(-1);
  const std::size_t place = poll_set.watch(pipe.reader.get());
  REQUIRE(poll_set.wait(1000));
  CHECK_FALSE(poll_set.is_ready(none));
  CHECK(poll_set.is_ready(place));
}

TEST_CASE("a wait ends when its time is over") {
  const Pipe pipe = make_pipe();
  PollSet poll_set;
  poll_set.watch(pipe.reader.get());
  const std::int64_t before = lomp::now_ns();
  CHECK_FALSE(poll_set.wait(20));
  CHECK(lomp::now_ns() - before >= 19000000);
  CHECK_FALSE(poll_set.wait(0));
}

TEST_CASE("a cleared poll_set watches nothing") {
  const Pipe pipe = make_pipe();
  write_byte(pipe);
  PollSet poll_set;
  poll_set.watch(pipe.reader.get());
  poll_set.clear();
  CHECK_FALSE(poll_set.wait(0));
  CHECK(poll_set.watch(pipe.reader.get()) == 0);
}

TEST_CASE("a wait that is interrupted ends and nothing seems ready") {
  const Pipe pipe = make_pipe();
  write_byte(pipe);
  PollSet poll_set;
  const std::size_t place = poll_set.watch(pipe.reader.get());
  REQUIRE(poll_set.wait(1000));
  REQUIRE(poll_set.is_ready(place));
  Fake<&Kernel::poll> fake(failing(EINTR));
  CHECK_FALSE(poll_set.wait(1000));
  CHECK_FALSE(poll_set.is_ready(place));
}

TEST_CASE("a real signal ends a wait") {
  const int status = run_in_process([] {
    struct sigaction action {};
    action.sa_handler = [](int) {};
    ::sigaction(SIGALRM, &action, nullptr);
    const Pipe pipe = make_pipe();
    PollSet poll_set;
    poll_set.watch(pipe.reader.get());
    // The alarm comes again and again, should the first one be missed.
    const itimerval often{{0, 20000}, {0, 20000}};
    ::setitimer(ITIMER_REAL, &often, nullptr);
    return poll_set.wait(60000) ? 1 : 0;
  });
  CHECK(status == 0);
}

TEST_CASE("a wait that fails throws") {
  PollSet poll_set;
  Fake<&Kernel::poll> fake(failing(ENOMEM));
  CHECK_THROWS_AS(poll_set.wait(0), SystemError);
}

TEST_CASE("descriptors beyond the reach of select are watched") {
  if (!may_open(2000)) {
    SUCCEED("this process may not have as many descriptors");
    return;
  }
  const Pipe pipe = make_pipe();
  const lomp::Fd far(::fcntl(pipe.reader.get(), F_DUPFD, 1500));
  REQUIRE(far.get() >= 1500);
  PollSet poll_set;
  const std::size_t place = poll_set.watch(far.get());
  CHECK_FALSE(poll_set.wait(0));
  write_byte(pipe);
  REQUIRE(poll_set.wait(1000));
  CHECK(poll_set.is_ready(place));
}
