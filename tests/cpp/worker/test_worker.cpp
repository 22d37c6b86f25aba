#include <testthat/vendor/catch.h>

#include <functional>
#include <memory>
#include <random>
#include <stdexcept>

#include "harness/desk.hpp"
#include "harness/fakes.hpp"
#include "harness/stepper.hpp"
#include "lomp/pool/item_batch.hpp"
#include "lomp/process/child.hpp"
#include "lomp/worker/worker.hpp"

using namespace lomp_test;
using lomp::ExitReason;

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

TEST_CASE("a worker tells how long its item has run and its parent sees when that began") {
  constexpr std::int64_t ms = 1000000;
  Desk desk(100, 1000000, 1);
  CHECK(desk.slot().item_began == 0);
  const std::int64_t before = lomp::now_ns();
  desk.take();
  CHECK(desk.slot().item_began >= before);
  work_for_us(5000);
  CHECK(desk.worker.item_ns() >= 5 * ms);
  const std::int64_t end = lomp::now_ns();
  desk.worker.finish(0);
  desk.take();
  CHECK(desk.slot().item_began >= end);
  desk.page.renew(0);
  CHECK(desk.slot().item_began == 0);
}

namespace {

/// Does one item, and tells whether its parent hears of that before the next one.
bool is_heard_of(Desk& desk, int us) {
  std::uint32_t item = 0;
  REQUIRE(desk.worker.next_block());
  REQUIRE(desk.worker.take(item));
  work_for_us(us);
  desk.worker.finish(kind_of(item));
  REQUIRE_FALSE(desk.worker.take(item));
  desk.worker.next_block();
  return desk.read() == ReadStatus::frame;
}

}  // namespace

TEST_CASE("the first block's end is heard of if what is left may be worth another worker") {
  Desk few(3), many(1000000), watched(3);
  few.page.is_watched() = many.page.is_watched() = false;
  CHECK(is_heard_of(few, 1000));
  CHECK(is_heard_of(many, 1));
  CHECK(is_heard_of(watched, 0));
}

TEST_CASE("the first block's end isn't heard of if the rest is done in no time") {
  bool is_heard = true;  // the machine may be slow now and then
  for (int attempt = 0; is_heard && attempt < 100; ++attempt) {
    Desk desk(2);
    desk.page.is_watched() = false;
    is_heard = is_heard_of(desk, 0);
  }
  CHECK_FALSE(is_heard);
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
  ExitReason reason;
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
  return {child.status(), desk.slot().reason};
}

}  // namespace

TEST_CASE("a worker whose results are not read leaves with a note") {
  const LeavesNothing check;
  for (void (*handler)(int) : {SIG_DFL, SIG_IGN, +[](int) { ::_exit(61); }}) {  // the host's
    for (std::size_t size : {10, 1000000}) {
      const Ending ending = ending_without_reader(size, handler);
      CHECK(exited_with(ending.status, EXIT_FAILURE));
      CHECK(ending.reason == ExitReason::lost_pipe);
    }
  }
}

TEST_CASE("a parent that waits gets each record at once") {
  Desk desk(2);
  desk.page.parent_waits() = true;
  const std::uint32_t item = desk.take();
  for (std::uint64_t k = 0; k < 3; ++k) {
    emit(desk.worker, k, 10);
    CHECK(desk.read() == ReadStatus::frame);
    REQUIRE(desk.records.size() == k + 1);
    CHECK(is_emitted(desk.records[k], item, k, 10));
  }
  desk.worker.finish(kind_of(3));
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 4);
  CHECK(is_emitted(desk.records[3], item, 3, 0, false));
}

TEST_CASE("for a parent that is busy records are gathered") {
  Desk desk(2, 1000);
  desk.take();
  for (std::uint64_t k = 0; k < 5; ++k) emit(desk.worker, k, 10);
  desk.worker.finish(0);
  CHECK(desk.read() == ReadStatus::would_block);
  desk.page.parent_waits() = true;
  desk.take();
  emit(desk.worker, 6, 10);
  desk.read_all();
  CHECK(desk.records.size() == 7);
}

