#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "harness/strays.hpp"
#include "lomp/wire/control.hpp"

using namespace lomp_test;
using lomp::ControlPair;
using lomp::make_control_pair;
using lomp::NumberedFd;
using lomp::peer_is_gone;
using lomp::receive_descriptor;
using lomp::send_descriptor;
using lomp::SystemError;

TEST_CASE("the two sockets of a pair are connected both ways") {
  const LeavesNothing check;
  const ControlPair pair = make_control_pair();
  char byte = 0;
  REQUIRE(::write(pair.parent.get(), "a", 1) == 1);
  CHECK(::read(pair.worker.get(), &byte, 1) == 1);
  CHECK(byte == 'a');
  REQUIRE(::write(pair.worker.get(), "b", 1) == 1);
  CHECK(::read(pair.parent.get(), &byte, 1) == 1);
  CHECK(byte == 'b');
}

TEST_CASE("both sockets are closed on exec") {
  const ControlPair pair = make_control_pair();
  CHECK(::fcntl(pair.parent.get(), F_GETFD) == FD_CLOEXEC);
  CHECK(::fcntl(pair.worker.get(), F_GETFD) == FD_CLOEXEC);
}

TEST_CASE("a pair that is refused throws and leaves nothing") {
  const LeavesNothing check;
  Fake<&Kernel::socketpair> fake(failing(EMFILE));
  CHECK_THROWS_AS(make_control_pair(), SystemError);
}

