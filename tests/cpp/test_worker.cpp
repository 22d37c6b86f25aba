#include <testthat/vendor/catch.h>

#include <memory>
#include <random>

#include "fakes.hpp"
#include "lomp/child.hpp"
#include "lomp/frame_reader.hpp"
#include "lomp/worker.hpp"
#include "pools.hpp"
#include "stepper.hpp"

using namespace lomp_test;
using lomp::Block;
using lomp::ExitNote;
using lomp::FrameKind;
using lomp::FrameReader;
using lomp::PartEnd;
using lomp::Pipe;
using lomp::ReadStatus;
using lomp::Record;
using lomp::SharedPage;
using lomp::Worker;

namespace {

/// A worker in this very process, and what its parent would see of it. Nothing in a worker needs a
/// process of its own but its end.
class Desk {
 public:
  explicit Desk(std::uint64_t items, std::size_t staging_bytes = 256, int workers = 2)
      : page(items, workers, staging_bytes),
        worker(page, 0, pipe.writer.get(), control.worker.get()) {}

  lomp::WorkerSlot& slot() { return page.slot(0); }

  /// Takes the next item, from a new block if need be.
  std::uint32_t take() {
    std::uint32_t item = 0;
    while (!worker.take(item)) REQUIRE(worker.next_block());
    return item;
  }

  /// The next frame's status; its records are appended to `records`.
  ReadStatus read() {
    const ReadStatus status = reader.next(pipe.reader.get());
    if (status != ReadStatus::frame) return status;
    const lomp::FrameHeader& header = reader.header();
    std::vector<Record> row;
    if (header.kind == FrameKind::records) {
      REQUIRE(lomp::parse_records(reader.body(), reader.size(), 0, row));
    } else if (header.kind == FrameKind::part && header.end == PartEnd::last) {
      row.push_back({header.item, header.record_kind, reader.body(), reader.size(), 0});
    }
    for (const Record& record : row) {
      records.push_back({record.item, record.kind, Bytes(record.data, record.data + record.size)});
    }
    return status;
  }

  void read_all() {
    while (read() == ReadStatus::frame) continue;
  }

  struct Received {
    std::uint64_t item;
    unsigned kind;
    Bytes bytes;
  };

  SharedPage page;
  Pipe pipe = lomp::make_pipe();
  lomp::ControlPair control = lomp::make_control_pair();
  Worker worker;
  FrameReader reader;
  std::vector<Received> records;
};

bool is_right(const Desk::Received& record, std::uint64_t item, std::size_t size) {
  return record.item == item && record.kind == kind_of(item) && record.bytes == payload(item, size);
}

/// Has the desk's worker do an item whose record has that size.
void do_item(Desk& desk, std::size_t size, std::size_t piece = 1000000) {
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, item, size, piece);
  desk.worker.finish(kind_of(item));
}

/// Does items with these sizes, reads what comes of them, and checks it.
void check_sizes(const std::vector<std::size_t>& sizes, std::size_t piece,
                 std::size_t staging_bytes) {
  Desk desk(sizes.size(), staging_bytes);
  for (std::size_t size : sizes) {
    do_item(desk, size, piece);
    desk.read_all();
  }
  desk.worker.bye();
  desk.read_all();
  REQUIRE(desk.reader.header().kind == FrameKind::bye);
  REQUIRE(desk.records.size() == sizes.size());
  for (std::size_t i = 0; i < sizes.size(); ++i) REQUIRE(is_right(desk.records[i], i, sizes[i]));
  // What lies behind the staging buffer is the next worker's.
  for (int i = 0; i < 8; ++i) REQUIRE(desk.page.staging(1).data()[i] == 0);
}

}  // namespace

TEST_CASE("a worker claims one item first and tells what it does") {
  Desk desk(100);
  std::uint32_t item = 99;
  CHECK_FALSE(desk.worker.take(item));
  REQUIRE(desk.worker.next_block());
  CHECK(desk.page.next() == 1);
  CHECK(desk.worker.running() == 0);
  REQUIRE(desk.worker.take(item));
  CHECK(item == 0);
  CHECK(desk.worker.running() == 1);
  CHECK(desk.slot().running == 1);
  CHECK(desk.slot().last == 1);
  CHECK(desk.slot().begun == 1);
  desk.worker.finish(0);
  CHECK(desk.worker.running() == 0);
  CHECK(desk.slot().last == 1);
  CHECK_FALSE(desk.worker.take(item));
}