TEST_CASE("where the parent never waits no worker looks whether it does") {
  SharedPage page(2, 1, 1000);
  CHECK(page.parent_may_wait());
  page.parent_may_wait() = false;
  page.parent_waits() = true;
  const Pipe pipe = lomp::make_pipe();
  Worker worker(page, 0, pipe.writer.get(), -1);
  std::uint32_t item = 0;
  REQUIRE(worker.next_block());
  REQUIRE(worker.take(item));
  worker.finish(0);
  CHECK(page.staging(0).committed() > 0);
}

TEST_CASE("what the parent has taken is not sent") {
  BlockDesk desk(1, 1000);
  const std::uint32_t item = desk.take();
  for (std::uint64_t k = 0; k < 3; ++k) emit(desk.worker, k, 10);
  std::size_t taken = 0;
  const auto count = [&](const unsigned char*, std::size_t bytes) { taken = bytes; };
  CHECK(desk.page.staging(0).take(0, count));
  CHECK(taken == 3 * (sizeof(lomp::RecordHeader) + 10));
  desk.worker.flush();  // a frame without a record
  CHECK(desk.read() == ReadStatus::frame);
  CHECK(desk.records.empty());
  emit(desk.worker, 3, 10);
  CHECK(desk.page.staging(0).take(1, count));
  emit(desk.worker, 4, 10);
  desk.worker.flush();
  CHECK(desk.read() == ReadStatus::frame);
  REQUIRE(desk.records.size() == 1);
  CHECK(is_emitted(desk.records[0], item, 4, 10));
}

// ---- Waiting for room
// ---------------------------------------------------------------------------

namespace {

/// What the parent sends to wake a worker.
void wake_up(int socket, std::size_t times = 1) {
  for (std::size_t i = 0; i < times; ++i) CHECK(lomp::send_number(socket, 0));
}

/// How much a worker has made, as its own books say; all of it has been released then.
std::uint64_t made_by(Desk& desk) {
  desk.page.flow().bound = 1;
  std::uint64_t made = desk.slot().flow.released;
  Fake<&Kernel::poll> fake([&](pollfd* set, nfds_t n, int milliseconds) {
    if (milliseconds != -1) return ::poll(set, n, milliseconds);
    made = desk.slot().flow.wake_at;  // half of the bound is nothing
    desk.slot().flow.released = made;
    wake_up(desk.control.parent.get());
    return 1;
  });
  desk.worker.await_room();
  return made;
}

std::uint64_t cost_of_all(const Desk& desk) {
  std::uint64_t sum = 0;
  for (const Desk::Received& record : desk.records) sum += record.cost;
  return sum;
}

/// No code may sleep while this lives.
auto no_sleep() {
  return [](pollfd*, nfds_t, int) -> int { throw std::logic_error("there was no reason to wait"); };
}

}  // namespace

TEST_CASE("a worker counts for its records what they cost when they arrive") {
  BlockDesk desk(1);
  desk.take();
  std::uint64_t number = 0;
  for (std::size_t size : {0, 1, 100, 230, 249, 256, 1000, 100000, 3}) {
    CAPTURE(size);
    emit(desk.worker, ++number, size, 90);
    desk.worker.flush();
    desk.read_all();
    CHECK(made_by(desk) == cost_of_all(desk));
  }
  CHECK(desk.records.size() == 9);
  CHECK(cost_of_all(desk) == 101839);
}

TEST_CASE("abandoned records cost nothing") {
  FileDesk desk(1);
  desk.take();
  for (std::size_t size : {10, 3000}) {
    std::uint32_t number = 0;
    put_payload(desk.worker, 1, size, 100);
    REQUIRE(desk.worker.put_payload("abc", 3, number));
    desk.worker.abandon();
  }
  CHECK(made_by(desk) == 0);
  emit(desk.worker, 2, 7);
  CHECK(made_by(desk) == 7);
}

TEST_CASE("records in files cost their bytes") {
  FileDesk desk(1);
  desk.take();
  emit(desk.worker, 1, 100000, 300);
  desk.read_spilled();
  CHECK(made_by(desk) == 100000);
  CHECK(cost_of_all(desk) == 100000);
}

TEST_CASE("a file that can't grow costs what its record does") {
  for (std::size_t most : {0, 1000, 4000}) {
    FileDesk desk(1);
    desk.take();
    Fake<&Kernel::writev> fake(writes_up_to(lomp::payload_offset() + most));
    emit(desk.worker, 1, 5000, 100);
    desk.read_all();
    CHECK(cost_of_all(desk) == 5000);
    CHECK(made_by(desk) == 5000);
  }
}

