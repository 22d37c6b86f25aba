#include <sched.h>
#include <testthat/vendor/catch.h>

#include <functional>
#include <random>
#include <vector>

#include "harness/processes.hpp"
#include "harness/stepper.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/shared/staging.hpp"
#include "lomp/wire/frame_reader.hpp"
#include "lomp/wire/record.hpp"

using namespace lomp_test;
using lomp::Record;
using lomp::Staging;

namespace {

constexpr std::size_t capacity = 4096;

/// A staging buffer that a child shares.
struct SharedStaging {
  SharedArray<std::uint64_t> word{1};
  SharedArray<std::uint64_t> taken{1};
  SharedArray<unsigned char> bytes{capacity};
  Staging view{word[0], taken[0], reinterpret_cast<unsigned char*>(&bytes[0]), capacity};
};

/// Stages numbered records of random sizes, for ever. Each holds its own number in all its bytes.
[[noreturn]] void stage_for_ever(Staging& staging, SharedArray<std::uint32_t>& begun) {
  std::mt19937 random(1);
  for (std::uint32_t item = 0;; ++item) {
    const std::size_t size = random() % 64;
    const lomp::RecordHeader header = lomp::make_record_header(item, {}, size);
    if (staging.committed() + sizeof header + size > capacity) staging.sent();
    unsigned char* to = staging.data() + staging.committed();
    std::memcpy(to, &header, sizeof header);
    std::memset(to + sizeof header, static_cast<int>(item), size);
    staging.commit(staging.committed() + sizeof header + size);
    begun[0] = item + 1;
  }
}

bool is_whole(const Record& record) {
  for (std::size_t i = 0; i < record.size; ++i) {
    if (record.data[i] != static_cast<unsigned char>(record.item)) return false;
  }
  return true;
}

/// Kills a process that stages records and looks at what it left.
void check_what_a_killed_writer_left(int microseconds) {
  SharedStaging shared;
  SharedArray<std::uint32_t> begun(1);
  const pid_t writer = ::fork();
  if (writer == 0) stage_for_ever(shared.view, begun);
  eventually([&] { return begun[0] > 0; });
  work_for_us(microseconds);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
  std::vector<Record> records;
  REQUIRE(lomp::parse_records(shared.view.data(), shared.view.committed(), 0, records));
  for (std::size_t i = 0; i < records.size(); ++i) {
    REQUIRE(records[i].item == records[0].item + i);
    REQUIRE(is_whole(records[i]));
  }
  // What was said to be committed is there, unless it had just been sent.
  if (!records.empty()) REQUIRE(records.back().item + 1 >= begun[0]);
}

}  // namespace

TEST_CASE("a fresh staging buffer is empty") {
  const SharedStaging shared;
  CHECK(shared.view.sequence() == 0);
  CHECK(shared.view.committed() == 0);
  CHECK(shared.view.capacity() == capacity);
}

TEST_CASE("a commit leaves the number of the frame alone") {
  SharedStaging shared;
  shared.view.sent();
  shared.view.commit(100);
  CHECK(shared.view.committed() == 100);
  CHECK(shared.view.sequence() == 1);
  shared.view.commit(200);
  CHECK(shared.view.committed() == 200);
  CHECK(shared.view.sequence() == 1);
}

TEST_CASE("a sent frame empties the buffer and counts on") {
  SharedStaging shared;
  shared.view.commit(100);
  shared.view.sent();
  CHECK(shared.view.committed() == 0);
  CHECK(shared.view.sequence() == 1);
}

TEST_CASE("a reset begins anew") {
  SharedStaging shared;
  shared.view.sent();
  shared.view.commit(1);
  shared.view.reset();
  CHECK(shared.view.committed() == 0);
  CHECK(shared.view.sequence() == 0);
}

TEST_CASE("there is something to take between a commit and the taking or the sending of it") {
  SharedStaging shared;
  const auto nothing = [](const unsigned char*, std::size_t) {};
  CHECK_FALSE(shared.view.has(0));
  shared.view.commit(10);
  CHECK(shared.view.has(0));
  CHECK_FALSE(shared.view.has(1));
  CHECK(shared.view.take(0, nothing));
  CHECK_FALSE(shared.view.has(0));
  shared.view.commit(20);
  CHECK(shared.view.has(0));
  (void)shared.view.begin_sending();
  CHECK_FALSE(shared.view.has(0));
  shared.view.sent();
  CHECK_FALSE(shared.view.has(1));
  shared.view.commit(capacity + 1);
  CHECK_FALSE(shared.view.has(1));
}

