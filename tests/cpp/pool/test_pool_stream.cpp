// The pool as an iterator uses it: any number of records for each item, each delivered as soon as
// the caller waits for it, and workers that run ahead by so many bytes and no more.
#include <sys/stat.h>
#include <sys/time.h>
#include <testthat/vendor/catch.h>

#include <algorithm>
#include <cstring>
#include <deque>
#include <functional>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/stepper.hpp"
#include "lomp/pool/pool.hpp"
#include "lomp/pool/reorder.hpp"

using namespace lomp_test;
using lomp::Event;
using lomp::EventKind;
using lomp::Pool;
using lomp::Record;
using lomp::Worker;

namespace {

using Sizes = std::vector<std::size_t>;

enum { held, most_held, made, sleeps, told, killed, counts };

/// What workers and parent count together.
using Counts = SharedArray<std::int64_t>;

/// What the workers are to do: an item's records have the sizes that `sizes_of` gives, and the last
/// one of them ends it. `before` runs in the worker before each record, given its number.
struct StreamJob {
  explicit StreamJob(std::uint64_t items, int workers, std::size_t buffer_bytes = 0) {
    options.items = items;
    options.workers = workers;
    options.buffer_bytes = buffer_bytes;
    options.is_prompt = true;
  }

  lomp::PoolOptions options;
  std::size_t piece = std::size_t{1} << 20;
  std::function<Sizes(std::uint64_t)> sizes_of = [](std::uint64_t) { return Sizes(5, 8); };
  std::function<void(Worker&, std::uint32_t, std::size_t)> before = [](Worker&, std::uint32_t,
                                                                       std::size_t) {};
  Counts shared{counts};
};

std::uint64_t content_of(std::uint64_t item, std::size_t record) { return item * 31 + record; }

/// Adds to what is held, in the worker that makes it.
void count_made(const Counts& shared, std::size_t cost) {
  const std::int64_t now = shared[held] += static_cast<std::int64_t>(cost);
  std::int64_t most = shared[most_held];
  while (now > most && !shared[most_held].compare_exchange_weak(most, now)) continue;
  ++shared[made];
}

void make_record(const StreamJob& job, Worker& worker, std::uint32_t item, std::size_t k,
                 const Sizes& sizes) {
  const unsigned kind = kind_of(content_of(item, k));
  job.before(worker, item, k);
  worker.await_room();
  count_made(job.shared, sizes[k]);
  put_payload(worker, content_of(item, k), sizes[k], job.piece);
  k + 1 < sizes.size() ? worker.emit(kind) : worker.finish(kind);
}

/// The main function of a job's workers.
lomp::WorkerMain main_of(const StreamJob& job) {
  return [&job](Worker& worker) {
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) {
        const Sizes sizes = job.sizes_of(item);
        for (std::size_t k = 0; k < sizes.size(); ++k) make_record(job, worker, item, k, sizes);
      }
    }
  };
}

/// Something that came, until it is taken.
struct Arrival {
  Record record{};
  bool has_record = false;
};

/// Takes records one by one, as an iterator does, and keeps the books.
class Consumer {
 public:
  Consumer(Pool& pool, const StreamJob& job)
      : pool_(&pool), job_(&job), came_(job.options.items), lost_(job.options.items) {}

  /// Waits for the next event.
  EventKind wait(int milliseconds = tick_ms) {
    const Event event = pool_->next(milliseconds);
    for (std::size_t i = 0; i < event.count; ++i) note(event.records[i]);
    if (event.kind == EventKind::lost) note(event.loss);
    end_ = event.kind;
    return end_;
  }

  /// Takes the next one if it has come, and releases it.
  bool take() {
    Arrival arrival;
    if (!(is_ordered() ? take_in_turn(arrival) : take_first(arrival))) return false;
    if (!arrival.has_record) return true;
    is_sound_ = is_sound_ && (!is_ordered() || arrival.record.item >= last_taken_);
    last_taken_ = arrival.record.item;
    ++taken_;
    job_->shared[held] -= static_cast<std::int64_t>(arrival.record.cost());
    pool_->release(arrival.record);
    return true;
  }

  void take_all() {
    while (take()) continue;
  }

  /// Waits, and takes nothing, for as long as `go_on` says so; false if that takes too long.
  template <class GoOn>
  bool wait_while(GoOn go_on, int seconds = 20) {
    const std::int64_t deadline = lomp::now_ns() + std::int64_t{seconds} * 1000000000;
    while (go_on()) {
      if (has_ended() || lomp::now_ns() > deadline) return false;
      wait();
    }
    return true;
  }

  /// Takes all that comes, up to the end; gives up when nothing has come for a while, so that a
  /// pool that hangs fails the test, and one that is slow doesn't.
  void run(int seconds = 20) {
    const std::int64_t patience = std::int64_t{seconds} * 1000000000;
    std::int64_t deadline = lomp::now_ns() + patience;
    while (!has_ended() && lomp::now_ns() < deadline) {
      take_all();
      if (wait() != EventKind::idle) deadline = lomp::now_ns() + patience;
    }
    take_all();
  }

  bool has_ended() const { return end_ == EventKind::finished || end_ == EventKind::failed; }
  EventKind end() const { return end_; }
  std::size_t came(std::uint64_t item) const { return came_[item]; }
  int lost(std::uint64_t item) const { return lost_[item]; }
  std::size_t arrived() const { return arrived_; }
  std::size_t taken() const { return taken_; }
  bool is_sound() const { return is_sound_; }
  const std::vector<lomp::Loss>& losses() const { return losses_; }

  /// Is every item complete, or lost once and not complete?
  bool is_exact() const {
    for (std::uint64_t item = 0; item < came_.size(); ++item) {
      const bool is_complete = came_[item] == job_->sizes_of(item).size();
      if (lost_[item] != (is_complete ? 0 : 1)) return false;
    }
    return taken_ == arrived_;
  }

 private:
  bool is_ordered() const { return job_->options.is_ordered; }

  void note(const Record& record) {
    is_sound_ = is_sound_ && is_right(record);
    ++arrived_;
    if (record.item < came_.size()) ++came_[record.item];
    line_up({record, true}, record.item, !record.goes_on);
  }