TEST_CASE("payloads cost their pages whether their record is small or large") {
  for (std::size_t size : {10, 3000}) {
    for (bool is_first : {false, true}) {
      FileDesk desk(1);
      desk.take();
      const Bytes bytes(4097);
      std::uint32_t number = 0;
      if (is_first) REQUIRE(desk.worker.put_payload(bytes.data(), 4097, number));
      put_payload(desk.worker, 1, size, 100);
      if (!is_first) REQUIRE(desk.worker.put_payload(bytes.data(), 4097, number));
      REQUIRE(desk.worker.put_payload(bytes.data(), 4096, number));
      desk.worker.emit(0);
      if (size == 10) desk.worker.flush();
      size == 3000 && !is_first ? desk.read_spilled() : desk.read_all();
      CHECK(desk.records.size() == 1);
      CHECK(cost_of_all(desk) == size + 3 * lomp::cost_page);
      CHECK(made_by(desk) == cost_of_all(desk));
    }
  }
}

TEST_CASE("the payloads of one record are not counted for the next one") {
  FileDesk desk(1);
  desk.take();
  std::uint32_t number = 0;
  REQUIRE(desk.worker.put_payload("abc", 3, number));
  desk.worker.emit(0);
  emit(desk.worker, 2, 10);
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == 2);
  CHECK(desk.records[0].cost == lomp::cost_page);
  CHECK(desk.records[1].cost == 10);
  CHECK(made_by(desk) == lomp::cost_page + 10);
}

TEST_CASE("without a bound or below it a worker doesn't wait") {
  for (std::uint64_t bound : {0, 101}) {
    Desk desk(1);
    desk.page.flow().bound = bound;
    desk.take();
    emit(desk.worker, 1, 100);
    Fake<&Kernel::poll> fake(no_sleep());
    CHECK_NOTHROW(desk.worker.await_room());
  }
}

TEST_CASE("the worker of the head waits for its own records alone") {
  BlockDesk desk(3, 1000);
  desk.page.flow().bound = 50;
  desk.page.flow().is_ordered = true;
  desk.page.flow().head = 1;
  desk.take();
  emit(desk.worker, 1, 100);
  desk.worker.finish(0);
  CHECK(desk.take() == 1);
  Fake<&Kernel::poll> fake(no_sleep());
  CHECK_NOTHROW(desk.worker.await_room());
  emit(desk.worker, 1, 50);
  CHECK_THROWS_AS(desk.worker.await_room(), std::logic_error);
  desk.page.flow().head_released = 1;
  CHECK_NOTHROW(desk.worker.await_room());
  desk.page.flow().head = 2;
  CHECK_THROWS_AS(desk.worker.await_room(), std::logic_error);
}

namespace {

enum { sleeps, has_room, notes };

/// A sealed worker in a process of its own, which makes a record beyond the bound and waits then.
class WaitingWorker {
 public:
  explicit WaitingWorker(std::function<void(Worker&)> before = [](Worker&) {}) {
    desk_.page.flow().bound = 50;
    desk_.slot().credits = 4;
    // An endless wait is for the parent.
    Fake<&Kernel::poll> fake([this](pollfd* set, nfds_t n, int milliseconds) {
      if (milliseconds == -1) ++notes_[sleeps];
      return ::poll(set, n, milliseconds);
    });
    const pid_t parent = ::getpid();
    child_ = lomp::spawn([&] {
      desk_.control.parent.reset();
      lomp::seal_process(parent, desk_.control.worker.get(), desk_.slot());
      desk_.take();
      before(desk_.worker);
      emit(desk_.worker, 1, 100);
      desk_.worker.await_room();
      notes_[has_room] = 1;
      ::_exit(0);
    });
    desk_.control.worker.reset();
  }

  /// Waits until the worker sleeps for the how manieth time.
  bool sleeps_for(int times) const {
    return eventually([&] { return notes_[sleeps] >= times; });
  }

  bool is_waiting() { return desk_.slot().flow.is_waiting; }
  bool has_gone_on() const { return notes_[has_room] == 1; }
  Desk& desk() { return desk_; }

  bool release(std::uint64_t cost) {
    return lomp::FlowReceiver(desk_.page.flow()).release(desk_.slot().flow, 0, cost);
  }