TEST_CASE("frame numbers wrap around") {
  SharedStaging shared;
  shared.word[0] = 0xffffffff00000007;
  CHECK(shared.view.sequence() == 0xffffffff);
  CHECK(shared.view.committed() == 7);
  shared.view.sent();
  CHECK(shared.view.sequence() == 0);
  CHECK(shared.view.committed() == 0);
}

TEST_CASE("what a child has staged is there after its end") {
  SharedStaging shared;
  CHECK(run_in_process([&] {
          shared.view.data()[9] = 42;
          shared.view.commit(10);
          return 0;
        }) == 0);
  CHECK(shared.view.committed() == 10);
  CHECK(shared.view.data()[9] == 42);
}

TEST_CASE("frame number and bytes change at once") {
  // Every number of bytes that is ever committed tells in which frame.
  SharedStaging shared;
  const pid_t writer = ::fork();
  if (writer == 0) {
    for (;; shared.view.sent()) {
      for (std::size_t k = 1; k <= 3; ++k)
        shared.view.commit(k * 1000 + shared.view.sequence() % 1000);
    }
  }
  const std::int64_t end = lomp::now_ns() + 300000000;
  int torn = 0;
  while (lomp::now_ns() < end) {
    const std::uint64_t word = shared.word[0];
    const std::uint64_t sequence = word >> 32, committed = word & 0xffffffff;
    torn += committed != 0 && committed % 1000 != sequence % 1000;
  }
  CHECK(torn == 0);
  CHECK(shared.view.sequence() > 1000);
  ::kill(writer, SIGKILL);
  ::waitpid(writer, nullptr, 0);
}

TEST_CASE("a record is there whole or not at all whenever its writer is killed") {
  const LeavesNothing check;
  std::mt19937 random(2);
  for (int round = 0; round < 150; ++round) {
    check_what_a_killed_writer_left(static_cast<int>(random() % 500));
  }
}

// ---- What the parent takes from the living
// ------------------------------------------------------

namespace {

/// Takes what it can get as this frame's: the numbers of the bytes, or -1 for none.
std::vector<int> take(Staging& staging, std::uint32_t frame) {
  std::vector<int> bytes;
  const auto copy = [&](const unsigned char* data, std::size_t n) { bytes.assign(data, data + n); };
  return staging.take(frame, copy) ? bytes : std::vector<int>{-1};
}

const std::vector<int> none = {-1};

/// Stages bytes that count on from what is staged already.
void stage(Staging& staging, std::size_t bytes) {
  const std::size_t from = staging.committed();
  for (std::size_t i = from; i < from + bytes; ++i) {
    staging.data()[i] = static_cast<unsigned char>(i);
  }
  staging.commit(from + bytes);
}

std::vector<int> numbers(int from, int to) {
  std::vector<int> row;
  for (int i = from; i < to; ++i) row.push_back(i);
  return row;
}

}  // namespace

TEST_CASE("what is committed is taken once") {
  SharedStaging shared;
  CHECK(take(shared.view, 0) == none);
  stage(shared.view, 10);
  CHECK(shared.view.taken() == 0);
  CHECK(take(shared.view, 0) == numbers(0, 10));
  CHECK(shared.view.taken() == 10);
  CHECK(take(shared.view, 0) == none);
  stage(shared.view, 5);
  CHECK(take(shared.view, 0) == numbers(10, 15));
  CHECK(take(shared.view, 0) == none);
  CHECK(shared.view.committed() == 15);
}

TEST_CASE("what is not committed is not taken") {
  SharedStaging shared;
  stage(shared.view, 10);
  shared.view.data()[10] = 99;
  CHECK(take(shared.view, 0) == numbers(0, 10));
}

