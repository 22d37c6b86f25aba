// Waits of workers and parent for each other: none lasts for ever.
#include <testthat/vendor/catch.h>

#include <random>

#include "harness/streams.hpp"

using namespace lomp_test;

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

TEST_CASE("no mix hangs whose consumer sleeps until a descriptor is readable") {
  const LeavesNothing check;
  lomp::PollDescriptor wake;
  int late = 0;
  for (std::uint64_t seed = 3000; seed < 3000 + mixes; ++seed) {
    CAPTURE(seed);
    StreamJob job = random_job(seed);
    job.options.is_prompt = true;
    if (seed % 2 == 0) add_death(job, seed);
    Pool pool(job.options, main_of(job));
    pool.fork_all();
    Consumer consumer(pool, job);
    late += consumer.run_by(wake);
    REQUIRE(consumer.end() == EventKind::finished);
    REQUIRE(consumer.is_sound());
    REQUIRE(consumer.is_exact());
  }
  CHECK(late <= mixes / 10);
}

TEST_CASE("the descriptor is readable for as long as there is something to do") {
  const LeavesNothing check;
  Gate gate;
  StreamJob job(2, 1);
  job.options.is_prompt = true;
  job.sizes_of = [](std::uint64_t) { return Sizes{10}; };
  job.before = [&](Worker&, std::uint32_t item, std::size_t) {
    if (item == 1) gate.pass();
  };
  lomp::PollDescriptor wake;
  const auto is_readable = [&](int milliseconds) {
    pollfd one{wake.fd(), POLLIN, 0};
    return ::poll(&one, 1, milliseconds) == 1;
  };
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  // What a worker has made, though it goes on with the next item.
  REQUIRE(eventually([&] {
    pool.wake_by(wake);
    REQUIRE(is_readable(10000));
    consumer.wait(0);
    return consumer.arrived() == 1;
  }));
  while (consumer.wait(0) != EventKind::idle || pool.may_have_work()) consumer.take_all();
  pool.wake_by(wake);
  CHECK_FALSE(is_readable(0));
  int running = 0;
  pool.visit_running([&](int place, pid_t pid) {
    CHECK(place == 0);
    CHECK(pid > 0);
    ++running;
  });
  CHECK(running == 1);
  gate.open();
  CHECK(is_readable(10000));
  CHECK(is_readable(0));  // until next() has been called
  consumer.run_by(wake);
  check_complete(consumer);
  pool.wake_by(wake);
  CHECK(is_readable(0));
  pool.close();
  pool.visit_running([&](int, pid_t) { ++running; });
  CHECK(running == 1);
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
