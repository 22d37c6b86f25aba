#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/worker/control_reader.hpp"

using lomp::ControlReader;
using lomp::WorkerSlot;

namespace {

/// A reader and the parent's end of its socket.
struct Line {
  lomp::ControlPair pair = lomp::make_control_pair();
  WorkerSlot slot;
  lomp::PayloadSender payloads{pair.worker.get()};
  ControlReader reader{pair.worker.get(), slot, payloads};

  void tell(std::uint32_t number) { REQUIRE(lomp::send_number(pair.parent.get(), number)); }

  /// Sends a new file by this number, and tells which it is.
  ino_t send_file(std::uint32_t number) {
    const lomp::Fd file = lomp::make_nameless_file();
    REQUIRE(lomp::send_descriptor(pair.parent.get(), file.get(), number));
    return inode(file.get());
  }

  static ino_t inode(int fd) {
    struct stat status {};
    REQUIRE(::fstat(fd, &status) == 0);
    return status.st_ino;
  }

  std::size_t descriptors() const { return lomp_test::open_descriptors().size(); }
};

}  // namespace

TEST_CASE("nothing that was sent is nothing to receive") {
  Line line;
  CHECK_FALSE(line.reader.receive());
  CHECK(line.reader.take_payload(1) == -1);
}

TEST_CASE("a wake-up is counted as heard") {
  Line line;
  line.tell(0);
  CHECK(line.reader.receive());
  CHECK(line.slot.heard == 1);
  CHECK_FALSE(line.reader.receive());
}

TEST_CASE("files are there by their numbers in any order") {
  Line line;
  const ino_t first = line.send_file(1), second = line.send_file(2);
  CHECK(Line::inode(line.reader.take_payload(2)) == second);
  CHECK(Line::inode(line.reader.take_payload(1)) == first);
  CHECK(line.reader.take_payload(1) == -1);
}

TEST_CASE("a file is found behind wake-ups") {
  Line line;
  line.tell(0);
  const ino_t file = line.send_file(7);
  CHECK(Line::inode(line.reader.take_payload(7)) == file);
  CHECK(line.slot.heard == 1);
}

TEST_CASE("what was taken and dropped is closed") {
  Line line;
  const std::size_t before = line.descriptors();
  line.send_file(1);
  REQUIRE(line.reader.take_payload(1) >= 0);
  CHECK(line.descriptors() == before + 1);
  line.reader.drop_payload();
  CHECK(line.descriptors() == before);
}

TEST_CASE("files of earlier numbers are closed and later ones stay") {
  Line line;
  const std::size_t before = line.descriptors();
  for (std::uint32_t number = 0; number < 3; ++number) line.send_file(number);
  while (line.reader.receive()) continue;
  CHECK(line.descriptors() == before + 3);
  line.reader.drop(2);
  CHECK(line.descriptors() == before + 1);
  CHECK(line.reader.take_payload(1) == -1);
  CHECK(line.reader.take_payload(2) >= 0);
}

TEST_CASE("to wait for a wake-up takes no longer than it is told") {
  Line line;
  line.reader.await_wake(1);
  CHECK(line.slot.heard == 0);
  line.tell(0);
  line.reader.await_wake();
  CHECK(line.slot.heard == 1);
}