TEST_CASE("more than there is room for is not taken") {
  SharedStaging shared;
  stage(shared.view, 10);
  for (std::size_t bytes : {capacity + 1, 2 * capacity, std::size_t{UINT32_MAX}}) {
    shared.view.commit(bytes);
    CHECK(take(shared.view, 0) == none);
  }
  shared.view.commit(10);
  CHECK(take(shared.view, 0) == numbers(0, 10));
}

TEST_CASE("what belongs to another frame is not taken") {
  SharedStaging shared;
  stage(shared.view, 10);
  CHECK(take(shared.view, 1) == none);
  CHECK(take(shared.view, 0xffffffff) == none);
  shared.view.begin_sending();
  shared.view.sent();
  stage(shared.view, 4);
  CHECK(take(shared.view, 0) == none);
  CHECK(take(shared.view, 2) == none);
  CHECK(take(shared.view, 1) == numbers(0, 4));
}

TEST_CASE("what is being sent is not taken") {
  SharedStaging shared;
  stage(shared.view, 10);
  CHECK(shared.view.begin_sending() == 0);
  CHECK(take(shared.view, 0) == none);
  CHECK(shared.view.taken() == 0);
  shared.view.sent();
  CHECK(take(shared.view, 0) == none);
  CHECK(take(shared.view, 1) == none);
}

TEST_CASE("what was taken is not sent") {
  SharedStaging shared;
  stage(shared.view, 10);
  CHECK(take(shared.view, 0) == numbers(0, 10));
  stage(shared.view, 3);
  CHECK(shared.view.begin_sending() == 10);
  CHECK(shared.view.committed() == 13);
  CHECK(shared.view.taken() == 10);
}

TEST_CASE("all may have been taken before it is sent") {
  SharedStaging shared;
  stage(shared.view, 10);
  CHECK(take(shared.view, 0) == numbers(0, 10));
  CHECK(shared.view.begin_sending() == shared.view.committed());
}

TEST_CASE("each frame begins with nothing taken") {
  SharedStaging shared;
  for (std::uint32_t frame = 0; frame < 5; ++frame) {
    stage(shared.view, 10);
    CHECK(take(shared.view, frame) == numbers(0, 10));
    stage(shared.view, 10);
    CHECK(shared.view.begin_sending() == 10);
    shared.view.sent();
    CHECK(shared.view.taken() == 0);
    CHECK(shared.view.committed() == 0);
    CHECK(shared.view.sequence() == frame + 1);
  }
}

TEST_CASE("a frame that was never begun may be counted as sent") {
  // So are the parts of a large record: nothing is staged then.
  SharedStaging shared;
  shared.view.sent();
  stage(shared.view, 7);
  CHECK(take(shared.view, 1) == numbers(0, 7));
}

TEST_CASE("a reset forgets what was taken and that something was being sent") {
  SharedStaging shared;
  shared.view.sent();
  stage(shared.view, 10);
  CHECK(take(shared.view, 1) == numbers(0, 10));
  shared.view.begin_sending();
  shared.view.reset();
  CHECK(shared.view.taken() == 0);
  CHECK(take(shared.view, 0) == none);
  stage(shared.view, 4);
  CHECK(take(shared.view, 0) == numbers(0, 4));
}

TEST_CASE("bytes that the worker begins to send while they are copied are not the parent's") {
  SharedStaging shared;
  stage(shared.view, 10);
  std::size_t copied = 0, sent_from = 99;
  CHECK_FALSE(shared.view.take(0, [&](const unsigned char*, std::size_t n) {
    copied = n;
    sent_from = shared.view.begin_sending();
  }));
  CHECK(copied == 10);
  CHECK(sent_from == 0);
  CHECK(shared.view.taken() == 0);
}

TEST_CASE("bytes that are committed while others are copied are left for the next time") {
  SharedStaging shared;
  stage(shared.view, 10);
  CHECK(shared.view.take(0, [&](const unsigned char*, std::size_t) { stage(shared.view, 5); }));
  CHECK(shared.view.taken() == 10);
  CHECK(take(shared.view, 0) == numbers(10, 15));
}

TEST_CASE("what is taken is taken also when the numbers of frames wrap around") {
  SharedStaging shared;
  shared.word[0] = shared.taken[0] = 0xffffffff00000000;
  stage(shared.view, 10);
  CHECK(take(shared.view, 0xffffffff) == numbers(0, 10));
  shared.view.begin_sending();
  shared.view.sent();
  stage(shared.view, 3);
  CHECK(take(shared.view, 0) == numbers(0, 3));
}

