// The pool as a stream of items uses it: items are handed to workers one by one, taken back from
// those that are held up, and run once each, whatever happens to the workers.
#include <testthat/vendor/catch.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/stepper.hpp"
#include "lomp/pool/pool.hpp"

using namespace lomp_test;
using lomp::Event;
using lomp::EventKind;
using lomp::Pool;
using lomp::Worker;

namespace {

/// What there is to do. `make` runs in the parent before each item is added, once `is_there` says
/// that it can be; `during` in the worker while it is in hand. An item has a payload of so many
/// bytes, if it is to have one.
struct SupplyJob {
  explicit SupplyJob(std::uint64_t number, int workers) : items(number), runs(number + 1) {
    options.is_streamed = true;
    options.workers = workers;
  }

  std::uint64_t items;
  lomp::PoolOptions options;
  std::function<std::size_t(std::uint64_t)> payload_of = [](std::uint64_t) { return 0; };
  std::function<void(std::uint64_t)> make = [](std::uint64_t) {};
  std::function<bool(std::uint64_t)> is_there = [](std::uint64_t) { return true; };
  std::function<void(std::uint64_t)> during = [](std::uint64_t) {};
  std::uint32_t most_wanted = 1000;
  SharedArray<std::int64_t> runs;  ///< how many times each was begun
};

/// The first bytes of an item's payload, or of where it would be.
void run_item(const SupplyJob& job, Worker& worker, std::uint32_t item) {
  ++job.runs[item];
  std::uint32_t number = 0;
  const std::size_t bytes = job.payload_of(item);
  if (bytes > 0) {
    std::memcpy(&number, worker.streamed().data, sizeof number);
    Bytes content(bytes);
    const int fd = worker.take_payload(0, number);
    if (fd < 0 || !lomp::read_payload(fd, content.data(), bytes)) ::_exit(71);
    if (content != payload(item, bytes)) ::_exit(72);
    worker.drop_payload();
    lomp::payload_returns().put(worker.origin_of(0, 0, number));
  }
  job.during(item);
  const Bytes right = payload(item, 20);
  worker.put(right.data(), right.size());
  worker.finish(kind_of(item));
}

lomp::WorkerMain main_of(const SupplyJob& job) {
  return [&job](Worker& worker) {
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) run_item(job, worker, item);
    }
  };
}

/// The parent of a job: feeds its workers and keeps the books.
class Feeder {
 public:
  Feeder(Pool& pool, const SupplyJob& job)
      : pool_(&pool), job_(&job), came_(job.items), lost_(job.items) {}

  /// Feeds and notes until the end; gives up when nothing has come for a while.
  void run() {
    std::int64_t deadline = patience();
    while (end_ != EventKind::finished && end_ != EventKind::failed && lomp::now_ns() < deadline) {
      if (step() != EventKind::idle) deadline = patience();
    }
  }

  EventKind step() {
    const Event event = pool_->next(tick_ms);
    for (std::size_t i = 0; i < event.count; ++i) note(event.records[i]);
    if (event.kind == EventKind::lost) ++lost_[event.loss.item];
    if (event.kind == EventKind::request) feed(event);
    return end_ = event.kind;
  }

  /// Did each item come once, or was lost once, and was none begun twice?
  bool is_exact() const {
    for (std::uint64_t item = 0; item < job_->items; ++item) {
      if (came_[item] + lost_[item] != 1 || !was_run_once(item)) return false;
    }
    return is_sound_ && end_ == EventKind::finished;
  }

  /// A worker that dies when it has just marked an item as running loses it, though it hasn't run.
  bool was_run_once(std::uint64_t item) const {
    return job_->runs[item] == 1 || (job_->runs[item] == 0 && lost_[item] == 1);
  }

  std::size_t came(std::uint64_t item) const { return came_[item]; }
  const std::vector<std::uint64_t>& order() const { return order_; }

 private:
  static std::int64_t patience() { return lomp::now_ns() + std::int64_t{20} * 1000000000; }

  void feed(const Event& event) {
    const std::uint32_t wanted = std::min(event.wanted, job_->most_wanted);
    bool has_room = give_returned(event.worker);
    for (std::uint32_t n = 0; has_room && n < wanted && has_next(); ++n) {
      job_->make(next_);
      has_room = add(event.worker, next_++) && !pool_->feeder().is_overdue(event.worker);
    }
    if (next_ == job_->items) pool_->feeder().end_of_items();
    pool_->feeder().post(event.worker);
  }

