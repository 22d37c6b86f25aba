#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/os/fd.hpp"

using namespace lomp_test;
using lomp::Fd;

namespace {

struct Pair {
  Pair() {
    int ends[2];
    const int type = lomp::control_type | lomp::birth_flags;
    lomp::check(::socketpair(AF_UNIX, type, 0, ends), "socketpair");
    for (int end : ends) lomp::refuse_pipe_signal(end);
    a.reset(ends[0]);
    b.reset(ends[1]);
  }
  Fd a;
  Fd b;
};

std::uint32_t inode_of(const Fd& fd) {
  struct stat status {};
  ::fstat(fd.get(), &status);
  return static_cast<std::uint32_t>(status.st_ino);
}

}  // namespace

TEST_CASE("to send to a peer that is gone is an error and no signal") {
  Pair pair;
  pair.b.reset();
  CHECK(run_in_process([&] {
          ::signal(SIGPIPE, SIG_DFL);
          if (::send(pair.a.get(), "x", 1, lomp::send_flags) != -1) return 1;
          return errno == EPIPE ? 0 : 2;
        }) == 0);
}

TEST_CASE("a call on a socket never waits") {
  const Pair pair;
  char text[16];
  CHECK(::recv(pair.a.get(), text, sizeof text, lomp::receive_flags) == -1);
  CHECK((errno == EAGAIN || errno == EWOULDBLOCK));
  while (::send(pair.a.get(), text, sizeof text, lomp::send_flags) > 0) continue;
  CHECK((errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS));
}

TEST_CASE("messages keep apart or are a row of bytes") {
  const Pair pair;
  CHECK(::send(pair.a.get(), "one", 3, lomp::send_flags) == 3);
  CHECK(::send(pair.a.get(), "two", 3, lomp::send_flags) == 3);
  char text[16];
  const ssize_t expected = lomp::keeps_messages_apart ? 3 : 6;
  CHECK(::recv(pair.b.get(), text, sizeof text, lomp::receive_flags) == expected);
}

TEST_CASE("a received descriptor can be closed on exec") {
  const Fd file(::open("/dev/null", O_RDONLY));
  lomp::close_received_on_exec(file.get());
  // Where a flag for receiving does it, nothing is left to do.
  const bool has_flag = lomp::receive_flags != MSG_DONTWAIT;
  CHECK((::fcntl(file.get(), F_GETFD) == FD_CLOEXEC) == !has_flag);
}

TEST_CASE("the peer of a socket is told or no socket's is") {
  const LeavesNothing check;
  const Pair pair;
  const Fd directory(lomp::open_socket_directory());
  const std::uint32_t peer = lomp::peer_of_socket(directory.get(), inode_of(pair.a));
  CHECK((peer == 0 || peer == inode_of(pair.b)));
  CHECK(lomp::peer_of_socket(directory.get(), 0) == 0);
  CHECK(lomp::peer_of_socket(-1, inode_of(pair.a)) == 0);
}