TEST_CASE("a worker does all items and then has no block") {
  Desk desk(500, 100000, 1);
  std::uint32_t item = 0, count = 0;
  while (desk.worker.next_block()) {
    while (desk.worker.take(item)) {
      CHECK(item == count++);
      desk.worker.finish(0);
    }
  }
  CHECK(count == 500);
  CHECK_FALSE(desk.worker.next_block());
  CHECK(desk.slot().begun == 500);
  CHECK(desk.slot().finished == 500);
}

TEST_CASE("a worker goes on with what a dead one at its place had claimed") {
  Desk desk(100);
  desk.page.next() = 50;
  desk.slot().block = Block{20, 22}.word();
  REQUIRE(desk.worker.next_block());
  CHECK(desk.take() == 20);
  desk.worker.finish(0);
  CHECK(desk.take() == 21);
  desk.worker.finish(0);
  CHECK(desk.page.next() == 50);
  CHECK(desk.take() == 50);
}

TEST_CASE("a worker steals when all is claimed and keeps its loot where it can be stolen again") {
  Desk desk(100);
  desk.page.next() = 100;
  desk.page.slot(1).block = Block{10, 20}.word();
  CHECK(desk.take() == 15);
  CHECK(Block::of(desk.slot().block).cursor == 16);
  CHECK(Block::of(desk.slot().block).end == 20);
  CHECK(Block::of(desk.page.slot(1).block).end == 15);
}

TEST_CASE("cheap items come in growing blocks and their time is summed up") {
  Desk desk(100000, 1000000);
  for (int i = 0; i < 1000; ++i) {
    desk.take();
    desk.worker.finish(0);
  }
  CHECK(desk.page.next() > 1000);
  const std::uint64_t finished = desk.slot().finished;
  CHECK(finished >= 8);
  CHECK(finished <= 1000);
  CHECK(desk.slot().busy_ns > 0);
}

TEST_CASE("a record put in pieces arrives as one") {
  Desk desk(1);
  do_item(desk, 100, 7);
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], 0, 100));
  CHECK(desk.read() == ReadStatus::would_block);
}

TEST_CASE("finished records wait and go out in one frame") {
  Desk desk(3, 1000, 1);
  desk.page.next() = 3;
  desk.slot().block = Block{0, 3}.word();
  for (int i = 0; i < 3; ++i) do_item(desk, 10);
  CHECK(desk.read() == ReadStatus::would_block);
  CHECK(desk.page.staging(0).committed() == 3 * (sizeof(lomp::RecordHeader) + 10));
  desk.worker.flush();
  CHECK(desk.page.staging(0).committed() == 0);
  CHECK(desk.read() == ReadStatus::frame);
  CHECK(desk.records.size() == 3);
  CHECK(desk.read() == ReadStatus::would_block);
}

TEST_CASE("a piece of no bytes may come from nowhere") {
  Desk desk(1);
  const std::uint32_t item = desk.take();
  desk.worker.put(nullptr, 0);
  desk.worker.finish(kind_of(item));
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], item, 0));
}

TEST_CASE("nothing staged is not sent") {
  Desk desk(1);
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::would_block);
  CHECK(desk.page.staging(0).sequence() == 0);
}

TEST_CASE("the first block's end is heard of at once and the next ones' after a while") {
  Desk desk(100);
  do_item(desk, 1);
  std::uint32_t item = 0;
  REQUIRE_FALSE(desk.worker.take(item));
  REQUIRE(desk.worker.next_block());
  const std::int64_t flushed = lomp::now_ns();
  CHECK(desk.read() == ReadStatus::frame);
  while (desk.worker.take(item)) desk.worker.finish(0);
  desk.worker.next_block();
  const bool is_early = lomp::now_ns() - flushed < 15000000;  // the machine may have been slow
  if (is_early) CHECK(desk.read() == ReadStatus::would_block);
  work_for_us(21000);
  while (desk.worker.take(item)) desk.worker.finish(0);
  desk.worker.next_block();
  CHECK(desk.read() == ReadStatus::frame);
}

