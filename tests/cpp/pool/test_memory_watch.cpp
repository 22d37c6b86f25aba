#include <testthat/vendor/catch.h>

#include <memory>

#include "lomp/pool/memory_watch.hpp"

using lomp::MemoryMeter;
using lomp::MemoryWatch;
using lomp::SharedPage;
using lomp::Workers;

namespace {

constexpr std::uint64_t mb = std::uint64_t{1} << 20;
constexpr std::int64_t second = 1000000000;
constexpr std::int64_t interval = std::int64_t{MemoryWatch::interval_ms} * 1000000;
constexpr int slots = 4;

/// What the meter of a test tells, and how often it was asked.
struct Told {
  std::int64_t now = 5000 * second;
  std::uint64_t plain = 0;
  std::uint64_t available = 0;
  std::uint64_t own[slots] = {};
  int questions = 0;
} told;

MemoryMeter made_up_meter() {
  MemoryMeter meter;
  meter.now_ns = [] { return told.now; };
  meter.is_plainly_available = [](std::uint64_t bytes) { return bytes <= told.plain; };
  meter.available = [] {
    ++told.questions;
    return told.available;
  };
  meter.private_memory = [](pid_t pid) { return told.own[pid - 100]; };
  return meter;
}

/// A pool's watch, and workers that are no processes.
struct Watched {
  explicit Watched(std::uint64_t plain = 0) : watch(page, workers, meter_with(plain)) {}

  static MemoryMeter meter_with(std::uint64_t plain) {
    told = Told();
    told.plain = plain;
    return made_up_meter();
  }

  /// A worker that has so much of its own.
  void fork(std::uint64_t own) {
    const std::size_t slot = workers.size();
    told.own[slot] = own;
    workers.push_back(std::make_unique<lomp::WorkerHandle>());
    workers.back()->slot = static_cast<int>(slot);
    workers.back()->last_pid = static_cast<pid_t>(100 + slot);
    watch.note_fork();
  }

  /// Asked when it is time, with so much left.
  bool has_room(std::uint64_t available) {
    told.available = available;
    told.now += interval;
    return watch.has_room();
  }

  /// When workers have shown for a while what they take.
  bool has_room_later(std::uint64_t available) {
    has_room(available);
    told.now += second / 4;
    return has_room(available);
  }

  SharedPage page{100, slots, 64};
  Workers workers;
  MemoryWatch watch;
};

/// A watch with one worker that has run an item, and so much of its own.
struct OneSeen : Watched {
  explicit OneSeen(std::uint64_t own) {
    fork(own);
    page.slot(0).finished = 1;
  }
};

}  // namespace

TEST_CASE("one worker may be forked in any case") {
  Watched call;
  CHECK(call.watch.has_room());
  call.workers.resize(slots);  // a place without a worker
  CHECK(call.watch.has_room());
  CHECK(told.questions == 0);
}

TEST_CASE("where there is plenty for each worker they are forked at once") {
  Watched plain(slots * MemoryWatch::plenty);
  plain.fork(1 << 30);
  CHECK(plain.watch.has_room());
  CHECK(told.questions == 0);
  CHECK(plain.watch.holds_ms() == 0);
  Watched asked(slots * MemoryWatch::plenty - 1);
  asked.fork(1 << 30);
  CHECK(asked.has_room(slots * MemoryWatch::plenty));
  CHECK(told.questions == 1);
}

TEST_CASE("plenty is looked for again after a second") {
  for (bool is_plain : {true, false}) {
    Watched call(is_plain ? slots * MemoryWatch::plenty : 0);
    call.fork(100 * mb);
    if (!is_plain) CHECK(call.has_room(slots * MemoryWatch::plenty));
    const int before = told.questions;
    const std::int64_t began = told.now;
    while (told.now + interval - began < second) CHECK(call.has_room(0));
    CHECK(told.questions == before);
    CHECK_FALSE(call.has_room(0));
    CHECK(told.questions == before + 1);
  }
}