  /// The pool asks again at once for an item that isn't there yet.
  bool has_next() const {
    if (next_ == job_->items) return false;
    if (job_->is_there(next_)) return true;
    ::poll(nullptr, 0, 1);
    return false;
  }

  bool give_returned(int worker) {
    std::uint64_t item = 0;
    bool has_room = true;
    while (has_room && pool_->feeder().first_returned(worker, item)) has_room = add(worker, item);
    return has_room && !pool_->feeder().is_fed(worker);
  }

  bool add(int worker, std::uint64_t item) {
    lomp::ItemBatch& batch = pool_->feeder().batch(worker);
    batch.begin();
    std::uint32_t number = 0;
    const Bytes content = payload(item, job_->payload_of(item));
    if (!content.empty()) {
      const bool is_sent = batch.put_payload(content.data(), content.size(), number);
      CHECK((is_sent || pool_->feeder().has_left(worker)));
    }
    batch.put(&number, sizeof number);
    pool_->feeder().note_given(worker, item);
    const bool is_added = batch.add(item, 0);
    CHECK(is_added);
    pool_->feeder().publish(worker);
    return is_added && batch.has_room();
  }

  void note(const lomp::Record& record) {
    const Bytes right = payload(record.item, 20);
    is_sound_ = is_sound_ && record.item < job_->items && record.size == right.size() &&
                std::equal(right.begin(), right.end(), record.data);
    if (record.item >= job_->items) return;
    ++came_[record.item];
    order_.push_back(record.item);
    pool_->release(record);
  }

  Pool* pool_;
  const SupplyJob* job_;
  std::vector<std::size_t> came_;
  std::vector<std::size_t> lost_;
  std::vector<std::uint64_t> order_;
  std::uint64_t next_ = 0;
  bool is_sound_ = true;
  EventKind end_ = EventKind::idle;
};

/// A whole call. Returns the order in which the items came.
std::vector<std::uint64_t> check_run(const SupplyJob& job) {
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Feeder feeder(pool, job);
  feeder.run();
  CHECK(feeder.is_exact());
  CHECK(pool.deaths() == 0);
  return feeder.order();
}

/// In a worker: goes on when so many items have been begun; ends it if they never are.
void await_begun(const SupplyJob& job, std::uint64_t others) {
  const auto count = [&] {
    std::uint64_t sum = 0;
    for (std::uint64_t item = 0; item < job.items; ++item) sum += job.runs[item] > 0;
    return sum;
  };
  if (!eventually([&] { return count() >= others; }, 60000)) ::_exit(70);
}

constexpr std::size_t payload_bytes = 200000;

}  // namespace

TEST_CASE("streamed items are run once each for any numbers of items and workers") {
  const LeavesNothing check;
  for (int workers : {1, 2, 4}) {
    for (std::uint64_t items : {0, 1, 2, 20, 3000}) {
      CAPTURE(workers);
      CAPTURE(items);
      SupplyJob job(items, workers);
      check_run(job);
      job.options.is_prompt = true;
      SupplyJob other(items, workers);
      other.options.is_prompt = true;
      other.payload_of = [](std::uint64_t item) { return item % 50 == 0 ? payload_bytes : 0; };
      check_run(other);
    }
  }
}

TEST_CASE("as many items as workers are begun at once") {
  // An item that was stored behind another one would never begin.
  const LeavesNothing check;
  for (int workers : {2, 4}) {
    for (int round = 0; round < 5; ++round) {
      const auto items = static_cast<std::uint64_t>(workers);
      SupplyJob job(items, workers);
      job.during = [&](std::uint64_t) { await_begun(job, items); };
      check_run(job);
    }
  }
}

TEST_CASE("an idle worker gets what is stored behind a busy one") {
  // The first item ends when all others have.
  const LeavesNothing check;
  for (std::size_t bytes : {std::size_t{0}, payload_bytes}) {
    for (std::uint64_t items : {3, 5, 40, 500}) {
      for (int workers : {2, 3}) {
        CAPTURE(items);
        SupplyJob job(items, workers);
        job.payload_of = [bytes](std::uint64_t) { return bytes; };
        job.during = [&](std::uint64_t item) {
          if (item == 0) await_begun(job, items);
        };
        const std::vector<std::uint64_t> order = check_run(job);
        CHECK(order.size() == items);
      }
    }
  }
}