  void note(const lomp::Loss& loss) {
    losses_.push_back(loss);
    is_sound_ = is_sound_ && loss.item < lost_.size();
    if (loss.item < lost_.size()) ++lost_[loss.item];
    line_up({}, loss.item, true);
  }

  /// Is it the next one of its item?
  bool is_right(const Record& record) const {
    if (record.item >= came_.size() || lost_[record.item] > 0) return false;
    const Sizes sizes = job_->sizes_of(record.item);
    const std::size_t k = came_[record.item];
    if (k >= sizes.size() || record.goes_on != (k + 1 < sizes.size())) return false;
    const Bytes right = payload(content_of(record.item, k), sizes[k]);
    return record.kind == kind_of(content_of(record.item, k)) && record.size == right.size() &&
           std::equal(right.begin(), right.end(), record.data);
  }

  void line_up(const Arrival& arrival, std::uint64_t item, bool is_last) {
    if (!is_ordered()) return queue_.push_back(arrival);
    order_.put(item, arrival);
    if (is_last) order_.end(item);
  }

  bool take_first(Arrival& arrival) {
    if (queue_.empty()) return false;
    arrival = queue_.front();
    queue_.pop_front();
    return true;
  }

  bool take_in_turn(Arrival& arrival) {
    const std::uint64_t head = order_.head();
    const bool has_one = order_.take(arrival);
    if (order_.head() != head) pool_->set_head(order_.head());
    return has_one;
  }

  Pool* pool_;
  const StreamJob* job_;
  std::deque<Arrival> queue_;
  lomp::Reorder<Arrival> order_;
  std::vector<std::size_t> came_;
  std::vector<int> lost_;
  std::vector<lomp::Loss> losses_;
  std::size_t arrived_ = 0;
  std::size_t taken_ = 0;
  std::uint64_t last_taken_ = 0;
  bool is_sound_ = true;
  EventKind end_ = EventKind::idle;
};

/// Checks that a call came to its end, and each item's records once and in order.
void check_exact(const Consumer& consumer) {
  CHECK(consumer.end() == EventKind::finished);
  CHECK(consumer.is_sound());
  CHECK(consumer.is_exact());
}

void check_complete(const Consumer& consumer) {
  check_exact(consumer);
  CHECK(consumer.losses().empty());
}

/// The most that a job's workers may hold. The head's worker may have its share of the bound for
/// the head and once more for the items that it did before.
std::int64_t limit_of(const StreamJob& job) {
  std::size_t largest = 0;
  for (std::uint64_t item = 0; item < job.options.items; ++item) {
    const Sizes sizes = job.sizes_of(item);
    largest = std::max(largest, *std::max_element(sizes.begin(), sizes.end()));
  }
  const auto workers = static_cast<std::size_t>(job.options.workers);
  const std::size_t bound = std::max<std::size_t>(1, job.options.buffer_bytes / workers);
  return static_cast<std::int64_t>((workers + job.options.is_ordered) * (bound - 1 + largest));
}

/// A whole call: all workers forked, all that comes taken.
void check_run(const StreamJob& job) {
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run();
  check_complete(consumer);
  CHECK(job.shared[held] == 0);
  if (job.options.buffer_bytes > 0) CHECK(job.shared[most_held] <= limit_of(job));
}

/// Counts how often workers forked while it lives wait for room. An endless wait is for the parent.
class SleepCounter {
 public:
  explicit SleepCounter(const Counts& shared)
      : poll_([&shared](pollfd* set, nfds_t n, int milliseconds) {
          if (milliseconds == -1) ++shared[sleeps];
          return ::poll(set, n, milliseconds);
        }) {}

 private:
  Fake<&Kernel::poll> poll_;
};

/// A pipe by which the test tells workers to go on.
class Gate {
 public:
  void open(std::size_t times = 1) {
    const Bytes bytes(times);
    CHECK(::write(pipe_.writer.get(), bytes.data(), times) == static_cast<ssize_t>(times));
  }

  /// In the worker. Ends it if nothing comes.
  void pass() const {
    pollfd end{pipe_.reader.get(), POLLIN, 0};
    char byte = 0;
    if (::poll(&end, 1, 20000) != 1 || ::read(end.fd, &byte, 1) != 1) ::_exit(70);
  }

 private:
  lomp::Pipe pipe_ = lomp::make_pipe();
};

std::uint32_t hash(std::uint64_t x) {
  return static_cast<std::uint32_t>((x + 12345) * 0x9e3779b97f4a7c15u >> 40);
}

constexpr int patient_ms = 20000;

}  // namespace

// ---- What is delivered
// --------------------------------------------------------------------------

TEST_CASE("many records of each item arrive once and in order within their item") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    for (int workers : {1, 2, 4}) {
      for (std::size_t buffer : {0, 1, 3000}) {
        CAPTURE(workers);
        CAPTURE(buffer);
        StreamJob job(20, workers, buffer);
        job.options.is_ordered = is_ordered;
        job.sizes_of = [](std::uint64_t item) { return Sizes(1 + item % 7 * 10, 20); };
        check_run(job);
      }
    }
  }
}

TEST_CASE("a pool that gathers its records delivers many of each item as well") {
  const LeavesNothing check;
  for (int workers : {1, 3}) {
    StreamJob job(300, workers);
    job.options.is_prompt = false;
    job.sizes_of = [](std::uint64_t item) { return Sizes(1 + item % 10, item % 50); };
    check_run(job);
  }
}

TEST_CASE("records of all sizes arrive whole between each other") {
  const LeavesNothing check;
  for (std::size_t staging : {8, 100, 5000}) {
    StreamJob job(30, 3, 200000);
    job.options.staging_bytes = staging;
    job.options.pipe_bytes = 4096;
    job.piece = 3000;
    job.sizes_of = [](std::uint64_t item) {
      Sizes sizes;
      for (std::uint64_t k = 0; k < 1 + item % 12; ++k) {
        const std::uint32_t h = hash(item * 100 + k);
        sizes.push_back(h % 10 == 0 ? h % 300000 : h % 200);
      }
      return sizes;
    };
    check_run(job);
  }
}

