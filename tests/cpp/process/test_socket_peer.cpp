#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/process/sever.hpp"
#include "lomp/process/socket_peer.hpp"

using namespace lomp_test;
using lomp::Fd;
using lomp::inode_of;
using lomp::SocketPeer;

TEST_CASE("the other end of a pair of sockets is told or nothing is") {
  const LeavesNothing check;
  int ends[2], others[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, others) == 0);
  const Fd a(ends[0]), b(ends[1]), c(others[0]), d(others[1]);
  SocketPeer peer;
  const std::uint32_t found = peer.of(inode_of(a.get()));
  if (found == 0) {
    SUCCEED("the kernel does not tell");
    return;
  }
  CHECK(found == inode_of(b.get()));
  CHECK(peer.of(inode_of(b.get())) == inode_of(a.get()));
  CHECK(peer.of(inode_of(d.get())) == inode_of(c.get()));
}

TEST_CASE("what is no connected Unix socket has no other end") {
  const LeavesNothing check;
  const Fd alone(::socket(AF_UNIX, SOCK_STREAM, 0)), internet(::socket(AF_INET, SOCK_STREAM, 0));
  SocketPeer peer;
  CHECK(peer.of(inode_of(alone.get())) == 0);
  CHECK(peer.of(inode_of(internet.get())) == 0);
  CHECK(peer.of(0) == 0);
}
