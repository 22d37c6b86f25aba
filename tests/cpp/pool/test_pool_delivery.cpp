// What an iterator's pool delivers, and when.
#include <testthat/vendor/catch.h>

#include "harness/streams.hpp"

using namespace lomp_test;

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