TEST_CASE("a goodbye comes last and after all that was staged") {
  Desk desk(1);
  do_item(desk, 10);
  desk.worker.bye();
  CHECK(desk.read() == ReadStatus::frame);
  CHECK(desk.records.size() == 1);
  CHECK(desk.read() == ReadStatus::frame);
  CHECK(desk.reader.header().kind == FrameKind::bye);
  CHECK(desk.read() == ReadStatus::would_block);
  CHECK(desk.slot().finished == 1);
}

TEST_CASE("records of sizes about that of the staging buffer arrive whole") {
  for (std::size_t before : {0, 1, 8, 100, 240, 247, 248}) {
    for (std::size_t size = 230; size < 270; ++size) {
      for (std::size_t piece : {1, 3, 100, 1000}) check_sizes({before, size, 0, 1}, piece, 256);
    }
  }
}

TEST_CASE("empty records arrive however full the staging buffer is") {
  for (std::size_t staging_bytes : {8, 9, 15, 16, 17, 24, 64}) {
    check_sizes(std::vector<std::size_t>(50, 0), 1, staging_bytes);
    check_sizes({1, 0, 0, 7, 0, 8, 0, 9, 0, 0}, 4, staging_bytes);
  }
}

TEST_CASE("records of any sizes put in any pieces arrive whole and in order") {
  std::mt19937 random(1);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::size_t> sizes(40);
    for (std::size_t& size : sizes) size = random() % (random() % 5 == 0 ? 5000 : 100);
    check_sizes(sizes, 1 + random() % (random() % 2 == 0 ? 10 : 2000), 64 + random() % 500);
  }
}

TEST_CASE("a flush between the pieces of a record keeps them") {
  Desk desk(2, 256, 1);
  do_item(desk, 20);
  const std::uint32_t item = desk.take();
  const Bytes bytes = payload(item, 50);
  desk.worker.put(bytes.data(), 20);
  desk.worker.put(bytes.data() + 20, 30);
  desk.worker.finish(kind_of(item));
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == 2);
  CHECK(is_right(desk.records[1], item, 50));
}

TEST_CASE("of an abandoned record nothing arrives and its item goes on") {
  for (std::size_t size : {0, 1, 100, 248, 249, 1000, 100000}) {
    for (std::size_t staged : {0, 100}) {
      CAPTURE(size);
      Desk desk(3, 256, 1);
      do_item(desk, staged);
      const std::uint32_t item = desk.take();
      put_payload(desk.worker, item, size, 90);
      desk.worker.abandon();
      CHECK(desk.worker.running() == item + 1);
      put_payload(desk.worker, item, 30);
      desk.worker.finish(kind_of(item));
      do_item(desk, 700);
      desk.worker.bye();
      desk.read_all();
      REQUIRE(desk.records.size() == 3);
      CHECK(is_right(desk.records[0], 0, staged));
      CHECK(is_right(desk.records[1], 1, 30));
      CHECK(is_right(desk.records[2], 2, 700));
    }
  }
}

TEST_CASE("a large record may be abandoned for a large one") {
  Desk desk(1, 256, 1);
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, 77, 5000, 500);
  desk.worker.abandon();
  put_payload(desk.worker, item, 6000, 600);
  desk.worker.finish(kind_of(item));
  desk.read_all();
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], item, 6000));
}

TEST_CASE("a worker survives interrupted and short writes") {
  std::mt19937 random(2);
  Fake<&Kernel::writev> fake([&](int fd, const iovec* parts, int count) -> ssize_t {
    if (count == 0 || random() % 3 == 0) return failing(EINTR)();
    return ::write(fd, parts[0].iov_base, 1 + random() % parts[0].iov_len);
  });
  check_sizes({10, 3000, 0, 250, 100, 20000, 1}, 123, 256);
}

namespace {

/// What a parent would find if its worker died now. Nothing here allocates memory, since the worker
/// may be anywhere.
class Remains {
 public:
  static constexpr std::size_t items = 6;
  static constexpr std::size_t staging_bytes = 64;

