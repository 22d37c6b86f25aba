#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include "harness/pools.hpp"
#include "harness/processes.hpp"
#include "lomp/payload/payload_sender.hpp"

using lomp::PayloadSender;
using namespace lomp_test;

namespace {

constexpr std::size_t bytes = 200000;

/// A sender and both ends of its socket.
struct Line {
  lomp::ControlPair control = lomp::make_control_pair();
  PayloadSender sender{control.parent.get()};

  lomp::NumberedFd receive() {
    lomp::NumberedFd file;
    CHECK(lomp::receive_descriptor(control.worker.get(), file));
    return file;
  }

  bool send(std::uint64_t seed) { return sender.send(payload(seed, bytes).data(), bytes); }
  bool give(std::uint64_t seed) { return sender.give(payload(seed, bytes).data(), bytes); }
};

bool holds(const lomp::NumberedFd& file, std::uint64_t seed) {
  Bytes found(bytes);
  return lomp::read_payload(file.fd.get(), found.data(), bytes) && found == payload(seed, bytes);
}

ino_t inode_of(const lomp::NumberedFd& file) {
  struct stat status {};
  REQUIRE(::fstat(file.fd.get(), &status) == 0);
  return status.st_ino;
}

}  // namespace

TEST_CASE("payloads have numbers from 0 on whatever file they are in") {
  const LeavesNothing check;
  Line line;
  for (std::uint32_t k = 0; k < 6; ++k) {
    if (k == 2) line.sender.use_files_again(10 * bytes);
    REQUIRE((k % 2 == 0 ? line.send(k) : line.give(k)));
    CHECK(line.sender.last_number() == k);
    const lomp::NumberedFd file = line.receive();
    CHECK(file.number == k);
    CHECK(holds(file, k));
  }
}

TEST_CASE("a file that the receiver has let go of is sent again") {
  const LeavesNothing check;
  Line line;
  CHECK_FALSE(line.sender.reuses_files());
  line.sender.use_files_again(10 * bytes);
  CHECK(line.sender.reuses_files());
  REQUIRE(line.send(0));
  const lomp::NumberedFd first = line.receive();
  REQUIRE(line.send(1));
  CHECK(inode_of(line.receive()) != inode_of(first));
  line.sender.set_free(0);
  REQUIRE(line.send(2));
  const lomp::NumberedFd third = line.receive();
  CHECK(inode_of(third) == inode_of(first));
  CHECK(holds(third, 2));
}

TEST_CASE("a file that was given away is not written again") {
  const LeavesNothing check;
  Line line;
  line.sender.use_files_again(10 * bytes);
  REQUIRE(line.give(0));
  const lomp::NumberedFd given = line.receive();
  line.sender.set_free(0);
  REQUIRE(line.send(1));
  CHECK(inode_of(line.receive()) != inode_of(given));
  CHECK(holds(given, 0));
}

TEST_CASE("the sender can have a second descriptor of what it sends") {
  const LeavesNothing check;
  Line line;
  for (std::uint64_t seed = 0; seed < 2; ++seed) {
    if (seed == 1) line.sender.use_files_again(10 * bytes);
    lomp::NumberedFd copy;
    REQUIRE(line.sender.send(payload(seed, bytes).data(), bytes, &copy.fd));
    CHECK(inode_of(copy) == inode_of(line.receive()));
    CHECK(holds(copy, seed));
  }
}

TEST_CASE("what no receiver takes has no number and its file is free for the next one") {
  const LeavesNothing check;
  Line line;
  line.sender.use_files_again(10 * bytes);
  line.control.worker.reset();
  CHECK_FALSE(line.send(0));
  CHECK_FALSE(line.give(0));
  lomp::ControlPair other = lomp::make_control_pair();
  line.sender.use_socket(other.parent.get());
  REQUIRE(line.send(1));
  CHECK(line.sender.last_number() == 0);
}
