// How far workers run ahead of the caller, and files that are used again meanwhile.
#include <sys/stat.h>
#include <testthat/vendor/catch.h>

#include <cstring>
#include <set>
#include <vector>

#include "harness/streams.hpp"

using namespace lomp_test;

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