TEST_CASE("ten thousand records of one item arrive once and in order") {
  const LeavesNothing check;
  StreamJob job(1, 1, 10000);
  job.sizes_of = [](std::uint64_t) { return Sizes(10000, 8); };
  check_run(job);
}

TEST_CASE("items without any result but their end are passed over in their order") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    StreamJob job(2000, 3, 100);
    job.options.is_ordered = is_ordered;
    job.sizes_of = [](std::uint64_t item) { return item % 5 == 0 ? Sizes{30, 30, 0} : Sizes{0}; };
    check_run(job);
  }
}

TEST_CASE("a record is delivered to a caller that waits for it although its item goes on") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    Gate gate;
    StreamJob job(1, 1, 1000);
    job.options.is_ordered = is_ordered;
    job.before = [&](Worker&, std::uint32_t, std::size_t k) {
      if (k > 0) gate.pass();
    };
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    for (std::size_t k = 1; k <= 5; ++k) {
      REQUIRE(consumer.wait(patient_ms) == EventKind::records);
      REQUIRE(consumer.arrived() == k);
      if (k < 5) gate.open();
    }
    consumer.run();
    check_complete(consumer);
  }
}

TEST_CASE("what was staged while the parent was busy is taken when it waits") {
  const LeavesNothing check;
  // 30 records in rounds of 3; the parent does something else in each round.
  for (std::size_t staging : {64, 300, 100000}) {
    Gate gate;
    StreamJob job(1, 1);
    job.options.staging_bytes = staging;
    job.sizes_of = [](std::uint64_t) { return Sizes(30, 20); };
    job.before = [&](Worker&, std::uint32_t, std::size_t k) {
      if (k == 0 || k % 3 != 0) return;
      job.shared[told] = static_cast<std::int64_t>(k);
      gate.pass();
    };
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    for (std::size_t k = 3; k < 30; k += 3) {
      REQUIRE(eventually([&] { return job.shared[told] == static_cast<std::int64_t>(k); }));
      while (consumer.arrived() < k) REQUIRE(consumer.wait(patient_ms) == EventKind::records);
      REQUIRE(consumer.arrived() == k);
      gate.open();
    }
    consumer.run();
    check_complete(consumer);
  }
}

// ---- How far workers run ahead
// ------------------------------------------------------------------

TEST_CASE("beyond the buffer a worker goes on only when half of it was released") {
  const LeavesNothing check;
  StreamJob job(1, 1, 1000);
  job.sizes_of = [](std::uint64_t) { return Sizes(100, 100); };
  const SleepCounter counter(job.shared);
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  REQUIRE(consumer.wait_while([&] { return consumer.arrived() < 10 || job.shared[sleeps] == 0; }));
  CHECK(job.shared[made] == 10);
  for (int i = 0; i < 4; ++i) CHECK(consumer.take());
  CHECK(job.shared[sleeps] == 1);
  CHECK(job.shared[made] == 10);
  CHECK(consumer.take());
  REQUIRE(consumer.wait_while([&] { return consumer.arrived() < 15 || job.shared[sleeps] < 2; }));
  CHECK(job.shared[made] == 15);
  consumer.run();
  check_complete(consumer);
  // Half of the buffer is 5 records: once for each of these at the most.
  CHECK(job.shared[sleeps] <= 20);
}

TEST_CASE("a record larger than the buffer waits for nothing but its turn") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    StreamJob job(10, 2, 10);
    job.options.is_ordered = is_ordered;
    job.sizes_of = [](std::uint64_t item) { return Sizes(3, 1000 + item * 50000); };
    check_run(job);
  }
}

TEST_CASE("workers share the buffer and none holds more than its part and a record") {
  const LeavesNothing check;
  StreamJob job(4, 4, 4000);
  job.sizes_of = [](std::uint64_t) { return Sizes(50, 300); };
  const SleepCounter counter(job.shared);
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  REQUIRE(consumer.wait_while([&] { return job.shared[sleeps] < 4 || consumer.arrived() < 16; }));
  CHECK(job.shared[made] == 16);
  CHECK(job.shared[held] == 16 * 300);
  for (std::uint64_t item = 0; item < 4; ++item) CHECK(consumer.came(item) == 4);
  consumer.run();
  check_complete(consumer);
  CHECK(job.shared[most_held] <= limit_of(job));
}

TEST_CASE("in order the first item's worker goes on while the others wait") {
  const LeavesNothing check;
  StreamJob job(3, 3, 300);
  job.options.is_ordered = true;
  job.sizes_of = [](std::uint64_t) { return Sizes(20, 50); };
  // The first item doesn't go on before the others wait.
  job.before = [&](Worker&, std::uint32_t item, std::size_t k) {
    if (item != 0 || k != 2) return;
    if (!eventually([&] { return job.shared[sleeps] >= 2; })) ::_exit(70);
  };
  const SleepCounter counter(job.shared);
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  while (consumer.taken() < 20) {
    consumer.take_all();
    REQUIRE(consumer.wait() != EventKind::failed);
    if (consumer.came(1) > 0) CHECK(consumer.came(1) <= 2);
    if (consumer.taken() < 20) CHECK(consumer.came(2) <= 2);
    if (consumer.came(0) == 20) break;
  }
  CHECK(consumer.came(0) == 20);
  consumer.run();
  check_complete(consumer);
}