namespace {

/// A writer and its parent, whose steps are mixed by hand. Nothing here allocates memory, since it
/// runs at any instruction of the other side.
class TwoSides {
 public:
  static constexpr std::size_t most = 64;

  /// The writer stages the next number.
  void stage() {
    std::memcpy(shared_.view.data() + shared_.view.committed(), &next_, sizeof next_);
    shared_.view.commit(shared_.view.committed() + sizeof next_);
    ++next_;
  }

  void begin_sending() { from_ = shared_.view.begin_sending(); }

  /// What is written has arrived in the pipe when this returns.
  void end_sending() {
    Row& frame = frames_[sent_];
    frame.append(shared_.view.data() + from_, shared_.view.committed() - from_);
    sent_ = sent_ + 1;
    shared_.view.sent();
  }

  void send() {
    begin_sending();
    end_sending();
  }

  /// The parent takes what is staged, if it can have it.
  bool take() {
    Row row;
    const auto copy = [&](const unsigned char* data, std::size_t n) { row.append(data, n); };
    if (!shared_.view.take(static_cast<std::uint32_t>(read_), copy)) return false;
    arrived_.append(row);
    return true;
  }

  /// The parent reads what is in the pipe.
  void read() {
    while (read_ < sent_) arrived_.append(frames_[read_++]);
  }

  /// Are all numbers there, once and in order, if the writer dies now?
  bool is_right() const {
    Row all = arrived_;
    for (std::size_t i = read_; i < sent_; ++i) all.append(frames_[i]);
    const std::size_t from = shared_.view.taken(), to = shared_.view.committed();
    if (shared_.view.sequence() == sent_ && from < to) {
      all.append(shared_.view.data() + from, to - from);
    }
    for (std::uint32_t i = 0; i < all.size; ++i) {
      if (all.numbers[i] != i) return false;
    }
    return all.size >= next_ && all.size <= next_ + 1;
  }

  std::size_t arrived() const { return arrived_.size; }

 private:
  struct Row {
    std::uint32_t numbers[most];
    std::size_t size = 0;

    void append(const unsigned char* data, std::size_t bytes) {
      std::memcpy(numbers + size, data, bytes);
      size += bytes / sizeof *numbers;
    }
    void append(const Row& other) {
      append(reinterpret_cast<const unsigned char*>(other.numbers), other.size * sizeof *numbers);
    }
  };

  SharedStaging shared_;
  std::uint32_t next_ = 0;
  std::size_t from_ = 0;
  Row frames_[8];
  volatile std::size_t sent_ = 0;
  std::size_t read_ = 0;
  Row arrived_;
};

}  // namespace

#if LOMP_TESTS_CAN_STEP
namespace {

TwoSides* sides = nullptr;
volatile long steps = 0;
volatile long faults = 0;
volatile long taken = 0;

/// What is done at a step of the other side.
std::function<void(long)>* at_step = nullptr;

void step() {
  steps = steps + 1;
  (*at_step)(steps);
}

/// Runs a piece of code step by step; gives how many there were.
template <class Run>
long run_stepwise(TwoSides& both, std::function<void(long)> act, Run run) {
  sides = &both;
  at_step = &act;
  steps = 0;
  {
    const Stepper stepper(step);
    run();
  }
  return steps;
}

void write_some(TwoSides& both) {
  for (int i = 0; i < 2; ++i) both.stage();
  both.send();
  both.stage();
  both.send();
  both.stage();
}

void take_and_look() {
  taken = taken + sides->take();
  if (!sides->is_right()) faults = faults + 1;
}

/// Lets a writer write, and the parent act at the steps that `is_chosen` chooses.
long check_writer(const std::function<bool(long)>& is_chosen, bool reads) {
  TwoSides both;
  faults = 0;
  const auto act = [&](long n) {
    if (!is_chosen(n)) return;
    if (reads) sides->read();
    take_and_look();
  };
  const long all = run_stepwise(both, act, [&] { write_some(both); });
  both.read();
  both.take();
  REQUIRE(faults == 0);
  REQUIRE(both.is_right());
  REQUIRE(both.arrived() == 4);
  return all;
}

/// Lets the parent take, and the writer act at one step of it.
template <class Act>
long check_taker(long when, Act act) {
  TwoSides both;
  both.stage();
  both.send();
  both.read();
  both.stage();
  both.stage();
  const long all = run_stepwise(
      both,
      [&](long n) {
        if (n == when) act(both);
      },
      [&] { both.take(); });
  REQUIRE(both.is_right());
  return all;
}

/// The same for steps spread over all of it, others in each run: one that fails is told.
template <class Act, class Rest>
void check_taker_at_many_steps(Act act, Rest rest) {
  static std::mt19937 random(std::random_device{}());
  const long all = check_taker(-1, act);
  const long stride = all / 20 + 1;
  for (long step = 1; step <= all; step += stride) {
    const long when = step + static_cast<long>(random() % 1000) % stride;
    CAPTURE(when);
    check_taker(when, [&](TwoSides& both) {
      act(both);
      rest(both);
    });
  }
}

}  // namespace
#endif

