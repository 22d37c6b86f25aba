#include <testthat/vendor/catch.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "harness/sockets.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/process/sever.hpp"
#include "lomp/worker/seal.hpp"
#if defined(__linux__)
#include <sys/epoll.h>
#endif

using namespace lomp_test;
using lomp::Fd;
using lomp::open_sockets;
using lomp::sever;

namespace {

bool says(int fd, const char* text) {
  return ::send(fd, text, std::strlen(text), MSG_NOSIGNAL) ==
         static_cast<ssize_t>(std::strlen(text));
}

/// What has come; "" at the end, "nothing" if that isn't there either.
std::string heard(int fd) {
  char text[64];
  const ssize_t n = ::recv(fd, text, sizeof text, MSG_DONTWAIT);
  return n < 0 ? "nothing" : std::string(text, static_cast<std::size_t>(n));
}

bool is_dead(int fd) { return heard(fd).empty() && !says(fd, "?") && errno == EPIPE; }

/// Runs a function in a forked process that has severed what it inherited; `own` it keeps. Gives
/// the wait status: 0 if the function was true.
template <class Test>
int in_severed(Test test, int own = -1) {
  return run_in_process([&] {
    std::vector<int> sockets = open_sockets();
    sever(sockets, own);
    return test() ? 0 : 1;
  });
}

/// In a worker the client's end is dead; its server, which is no process that has the client's end,
/// hears nothing of that, and goes on with the parent.
void check_severed(Connection connection) {
  REQUIRE(says(connection.server.get(), "before"));
  CHECK(run_in_process([&] {
          connection.server.reset();
          return in_severed([&] { return is_dead(connection.client.get()); });
        }) == 0);
  CHECK(heard(connection.server.get()) == "nothing");
  CHECK(heard(connection.client.get()) == "before");
  CHECK(says(connection.client.get(), "question"));
  CHECK(heard(connection.server.get()) == "question");
  CHECK(says(connection.server.get(), "answer"));
  CHECK(heard(connection.client.get()) == "answer");
}

bool holds(const std::vector<int>& all, int fd) {
  return std::find(all.begin(), all.end(), fd) != all.end();
}

}  // namespace

TEST_CASE("the open sockets are found and no other files") {
  const LeavesNothing check;
  const std::vector<int> before = open_sockets();
  const Connection connection = connect_pair(SOCK_STREAM);
  const lomp::Pipe pipe = lomp::make_pipe();
  std::vector<int> right = before;
  right.push_back(connection.client.get());
  right.push_back(connection.server.get());
  std::vector<int> found = open_sockets();
  std::sort(found.begin(), found.end());
  std::sort(right.begin(), right.end());
  CHECK(found == right);
}

TEST_CASE("both ways to look for sockets find the same") {
  const LeavesNothing check;
  if (!may_open(2000)) {
    SUCCEED("this process may not have as many descriptors");
    return;
  }
  const Connection connection = connect_pair(SOCK_STREAM);
  const Fd high(::fcntl(connection.client.get(), F_DUPFD, 1500));
  std::vector<int> listed, tried;
  lomp::try_descriptors(tried);
  CHECK(holds(tried, high.get()));
  if (!lomp::list_descriptors(listed)) return;
  std::sort(listed.begin(), listed.end());
  CHECK(listed == tried);
}

TEST_CASE("a process with few descriptors allowed can look for sockets") {
  CHECK(run_in_process([] {
          const Connection connection = connect_pair(SOCK_STREAM);
          const rlimit few{20, 20};
          ::setrlimit(RLIMIT_NOFILE, &few);
          std::vector<int> tried;
          lomp::try_descriptors(tried);
          return holds(tried, connection.client.get()) ? 0 : 1;
        }) == 0);
}

TEST_CASE("connections are severed in a worker and the parent's are unharmed") {
  const LeavesNothing check;
  check_severed(connect_by_internet());
  check_severed(connect_pair(SOCK_STREAM));
  check_severed(connect_pair(SOCK_SEQPACKET));
}

TEST_CASE("a connection that does not wait is severed") {
  Connection connection = connect_by_internet();
  lomp::set_nonblocking(connection.client.get());
  check_severed(std::move(connection));
}