  void wake(std::size_t times = 1) { wake_up(desk_.control.parent.get(), times); }

  /// A worker that has room goes on to its end without being woken, and may be there already.
  void wake_if_there() { (void)lomp::send_number(desk_.control.parent.get(), 0); }

  /// Waits for its end.
  Ending end() {
    child_.wait();
    return {child_.status(), desk_.slot().reason};
  }

 private:
  Desk desk_{1, 4096};
  SharedArray<int> notes_{notes};
  lomp::Child child_;
};

}  // namespace

TEST_CASE("a worker without room waits until records are released and it is woken") {
  const LeavesNothing check;
  WaitingWorker worker;
  REQUIRE(worker.sleeps_for(1));
  CHECK(worker.is_waiting());
  CHECK_FALSE(worker.release(60));  // half of the bound isn't free yet
  CHECK_FALSE(worker.has_gone_on());
  CHECK(worker.release(20));
  CHECK_FALSE(worker.has_gone_on());
  worker.wake();
  CHECK(exited_with(worker.end().status, 0));
  CHECK(worker.has_gone_on());
}

TEST_CASE("to be woken without room is of no use") {
  const LeavesNothing check;
  WaitingWorker worker;
  REQUIRE(worker.sleeps_for(1));
  worker.wake();
  REQUIRE(worker.sleeps_for(2));
  worker.wake(200);
  REQUIRE(worker.sleeps_for(3));
  CHECK(worker.is_waiting());
  CHECK_FALSE(worker.has_gone_on());
  worker.release(100);
  worker.wake();
  CHECK(exited_with(worker.end().status, 0));
}

TEST_CASE("a worker that is woken before it sleeps doesn't sleep for good") {
  const LeavesNothing check;
  WaitingWorker worker;
  worker.release(100);
  worker.wake_if_there();
  CHECK(exited_with(worker.end().status, 0));
  CHECK(worker.has_gone_on());
}

TEST_CASE("the parent's end ends a worker that waits for room") {
  const LeavesNothing check;
  WaitingWorker worker;
  REQUIRE(worker.sleeps_for(1));
  worker.desk().control.parent.reset();
  const Ending ending = worker.end();
  CHECK_FALSE(worker.has_gone_on());
#if LOMP_LINUX
  CHECK(exited_with(ending.status, EXIT_FAILURE));
  CHECK(ending.reason == ExitReason::lost_pipe);
#else
  // The socket's signal may come before the wait is over, and ends the worker's group.
  CHECK(ending.status != 0);
#endif
}

TEST_CASE("a worker whose parent has ended before it waits ends as well") {
  const LeavesNothing check;
  SharedArray<int> is_closed(1);
  WaitingWorker worker([&](Worker&) { eventually([&] { return is_closed[0] == 1; }); });
  worker.desk().control.parent.reset();
  is_closed[0] = 1;
  CHECK(worker.end().status != 0);
  CHECK_FALSE(worker.has_gone_on());
}

TEST_CASE("files that the parent never took don't hide its end from a worker that waits") {
  const LeavesNothing check;
  WaitingWorker worker([](Worker& own) {
    std::uint32_t number = 0;
    for (int i = 0; i < 3; ++i) own.put_payload("abc", 3, number);
    own.abandon();
  });
  REQUIRE(worker.sleeps_for(1));
  worker.desk().control.parent.reset();
  CHECK(worker.end().status != 0);
  CHECK_FALSE(worker.has_gone_on());
}

TEST_CASE("a worker whose batch was overwritten ends instead of reading what lies behind it") {
  constexpr std::size_t inbox_bytes = 256;
  constexpr std::size_t most = inbox_bytes - sizeof(lomp::RecordHeader);
  const auto end_with = [](lomp::RecordHeader header) {
    return run_in_process([&] {
      SharedPage page(0, 1, 256, inbox_bytes);
      const Pipe pipe = lomp::make_pipe();
      const lomp::ControlPair control = lomp::make_control_pair();
      std::memcpy(page.inbox(0, 0).data(), &header, sizeof header);
      (void)page.inbox(0, 0).publish(1, 0, true);
      Worker worker(page, 0, pipe.writer.get(), control.worker.get());
      std::uint32_t item = 0;
      return worker.next_block() && worker.take(item) ? 1 : 2;
    });
  };
  CHECK(exited_with(end_with(lomp::make_record_header(7, {}, 40)), 1));
  CHECK(exited_with(end_with(lomp::make_record_header(7, {}, most)), 1));
  CHECK(was_killed_by(end_with(lomp::make_record_header(7, {}, most + 1)), SIGABRT));
  CHECK(was_killed_by(end_with(lomp::make_record_header(7, {0, true}, 3)), SIGABRT));
}