TEST_CASE("sockets keep off the numbers of the standard streams") {
  const int status = run_in_process([] {
    for (int fd = 0; fd < 10; ++fd) ::close(fd);
    const ControlPair pair = make_control_pair();
    return pair.parent.get() >= 10 && pair.worker.get() >= 10 ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("a peer is there until it closes") {
  ControlPair pair = make_control_pair();
  CHECK_FALSE(peer_is_gone(pair.worker.get()));
  CHECK_FALSE(peer_is_gone(pair.parent.get()));
  pair.parent.reset();
  CHECK(peer_is_gone(pair.worker.get()));
}

TEST_CASE("a peer is there as long as any process holds its end") {
  ControlPair pair = make_control_pair();
  const lomp::Fd copy(::dup(pair.parent.get()));
  pair.parent.reset();
  CHECK_FALSE(peer_is_gone(pair.worker.get()));
}

TEST_CASE("asking for the peer takes nothing from what it sent") {
  const ControlPair pair = make_control_pair();
  REQUIRE(::write(pair.parent.get(), "xy", 2) == 2);
  CHECK_FALSE(peer_is_gone(pair.worker.get()));
  char got[4];
  CHECK(::read(pair.worker.get(), got, sizeof got) == 2);
}

TEST_CASE("a peer that closed is gone although what it sent is still unread") {
  ControlPair pair = make_control_pair();
  REQUIRE(::write(pair.parent.get(), "xy", 2) == 2);
  pair.parent.reset();
  CHECK(peer_is_gone(pair.worker.get()));
  char got[4];
  CHECK(::read(pair.worker.get(), got, sizeof got) == 2);
}

TEST_CASE("a peer that closed without reading what it was sent is gone") {
  ControlPair pair = make_control_pair();
  REQUIRE(::write(pair.worker.get(), "xy", 2) == 2);
  pair.parent.reset();
  CHECK(peer_is_gone(pair.worker.get()));
}

TEST_CASE("an interrupted look for the peer is taken again") {
  ControlPair pair = make_control_pair();
  Fake<&Kernel::recvmsg> recvmsg(interrupted(::recvmsg));
  Fake<&Kernel::poll> poll(interrupted(::poll));
  CHECK_FALSE(peer_is_gone(pair.worker.get()));
  pair.parent.reset();
  CHECK(peer_is_gone(pair.worker.get()));
}

TEST_CASE("the death of a process is seen through its socket") {
  const LeavesNothing check;
  ControlPair pair = make_control_pair();
  const pid_t child = ::fork();
  if (child == 0) {
    pair.parent.reset();
    wait_for_death();
  }
  pair.worker.reset();
  CHECK_FALSE(peer_is_gone(pair.parent.get()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  CHECK(peer_is_gone(pair.parent.get()));
}

namespace {

/// The reading end of a pipe that holds one byte, so that it can be told from others.
lomp::Fd marked(char mark) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  REQUIRE(::write(ends[1], &mark, 1) == 1);
  ::close(ends[1]);
  return lomp::Fd(ends[0]);
}

char mark_of(const lomp::Fd& fd) {
  char mark = 0;
  return ::read(fd.get(), &mark, 1) == 1 ? mark : '?';
}

}  // namespace

TEST_CASE("descriptors arrive in order with their numbers") {
  const LeavesNothing check;
  const ControlPair pair = make_control_pair();
  REQUIRE(send_descriptor(pair.worker.get(), marked('a').get(), 7));
  REQUIRE(send_descriptor(pair.worker.get(), marked('b').get(), 4000000000u));
  NumberedFd received;
  REQUIRE(receive_descriptor(pair.parent.get(), received));
  CHECK(received.number == 7);
  CHECK(mark_of(received.fd) == 'a');
  CHECK(::fcntl(received.fd.get(), F_GETFD) == FD_CLOEXEC);
  REQUIRE(receive_descriptor(pair.parent.get(), received));
  CHECK(received.number == 4000000000u);
  CHECK(mark_of(received.fd) == 'b');
}

TEST_CASE("where no descriptor has come none is waited for") {
  const ControlPair pair = make_control_pair();
  NumberedFd received;
  CHECK_FALSE(receive_descriptor(pair.parent.get(), received));
}

TEST_CASE("a descriptor that there is no place for is lost but its number is not") {
  const int status = run_in_process([] {
    const ControlPair pair = make_control_pair();
    const lomp::Fd fd = marked('a');
    send_descriptor(pair.worker.get(), fd.get(), 5);
    const rlimit few{3, 3};
    ::setrlimit(RLIMIT_NOFILE, &few);
    NumberedFd received;
    if (!receive_descriptor(pair.parent.get(), received)) return 1;
    return received.number == 5 && !received.fd ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("what can't be sent is refused at once and kills no process") {
  const LeavesNothing check;
  const lomp::Fd fd = marked('a');
  ControlPair pair = make_control_pair();
  CHECK_FALSE(send_descriptor(pair.worker.get(), -1, 0));
  int sent = 0;
  while (send_descriptor(pair.worker.get(), fd.get(), 0)) REQUIRE(++sent < 100000);
  CHECK(sent > 16);
  pair.parent.reset();
  CHECK_FALSE(send_descriptor(pair.worker.get(), fd.get(), 0));
}

TEST_CASE("descriptors change hands though signals interrupt") {
  const ControlPair pair = make_control_pair();
  Fake<&Kernel::sendmsg> sending(interrupted(::sendmsg));
  Fake<&Kernel::recvmsg> receiving(interrupted(::recvmsg));
  REQUIRE(send_descriptor(pair.worker.get(), marked('a').get(), 1));
  NumberedFd received;
  REQUIRE(receive_descriptor(pair.parent.get(), received));
  CHECK(mark_of(received.fd) == 'a');
}

TEST_CASE("stray messages of any length spoil nothing and leave no descriptor") {
  const LeavesNothing check;
  const lomp::Fd stray = marked('s');
  for (std::size_t bytes = 0; bytes <= 64; ++bytes) {
    for (std::size_t descriptors : {0, 1, 2, 3, 5, 30}) {
      for (char fill : {'\0', 'x'}) {
        CAPTURE(bytes);
        CAPTURE(descriptors);
        const ControlPair pair = make_control_pair();
        const std::vector<int> several(bytes > 0 ? descriptors : 0, stray.get());
        REQUIRE(send_descriptor(pair.worker.get(), marked('a').get(), 0));
        REQUIRE(send_stray(pair.worker.get(), std::string(bytes, fill), several));
        REQUIRE(lomp::send_number(pair.worker.get(), 3));
        REQUIRE(send_stray(pair.worker.get(), std::string(bytes, fill), several));
        REQUIRE(send_stray(pair.worker.get(), std::string(bytes, fill), several));
        REQUIRE(send_descriptor(pair.worker.get(), marked('b').get(), 7));
        REQUIRE(send_stray(pair.worker.get(), std::string(bytes, fill), several));
        NumberedFd received;
        REQUIRE(receive_descriptor(pair.parent.get(), received));
        CHECK(received.number == 0);
        CHECK(mark_of(received.fd) == 'a');
        REQUIRE(receive_descriptor(pair.parent.get(), received));
        CHECK(received.number == 3);
        CHECK_FALSE(static_cast<bool>(received.fd));
        REQUIRE(receive_descriptor(pair.parent.get(), received));
        CHECK(received.number == 7);
        CHECK(mark_of(received.fd) == 'b');
        const auto before = open_descriptors().size();
        CHECK_FALSE(receive_descriptor(pair.parent.get(), received));
        CHECK(open_descriptors().size() == before);
      }
    }
  }
}

TEST_CASE("a message with more descriptors than one is none of ours") {
  const LeavesNothing check;
  const ControlPair pair = make_control_pair();
  const lomp::Fd stray = marked('s');
  const auto before = open_descriptors().size();
  const lomp::ControlMessage content = lomp::ControlMessage::of(5);
  const std::string bytes(reinterpret_cast<const char*>(&content), sizeof content);
  REQUIRE(send_stray(pair.worker.get(), bytes, {stray.get(), stray.get()}));
  NumberedFd received;
  CHECK_FALSE(receive_descriptor(pair.parent.get(), received));
  CHECK(open_descriptors().size() == before);
}

TEST_CASE("what a peer has sent can be had when it closed without reading what it was sent") {
  const LeavesNothing check;
  ControlPair pair = make_control_pair();
  REQUIRE(send_descriptor(pair.worker.get(), marked('a').get(), 1));
  REQUIRE(send_stray(pair.worker.get(), "", {}));
  REQUIRE(send_descriptor(pair.worker.get(), marked('b').get(), 2));
  REQUIRE(lomp::send_number(pair.parent.get(), 0));
  pair.worker.reset();
  NumberedFd received;
  for (char mark : {'a', 'b'}) {
    REQUIRE(receive_descriptor(pair.parent.get(), received));
    CHECK(mark_of(received.fd) == mark);
  }
  CHECK_FALSE(receive_descriptor(pair.parent.get(), received));
  CHECK(peer_is_gone(pair.parent.get()));
}

TEST_CASE("a socket takes as many messages as may be needed at once") {
  // Two batches' files, a wake-up for each reason that there is, and a bounded number of returns.
  const ControlPair pair = make_control_pair();
  const lomp::Fd fd = marked('a');
  for (std::uint32_t i = 0; i < 64; ++i) REQUIRE(send_descriptor(pair.parent.get(), fd.get(), i));
  for (std::uint32_t i = 0; i < 64 + 4; ++i) REQUIRE(lomp::send_number(pair.parent.get(), i));
}

TEST_CASE("a process that waits for a message is woken by it and by the peer's end") {
  ControlPair pair = make_control_pair();
  pollfd state{pair.worker.get(), POLLIN, 0};
  CHECK(::poll(&state, 1, 0) == 0);
  REQUIRE(lomp::send_number(pair.parent.get(), 0));
  CHECK(::poll(&state, 1, 0) == 1);
  NumberedFd received;
  REQUIRE(receive_descriptor(pair.worker.get(), received));
  CHECK(::poll(&state, 1, 0) == 0);
  pair.parent.reset();
  CHECK(::poll(&state, 1, 0) == 1);
}