TEST_CASE("an idle worker gets what is behind an item in the same batch") {
  // Cheap items make batches grow; then one takes until all others have begun.
  const LeavesNothing check;
  for (std::uint64_t slow : {100, 1000, 1999}) {
    SupplyJob job(2000, 2);
    job.during = [&](std::uint64_t item) {
      if (item == slow) await_begun(job, 2000);
    };
    check_run(job);
  }
}

TEST_CASE("behind an item that takes long none waits for ever although there are always others") {
  const LeavesNothing check;
  SupplyJob job(60, 2);
  job.most_wanted = 1;
  job.during = [&](std::uint64_t item) { item == 0 ? await_begun(job, 50) : work_for_us(1500); };
  const std::vector<std::uint64_t> order = check_run(job);
  REQUIRE(order.size() == 60);
  for (std::uint64_t item = 1; item < 40; ++item) {
    const auto place = std::find(order.begin(), order.end(), item) - order.begin();
    CHECK(place < static_cast<std::ptrdiff_t>(item) + 12);
  }
}

TEST_CASE("in order a worker that waits for room never has the item that all wait for in store") {
  const LeavesNothing check;
  for (std::uint64_t slow : {0, 7, 30}) {
    SupplyJob job(60, 3);
    job.options.is_ordered = job.options.is_prompt = true;
    job.options.buffer_bytes = 30;
    job.during = [&](std::uint64_t item) {
      if (item == slow) work_for_us(20000);
    };
    check_run(job);
  }
}

TEST_CASE("an item is run while the next one is being made") {
  // The producer gives an item when the one before it is being run.
  const LeavesNothing check;
  for (int workers : {1, 2}) {
    for (std::uint64_t calm : {0, 1000}) {
      SupplyJob job(calm + 20, workers);
      bool is_in_time = true;
      job.make = [&](std::uint64_t item) {
        if (item <= calm) return;
        is_in_time = is_in_time && eventually([&] { return job.runs[item - 1] > 0; }, 5000);
      };
      check_run(job);
      CHECK(is_in_time);
    }
  }
}

TEST_CASE("files of items that were taken back are closed by the worker that was sent them") {
  // The first worker is held up by the first item; each of the two runs one of the last two items.
  const LeavesNothing check;
  SupplyJob job(12, 2);
  SharedArray<std::int64_t> open(2);
  job.payload_of = [](std::uint64_t) { return payload_bytes; };
  job.is_there = [&](std::uint64_t item) { return item < 10 || open[0] > 0; };
  job.during = [&](std::uint64_t item) {
    static bool is_held_up = false;
    const auto count = [] { return static_cast<std::int64_t>(open_descriptors().size()); };
    if (item == 0) {
      is_held_up = true;
      const std::int64_t now = count();
      await_begun(job, 10);
      open[0] = now;
    }
    if (item < 10) return;
    await_begun(job, 12);
    if (is_held_up) open[1] = count();
  };
  check_run(job);
  CHECK(open[0] > 0);
  CHECK(open[1] == open[0]);
}

namespace {

/// Of a job with a worker that dies: nothing is run twice, and one item is lost at the most.
void check_death(const SupplyJob& job) {
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Feeder feeder(pool, job);
  feeder.run();
  std::size_t lost = 0;
  for (std::uint64_t item = 0; item < job.items; ++item) {
    lost += 1 - std::min<std::size_t>(feeder.came(item), 1);
    CHECK(job.runs[item] <= 1);
  }
  CHECK(feeder.is_exact());
  CHECK(lost == static_cast<std::size_t>(pool.deaths()));
}

}  // namespace

TEST_CASE("a worker that is held up may die when its items were taken back") {
  const LeavesNothing check;
  for (std::size_t bytes : {std::size_t{0}, payload_bytes}) {
    for (std::uint64_t dies : {0, 5, 29}) {
      SupplyJob job(30, 2);
      job.payload_of = [bytes](std::uint64_t) { return bytes; };
      job.during = [&, dies](std::uint64_t item) {
        if (item == 0) await_begun(job, 25);
        if (item == dies) kill_self();
      };
      check_death(job);
    }
  }
}