// ---- What a worker knows of its call, and its end before that ends
// -----------------------------------------------------------------------------------------

namespace {

/// Does one block of items.
void do_block(Desk& desk) {
  std::uint32_t item = 0;
  REQUIRE(desk.worker.next_block());
  while (desk.worker.take(item)) desk.worker.finish(0);
}

/// A desk whose worker has done two blocks, of which the first one took so much more time.
struct GoneOn : Desk {
  explicit GoneOn(int first_us = 0) : Desk(1000, 100000) {
    page.may_be_replaced() = true;
    do_block(*this);
    work_for_us(first_us);
    do_block(*this);
  }

  /// May it leave by now, or in time?
  bool may_leave() {
    return eventually([&] { return worker.may_leave(); });
  }
};

}  // namespace

TEST_CASE("a worker may leave the rest to another one in time") {
  GoneOn desk;
  CHECK(desk.may_leave());
  do_block(desk);
  CHECK(desk.worker.may_leave());
}

TEST_CASE("a worker that isn't to be replaced may not leave") {
  GoneOn desk;
  REQUIRE(desk.may_leave());
  desk.page.may_be_replaced() = false;
  CHECK_FALSE(desk.worker.may_leave());
}

TEST_CASE("a worker with items in its block may not leave") {
  GoneOn desk;
  REQUIRE(desk.may_leave());
  REQUIRE(desk.worker.next_block());
  CHECK_FALSE(desk.worker.may_leave());
}

TEST_CASE("a worker after which nothing is to be done may not leave") {
  GoneOn desk;
  REQUIRE(desk.may_leave());
  desk.page.next() = 1000;
  CHECK_FALSE(desk.worker.may_leave());
  desk.page.slot(1).block = Block{10, 20}.word();  // another one has something left
  CHECK(desk.worker.may_leave());
}

TEST_CASE("a worker may not leave before its second block") {
  Desk desk(1000, 100000);
  desk.page.may_be_replaced() = true;
  CHECK_FALSE(desk.worker.may_leave());
  do_block(desk);
  CHECK_FALSE(desk.worker.may_leave());
}

TEST_CASE("a worker doesn't leave as long as its beginning has taken much of its time") {
  const std::int64_t began = lomp::now_ns();
  GoneOn desk(20000);
  const bool may_leave = desk.worker.may_leave();
  if (lomp::now_ns() - began < 20 * 20000000) CHECK_FALSE(may_leave);
  CHECK(eventually([&] { return desk.worker.may_leave(); }));
  CHECK(lomp::now_ns() - began >= 20 * 20000000);
}

TEST_CASE("a worker knows how many items wait for any") {
  Desk desk(101);
  CHECK(desk.worker.items() == 101);
  CHECK(desk.worker.waiting() == 101);
  do_block(desk);
  CHECK(desk.worker.waiting() == 100);
  desk.page.next() = 91;
  CHECK(desk.worker.waiting() == 10);
  desk.page.slot(1).block = Block{10, 20}.word();
  CHECK(desk.worker.waiting() == 20);
}

TEST_CASE("of a stream no items wait for any worker") {
  SharedPage page(0, 2, 256, 4096);
  const Pipe pipe = lomp::make_pipe();
  const lomp::ControlPair control = lomp::make_control_pair();
  const Worker worker(page, 0, pipe.writer.get(), control.worker.get());
  CHECK(worker.items() == 0);
  CHECK(worker.waiting() == 0);
}

TEST_CASE("a worker knows of the collector what is in its own slot by now") {
  Desk desk(10);
  CHECK(desk.worker.collector_facts().young_left == lomp::CollectorFacts::unknown);
  CHECK(desk.worker.collector_facts().cost_ns == 0);
  desk.page.slot(1).young_left = 9;
  desk.slot().young_left = 7;
  desk.page.collection_ns() = 1234;
  CHECK(desk.worker.collector_facts().young_left == 7);
  const Worker second(desk.page, 1, desk.pipe.writer.get(), desk.control.worker.get());
  CHECK(second.collector_facts().young_left == 9);
  CHECK(desk.worker.collector_facts().cost_ns == 1234);
}