TEST_CASE("whenever the parent takes something each number arrives once and in order") {
#if LOMP_TESTS_CAN_STEP
  taken = 0;
  std::mt19937 random(std::random_device{}());
  for (bool reads : {false, true}) {
    const long all = check_writer([](long) { return true; }, reads);
    const long stride = all / 15 + 1;
    for (long step = 1; step <= all; step += stride) {
      const long when = step + static_cast<long>(random() % 1000) % stride;
      CAPTURE(when);
      check_writer([&](long n) { return n == when; }, reads);
    }
    for (int round = 0; round < 5; ++round) {
      const unsigned rarity = 1 + random() % 40;
      check_writer([&](long) { return random() % rarity == 0; }, reads);
    }
  }
  CHECK(taken > 10);
#else
  SUCCEED("no code can be run step by step here");
#endif
}

TEST_CASE("whenever the worker goes on while the parent takes nothing is lost or doubled") {
#if LOMP_TESTS_CAN_STEP
  const auto nothing = [](TwoSides&) {};
  const auto stage = [](TwoSides& both) { both.stage(); };
  const auto begin = [](TwoSides& both) { both.begin_sending(); };
  const auto send = [](TwoSides& both) { both.send(); };
  check_taker_at_many_steps(stage, nothing);
  check_taker_at_many_steps(begin, nothing);
  check_taker_at_many_steps(send, nothing);
  check_taker_at_many_steps(send, stage);
  check_taker_at_many_steps(stage, send);
  check_taker_at_many_steps(send, send);
  CHECK(steps > 0);
#else
  SUCCEED("no code can be run step by step here");
#endif
}

namespace {

/// Sends what is staged as one frame.
void send_frame(Staging& staging, int fd) {
  const std::size_t from = staging.begin_sending();
  lomp::FrameHeader header;
  header.bytes = staging.committed() - from;
  header.sequence = staging.sequence();
  header = lomp::sealed(header);
  iovec parts[] = {{&header, sizeof header}, {staging.data() + from, staging.committed() - from}};
  lomp::write_all(fd, parts, 2);
  staging.sent();
}

enum { made, arrived, lead, books };
using Books = SharedArray<std::uint32_t>;

/// Stages so many numbered records of random sizes, and sends now and then before it has to. Waits
/// when it is too far ahead of what has arrived.
[[noreturn]] void stage_and_send(Staging& staging, int fd, const Books& counts,
                                 std::uint32_t records, unsigned rarity) {
  std::mt19937 random(rarity);
  for (std::uint32_t item = 0; item < records; ++item) {
    const std::size_t size = random() % 64;
    const lomp::RecordHeader header = lomp::make_record_header(item, {}, size);
    if (staging.committed() + sizeof header + size > capacity) send_frame(staging, fd);
    unsigned char* to = staging.data() + staging.committed();
    std::memcpy(to, &header, sizeof header);
    std::memset(to + sizeof header, static_cast<int>(item), size);
    staging.commit(staging.committed() + sizeof header + size);
    counts[made] = item + 1;
    if (random() % rarity == 0) send_frame(staging, fd);
    while (counts[arrived] + counts[lead] <= item) ::sched_yield();
  }
  ::_exit(0);
}

/// The parent of such a process: what came, by which way.
class Receiver {
 public:
  Receiver(Staging& staging, int fd) : staging_(&staging), fd_(fd) {}

