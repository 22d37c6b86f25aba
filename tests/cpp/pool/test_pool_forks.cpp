// Forks of a pool that has its workers at once, and its end.
#include <testthat/vendor/catch.h>

#include <algorithm>

#include "harness/streams.hpp"

using namespace lomp_test;

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