TEST_CASE("a worker's budget is that of its call") {
  Desk desk(10);
  desk.page.worker_budget() = 1;
  lomp::MemoryBudget budget = desk.worker.memory_budget();
  if (lomp::private_memory(::getpid()) == 0) {
    SUCCEED("the system doesn't tell");
    return;
  }
  CHECK(eventually([&] { return budget.is_exceeded(true); }));
}

// ---- What an item's record tells of its time, and what a worker tells of its own
// -----------------------------------------------------------------------------------------

namespace {

constexpr std::int64_t ms = 1000000;
constexpr std::int64_t rounding = 1024;
constexpr std::int64_t spin = 3 * ms;

void spin_once() { work_for_us(spin / 1000); }

/// What was measured around an item from outside.
struct Around {
  std::int64_t begin = lomp::now_ns();
  std::int64_t ns = 0;

  void end() { ns = lomp::now_ns() - begin; }
};

/// An item that spins, and makes its record by that function.
template <class Make>
Around do_spinning_item(Desk& desk, Make make) {
  Around around;
  REQUIRE(desk.worker.next_block());
  const std::uint32_t item = desk.take();
  spin_once();
  make(item);
  desk.worker.finish(0);
  around.end();
  return around;
}

/// Did the item of the desk's last record run as long as it has spun, and no longer than it can
/// have?
void check_time(const Desk& desk, const Around& around) {
  REQUIRE_FALSE(desk.records.empty());
  const RecordTime& time = desk.records.back().time;
  const std::int64_t end = time.end_after(around.begin);
  CHECK(end >= around.begin + spin - rounding);
  CHECK(end <= around.begin + around.ns);
  CHECK(time.run_ns() >= static_cast<float>(spin));
  CHECK(time.run_ns() + time.waited_ns() <= static_cast<float>(around.ns));
}

/// Writes of frames that take so long.
auto slow_frames(int* count) {
  return [count](int fd, const iovec* parts, int n) -> ssize_t {
    if (::lseek(fd, 0, SEEK_CUR) == -1) {
      ++*count;
      spin_once();
    }
    return ::writev(fd, parts, n);
  };
}

}  // namespace

TEST_CASE("an item's time comes with its small record") {
  Desk desk(1);
  const Around around =
      do_spinning_item(desk, [&](std::uint32_t item) { put_payload(desk.worker, item, 20); });
  desk.worker.flush();
  desk.read_all();
  check_time(desk, around);
  CHECK(desk.records.back().time.waited_ns() == 0);
}

TEST_CASE("an item's time comes with a record that has a payload") {
  FileDesk desk(1);
  const Around around = do_spinning_item(desk, [&](std::uint32_t item) {
    const Bytes bytes = payload(item, 200000);
    std::uint32_t number = 0;
    REQUIRE(desk.worker.put_payload(bytes.data(), bytes.size(), number));
    put_payload(desk.worker, item, 20);
  });
  desk.worker.flush();
  desk.read_all();
  check_time(desk, around);
}

TEST_CASE("an item's time comes behind a record in a file") {
  FileDesk desk(1);
  const Around around = do_spinning_item(
      desk, [&](std::uint32_t item) { put_payload(desk.worker, item, 100000, 700); });
  desk.read_spilled();
  CHECK(is_right(desk.records.back(), 0, 100000));
  check_time(desk, around);
}

TEST_CASE("an item's time comes behind the last part of a record") {
  FileDesk desk(1, 0);
  const Around around = do_spinning_item(
      desk, [&](std::uint32_t item) { put_payload(desk.worker, item, 100000, 700); });
  desk.read_all();
  CHECK(is_right(desk.records.back(), 0, 100000));
  check_time(desk, around);
}

TEST_CASE("an item that emits has its time with its last record alone") {
  BlockDesk desk(1, 1000);
  const Around around = do_spinning_item(desk, [&](std::uint32_t) {
    emit(desk.worker, 1, 20);
    emit(desk.worker, 2, 20);
  });
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == 3);
  CHECK(desk.records[0].time.run_ns() == 0);
  CHECK(desk.records[1].time.run_ns() == 0);
  check_time(desk, around);
}