TEST_CASE("payloads beside the records count with their pages") {
  const LeavesNothing check;
  constexpr std::size_t bytes = 9000;  // 3 pages
  constexpr std::size_t cost = sizeof(std::uint32_t) + 3 * lomp::cost_page;
  StreamJob job(1, 1, 2 * cost);
  const SleepCounter counter(job.shared);
  Pool pool(job.options, [&](Worker& worker) {
    std::uint32_t item = 0, number = 0;
    worker.next_block();
    worker.take(item);
    for (std::size_t k = 0; k < 10; ++k) {
      worker.await_room();
      ++job.shared[made];
      const Bytes content = payload(k, bytes);
      if (!worker.put_payload(content.data(), bytes, number)) ::_exit(70);
      worker.put(&number, sizeof number);
      k < 9 ? worker.emit(0) : worker.finish(0);
    }
  });
  pool.fork_all();
  std::size_t arrived = 0;
  std::vector<Record> kept;
  const auto read = [&](const Record& record) {
    std::uint32_t number = 0;
    std::memcpy(&number, record.data, sizeof number);
    Bytes content(bytes);
    REQUIRE(lomp::read_payload(pool.take_payload(record.worker, number), content.data(), bytes));
    REQUIRE(content == payload(arrived++, bytes));
    REQUIRE(record.cost() == cost);
    kept.push_back(record);
  };
  CHECK(eventually([&] {
    const Event event = pool.next(tick_ms);
    for (std::size_t i = 0; i < event.count; ++i) read(event.records[i]);
    pool.drop_payload();
    if (kept.size() == 2 && job.shared[sleeps] > 0) {
      CHECK(job.shared[made] == static_cast<std::int64_t>(arrived));
    }
    if (event.kind == EventKind::idle || kept.size() >= 2) {
      for (const Record& record : kept) pool.release(record);
      kept.clear();
    }
    return event.kind == EventKind::finished;
  }));
  CHECK(arrived == 10);
}

namespace {

/// Takes 20 payloads one by one, and lets go of each with the origin that change() makes of its
/// own. Returns in how many files they came; none if one wasn't what its worker had made.
std::size_t count_files(const std::function<void(lomp::PayloadOrigin&)>& change) {
  constexpr std::size_t bytes = 200000;
  constexpr std::size_t all = 20;
  StreamJob job(1, 1, 1);
  job.options.takes_returns = true;
  Pool pool(job.options, [&](Worker& worker) {
    std::uint32_t item = 0, number = 0;
    worker.next_block();
    worker.take(item);
    for (std::size_t k = 0; k < all; ++k) {
      worker.await_room();
      const Bytes content = payload(k, bytes);
      if (!worker.put_payload(content.data(), bytes, number)) ::_exit(70);
      worker.put(&number, sizeof number);
      k + 1 < all ? worker.emit(0) : worker.finish(0);
    }
  });
  pool.fork_all();
  std::set<ino_t> files;
  std::size_t arrived = 0;
  const auto take = [&](const Record& record) {
    std::uint32_t number = 0;
    std::memcpy(&number, record.data, sizeof number);
    const int fd = pool.take_payload(record.worker, number);
    Bytes content(bytes);
    struct stat status {};
    if (fd < 0 || !lomp::read_payload(fd, content.data(), bytes)) return;
    arrived += content == payload(arrived, bytes) && ::fstat(fd, &status) == 0;
    files.insert(status.st_ino);
    pool.drop_payload();
    lomp::PayloadOrigin origin = pool.origin_of(record.worker, record.incarnation, number);
    change(origin);
    lomp::payload_returns().put(origin);
    pool.release(record);
  };
  Event event;
  do {
    event = pool.next(tick_ms);
    for (std::size_t i = 0; i < event.count; ++i) take(event.records[i]);
  } while (event.kind != EventKind::finished);
  return arrived == all ? files.size() : 0;
}

}  // namespace

TEST_CASE("payloads are made in the files of those that were let go of") {
  const LeavesNothing check;
  CHECK(count_files([](lomp::PayloadOrigin&) {}) == 2);
}

TEST_CASE("what another process at a worker's place has sent is not the worker's") {
  const LeavesNothing check;
  CHECK(count_files([](lomp::PayloadOrigin& origin) { ++origin.incarnation; }) > 10);
}

TEST_CASE("what belongs to another pool is left to that") {
  const LeavesNothing check;
  CHECK(count_files([](lomp::PayloadOrigin& origin) { ++origin.pool; }) > 10);
}

TEST_CASE("a pool that takes nothing back gives no origin") {
  StreamJob job(1, 1, 1);
  const Pool pool(job.options, main_of(job));
  CHECK(pool.origin_of(0, 0, 1).pool == 0);
}

TEST_CASE("records that are released after their worker has left make no room for another") {
  const LeavesNothing check;
  StreamJob job(3, 1, 1000);
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  CHECK(consumer.wait_while([&] { return consumer.arrived() < 15; }));
  REQUIRE(eventually([&] { return consumer.wait() == EventKind::finished; }));
  consumer.take_all();
  check_complete(consumer);
}

TEST_CASE("records of a dead worker are no room for its successor") {
  const LeavesNothing check;
  StreamJob job(2, 1, 200);
  job.sizes_of = [](std::uint64_t item) { return item == 0 ? Sizes(3, 90) : Sizes(10, 100); };
  job.before = [](Worker&, std::uint32_t item, std::size_t k) {
    if (item == 0 && k == 2) kill_self();
  };
  const SleepCounter counter(job.shared);
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  REQUIRE(consumer.wait_while([&] { return consumer.came(1) < 2 || job.shared[sleeps] < 1; }));
  CHECK(job.shared[made] == 4);
  CHECK(consumer.take());  // the dead one's: these came first
  CHECK(consumer.take());
  CHECK(job.shared[made] == 4);
  CHECK(consumer.lost(0) == 1);
  consumer.run();
  check_exact(consumer);
  CHECK(consumer.came(0) == 2);
}

// ---- Nothing hangs
// ------------------------------------------------------------------------------

namespace {

/// A random job; it follows from its number.
StreamJob random_job(std::uint64_t seed) {
  std::mt19937 random(static_cast<unsigned>(seed));
  StreamJob job(random() % 13, 1 + static_cast<int>(random() % 4));
  job.options.is_ordered = random() % 3 != 0;
  job.options.buffer_bytes = 1 + random() % (random() % 2 == 0 ? 300 : 20000);
  job.options.staging_bytes = 16 + random() % 2000;
  if (random() % 2 == 0) job.options.pipe_bytes = 4096;
  job.piece = 1 + random() % 1000;
  job.sizes_of = [seed](std::uint64_t item) {
    Sizes sizes(1 + hash(seed * 7919 + item) % 7);
    for (std::size_t k = 0; k + 1 < sizes.size(); ++k) {
      const std::uint32_t h = hash(seed * 104729 + item * 97 + k);
      sizes[k] = h % 6 == 0 ? h % 5000 : h % 4 == 0 ? 0 : h % 60;
    }
    return sizes;  // the last one is empty: the item's end
  };
  return job;
}

/// Makes an item of a job end its worker before one of its records.
void add_death(StreamJob& job, std::uint64_t seed) {
  if (job.options.items == 0) return;
  const std::uint64_t item = hash(seed) % job.options.items;
  const std::size_t record = hash(seed + 1) % job.sizes_of(item).size();
  job.before = [=](Worker&, std::uint32_t i, std::size_t k) {
    if (i == item && k == record) kill_self();
  };
}

constexpr int mixes = is_sanitized ? 30 : 80;

}  // namespace