  bool read() {
    if (reader_.next(fd_) != lomp::ReadStatus::frame) return false;
    note(reader_.body(), reader_.size());
    return true;
  }

  void take() {
    std::vector<unsigned char> bytes;
    const auto copy = [&](const unsigned char* data, std::size_t n) {
      bytes.assign(data, data + n);
    };
    if (!staging_->take(reader_.expected(), copy)) return;
    note(bytes.data(), bytes.size());
    ++takes_;
  }

  /// The writer is dead: all that came through, then what is left.
  void bury() {
    while (read()) continue;
    const std::size_t from = staging_->taken(), to = staging_->committed();
    if (staging_->sequence() != reader_.expected() || from >= to) return;
    note(staging_->data() + from, to - from);
  }

  std::uint32_t arrived() const { return arrived_; }
  bool is_sound() const { return is_sound_; }
  int takes() const { return takes_; }

 private:
  void note(const unsigned char* data, std::size_t bytes) {
    std::vector<Record> records;
    is_sound_ = is_sound_ && lomp::parse_records(data, bytes, 0, records);
    for (const Record& record : records) {
      is_sound_ = is_sound_ && record.item == arrived_++ && is_whole(record);
    }
  }

  Staging* staging_;
  int fd_;
  lomp::FrameReader reader_;
  std::uint32_t arrived_ = 0;
  bool is_sound_ = true;
  int takes_ = 0;
};

/// A process that stages and sends so many records, and its parent.
struct Race {
  Race(std::uint32_t records, unsigned rarity, std::uint32_t most_ahead) : random(rarity) {
    counts[lead] = most_ahead;
    writer = ::fork();
    if (writer == 0) stage_and_send(shared.view, pipe.writer.get(), counts, records, rarity);
    pipe.writer.reset();
  }
  Race(const Race&) = delete;
  Race& operator=(const Race&) = delete;
  ~Race() { kill(); }

  void kill() {
    if (writer <= 0) return;
    ::kill(writer, SIGKILL);
    ::waitpid(writer, nullptr, 0);
    writer = -1;
  }

  /// Takes and reads at random until so many records are there.
  void receive(std::uint32_t records) {
    const std::int64_t deadline = lomp::now_ns() + 20000000000;
    while (receiver.arrived() < records && receiver.is_sound() && lomp::now_ns() < deadline) {
      random() % 2 == 0 ? (void)receiver.read() : receiver.take();
      counts[arrived] = receiver.arrived();
    }
  }

  SharedStaging shared;
  Books counts{books};
  lomp::Pipe pipe = lomp::make_pipe(16384);
  Receiver receiver{shared.view, pipe.reader.get()};
  std::mt19937 random;
  pid_t writer;
};

}  // namespace

TEST_CASE("records that are sent and taken at the same time arrive once and in order") {
  const LeavesNothing check;
  int takes = 0;
  for (unsigned rarity : {1, 3, 50, 100000}) {
    for (std::uint32_t most_ahead : {10, 200, 100000}) {
      constexpr std::uint32_t records = 2000;
      Race race(records, rarity, most_ahead);
      race.receive(records);
      CHECK(race.receiver.is_sound());
      CHECK(race.receiver.arrived() == records);
      takes += race.receiver.takes();
    }
  }
  // Some were not sent before so many others were there.
  CHECK(takes > 100);
}

TEST_CASE("of a killed writer all that it had committed is there once") {
  const LeavesNothing check;
  std::mt19937 random(4);
  for (int round = 0; round < 60; ++round) {
    Race race(1000000, 1 + static_cast<unsigned>(round) % 7, 1000000);
    race.receive(random() % 300);
    race.kill();
    const std::uint32_t committed = race.counts[made];
    race.receiver.bury();
    REQUIRE(race.receiver.is_sound());
    REQUIRE(race.receiver.arrived() >= committed);
    REQUIRE(race.receiver.arrived() <= committed + 1);
  }
}