#if LOMP_TESTS_CAN_STEP
namespace {

volatile long steps_left = 0;
volatile bool dies_then = false;
std::atomic<std::int64_t>* steps_made = nullptr;
std::atomic<std::int64_t>* gate = nullptr;

/// At its last step the worker dies, or waits until the other one has run all that there is.
void count_and_halt() {
  steps_made->fetch_add(1, std::memory_order_relaxed);
  steps_left = steps_left - 1;
  if (steps_left != 0) return;
  if (dies_then) ::kill(::getpid(), SIGKILL);
  const std::int64_t deadline = lomp::now_ns() + std::int64_t{2000000000};
  gate->store(1);
  while (gate->load() == 1 && lomp::now_ns() < deadline) ::poll(nullptr, 0, 1);
}

/// Two workers run six items, in batches of several; the first one is halted at a step of one of
/// its operations while the other is idle. Gives how many steps of that it came to run.
long halt_at(int operation, long step, bool dies) {
  constexpr std::uint64_t items = 6;
  SupplyJob job(items, 2);
  job.payload_of = [](std::uint64_t item) { return item % 2 == 1 ? 10000 : 0; };
  SharedArray<std::int64_t> shared(3);
  Pool pool(job.options, [&](Worker& worker) {
    int n = shared[0]++ == 0 ? 0 : 1000;
    std::uint32_t item = 0;
    bool goes_on = true;
    const auto around = [&](auto run) {
      if (n++ != operation) return run();
      steps_left = step;
      dies_then = dies;
      steps_made = &shared[1];
      gate = &shared[2];
      const Stepper stepper(count_and_halt);
      run();
    };
    while (around([&] { goes_on = worker.next_block(); }), goes_on) {
      while (around([&] { goes_on = worker.take(item); }), goes_on) run_item(job, worker, item);
    }
  });
  pool.fork_all();
  Feeder feeder(pool, job);
  std::size_t idle_steps = 0;
  for (int i = 0; i < 400; ++i) {
    const EventKind kind = feeder.step();
    if (kind == EventKind::finished || kind == EventKind::failed) break;
    // All that can be done without the halted one is done: it goes on.
    if (kind == EventKind::idle && ++idle_steps > 0) shared[2] = 2;
  }
  CAPTURE(operation);
  CAPTURE(step);
  CAPTURE(dies);
  for (std::uint64_t item = 0; item < items; ++item) REQUIRE(feeder.was_run_once(item));
  REQUIRE(feeder.is_exact());
  return static_cast<long>(shared[1]);
}

}  // namespace
#endif

TEST_CASE("halted or killed at any instruction a worker and its parent share its items") {
  const LeavesNothing check;
#if LOMP_TESTS_CAN_STEP
  std::mt19937 random(std::random_device{}());
  int operations = 0;
  for (; operations < 6; ++operations) {
    const long steps = halt_at(operations, 1000000000, false);
    if (steps == 0) break;
    const long stride = steps / (is_sanitized ? 2 : 6) + 1;
    for (long step = 1; step <= steps; step += stride) {
      for (bool dies : {false, true}) {
        halt_at(operations, step + static_cast<long>(random() % 1000) % stride, dies);
      }
    }
  }
  CHECK(operations > 1);
#else
  SUCCEED("no code can be run step by step here");
#endif
}

TEST_CASE("workers killed at random moments cost a streamed item each at most") {
  const LeavesNothing check;
  for (unsigned seed = 0; seed < (is_sanitized ? 4 : 12); ++seed) {
    CAPTURE(seed);
    SupplyJob job(300, 1 + static_cast<int>(seed % 3));
    job.options.is_prompt = seed % 2 == 0;
    job.payload_of = [](std::uint64_t item) { return item % 3 == 0 ? 150000 : 0; };
    job.during = [seed](std::uint64_t item) {
      std::mt19937 own(seed * 1000 + static_cast<unsigned>(item));
      work_for_us(own() % 200);
      if (own() % 60 == 0) kill_self();
      if (own() % 40 == 0) work_for_us(20000);
    };
    check_death(job);
  }
}