TEST_CASE("no mix of items and workers and records and a tiny buffer hangs") {
  const LeavesNothing check;
  for (std::uint64_t seed = 0; seed < mixes; ++seed) {
    CAPTURE(seed);
    const StreamJob job = random_job(seed);
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    consumer.run();
    REQUIRE(consumer.end() == EventKind::finished);
    REQUIRE(consumer.is_sound());
    REQUIRE(consumer.is_exact());
    REQUIRE(consumer.losses().empty());
    if (job.options.items > 0) REQUIRE(job.shared[most_held] <= limit_of(job));
  }
}

TEST_CASE("no mix with a worker that dies hangs") {
  const LeavesNothing check;
  int deaths = 0;
  for (std::uint64_t seed = 1000; seed < 1000 + mixes; ++seed) {
    CAPTURE(seed);
    StreamJob job = random_job(seed);
    add_death(job, seed);
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    consumer.run();
    REQUIRE(consumer.end() == EventKind::finished);
    REQUIRE(consumer.is_sound());
    REQUIRE(consumer.is_exact());
    REQUIRE(consumer.losses().size() == static_cast<std::size_t>(pool.deaths()));
    deaths += pool.deaths();
  }
  CHECK(deaths > mixes / 2);
}

TEST_CASE("no mix with a worker that dies and a successor that can't be had hangs") {
  const LeavesNothing check;
  for (std::uint64_t seed = 2000; seed < 2000 + mixes; ++seed) {
    CAPTURE(seed);
    StreamJob job = random_job(seed);
    job.options.workers = 2 + static_cast<int>(seed % 3);
    if (job.options.items < 2) continue;
    add_death(job, seed);
    Fake<&Kernel::fork> fake(failing_calls(3, 1000, EAGAIN, ::fork));
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    consumer.run();
    // The other worker may have left before it could see what the dead one left behind.
    const bool has_ended = consumer.has_ended();
    REQUIRE(has_ended);
    REQUIRE(consumer.is_sound());
    if (consumer.end() == EventKind::finished) REQUIRE(consumer.is_exact());
  }
}

TEST_CASE("in order a dead worker's items that were not begun hold no other worker up") {
  // Cheap items make blocks grow, so that the dead one has others in its block.
  for (bool can_fork : {true, false}) {
    const LeavesNothing check;
    StreamJob job(300, 2, 200);
    job.options.is_ordered = true;
    job.sizes_of = [](std::uint64_t item) {
      return item < 150 ? Sizes{0} : Sizes{100, 100, 100, 100, 0};
    };
    job.before = [](Worker&, std::uint32_t item, std::size_t k) {
      if (item == 160 && k == 1) kill_self();
    };
    Fake<&Kernel::fork> fake(failing_calls(can_fork ? 1000 : 3, 1000, EAGAIN, ::fork));
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    consumer.run();
    check_exact(consumer);
    CHECK(consumer.lost(160) == 1);
    CHECK(consumer.losses().size() == 1);
  }
}

TEST_CASE("in order an item that a dead worker took out of sight holds no worker up") {
  // It died between claiming it and writing that down.
  const LeavesNothing check;
  StreamJob job(8, 2, 100);
  job.options.is_ordered = true;
  job.sizes_of = [](std::uint64_t) { return Sizes{60, 60, 60}; };
  const lomp::WorkerMain work = main_of(job);
  Pool pool(job.options, [&](Worker& worker) {
    if (job.shared[told]++ == 0) {
      worker.next_block();
      lomp::seal_state().slot->block = 0;
      job.shared[told] = 10;
      kill_self();
    }
    if (!eventually([&] { return job.shared[told] >= 10; })) ::_exit(70);
    work(worker);
  });
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run(10);
  check_complete(consumer);
  CHECK(pool.deaths() == 1);
}

TEST_CASE("in order a worker that waits is woken when its item's turn comes") {
  // What it has made is of a later item and isn't released before.
  const LeavesNothing check;
  Gate gate;
  StreamJob job(3, 2, 200);
  job.options.is_ordered = true;
  job.sizes_of = [](std::uint64_t item) { return item == 2 ? Sizes{500} : Sizes{10, 10}; };
  const SleepCounter counter(job.shared);
  Pool pool(job.options, [&](Worker& worker) {
    std::atomic<std::uint64_t>& block = lomp::seal_state().slot->block;
    std::uint32_t item = 0;
    const auto run = [&](std::uint32_t wanted) {
      block = lomp::Block{wanted, wanted + 1}.word();
      worker.next_block();
      worker.take(item);
      const Sizes sizes = job.sizes_of(item);
      for (std::size_t k = 0; k < sizes.size(); ++k) make_record(job, worker, item, k, sizes);
    };
    const std::int64_t others = job.shared[told]++;
    if (others == 0) {
      gate.pass();
      run(0);
    } else if (others == 1) {
      run(2);
      run(1);
    }  // the pool sees nothing claimed, and may fork a third one while the first is at work
  });
  pool.fork_all();
  Consumer consumer(pool, job);
  REQUIRE(consumer.wait_while([&] { return consumer.came(2) < 1 || job.shared[sleeps] < 1; }));
  gate.open();
  consumer.run();
  check_complete(consumer);
}

