#include <sys/resource.h>
#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include <atomic>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/os/read_text.hpp"

using namespace lomp_test;
using lomp::make_pipe;
using lomp::Pipe;
using lomp::SystemError;
using lomp::write_all;

namespace {

using Bytes = std::vector<unsigned char>;

Bytes numbered_bytes(std::size_t n) {
  Bytes bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<unsigned char>(i * 31 + i / 256);
  return bytes;
}

/// Cuts bytes into parts of random sizes, empty ones among them.
std::vector<iovec> cut(Bytes& bytes, std::mt19937& random) {
  std::vector<iovec> parts;
  for (std::size_t at = 0; at < bytes.size();) {
    const std::size_t n = std::min<std::size_t>(random() % 50, bytes.size() - at);
    parts.push_back({bytes.data() + at, n});
    at += n;
  }
  return parts;
}

/// A writev that takes at most `most` bytes a call, and keeps them.
auto taking_at_most(std::size_t most, Bytes& taken, std::mt19937& random) {
  return [=, &taken, &random](int, const iovec* parts, int count) -> ssize_t {
    std::size_t left = 1 + random() % most;
    const std::size_t before = taken.size();
    for (int i = 0; i < count && left > 0; ++i) {
      const std::size_t n = std::min(left, parts[i].iov_len);
      const auto* first = static_cast<const unsigned char*>(parts[i].iov_base);
      taken.insert(taken.end(), first, first + n);
      left -= n;
    }
    return static_cast<ssize_t>(taken.size() - before);
  };
}

Bytes read_to_end(int fd) {
  Bytes all, piece(1 << 16);
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    ::poll(&ready, 1, -1);
    const ssize_t n = ::read(fd, piece.data(), piece.size());
    if (n <= 0) return all;
    all.insert(all.end(), piece.begin(), piece.begin() + n);
  }
}

}  // namespace

TEST_CASE("what goes into a pipe comes out of it") {
  const LeavesNothing check;
  const Pipe pipe = make_pipe();
  REQUIRE(::write(pipe.writer.get(), "lomp", 4) == 4);
  char got[8];
  CHECK(::read(pipe.reader.get(), got, sizeof got) == 4);
  CHECK(std::string(got, 4) == "lomp");
}