  Remains() {
    for (std::size_t i = 0; i < items; ++i) contents_[i] = payload(i, sizes[i]);
  }

  const Bytes& content(std::size_t item) const { return contents_[item]; }
  lomp::SharedPage& page() { return page_; }
  void note_finished(std::size_t item) { is_finished_[item] = true; }
  long looks() const { return looks_; }
  long faults() const { return faults_; }

  /// Stands in for the pipe: what is written has arrived as soon as this returns.
  ssize_t receive(const iovec* parts, int count) {
    is_receiving_ = true;
    Bytes frame;
    for (int i = 0; i < count; ++i) {
      const auto* first = static_cast<const unsigned char*>(parts[i].iov_base);
      frame.insert(frame.end(), first, first + parts[i].iov_len);
    }
    receive(frame);
    ++frames_;
    is_receiving_ = false;
    return static_cast<ssize_t>(frame.size());
  }

  void look() {
    if (is_receiving_) return;
    ++looks_;
    if (!is_right()) ++faults_;
  }

 private:
  static constexpr std::size_t sizes[items] = {8, 0, 20, 100, 1, 60};

  void receive(const Bytes& frame) {
    lomp::FrameHeader header;
    std::memcpy(&header, frame.data(), sizeof header);
    if (header.kind == FrameKind::records) {
      faults_ += !count_row(frame.data() + sizeof header, header.bytes, arrived_);
    } else if (header.kind == FrameKind::part && header.end == PartEnd::last) {
      ++arrived_[header.item];
    }
  }

  /// Counts the records in a row of them; false if one isn't what it should be.
  bool count_row(const unsigned char* row, std::size_t size, int* counts) const {
    while (size > 0) {
      lomp::RecordHeader header;
      if (size < sizeof header) return false;
      std::memcpy(&header, row, sizeof header);
      const std::size_t bytes = header.size();
      if (header.item >= items || bytes != sizes[header.item]) return false;
      const Bytes& content = contents_[header.item];
      if (!std::equal(content.begin(), content.end(), row + sizeof header)) return false;
      ++counts[header.item];
      row += sizeof header + bytes;
      size -= sizeof header + bytes;
    }
    return true;
  }

  /// Each item must be there once if its worker has finished it, and never twice.
  bool is_right() const {
    const lomp::Staging staging = page_.staging(0);
    int counts[items];
    std::copy(std::begin(arrived_), std::end(arrived_), counts);
    if (staging.sequence() == frames_) {
      if (!count_row(staging.data(), staging.committed(), counts)) return false;
    } else if (staging.sequence() + 1 != frames_) {
      return false;
    }
    for (std::size_t i = 0; i < items; ++i) {
      if (counts[i] > 1 || (is_finished_[i] && counts[i] == 0)) return false;
    }
    return true;
  }

  lomp::SharedPage page_{items, 1, staging_bytes};
  Bytes contents_[items];
  int arrived_[items] = {};
  bool is_finished_[items] = {};
  std::uint32_t frames_ = 0;
  bool is_receiving_ = false;
  long looks_ = 0;
  long faults_ = 0;
};

Remains* remains = nullptr;

void do_everything(Worker& worker) {
  std::uint32_t item = 0;
  while (worker.next_block()) {
    while (worker.take(item)) {
      const Bytes& content = remains->content(item);
      if (!content.empty()) worker.put(content.data(), content.size());
      worker.finish(0);
      remains->note_finished(item);
    }
  }
  worker.flush();
}

}  // namespace

TEST_CASE("whichever instruction is a worker's last its finished records are there once") {
#if LOMP_TESTS_CAN_STEP
  Remains all;
  remains = &all;
  Fake<&Kernel::writev> fake(
      [](int, const iovec* parts, int count) { return remains->receive(parts, count); });
  Worker worker(all.page(), 0, -1, -1);
  {
    const Stepper stepper([] { remains->look(); });
    do_everything(worker);
  }
  CHECK(all.looks() > 1000);
  CHECK(all.faults() == 0);
#else
  SUCCEED("no code can be run step by step here");
#endif
}