TEST_CASE("in order the bound holds again when a dead worker has a successor") {
  const LeavesNothing check;
  static constexpr std::size_t records = 200, size = 1000;
  StreamJob job(250, 2, 2000);
  job.options.is_ordered = true;
  job.sizes_of = [](std::uint64_t item) { return item < 150 ? Sizes{0} : Sizes(records, size); };
  job.before = [&](Worker&, std::uint32_t item, std::size_t k) {
    static bool is_new = true;
    if (is_new) ++job.shared[told];
    is_new = false;
    if (item == 160 && k == 1) {
      job.shared[killed] = 1;
      kill_self();
    }
    // The other one waits for the successor: without it there is no bound.
    if (job.shared[killed] == 1) (void)eventually([&] { return job.shared[told] == 3; });
  };
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run();
  check_exact(consumer);
  CHECK(job.shared[told] == 3);
  // There are 100 of the large items.
  CHECK(job.shared[most_held] < static_cast<std::int64_t>(10 * records * size));
}

TEST_CASE("a consumer that looks for more than it needs is served as well") {
  const LeavesNothing check;
  for (std::uint64_t seed = 3000; seed < 3000 + mixes / 4; ++seed) {
    CAPTURE(seed);
    const StreamJob job = random_job(seed);
    std::mt19937 random(static_cast<unsigned>(seed));
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    REQUIRE(eventually([&] {
      if (random() % 2 == 0 || !consumer.take()) consumer.wait(random() % 3 == 0);
      return consumer.has_ended();
    }));
    consumer.take_all();
    REQUIRE(consumer.is_sound());
    REQUIRE(consumer.is_exact());
  }
}

TEST_CASE("waits and wakes may be interrupted") {
  const LeavesNothing check;
  Fake<&Kernel::poll> poll(interrupted(::poll));
  Fake<&Kernel::sendmsg> sendmsg(interrupted(::sendmsg));
  Fake<&Kernel::recvmsg> recvmsg(interrupted(::recvmsg));
  for (bool is_ordered : {false, true}) {
    StreamJob job(12, 3, 100);
    job.options.is_ordered = is_ordered;
    job.sizes_of = [](std::uint64_t) { return Sizes(20, 30); };
    check_run(job);
  }
}

// ---- Workers that die
// ---------------------------------------------------------------------------

TEST_CASE("of an item whose worker is killed what it had emitted arrives once") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    for (std::size_t staging : {16, 100, 100000}) {
      for (std::size_t record = 0; record < 6; ++record) {
        CAPTURE(staging);
        CAPTURE(record);
        StreamJob job(8, 2, 500);
        job.options.is_ordered = is_ordered;
        job.options.staging_bytes = staging;
        job.sizes_of = [](std::uint64_t) { return Sizes{10, 70, 0, 3000, 30, 5}; };
        job.before = [&](Worker& worker, std::uint32_t item, std::size_t k) {
          if (item != 3 || k != record) return;
          put_payload(worker, 77, 40);
          kill_self();
        };
        Pool pool(job.options, main_of(job));
        pool.fork_all();
        Consumer consumer(pool, job);
        consumer.run();
        check_exact(consumer);
        REQUIRE(consumer.losses().size() == 1);
        CHECK(consumer.lost(3) == 1);
        CHECK(consumer.came(3) == record);
      }
    }
  }
}

TEST_CASE("what a worker had staged when it died is delivered to a parent that was busy") {
  const LeavesNothing check;
  for (std::size_t took_before : {0, 2}) {
    Gate gate;
    StreamJob job(1, 1);
    job.sizes_of = [](std::uint64_t) { return Sizes(10, 20); };
    job.before = [&](Worker&, std::uint32_t, std::size_t k) {
      if (k == took_before && k > 0) {
        job.shared[told] = 1;
        gate.pass();
      }
      if (k < 7) return;
      job.shared[told] = 2;
      gate.pass();
      kill_self();
    };
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    if (took_before > 0) {
      REQUIRE(eventually([&] { return job.shared[told] == 1; }));
      REQUIRE(consumer.wait(patient_ms) == EventKind::records);
      CHECK(consumer.arrived() == took_before);
      gate.open();
    }
    REQUIRE(eventually([&] { return job.shared[told] == 2; }));
    gate.open();
    consumer.run();
    check_exact(consumer);
    CHECK(consumer.came(0) == 7);
    CHECK(consumer.lost(0) == 1);
  }
}

namespace {

/// From now on this process may be killed at any moment.
void arm_random_death(std::mt19937& random) {
  ::signal(SIGALRM, [](int) { ::kill(::getpid(), SIGKILL); });
  const itimerval timer{{0, 0}, {0, static_cast<suseconds_t>(1 + random() % 6000)}};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

/// A job whose workers are killed at random, the first item of each being begun.
StreamJob deadly_job(std::uint64_t seed, const SharedArray<std::uint32_t>& emitted) {
  StreamJob job(60, 1 + static_cast<int>(seed % 3), 1 + hash(seed) % 3000);
  job.options.is_ordered = seed % 2 == 0;
  job.options.staging_bytes = 100 + hash(seed + 1) % 3000;
  job.sizes_of = [](std::uint64_t item) {
    Sizes sizes(1 + hash(item) % 15);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      sizes[k] = hash(item * 20 + k) % (k == 3 ? 8000 : 90);
    }
    return sizes;
  };
  bool is_armed = false;
  job.before = [&emitted, is_armed](Worker&, std::uint32_t item, std::size_t k) mutable {
    emitted[item] = static_cast<std::uint32_t>(k);
    std::mt19937 own(static_cast<unsigned>(::getpid()) + item);
    if (!std::exchange(is_armed, true) && own() % 8 != 0) arm_random_death(own);
    work_for_us(own() % 60);
  };
  return job;
}

}  // namespace

TEST_CASE("workers killed at random moments lose nothing that they had emitted") {
  const LeavesNothing check;
  int deaths = 0;
  for (std::uint64_t seed = 0; seed < (is_sanitized ? 6 : 12); ++seed) {
    CAPTURE(seed);
    SharedArray<std::uint32_t> emitted(60);
    const StreamJob job = deadly_job(seed, emitted);
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    consumer.run();
    REQUIRE(consumer.end() == EventKind::finished);
    REQUIRE(consumer.is_sound());
    REQUIRE(consumer.is_exact());
    for (std::uint64_t item = 0; item < 60; ++item) REQUIRE(consumer.came(item) >= emitted[item]);
    deaths += pool.deaths();
  }
  CHECK(deaths > 10);
}