TEST_CASE("a socket without a connection that may get messages of others is severed") {
  const LeavesNothing check;
  sockaddr_in address;
  const Fd receiver = bound_socket(SOCK_DGRAM, address);
  const Fd sender = connect_to(address, SOCK_DGRAM);
  REQUIRE(says(sender.get(), "before"));
  CHECK(in_severed([&] { return is_dead(receiver.get()) && is_dead(sender.get()); }) == 0);
  CHECK(heard(receiver.get()) == "before");
  CHECK(says(sender.get(), "after"));
  CHECK(heard(receiver.get()) == "after");
}

TEST_CASE("a socket that has yet to be connected to another machine is severed") {
  const Fd socket(::socket(AF_INET, SOCK_STREAM, 0));
  CHECK(in_severed([&] { return is_dead(socket.get()); }) == 0);
}

TEST_CASE("a worker holds no port of its parent's") {
  const LeavesNothing check;
  sockaddr_in address;
  Fd listening = listening_socket(address);
  const lomp::Pipe gate = lomp::make_pipe(), done = lomp::make_pipe();
  std::vector<int> sockets = open_sockets();
  const pid_t worker = ::fork();
  if (worker == 0) {
    char byte = 0;
    sever(sockets, -1);
    if (::write(done.writer.get(), "x", 1) == 1) (void)!::read(gate.reader.get(), &byte, 1);
    ::_exit(0);
  }
  pollfd severed{done.reader.get(), POLLIN, 0};
  REQUIRE(::poll(&severed, 1, 10000) == 1);
  listening.reset();
  // The worker is still there, and no process listens.
  CHECK_THROWS(connect_to(address, SOCK_STREAM));
  ::kill(worker, SIGKILL);
  ::waitpid(worker, nullptr, 0);
}

TEST_CASE("a server goes on listening in the parent") {
  const LeavesNothing check;
  sockaddr_in address;
  const Fd listening = listening_socket(address);
  CHECK(in_severed([&] { return ::accept(listening.get(), nullptr, nullptr) == -1; }) == 0);
  const Fd client = connect_to(address, SOCK_STREAM);
  const Fd server(::accept(listening.get(), nullptr, nullptr));
  CHECK(says(server.get(), "welcome"));
  CHECK(heard(client.get()) == "welcome");
}

TEST_CASE("what is no connection is left alone") {
  const LeavesNothing check;
  const Connection log = connect_pair(SOCK_DGRAM);
  const lomp::Pipe pipe = lomp::make_pipe();
  const Fd fresh(::socket(AF_UNIX, SOCK_STREAM, 0));
  CHECK(in_severed([&] {
          return says(log.client.get(), "message") && ::write(pipe.writer.get(), "byte", 4) == 4 &&
                 lomp::is_socket(fresh.get()) && !is_dead(fresh.get());
        }) == 0);
  CHECK(heard(log.server.get()) == "message");
  char bytes[4];
  CHECK(::read(pipe.reader.get(), bytes, sizeof bytes) == 4);
}

TEST_CASE("a worker keeps its own socket") {
  const LeavesNothing check;
  const Connection control = connect_pair(SOCK_STREAM), other = connect_by_internet();
  CHECK(
      in_severed([&] { return says(control.client.get(), "ready") && is_dead(other.client.get()); },
                 control.client.get()) == 0);
  CHECK(heard(control.server.get()) == "ready");
}

TEST_CASE("standard streams may be sockets and have other numbers besides") {
  const LeavesNothing check;
  const Connection console = connect_pair(SOCK_STREAM);
  CHECK(run_in_process([&] {
          ::dup2(console.client.get(), STDOUT_FILENO);
          std::vector<int> sockets = open_sockets();
          sever(sockets, -1);
          return says(STDOUT_FILENO, "one") && says(console.client.get(), "two") ? 0 : 1;
        }) == 0);
  CHECK(heard(console.server.get()) == "onetwo");
}

TEST_CASE("a severed connection keeps its number and is inherited by programs as before") {
  const LeavesNothing check;
  const Connection connection = connect_by_internet();
  lomp::set_close_on_exec(connection.client.get());
  const std::vector<int> before = open_descriptors();
  CHECK(in_severed([&] {
          return open_descriptors() == before &&
                 ::fcntl(connection.client.get(), F_GETFD) == FD_CLOEXEC &&
                 ::fcntl(connection.server.get(), F_GETFD) == 0;
        }) == 0);
}