namespace {

/// How a sealed worker ends whose parent closes the reading end, and the note it leaves.
struct Ending {
  int status;
  ExitNote note;
};

Ending ending_without_reader(std::size_t size, void (*on_broken_pipe)(int)) {
  Desk desk(1);
  lomp::ControlPair control = lomp::make_control_pair();
  const pid_t parent = ::getpid();
  desk.pipe.reader.reset();
  lomp::Child child = lomp::spawn([&] {
    ::signal(SIGPIPE, on_broken_pipe);
    control.parent.reset();
    lomp::seal_process(parent, control.worker.get(), desk.slot());
    do_item(desk, size);
    desk.worker.flush();
    ::_exit(60);
  });
  child.wait();
  return {child.status(), desk.slot().note};
}

}  // namespace

TEST_CASE("a worker whose results nobody reads leaves with a note") {
  const LeavesNothing check;
  for (void (*handler)(int) : {SIG_DFL, SIG_IGN, +[](int) { ::_exit(61); }}) {  // the host's
    for (std::size_t size : {10, 1000000}) {
      const Ending ending = ending_without_reader(size, handler);
      CHECK(exited_with(ending.status, EXIT_FAILURE));
      CHECK(ending.note == ExitNote::lost_pipe);
    }
  }
}

namespace {

/// A desk whose worker may send files.
struct FileDesk : Desk {
  explicit FileDesk(std::uint64_t items, int credits = 4) : Desk(items) {
    slot().credits = credits;
  }

  /// The file that has come next; it must have that number.
  lomp::Fd receive(std::uint32_t number) {
    lomp::NumberedFd received;
    REQUIRE(lomp::receive_descriptor(control.parent.get(), received));
    CHECK(received.number == number);
    return std::move(received.fd);
  }

  bool has_file() {
    lomp::NumberedFd received;
    return lomp::receive_descriptor(control.parent.get(), received);
  }

  /// Reads a frame that tells of a spilled record, and takes that from its file.
  void read_spilled() {
    REQUIRE(read() == ReadStatus::frame);
    REQUIRE(reader.header().kind == FrameKind::spilled);
    lomp::SpilledRecord spilled;
    REQUIRE(reader.size() == sizeof spilled);
    std::memcpy(&spilled, reader.body(), sizeof spilled);
    const lomp::Fd file = receive(spilled.number);
    Bytes bytes(spilled.bytes);
    REQUIRE(lomp::read_payload(file.get(), bytes.data(), bytes.size()));
    records.push_back({reader.header().item, reader.header().record_kind, bytes});
  }
};

/// Writes that succeed up to a size of file, then fail.
auto writes_up_to(std::size_t size) {
  return [size](int fd, const iovec* parts, int count) -> ssize_t {
    const bool is_file = ::lseek(fd, 0, SEEK_CUR) != -1;
    if (!is_file || ::lseek(fd, 0, SEEK_CUR) < static_cast<off_t>(size)) {
      return ::writev(fd, parts, count);
    }
    errno = ENOSPC;
    return -1;
  };
}

}  // namespace

TEST_CASE("a payload is sent beside the record for a credit") {
  FileDesk desk(3, 1);
  desk.take();
  const Bytes bytes = payload(9, 200000);
  std::uint32_t number = 99;
  REQUIRE(desk.worker.put_payload(bytes.data(), bytes.size(), number));
  CHECK(number == 0);
  CHECK(desk.slot().credits == 0);
  const lomp::Fd file = desk.receive(0);
  Bytes arrived(bytes.size());
  REQUIRE(lomp::read_payload(file.get(), arrived.data(), arrived.size()));
  CHECK(arrived == bytes);
  CHECK_FALSE(desk.worker.put_payload(bytes.data(), bytes.size(), number));  // no credit
  desk.slot().credits = 1;
  CHECK(desk.worker.put_payload(bytes.data(), bytes.size(), number));
  CHECK(number == 1);
}

TEST_CASE("a payload that can't be made or sent costs no credit") {
  FileDesk desk(1);
  desk.take();
  std::uint32_t number = 99;
  {
    Fake<&Kernel::writev> fake(failing(ENOSPC));
    CHECK_FALSE(desk.worker.put_payload("abc", 3, number));
  }
  {
    Fake<&Kernel::sendmsg> fake(failing(ETOOMANYREFS));
    CHECK_FALSE(desk.worker.put_payload("abc", 3, number));
  }
  CHECK(desk.slot().credits == 4);
  CHECK_FALSE(desk.has_file());
  CHECK(number == 99);
  desk.worker.finish(0);
}