TEST_CASE("the reading end of a pipe never waits and the writing end does") {
  const Pipe pipe = make_pipe();
  char byte;
  CHECK(::read(pipe.reader.get(), &byte, 1) == -1);
  CHECK(errno == EAGAIN);
  CHECK((::fcntl(pipe.writer.get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("both ends of a pipe are closed on exec") {
  const Pipe pipe = make_pipe();
  CHECK(::fcntl(pipe.reader.get(), F_GETFD) == FD_CLOEXEC);
  CHECK(::fcntl(pipe.writer.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("a pipe has the size that was asked for") {
#if LOMP_LINUX
  CHECK(::fcntl(make_pipe(std::size_t{1} << 17).reader.get(), F_GETPIPE_SZ) == 1 << 17);
  CHECK(::fcntl(make_pipe(std::size_t{1} << 18).reader.get(), F_GETPIPE_SZ) == 1 << 18);
#else
  CHECK(static_cast<bool>(make_pipe(std::size_t{1} << 17).reader));
#endif
}

namespace {

#if LOMP_LINUX

/// What programs have open that are started all the while this object lives, by a thread that
/// doesn't know what others do.
class Starter {
 public:
  Starter() : thread_([this] { start_programs(); }) {}
  ~Starter() {
    is_over_ = true;
    thread_.join();
  }
  Starter(const Starter&) = delete;
  Starter& operator=(const Starter&) = delete;

  int count() const { return count_; }

  /// The lines of all listings that have this text.
  int lines_with(const std::string& text) const {
    const std::string all = lomp::read_text(name_);
    int lines = 0;
    for (std::size_t at = 0; (at = all.find(text, at)) != std::string::npos; ++at) ++lines;
    return lines;
  }

 private:
  void start_programs() {
    while (!is_over_) {
      const pid_t pid = ::fork();
      if (pid == 0) list_descriptors();
      ::waitpid(pid, nullptr, 0);
      ++count_;
    }
    ::unlink(name_.c_str());
  }

  [[noreturn]] void list_descriptors() const {
    ::dup2(file_.get(), STDOUT_FILENO);
    ::dup2(file_.get(), STDERR_FILENO);
    ::execlp("ls", "ls", "-l", "/proc/self/fd", nullptr);
    ::_exit(127);
  }

  std::string name_ = "/tmp/lomp-test-XXXXXX";
  lomp::Fd file_{::mkostemp(&name_[0], O_APPEND | O_CLOEXEC)};
  std::atomic<int> count_{0};
  std::atomic<bool> is_over_{false};
  std::thread thread_;
};

/// Pipes that this program has got from the one that started it, and passes on.
int inherited_pipes() {
  int pipes = 0;
  for (int fd : open_descriptors()) {
    struct stat status;
    if (fd == STDOUT_FILENO || fd == STDERR_FILENO) continue;
    pipes += ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
  }
  return pipes;
}

#endif

}  // namespace

TEST_CASE("no program that another thread starts has an end of a pipe") {
#if LOMP_LINUX
  const int inherited = inherited_pipes();
  const Starter starter;
  while (starter.count() < 100) make_pipe();
  CHECK(starter.lines_with(" -> ") >= 100);
  CHECK(starter.lines_with("pipe:[") <= inherited * (starter.count() + 1));
#else
  SUCCEED("there is a moment in which it has");
#endif
}

TEST_CASE("a pipe that can't be as large as was asked for is still a pipe") {
  const Pipe pipe = make_pipe(std::size_t{1} << 30);
  CHECK(::write(pipe.writer.get(), "x", 1) == 1);
}

TEST_CASE("a pipe that is refused throws and leaves nothing") {
  const LeavesNothing check;
  Fake<&Kernel::pipe> fake(failing(EMFILE));
  try {
    make_pipe();
    FAIL("no exception");
  } catch (const SystemError& error) {
    CHECK(error.code().value() == EMFILE);
    CHECK(std::string(error.what()).find("pipe") == 0);
  }
}

TEST_CASE("a pipe keeps off the numbers of the standard streams") {
  // A host may have closed these, and an item's code may open, close or print to them.
  const int status = run_in_process([] {
    for (int fd = 0; fd < 10; ++fd) ::close(fd);
    const Pipe pipe = make_pipe();
    return pipe.reader.get() >= 10 && pipe.writer.get() >= 10 ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("a pipe whose ends have no place above those numbers leaves nothing") {
  // The pipe is there but its ends can't be moved: nothing of it may stay.
  const int status = run_in_process([] {
    rlimit few{};
    few.rlim_cur = few.rlim_max = 10;
    const std::vector<int> before = open_descriptors();
    if (::setrlimit(RLIMIT_NOFILE, &few) != 0) return 2;
    try {
      make_pipe();
    } catch (const SystemError&) {
    }
    return open_descriptors() == before ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("advance drops any number of bytes from any parts") {
  std::mt19937 random(1);
  Bytes bytes = numbered_bytes(2000);
  for (int round = 0; round < 200; ++round) {
    std::vector<iovec> parts = cut(bytes, random);
    iovec* rest = parts.data();
    int count = static_cast<int>(parts.size());
    const std::size_t first = random() % 1000, second = random() % 1001;
    lomp::advance(rest, count, first);
    lomp::advance(rest, count, second);
    std::size_t left = 0;
    for (int i = 0; i < count; ++i) left += rest[i].iov_len;
    REQUIRE(left == bytes.size() - first - second);
    if (count > 0) REQUIRE(rest->iov_base == bytes.data() + first + second);
  }
}

TEST_CASE("write_all survives any sizes of short writes") {
  std::mt19937 random(2);
  const Bytes original = numbered_bytes(3000);
  for (std::size_t most : {1, 2, 7, 100, 5000}) {
    Bytes bytes = original, taken;
    std::vector<iovec> parts = cut(bytes, random);
    Fake<&Kernel::writev> fake(taking_at_most(most, taken, random));
    write_all(1000, parts.data(), static_cast<int>(parts.size()));
    REQUIRE(taken == original);
  }
}

TEST_CASE("write_all survives interruptions") {
  std::mt19937 random(3);
  const Bytes original = numbered_bytes(300);
  Bytes bytes = original, taken;
  std::vector<iovec> parts = cut(bytes, random);
  auto take = taking_at_most(10, taken, random);
  int calls = 0;
  Fake<&Kernel::writev> fake([&](int fd, const iovec* rest, int count) -> ssize_t {
    if (++calls % 3 != 0) return failing(EINTR)();
    return take(fd, rest, count);
  });
  write_all(1000, parts.data(), static_cast<int>(parts.size()));
  CHECK(taken == original);
}

TEST_CASE("write_all of nothing makes no call") {
  int calls = 0;
  Fake<&Kernel::writev> fake([&](int, const iovec*, int) -> ssize_t { return ++calls; });
  iovec parts[] = {{nullptr, 0}, {nullptr, 0}};
  write_all(1000, parts, 2);
  write_all(1000, parts, 0);
  CHECK(calls == 0);
}

TEST_CASE("write_all throws when the reader leaves half-way") {
  Bytes bytes = numbered_bytes(100);
  int calls = 0;
  Fake<&Kernel::writev> fake(
      [&](int, const iovec*, int) -> ssize_t { return ++calls == 1 ? 60 : failing(EPIPE)(); });
  iovec part{bytes.data(), bytes.size()};
  try {
    write_all(1000, &part, 1);
    FAIL("no exception");
  } catch (const SystemError& error) {
    CHECK(error.code().value() == EPIPE);
  }
  CHECK(calls == 2);
}

TEST_CASE("more than a pipe holds arrives whole") {
  const LeavesNothing check;
  Bytes bytes = numbered_bytes(5000000);
  Pipe pipe = make_pipe(4096);
  const pid_t writer = ::fork();
  if (writer == 0) {
    iovec parts[] = {{bytes.data(), 1000000}, {bytes.data() + 1000000, bytes.size() - 1000000}};
    write_all(pipe.writer.get(), parts, 2);
    ::_exit(0);
  }
  pipe.writer.reset();
  CHECK(read_to_end(pipe.reader.get()) == bytes);
  ::waitpid(writer, nullptr, 0);
}