TEST_CASE("numbers that no longer are sockets are passed over") {
  const LeavesNothing check;
  Connection connection = connect_pair(SOCK_STREAM);
  const int gone = connection.client.get(), taken = connection.server.get();
  std::vector<int> sockets = open_sockets();
  connection.client.reset();
  const lomp::Pipe pipe = lomp::make_pipe();
  ::dup2(pipe.writer.get(), taken);
  CHECK(run_in_process([&] {
          sever(sockets, -1);
          return ::fcntl(gone, F_GETFD) == -1 && ::write(taken, "byte", 4) == 4 ? 0 : 1;
        }) == 0);
}

TEST_CASE("a connection of a process with itself is a new one in a worker") {
  const LeavesNothing check;
  const Connection wake = connect_pair(SOCK_STREAM), other = connect_pair(SOCK_STREAM);
  if (lomp::SocketPeer().of(lomp::inode_of(wake.client.get())) == 0) {
    SUCCEED("the kernel does not tell what is at the other end");
    return;
  }
  lomp::set_nonblocking(wake.client.get());
  lomp::set_close_on_exec(wake.server.get());
  REQUIRE(says(wake.server.get(), "of the parent"));
  CHECK(in_severed([&] {
          const bool is_quiet = heard(wake.client.get()) == "nothing";
          return is_quiet && says(wake.server.get(), "wake up") &&
                 heard(wake.client.get()) == "wake up" && says(other.client.get(), "other") &&
                 heard(other.server.get()) == "other" &&
                 (::fcntl(wake.client.get(), F_GETFL) & O_NONBLOCK) != 0 &&
                 (::fcntl(wake.server.get(), F_GETFL) & O_NONBLOCK) == 0 &&
                 ::fcntl(wake.client.get(), F_GETFD) == 0 &&
                 ::fcntl(wake.server.get(), F_GETFD) == FD_CLOEXEC;
        }) == 0);
  CHECK(heard(wake.client.get()) == "of the parent");
}

TEST_CASE("a connection with itself is dead where there is no new one to be had") {
  const LeavesNothing check;
  const Connection wake = connect_pair(SOCK_STREAM);
  const Fake<&Kernel::socketpair> none(failing_calls(2, 9, EMFILE, ::socketpair));
  CHECK(in_severed([&] { return is_dead(wake.client.get()) && is_dead(wake.server.get()); }) == 0);
}

TEST_CASE("a connection is severed even where no socket is to be had") {
  const LeavesNothing check;
  const Connection connection = connect_by_internet();
  const Fake<&Kernel::socketpair> none(failing(ENFILE));
  REQUIRE(says(connection.server.get(), "before"));
  CHECK(run_in_process([&] {
          lomp::close_standard_input();
          return in_severed([&] {
            char byte;
            const int fd = connection.client.get();
            return ::read(fd, &byte, 1) == 0 && ::write(fd, "?", 1) == -1 && !says(fd, "?");
          });
        }) == 0);
  CHECK(heard(connection.server.get()) == "nothing");
  CHECK(heard(connection.client.get()) == "before");
}

TEST_CASE("a set of events that is shared goes on telling the parent of its connection") {
#if defined(__linux__)
  const LeavesNothing check;
  const Connection connection = connect_by_internet();
  const Fd set(::epoll_create1(EPOLL_CLOEXEC));
  epoll_event event{};
  event.events = EPOLLIN;
  REQUIRE(::epoll_ctl(set.get(), EPOLL_CTL_ADD, connection.client.get(), &event) == 0);
  // A client that finds its connection dead takes it out of the set, or tries to.
  CHECK(in_severed([&] {
          return ::epoll_ctl(set.get(), EPOLL_CTL_DEL, connection.client.get(), nullptr) == -1;
        }) == 0);
  REQUIRE(says(connection.server.get(), "answer"));
  CHECK(::epoll_wait(set.get(), &event, 1, 1000) == 1);
#else
  SUCCEED("there are no such sets");
#endif
}