TEST_CASE("a good deal of memory is enough before an item has been run") {
  Watched call;
  call.fork(300 * mb);
  CHECK_FALSE(call.has_room(400 * mb - 1));
  CHECK(call.has_room(400 * mb));
  call.fork(300 * mb);
  CHECK_FALSE(call.has_room(600 * mb - 1));
  CHECK(call.has_room(600 * mb));
}

TEST_CASE("where memory is short nothing is forked before an item has been run") {
  Watched call;
  call.fork(1 * mb);
  CHECK_FALSE(call.has_room(100 * mb));
  CHECK(call.watch.holds_ms() == MemoryWatch::interval_ms);
  call.page.slot(0).finished = 1;
  CHECK_FALSE(call.has_room(100 * mb));  // one look isn't enough
  CHECK(call.has_room_later(100 * mb));
  CHECK(call.watch.holds_ms() == 0);
}

TEST_CASE("or before those that run have taken a second to show what they take") {
  Watched call;
  call.fork(1 * mb);
  CHECK_FALSE(call.has_room(100 * mb));
  told.now += second - 3 * interval;
  CHECK_FALSE(call.has_room(100 * mb));
  CHECK(call.has_room(100 * mb));
  call.fork(1 * mb);
  CHECK(call.has_room(100 * mb));
}

TEST_CASE("there must be room for one more and for what those that are there may come to") {
  OneSeen call(100 * mb);
  // Two of 200 MB each and a margin of 16, of which the first has taken 100.
  CHECK_FALSE(call.has_room_later(316 * mb - 1));
  CHECK(call.has_room_later(316 * mb));
  call.fork(20 * mb);
  CHECK_FALSE(call.has_room_later(496 * mb - 1));
  CHECK(call.has_room_later(496 * mb));
  told.own[1] = 200 * mb;
  CHECK_FALSE(call.has_room_later(916 * mb - 1));
  CHECK(call.has_room_later(916 * mb));
}

TEST_CASE("as long as a worker takes more and more nothing is forked") {
  OneSeen call(10 * mb);
  for (std::uint64_t own = 10 * mb; own < 100 * mb; own += own / 10) {
    told.own[0] = own;
    CHECK_FALSE(call.has_room(399 * mb));
  }
  CHECK(call.has_room_later(399 * mb));
}

TEST_CASE("what workers were seen to have before counts as well") {
  OneSeen call(100 * mb);
  call.page.most_private() = 200 * mb;
  CHECK_FALSE(call.has_room_later(716 * mb - 1));
  CHECK(call.has_room_later(716 * mb));
  call.page.most_private() = 50 * mb;
  CHECK_FALSE(call.has_room_later(716 * mb - 1));
  CHECK(call.has_room_later(716 * mb));
}

TEST_CASE("places without a worker count for nothing") {
  OneSeen call(100 * mb);
  call.fork(300 * mb);
  call.workers[1].reset();
  CHECK(call.has_room_later(316 * mb));
}

TEST_CASE("where nothing tells what workers have a margin must be left") {
  OneSeen call(0);
  CHECK_FALSE(call.has_room_later(16 * mb - 1));
  CHECK(call.has_room_later(16 * mb));
}

TEST_CASE("an answer holds for a while") {
  OneSeen call(100 * mb);
  CHECK_FALSE(call.has_room(0));
  told.available = 1000 * mb;
  told.now += interval - 1;
  CHECK_FALSE(call.watch.has_room());
  told.now += 1;
  CHECK(call.watch.has_room());
  told.available = 0;
  CHECK(call.watch.has_room());
  CHECK(told.questions == 2);
}

TEST_CASE("a fork has the question asked again unless there is plenty") {
  OneSeen call(100 * mb);
  CHECK(call.has_room(1000 * mb));
  told.available = 0;
  call.fork(100 * mb);
  CHECK_FALSE(call.watch.has_room());
  CHECK(call.has_room(slots * MemoryWatch::plenty));
  told.available = 0;
  call.fork(100 * mb);
  CHECK(call.watch.has_room());
}