#if LOMP_TESTS_CAN_STEP
namespace {

volatile long steps_left = 0;
std::atomic<std::int64_t>* steps_made = nullptr;

void count_and_die() {
  steps_made->fetch_add(1, std::memory_order_relaxed);
  steps_left = steps_left - 1;
  if (steps_left == 0) ::kill(::getpid(), SIGKILL);
}

/// Has a worker do everything there is; `around` runs each of its operations.
template <class Around>
void work_by_operations(Worker& worker, const StreamJob& job, Around around) {
  std::uint32_t item = 0;
  bool goes_on = true;
  while (around([&] { goes_on = worker.next_block(); }), goes_on) {
    while (around([&] { goes_on = worker.take(item); }), goes_on) {
      const Sizes sizes = job.sizes_of(item);
      for (std::size_t k = 0; k < sizes.size(); ++k) {
        const Bytes content = payload(content_of(item, k), sizes[k]);
        const unsigned kind = kind_of(content_of(item, k));
        around([&] { worker.await_room(); });
        around([&] { worker.put(content.data(), content.size()); });
        around([&] { k + 1 < sizes.size() ? worker.emit(kind) : worker.finish(kind); });
      }
    }
  }
  around([&] { worker.bye(); });
}

/// Runs two items and kills the first worker at a step of one of its operations. Gives how many
/// steps of that it came to run; 0 if it has no such operation.
long run_and_kill_at(int operation, long step) {
  StreamJob job(2, 1, 1000);
  job.options.staging_bytes = 64;
  job.sizes_of = [](std::uint64_t item) { return item == 0 ? Sizes{8, 100, 0} : Sizes{4}; };
  Pool pool(job.options, [&](Worker& worker) {
    int n = job.shared[made]++ == 0 ? 0 : 1000;
    work_by_operations(worker, job, [&](auto run) {
      if (n++ != operation) return run();
      steps_left = step;
      steps_made = &job.shared[told];
      const Stepper stepper(count_and_die);
      run();
    });
    ::_exit(0);
  });
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run();
  CAPTURE(operation);
  CAPTURE(step);
  REQUIRE(consumer.end() == EventKind::finished);
  REQUIRE(consumer.is_sound());
  REQUIRE(consumer.is_exact());
  REQUIRE(consumer.losses().size() <= 1);
  return static_cast<long>(job.shared[told]);
}

}  // namespace
#endif

TEST_CASE("killed at any instruction a worker loses nothing that it had emitted") {
  const LeavesNothing check;
#if LOMP_TESTS_CAN_STEP
  std::mt19937 random(std::random_device{}());
  int operations = 0;
  while (const long steps = run_and_kill_at(operations, 1000000000)) {
    const long stride = steps / (is_sanitized ? 2 : 4) + 1;
    for (long step = 1; step <= steps; step += stride) {
      run_and_kill_at(operations, step + static_cast<long>(random() % 1000) % stride);
    }
    ++operations;
  }
  CHECK(operations > 15);
#else
  SUCCEED("no code can be run step by step here");
#endif
}

#if LOMP_LINUX

// Where pipes can be large: the noise must find room in one.
LINUX_TEST_CASE("an item of which something has arrived is not run again") {
  // Its worker's stream is damaged before its end has come through, and goes on with other items
  // before the parent sees it.
  const LeavesNothing check;
  const std::vector<int> of_the_host = open_descriptors();
  const Bytes noise(100000, 'x');  // more than is passed over
  Gate gate;
  StreamJob job(6, 1);
  job.sizes_of = [](std::uint64_t) { return Sizes{10, 20, 30}; };
  job.before = [&](Worker& worker, std::uint32_t item, std::size_t k) {
    if (item == 1 && k == 1 && job.shared[told]++ == 0) {
      worker.flush();
      gate.pass();
      for (int fd : open_descriptors()) {
        if (std::binary_search(of_the_host.begin(), of_the_host.end(), fd)) continue;
        (void)!::write(fd, noise.data(), noise.size());
      }
    }
    if (item == 3 && k == 1 && job.shared[told] == 1) {
      worker.flush();
      job.shared[told] = 2;
      wait_for_death();
    }
  };
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  REQUIRE(consumer.wait_while([&] { return consumer.came(1) < 1; }));
  gate.open();
  REQUIRE(eventually([&] { return job.shared[told] == 2; }));
  consumer.run();
  CHECK(pool.deaths() == 1);
  check_exact(consumer);
}

#endif

// ---- Processes
// ----------------------------------------------------------------------------------

TEST_CASE("forking all forks as many workers as there are items for") {
  const LeavesNothing check;
  for (std::uint64_t items : {0, 1, 3, 100}) {
    for (int workers : {1, 3, 5}) {
      StreamJob job(items, workers, 100);
      Pool pool(job.options, main_of(job));
      CHECK(pool.forks() == 0);
      pool.fork_all();
      CHECK(pool.forks() == std::min(workers, static_cast<int>(items)));
      pool.fork_all();
      CHECK(pool.forks() == std::min(workers, static_cast<int>(items)));
      Consumer consumer(pool, job);
      consumer.run();
      check_complete(consumer);
    }
  }
}

TEST_CASE("all workers that were forked at once work at once") {
  const LeavesNothing check;
  StreamJob job(4, 4, 100);
  job.before = [&](Worker&, std::uint32_t, std::size_t k) {
    if (k > 0) return;
    ++job.shared[told];
    if (!eventually([&] { return job.shared[told] == 4; })) ::_exit(70);
  };
  check_run(job);
}

TEST_CASE("a refused fork leaves the workers that were had") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    for (int had : {1, 2, 3}) {
      Fake<&Kernel::fork> fake(failing_calls(had + 1, 1000, EAGAIN, ::fork));
      StreamJob job(20, 5, 300);
      job.options.is_ordered = is_ordered;
      job.sizes_of = [](std::uint64_t) { return Sizes(6, 40); };
      Pool pool(job.options, main_of(job));
      pool.fork_all();
      CHECK(pool.forks() == had);
      CHECK(pool.refused() == EAGAIN);
      Consumer consumer(pool, job);
      consumer.run();
      check_complete(consumer);
      CHECK(pool.forks() == had);
    }
  }
}

