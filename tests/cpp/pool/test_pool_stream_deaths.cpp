// Workers that die with records of an item delivered.
#include <sys/time.h>
#include <testthat/vendor/catch.h>

#include <cstring>
#include <random>
#include <vector>

#include "harness/stepper.hpp"
#include "harness/streams.hpp"

using namespace lomp_test;

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
