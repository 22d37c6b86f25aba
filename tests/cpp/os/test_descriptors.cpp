#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include <algorithm>
#include <string>

#include "harness/processes.hpp"
#include "lomp/os/fd.hpp"

using namespace lomp_test;
using lomp::Fd;

namespace {

struct Ends {
  Ends() {
    int ends[2];
    lomp::check(lomp::pipe_closed_on_exec(ends), "pipe");
    reader.reset(ends[0]);
    writer.reset(ends[1]);
  }
  Fd reader;
  Fd writer;
};

bool is_closed_on_exec(const Fd& fd) { return ::fcntl(fd.get(), F_GETFD) == FD_CLOEXEC; }

/// A file in memory with some bytes; empty where there is none.
Fd filled_file() {
  Fd file(lomp::open_file_in_memory());
  if (file) REQUIRE(::write(file.get(), "text", 4) == 4);
  return file;
}

std::atomic<int> last_signal{0};

void note(int signal) { last_signal = signal; }

}  // namespace

TEST_CASE("a pipe is closed on exec and may be refused a size") {
  const LeavesNothing check;
  const Ends pipe;
  CHECK(is_closed_on_exec(pipe.reader));
  CHECK(is_closed_on_exec(pipe.writer));
  lomp::grow_pipe(pipe.writer.get(), std::size_t{1} << 30);
  lomp::grow_pipe(-1, 4096);
  CHECK(::write(pipe.writer.get(), "x", 1) == 1);
}

TEST_CASE("a temporary file has the name that was made for it") {
  const LeavesNothing check;
  std::string name = "/tmp/lomp-test-XXXXXX";
  const Fd file(lomp::open_temporary_file(&name[0]));
  CHECK(static_cast<bool>(file));
  CHECK(::unlink(name.c_str()) == 0);
  std::string nowhere = "/nothing/here-XXXXXX";
  CHECK(lomp::open_temporary_file(&nowhere[0]) == -1);
}

TEST_CASE("a file without a name gets one that is free") {
  const LeavesNothing check;
  char folder[] = "/tmp/lomp-test-XXXXXX";
  REQUIRE(::mkdtemp(folder) != nullptr);
  const std::string name = std::string(folder) + "/name";
  const Fd file(lomp::open_unnamed_file(folder));
  if (file) {
    CHECK(is_closed_on_exec(file));
    CHECK(lomp::name_file(file.get(), name.c_str()) == 0);
    CHECK(::unlink(name.c_str()) == 0);
    const Fd other(::open(name.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    const Fd late(lomp::open_unnamed_file(folder));
    CHECK(lomp::name_file(late.get(), name.c_str()) == -1);
    CHECK(errno == EEXIST);
    CHECK(::unlink(name.c_str()) == 0);
  } else {
    CHECK(lomp::name_file(STDIN_FILENO, name.c_str()) == -1);
  }
  CHECK(::rmdir(folder) == 0);
  CHECK(lomp::open_unnamed_file("/nothing/here") == -1);
}

TEST_CASE("a file in memory whose content may change keeps its size") {
  const LeavesNothing check;
  const Fd file = filled_file();
  if (!file) return;
  CHECK(is_closed_on_exec(file));
  CHECK(lomp::fix_file(file.get(), false));
  CHECK(::ftruncate(file.get(), 0) == -1);
  CHECK(::ftruncate(file.get(), 5) == -1);
  CHECK(::pwrite(file.get(), "next", 4, 0) == 4);
}

TEST_CASE("a file in memory whose content is fixed can't be written to") {
  const LeavesNothing check;
  const Fd file = filled_file();
  if (!file) return;
  CHECK(lomp::fix_file(file.get(), true));
  CHECK(::ftruncate(file.get(), 0) == -1);
  CHECK(::pwrite(file.get(), "next", 4, 0) == -1);
}

TEST_CASE("all open descriptors are listed or none is") {
  const LeavesNothing check;
  std::vector<int> expected = open_descriptors(), listed;
  if (!lomp::visit_descriptors([&](int fd) { listed.push_back(fd); })) {
    CHECK(listed.empty());
    return;
  }
  expected.erase(std::remove(expected.begin(), expected.end(), 0), expected.end());
  std::sort(listed.begin(), listed.end());
  CHECK(listed == expected);
}

TEST_CASE("a file that is opened again has flags of its own") {
  const LeavesNothing check;
  const Ends pipe;
  const Fd again(lomp::open_again(pipe.reader.get(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!again) return;
  CHECK((::fcntl(again.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((::fcntl(pipe.reader.get(), F_GETFL) & O_NONBLOCK) == 0);
  CHECK(is_closed_on_exec(again));
  CHECK(::write(pipe.writer.get(), "x", 1) == 1);
  char byte = 0;
  CHECK(::read(again.get(), &byte, 1) == 1);
}

TEST_CASE("a descriptor that is replaced is one of the other file and closed on exec") {
  Fd file(::open("/dev/zero", O_RDONLY)), other(::open("/dev/null", O_RDONLY));
  REQUIRE(lomp::replace_descriptor(file.get(), other.get()));
  char byte = 1;
  CHECK(::read(file.get(), &byte, 1) == 0);
  CHECK(::fcntl(file.get(), F_GETFD) == FD_CLOEXEC);
  CHECK(::fcntl(other.get(), F_GETFD) >= 0);
  CHECK_FALSE(lomp::replace_descriptor(file.get(), -1));
  CHECK(::fcntl(file.get(), F_GETFD) >= 0);
}

TEST_CASE("the owner of a descriptor gets a signal when its peer is gone") {
  const LeavesNothing check;
  for (int signal : {SIGIO, SIGUSR1}) {
    int ends[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    const Fd own(ends[0]);
    Fd other(ends[1]);
    last_signal = 0;
    const auto before = ::signal(signal, note);
    const bool is_set = lomp::signal_owner(own.get(), ::getpid(), signal);
    CHECK(is_set == (signal == SIGIO || lomp::has_signal_choice));
    other.reset();
    CHECK((!is_set || eventually([&] { return last_signal == signal; })));
    ::signal(signal, before);
  }
  CHECK_FALSE(lomp::signal_owner(-1, ::getpid(), SIGIO));
}

TEST_CASE("what was written to a file goes to its disk or an error tells why not") {
  char name[] = "/tmp/lomp-test-XXXXXX";
  const lomp::Fd file(lomp::open_temporary_file(name));
  ::unlink(name);
  REQUIRE(::write(file.get(), "x", 1) == 1);
  CHECK(lomp::write_to_disk(file.get()) == 0);
  CHECK(lomp::write_to_disk(-1) == -1);
  CHECK(errno == EBADF);
}