TEST_CASE("a large record travels in a file and small ones before and after it don't") {
  FileDesk desk(3);
  do_item(desk, 20);
  do_item(desk, 100000, 70);
  desk.read();
  desk.read_spilled();
  do_item(desk, 30);
  desk.worker.bye();
  desk.read_all();
  REQUIRE(desk.records.size() == 3);
  CHECK(is_right(desk.records[0], 0, 20));
  CHECK(is_right(desk.records[1], 1, 100000));
  CHECK(is_right(desk.records[2], 2, 30));
  CHECK(desk.slot().credits == 3);
}

TEST_CASE("large records of any size and pieces travel whole in files") {
  for (std::size_t piece : {1, 7, 255, 256, 1000000}) {
    for (std::size_t size : {249, 257, 512, 3000}) {
      FileDesk desk(1);
      do_item(desk, size, piece);
      desk.read_spilled();
      REQUIRE(is_right(desk.records[0], 0, size));
    }
  }
}

TEST_CASE("without a credit or a file a large record goes out in parts") {
  FileDesk poor(1, 0), unlucky(1);
  do_item(poor, 3000);
  {
    Fake<&Kernel::sendmsg> fake(failing(EAGAIN));
    do_item(unlucky, 3000);
  }
  for (FileDesk* desk : {&poor, &unlucky}) {
    desk->read_all();
    REQUIRE(desk->records.size() == 1);
    CHECK(is_right(desk->records[0], 0, 3000));
    CHECK_FALSE(desk->has_file());
  }
}

TEST_CASE("a large record that has named payloads goes out in parts") {
  FileDesk desk(1);
  const std::uint32_t item = desk.take();
  std::uint32_t number = 99;
  REQUIRE(desk.worker.put_payload("abc", 3, number));
  put_payload(desk.worker, item, 3000, 100);
  desk.worker.finish(kind_of(item));
  desk.read_all();
  REQUIRE(desk.records.size() == 1);
  CHECK(is_right(desk.records[0], 0, 3000));
  CHECK(desk.receive(0));
  CHECK_FALSE(desk.has_file());
}

TEST_CASE("payloads that a large record names come after its own file") {
  FileDesk desk(1);
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, item, 3000, 100);
  std::uint32_t number = 99;
  REQUIRE(desk.worker.put_payload("abc", 3, number));
  CHECK(number == 1);
  desk.worker.finish(kind_of(item));
  desk.read_spilled();
  CHECK(is_right(desk.records[0], 0, 3000));
  CHECK(desk.receive(1));
}

TEST_CASE("a file that can't grow is sent in parts with the rest") {
  for (std::size_t most : {0, 1000, 4000}) {
    FileDesk desk(2);
    {
      Fake<&Kernel::writev> fake(writes_up_to(lomp::payload_offset() + most));
      do_item(desk, 5000, 100);
    }
    desk.read_all();
    REQUIRE(desk.records.size() == 1);
    CHECK(is_right(desk.records[0], 0, 5000));
    do_item(desk, 10);
    desk.worker.bye();
    desk.read_all();
    REQUIRE(desk.records.size() == 2);
    CHECK(is_right(desk.records[1], 1, 10));
  }
}

TEST_CASE("of an abandoned record in a file nothing arrives and its item goes on") {
  FileDesk desk(2);
  const std::uint32_t item = desk.take();
  put_payload(desk.worker, item, 3000, 100);
  desk.worker.abandon();
  put_payload(desk.worker, item, 11);
  desk.worker.finish(kind_of(item));
  do_item(desk, 4000);
  desk.read();
  CHECK(desk.receive(0));  // nobody's, and taken with the next one
  desk.read_spilled();
  REQUIRE(desk.records.size() == 2);
  CHECK(is_right(desk.records[0], 0, 11));
  CHECK(is_right(desk.records[1], 1, 4000));
}