TEST_CASE("a pool whose first worker is refused fails and says why") {
  const LeavesNothing check;
  Fake<&Kernel::fork> fake(failing(ENOMEM));
  StreamJob job(20, 5, 300);
  Pool pool(job.options, main_of(job));
  CHECK_NOTHROW(pool.fork_all());
  const Event event = pool.next(tick_ms);
  CHECK(event.kind == EventKind::failed);
  CHECK(event.error == ENOMEM);
}

TEST_CASE("a worker of one pool lets go of the descriptors of another") {
  const LeavesNothing check;
  const auto before = static_cast<std::int64_t>(open_descriptors().size());
  StreamJob first(3, 3, 10), second(2, 2, 100);
  first.sizes_of = [](std::uint64_t) { return Sizes(10, 20); };
  Pool one(first.options, main_of(first));
  one.fork_all();
  // Its workers are at the buffer's end, and what they made is held.
  Consumer of_one(one, first);
  REQUIRE(of_one.wait_while([&] { return of_one.arrived() < 3; }));
  second.before = [&](Worker&, std::uint32_t, std::size_t) {
    second.shared[told] = static_cast<std::int64_t>(open_descriptors().size());
  };
  {
    Pool two(second.options, main_of(second));
    two.fork_all();
    Consumer of_two(two, second);
    of_two.run();
    check_complete(of_two);
  }
  CHECK(second.shared[told] == before + descriptors_of_worker);
  of_one.run();
  check_complete(of_one);
}

TEST_CASE("workers of a pool that another one's worker inherited end with their own parent") {
  // Were its socket held open elsewhere, a worker that waits for room would never hear of the end.
  adopt_orphans();
  SharedArray<pid_t> pids(2);
  StreamJob waiting(1, 1, 10), lasting(1, 1, 10);
  waiting.sizes_of = [](std::uint64_t) { return Sizes(10, 20); };
  waiting.before = [&](Worker&, std::uint32_t, std::size_t) { pids[0] = ::getpid(); };
  lasting.before = [&](Worker&, std::uint32_t, std::size_t) {
    pids[1] = ::getpid();
    wait_for_death();
  };
  CHECK(run_in_process([&] {
          const SleepCounter counter(waiting.shared);
          Pool one(waiting.options, main_of(waiting));
          one.fork_all();
          Pool two(lasting.options, main_of(lasting));
          two.fork_all();
          Consumer consumer(one, waiting);
          const auto are_there = [&] { return waiting.shared[sleeps] > 0 && pids[1] != 0; };
          const bool is_well = consumer.wait_while([&] { return !are_there(); });
          ::_exit(is_well ? 0 : 1);  // no destructor
          return 2;
        }) == 0);
  for (std::size_t i : {0, 1}) CHECK(eventually([&] { return is_gone(pids[i]); }));
  CHECK(has_no_child());
}

TEST_CASE("two ordered pools at once do not disturb each other") {
  const LeavesNothing check;
  StreamJob first(20, 2, 100), second(20, 2, 300);
  first.options.is_ordered = second.options.is_ordered = true;
  first.sizes_of = second.sizes_of = [](std::uint64_t item) { return Sizes(1 + item % 9, 60); };
  Pool a(first.options, main_of(first)), b(second.options, main_of(second));
  a.fork_all();
  b.fork_all();
  Consumer one(a, first), two(b, second);
  CHECK(eventually([&] {
    for (Consumer* consumer : {&one, &two}) {
      consumer->take_all();
      if (!consumer->has_ended()) consumer->wait(1);
    }
    return one.has_ended() && two.has_ended();
  }));
  one.take_all();
  two.take_all();
  check_complete(one);
  check_complete(two);
}

TEST_CASE("a pool that is closed early leaves no child") {
  for (bool is_ordered : {false, true}) {
    for (std::size_t records : {0, 1, 5}) {
      const LeavesNothing check;
      StreamJob job(10, 3, 300);
      job.options.is_ordered = is_ordered;
      job.sizes_of = [](std::uint64_t) { return Sizes(1000, 50); };
      Pool pool(job.options, main_of(job));
      pool.fork_all();
      Consumer consumer(pool, job);
      CHECK(consumer.wait_while([&] { return consumer.arrived() < records; }));
      consumer.take();
      pool.close();
      CHECK(has_no_child());
    }
  }
}

TEST_CASE("a pool whose workers all wait for room is closed at once") {
  const LeavesNothing check;
  StreamJob job(3, 3, 30);
  job.sizes_of = [](std::uint64_t) { return Sizes(1000, 50); };
  const SleepCounter counter(job.shared);
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  REQUIRE(eventually([&] { return job.shared[sleeps] == 3; }));
  pool.close();
  CHECK(has_no_child());
}

TEST_CASE("a pool that is stopped still delivers what was emitted") {
  const LeavesNothing check;
  for (bool was_busy : {false, true}) {
    StreamJob job(2, 2, 200);
    job.sizes_of = [](std::uint64_t) { return Sizes(100, 50); };
    const SleepCounter counter(job.shared);
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    if (!was_busy) REQUIRE(consumer.wait_while([&] { return consumer.arrived() < 1; }));
    REQUIRE(eventually([&] { return job.shared[sleeps] == 2; }));
    pool.stop();
    consumer.run();
    CHECK(consumer.end() == EventKind::finished);
    CHECK(consumer.is_sound());
    CHECK(consumer.losses().empty());
    for (std::uint64_t item : {0, 1}) CHECK(consumer.came(item) == 2);
  }
}

TEST_CASE("a bounded pool that gathers its records doesn't hang either") {
  const LeavesNothing check;
  StreamJob job(10, 2, 300);
  job.options.is_prompt = false;
  job.sizes_of = [](std::uint64_t) { return Sizes(10, 50); };
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run(3);
  check_complete(consumer);
}