TEST_CASE("an item begins when the one before it ends") {
  BlockDesk desk(20, 10000);
  const std::int64_t begin = lomp::now_ns();
  REQUIRE(desk.worker.next_block());
  for (int i = 0; i < 20; ++i) {
    desk.take();
    work_for_us(100);
    desk.worker.finish(0);
  }
  const std::int64_t whole = lomp::now_ns() - begin;
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == 20);
  double sum = 0;
  std::int64_t last = begin;
  for (const Desk::Received& record : desk.records) {
    const std::int64_t end = record.time.end_after(begin);
    const auto run = static_cast<std::int64_t>(record.time.run_ns());
    CHECK(run >= 100000);
    if (last != begin) CHECK(std::abs(end - last - run) <= 2 * rounding);
    last = end;
    sum += static_cast<double>(run);
  }
  CHECK(sum <= static_cast<double>(whole));
}

TEST_CASE("an item that waits for room hasn't run meanwhile and its worker tells of it") {
  BlockDesk desk(2, 1000);
  desk.take();
  emit(desk.worker, 1, 100);
  desk.worker.finish(0);
  desk.page.flow().bound = 50;
  const Fake<&Kernel::poll> fake([&](pollfd* set, nfds_t n, int milliseconds) {
    if (milliseconds != -1) return ::poll(set, n, milliseconds);
    spin_once();
    desk.slot().flow.released = desk.slot().flow.wake_at.load();
    wake_up(desk.control.parent.get());
    return 1;
  });
  const Around around = do_spinning_item(desk, [&](std::uint32_t) { desk.worker.await_room(); });
  CHECK(desk.slot().usage.delivery.sum() >= spin);
  CHECK(desk.slot().usage.delivery.sum() <= around.ns - spin);
  desk.worker.flush();
  desk.read_all();
  check_time(desk, around);
  CHECK(desk.records.back().time.waited_ns() >= 0.999f * static_cast<float>(spin));
  CHECK(desk.records.back().time.run_ns() <= static_cast<float>(around.ns - spin));
}

TEST_CASE("an item that waits for its pipe hasn't run meanwhile") {
  FileDesk desk(1, 0);
  int frames = 0;
  Around around;
  {
    const Fake<&Kernel::writev> fake(slow_frames(&frames));
    around = do_spinning_item(
        desk, [&](std::uint32_t item) { put_payload(desk.worker, item, 1000, 300); });
  }
  REQUIRE(frames >= 3);
  const int within = frames - 1;  // the last one tells of the end
  desk.read_all();
  check_time(desk, around);
  CHECK(desk.records.back().time.waited_ns() >= 0.999f * static_cast<float>(within * spin));
  CHECK(desk.records.back().time.run_ns() <= static_cast<float>(around.ns - frames * spin));
}

TEST_CASE("what is sent at the very end is told when the worker leaves") {
  FileDesk desk(1, 0);
  int frames = 0;
  {
    const Fake<&Kernel::writev> fake(slow_frames(&frames));
    do_spinning_item(desk, [&](std::uint32_t item) { put_payload(desk.worker, item, 20); });
    CHECK(frames == 0);
    desk.worker.bye();
  }
  REQUIRE(frames == 2);
  CHECK(desk.slot().usage.delivery.sum() >= spin);
}

TEST_CASE("garbage that is collected between two items is no item's time") {
  BlockDesk desk(3, 1000);
  REQUIRE(desk.worker.next_block());
  do_item(desk, 20);
  int frames = 0;
  {
    const Fake<&Kernel::writev> fake(slow_frames(&frames));
    desk.worker.flush();
  }
  REQUIRE(frames == 1);
  work_for_us(2 * spin / 1000);
  const std::int64_t collected = lomp::now_ns();
  desk.worker.note_collection(2 * spin);
  CHECK(desk.slot().usage.collecting_ns == 2 * spin);
  CHECK(desk.slot().usage.delivery.sum() >= spin);
  desk.take();
  spin_once();
  desk.worker.finish(0);
  desk.worker.note_collection(5);
  CHECK(desk.slot().usage.collecting_ns == 2 * spin + 5);
  const std::int64_t until = lomp::now_ns();
  desk.worker.flush();
  desk.read_all();
  REQUIRE(desk.records.size() == 2);
  const RecordTime& time = desk.records[1].time;
  CHECK(time.waited_ns() == 0);
  CHECK(time.run_ns() >= static_cast<float>(spin));
  CHECK(time.run_ns() <= static_cast<float>(until - collected));
  CHECK(time.end_after(collected) <= until);
}

namespace {

/// A worker that gets its items from the test, which makes some whenever the worker sleeps. To make
/// them takes a while.
struct StreamDesk {
  StreamDesk() : worker(page, 0, pipe.writer.get(), control.worker.get()) {}

  void post() {
    batch.open(page.inbox(0, half), control.parent.get());
    half = 1 - half;
    add();
  }

  void add() {
    batch.begin();
    REQUIRE(batch.add(next++, 0));
    batch.publish();
  }

  lomp::SharedPage page{0, 1, 4096, 4096};
  Pipe pipe = large_pipe();
  lomp::ControlPair control = lomp::make_control_pair();
  Worker worker;
  lomp::ItemBatch batch;
  int half = 0;
  std::uint64_t next = 0;
};

/// Takes an item and ends it; its record's time is what is staged last.
RecordTime time_of_item(StreamDesk& desk) {
  std::uint32_t item = 0;
  REQUIRE(desk.worker.take(item));
  const std::size_t at = desk.page.staging(0).committed();
  desk.worker.finish(0);
  lomp::RecordHeader header;
  REQUIRE(desk.page.staging(0).committed() == at + sizeof header);
  std::memcpy(&header, desk.page.staging(0).data() + at, sizeof header);
  CHECK(header.item == item);
  return header.time;
}

}  // namespace

TEST_CASE("an item of a stream doesn't count the wait for its batch") {
  StreamDesk desk;
  const Fake<&Kernel::poll> fake([&](pollfd*, nfds_t, int) {
    spin_once();
    desk.post();
    return 1;
  });
  const Around before;
  REQUIRE(desk.worker.next_block());
  const std::int64_t between = lomp::now_ns();
  const RecordTime time = time_of_item(desk);
  CHECK(time.run_ns() <= static_cast<float>(lomp::now_ns() - before.begin - spin));
  CHECK(desk.page.slot(0).usage.items.sum() >= spin);
  CHECK(desk.page.slot(0).usage.items.sum() <= between - before.begin);
}

TEST_CASE("an item of a stream doesn't count the wait within its batch") {
  StreamDesk desk;
  desk.post();
  REQUIRE(desk.worker.next_block());
  const std::int64_t begin = lomp::now_ns();  // before the first item's end
  time_of_item(desk);
  CHECK(desk.page.slot(0).usage.items.sum() == 0);
  const Fake<&Kernel::poll> fake([&](pollfd*, nfds_t, int) {
    spin_once();
    desk.add();
    return 1;
  });
  const Around around;
  const RecordTime time = time_of_item(desk);
  const std::int64_t until = lomp::now_ns(), whole = until - around.begin;
  const std::int64_t waited = desk.page.slot(0).usage.items.sum();
  CHECK(waited >= spin);
  CHECK(waited <= whole);
  CHECK(time.run_ns() <= static_cast<float>(until - begin - waited));
  CHECK(time.end_after(around.begin) >= around.begin + spin - rounding);
}

TEST_CASE("a worker that leaves tells why and how many faults it had") {
  Desk desk(1);
  CHECK(desk.slot().usage.faults == -1);
  CHECK(desk.slot().usage.leaving == lomp::Leaving::done);
  desk.worker.note_leaving(lomp::Leaving::worn);
  CHECK(desk.slot().usage.leaving == lomp::Leaving::worn);
  const long before = lomp::page_faults();
  desk.worker.bye();
  CHECK(desk.slot().usage.faults >= before);
  CHECK(desk.slot().usage.faults <= lomp::page_faults());
}

TEST_CASE("a worker that was at work for long tells what memory it has of its own") {
  const std::int64_t begin = lomp::now_ns();
  Desk young(1);
  young.worker.bye();
  if (lomp::now_ns() - begin < 20 * ms) CHECK(young.slot().usage.private_bytes == 0);
  Desk old(1);
  work_for_us(30000 + 3 * std::int64_t{lomp::anonymous_pages()});
  old.worker.bye();
  CHECK((old.slot().usage.private_bytes > 0) == (lomp::private_memory(::getpid()) > 0));
}
