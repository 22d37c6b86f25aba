// The pool when all goes well: what is delivered, by whom, and what is left behind.
#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <random>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "harness/sockets.hpp"
#include "harness/strays.hpp"
#include "lomp/pool/pool.hpp"

using namespace lomp_test;
using lomp::Event;
using lomp::EventKind;
using lomp::Pool;
using lomp::Record;
using lomp::Worker;

namespace {

/// A number that looks random but follows from an item, so that parent and workers agree.
std::uint32_t hash(std::uint64_t item) {
  return static_cast<std::uint32_t>((item + 12345) * 0x9e3779b97f4a7c15u >> 40);
}

/// An item's cost in microseconds: most are cheap and a few are dear.
int cost_of(std::uint64_t item) {
  const std::uint32_t h = hash(item);
  return h % 50 == 0 ? 2000 : h % 3 == 0 ? static_cast<int>(h % 80) : 0;
}

/// The size of an item's result: most are small, and a few are larger than any buffer.
std::size_t mixed_size_of(std::uint64_t item) {
  const std::uint32_t h = hash(item * 7);
  return h % 40 == 0 ? 10000 + h % 700000 : h % 200;
}

/// Waits in a worker for something that others do. Ends the worker if it doesn't come.
template <class Condition>
void wait_in_worker(Condition condition) {
  if (!eventually(condition, 20000)) ::_exit(70);
}

}  // namespace

TEST_CASE("every item is delivered exactly once for any numbers of items and workers") {
  const LeavesNothing check;
  for (std::uint64_t items : {0, 1, 2, 3, 1000}) {
    for (int workers = 1; workers <= 8; ++workers) {
      CAPTURE(items);
      CAPTURE(workers);
      check_complete(run(Job(items, workers)));
    }
  }
}

TEST_CASE("a hundred thousand items are delivered exactly once") {
  const LeavesNothing check;
  for (int workers : {1, 2, 8}) check_complete(run(Job(100000, workers)));
}

TEST_CASE("items of random costs and results of random sizes are delivered exactly once") {
  const LeavesNothing check;
  std::mt19937 random(1);
  for (int round = 0; round < 20; ++round) {
    Job job(1 + random() % 400, 1 + static_cast<int>(random() % 8));
    job.options.staging_bytes = random() % 2 == 0 ? std::size_t{128} << 10 : 8 + random() % 2000;
    job.options.pipe_bytes = random() % 2 == 0 ? std::size_t{1} << 20 : 4096;
    job.piece = random() % 2 == 0 ? 1 << 20 : 1 + random() % 5000;
    job.size_of = mixed_size_of;
    job.during = [](Worker&, std::uint32_t item) { work_for_us(cost_of(item)); };
    check_complete(run(job));
  }
}

TEST_CASE("results larger than the staging buffer and the pipe arrive whole") {
  const LeavesNothing check;
  Job job(6, 3);
  job.options.pipe_bytes = 4096;
  job.size_of = [](std::uint64_t item) { return (item + 1) * 400000; };
  check_complete(run(job));
}

TEST_CASE("empty results are results") {
  const LeavesNothing check;
  for (std::size_t staging_bytes : {8, 20, 1000}) {
    Job job(1000, 2);
    job.options.staging_bytes = staging_bytes;
    job.size_of = [](std::uint64_t) { return 0; };
    check_complete(run(job));
  }
}

TEST_CASE("abandoned records never arrive") {
  const LeavesNothing check;
  Job job(300, 3);
  job.options.staging_bytes = 300;
  job.size_of = [](std::uint64_t item) { return item % 5 * 100; };
  job.during = [](Worker& worker, std::uint32_t item) {
    if (item % 3 == 0) return;
    put_payload(worker, item + 1, hash(item) % 2000, 150);
    worker.abandon();
  };
  check_complete(run(job));
}

TEST_CASE("what was sent is delivered while its worker is busy with the next item") {
  // The parts of an abandoned record come before a staged record in one read. The second item waits
  // until the parent has got the first one's record.
  const LeavesNothing check;
  Job job(1, 1);
  job.options.staging_bytes = 64;
  SharedArray<int> delivered(1);
  const auto main = [&](Worker& worker) {
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    put_payload(worker, 9, 1000, 100);
    worker.abandon();
    put_payload(worker, item, 8);
    worker.finish(kind_of(item));
    worker.flush();
    wait_in_worker([&] { return delivered[0] == 1; });
  };
  Pool pool(job.options, main);
  Tally tally(job);
  collect_while(
      pool, tally, [&](const Tally& t) { return t.came[0] == 0; }, 10);
  delivered[0] = 1;
  CHECK(tally.came[0] == 1);
  collect(pool, tally);
  check_complete(tally);
}

TEST_CASE("a slow item holds none of its neighbours") {
  const LeavesNothing check;
  constexpr std::uint32_t items = 20000, slow = 9000;
  SharedArray<std::uint32_t> begun(1);
  Job job(items, 2);
  job.during = [&](Worker&, std::uint32_t item) {
    ++begun[0];
    // Cheap items before it make blocks grow, so that the slow one has neighbours in its block. It
    // doesn't end before all others have begun.
    if (item == slow) wait_in_worker([&] { return begun[0] == items; });
  };
  check_complete(run(job));
}

TEST_CASE("records that are held come by item and as soon as those before are over") {
  const LeavesNothing check;
  for (int workers : {1, 3}) {
    Job job(3000, workers);
    job.options.staging_bytes = 300;
    job.during = [](Worker&, std::uint32_t item) {
      work_for_us(cost_of(item));
      if (item == 700) ::raise(SIGKILL);
    };
    Pool pool(job.options, main_of(job));
    Tally tally(job);
    std::uint64_t open = 0;  // the first item of which nothing has come
    std::uint64_t next = 0;  // the first one whose held record hasn't been taken
    bool is_in_order = true;
    collect_while(pool, tally, [&](const Tally& t) {
      for (std::size_t i = 0; i < t.last.count; ++i) pool.hold(t.last.records[i]);
      while (open < t.came.size() && t.came[open] + t.lost[open] == 1) ++open;
      for (Record record{}; pool.take_held(record); ++next) {
        if (next < t.lost.size() && t.lost[next] == 1) ++next;
        is_in_order = is_in_order && record.item == next && record.item <= open;
      }
      return is_in_order && next + 2 > open;
    });
    check_exact(tally);
    CHECK(is_in_order);
    CHECK(next == 3000);
    CHECK_FALSE(pool.holds_any());
  }
}

TEST_CASE("of a pool that was stopped all that is held can be taken") {
  const LeavesNothing check;
  Job job(2, 2);
  SharedArray<int> delivered(1);
  job.during = [&](Worker&, std::uint32_t item) {
    if (item == 0) wait_in_worker([&] { return delivered[0] == 1; });
  };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  Record record{};
  collect_while(pool, tally, [&](const Tally& t) {
    for (std::size_t i = 0; i < t.last.count; ++i) pool.hold(t.last.records[i]);
    return t.came[1] == 0;
  });
  REQUIRE(pool.holds_any());
  CHECK_FALSE(pool.take_held(record));
  pool.stop();
  collect(pool, tally);
  REQUIRE(pool.take_held(record));
  CHECK(record.item == 1);
}

TEST_CASE("slow neighbours are shared among all workers") {
  const LeavesNothing check;
  constexpr int workers = 5;
  SharedArray<int> running(1);
  Job job(10000, workers);
  job.during = [&](Worker&, std::uint32_t item) {
    if (item < 5000 || item >= 5020) return;
    // The first slow items end when each worker has one in hand.
    ++running[0];
    wait_in_worker([&] { return running[0] >= workers; });
  };
  check_complete(run(job));
}

TEST_CASE("all workers are forked when items are dear and all of them work") {
  const LeavesNothing check;
  constexpr int workers = 8;
  SharedArray<int> running(1);
  Job job(workers, workers);
  job.during = [&](Worker&, std::uint32_t) {
    ++running[0];
    wait_in_worker([&] { return running[0] == workers; });
  };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(pool.forks() == workers);
  CHECK(pool.deaths() == 0);
  CHECK(pool.refused() == 0);
}

TEST_CASE("no worker is forked for nothing") {
  Job job(0, 8);
  Pool pool(job.options, main_of(job));
  CHECK(pool.next(tick_ms).kind == EventKind::finished);
  CHECK(pool.forks() == 0);
}

TEST_CASE("a few trivial items are not worth a second fork") {
  const LeavesNothing check;
  // A dear fork, so that a busy machine has the time to let the first worker do them all.
  Fake<&Kernel::fork> fake([] {
    const pid_t pid = ::fork();
    if (pid > 0) work_for_us(200000);
    return pid;
  });
  for (std::uint64_t items : {1, 500}) {
    Job job(items, 8);
    Pool pool(job.options, main_of(job));
    Tally tally(job);
    collect(pool, tally);
    check_complete(tally);
    CHECK(pool.forks() == 1);
  }
}

TEST_CASE("no worker is forked before the first question") {
  Job job(10, 2);
  int forks = 0;
  job.options.before_fork = [&](int) {
    ++forks;
    return lomp::CollectorFacts();
  };
  const Pool pool(job.options, main_of(job));
  CHECK(forks == 0);
}

TEST_CASE("the hook runs in the parent before each fork") {
  const LeavesNothing check;
  SharedArray<int> running(1);
  Job job(3, 3);
  int calls = 0;
  bool in_parent = true;
  const pid_t self = ::getpid();
  job.options.before_fork = [&](int forks) {
    in_parent = in_parent && ::getpid() == self && forks == calls;
    ++calls;
    return lomp::CollectorFacts();
  };
  job.during = [&](Worker&, std::uint32_t) {
    ++running[0];
    wait_in_worker([&] { return running[0] == 3; });
  };
  check_complete(run(job));
  CHECK(calls == 3);
  CHECK(in_parent);
}

TEST_CASE("the pool tells what is done") {
  const LeavesNothing check;
  Job job(100, 2);
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  CHECK(pool.done() == 0);
  CHECK_FALSE(pool.is_done(0));
  collect_while(pool, tally, [&](const Tally& t) {
    CHECK(pool.done() == t.delivered());
    return true;
  });
  CHECK(pool.done() == 100);
  CHECK(pool.is_done(99));
}

TEST_CASE("a finished pool stays finished") {
  Job job(3, 1);
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect(pool, tally);
  CHECK(pool.next(tick_ms).kind == EventKind::finished);
  CHECK(pool.next(tick_ms).kind == EventKind::finished);
}

TEST_CASE("a pool that is asked without patience gets on") {
  const LeavesNothing check;
  Job job(100, 2);
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  CHECK(eventually([&] {
    tally.note(pool.next(0));
    return tally.last.kind == EventKind::finished;
  }));
  CHECK(tally.is_exact());
}

TEST_CASE("a pool without anything to tell returns within its tick") {
  const LeavesNothing check;
  Job job(1, 1);
  job.during = [](Worker&, std::uint32_t) { wait_for_death(); };
  Pool pool(job.options, main_of(job));
  for (int i = 0; i < 5; ++i) {
    const std::int64_t before = lomp::now_ns();
    CHECK(pool.next(20).kind == EventKind::idle);
    CHECK(lomp::now_ns() - before < 5000000000);
  }
}

TEST_CASE("a pool returns within its tick while a large result is still coming") {
  // Else the user couldn't interrupt it.
  const LeavesNothing check;
  SharedArray<int> heard(1);
  Job job(1, 1);
  job.options.staging_bytes = 64;
  const auto main = [&](Worker& worker) {
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    const Bytes bytes(5000);
    const std::int64_t end = lomp::now_ns() + 10000000000;
    while (heard[0] == 0) {
      if (lomp::now_ns() > end) ::_exit(70);
      worker.put(bytes.data(), bytes.size());
    }
    worker.abandon();
    put_payload(worker, item, 8);
    worker.finish(kind_of(item));
  };
  Pool pool(job.options, main);
  Tally tally(job);
  CHECK(pool.next(20).kind == EventKind::idle);
  heard[0] = 1;
  collect(pool, tally);
  check_complete(tally);
}

TEST_CASE("a worker holds no descriptor of its siblings") {
  const LeavesNothing check;
  constexpr int workers = 6;
  SharedArray<int> running(1), held(workers);
  Job job(workers, workers);
  const int before = static_cast<int>(open_descriptors().size());
  job.during = [&](Worker&, std::uint32_t item) {
    held[item] = static_cast<int>(open_descriptors().size());
    ++running[0];
    wait_in_worker([&] { return running[0] == workers; });
  };
  check_complete(run(job));
  for (int i = 0; i < workers; ++i) {
    CHECK(held[static_cast<std::size_t>(i)] == before + descriptors_of_worker);
  }
}

TEST_CASE("descriptors beyond the reach of select are no obstacle") {
  const LeavesNothing check;
  if (!may_open(2000)) {
    SUCCEED("this process may not have as many descriptors");
    return;
  }
  std::vector<lomp::Fd> taken;
  while (taken.empty() || taken.back().get() < 1100) taken.emplace_back(::dup(STDIN_FILENO));
  Job job(200, 3);
  job.during = [](Worker&, std::uint32_t) { work_for_us(100); };
  check_complete(run(job));
}

TEST_CASE("a host without standard streams is survived by workers that print") {
  const int status = run_in_process([] {
    for (int fd = 0; fd < 3; ++fd) ::close(fd);
    Job job(200, 3);
    job.during = [](Worker&, std::uint32_t) {
      for (int fd = 0; fd < 3; ++fd) (void)!::write(fd, "noise", 5);
      work_for_us(100);
    };
    const Tally tally = run(job);
    return tally.end == EventKind::finished && tally.is_sound && tally.is_exact() ? 0 : 1;
  });
  CHECK(status == 0);
}

TEST_CASE("two pools at once do not disturb each other") {
  const LeavesNothing check;
  Job first(300, 2), second(300, 2);
  first.during = second.during = [](Worker&, std::uint32_t) { work_for_us(50); };
  second.size_of = [](std::uint64_t item) { return item; };
  Tally one(first), two(second);
  Pool a(first.options, main_of(first)), b(second.options, main_of(second));
  while (one.end != EventKind::finished || two.end != EventKind::finished) {
    collect_while(a, one, [](const Tally&) { return false; });
    collect_while(b, two, [](const Tally&) { return false; });
  }
  check_complete(one);
  check_complete(two);
}

TEST_CASE("a worker may open a pool of its own") {
  const LeavesNothing check;
  Job inner(20, 2);
  Job outer(6, 2);
  outer.during = [&](Worker&, std::uint32_t) {
    const Tally tally = run(inner);
    if (tally.end != EventKind::finished || !tally.is_sound || !tally.is_exact()) ::_exit(71);
    if (!has_no_child()) ::_exit(72);
  };
  check_complete(run(outer));
}

namespace {

/// A connection that a worker may inherit, and what writes to it from an item come to: 0, or errno.
struct Shared {
  Connection ends = connect_by_internet();
  SharedArray<int> writing{1};

  void write_in_item() {
    const bool is_written = ::write(ends.client.get(), "item", 4) == 4;
    writing[0] = is_written ? 0 : errno;
  }

  bool has_heard() const {
    char byte;
    return ::recv(ends.server.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) >= 0;
  }
};

}  // namespace

TEST_CASE("workers have no part in connections of the parent and a write to one does no harm") {
  const LeavesNothing check;
  Shared shared;
  Job job(20, 3);
  job.during = [&](Worker&, std::uint32_t) { shared.write_in_item(); };
  check_complete(run(job));
  CHECK(shared.writing[0] == EPIPE);
  CHECK_FALSE(shared.has_heard());
}

TEST_CASE("workers that are to keep the connections share them") {
  const LeavesNothing check;
  Shared shared;
  Job job(1, 1);
  job.options.keeps_connections = true;
  job.during = [&](Worker&, std::uint32_t) { shared.write_in_item(); };
  check_complete(run(job));
  CHECK(shared.writing[0] == 0);
  CHECK(shared.has_heard());
}

TEST_CASE("a worker's connection is its own and not that of the workers that it has") {
  const LeavesNothing check;
  SharedArray<int> writing(1);
  Job outer(4, 2);
  outer.during = [&](Worker&, std::uint32_t) {
    Shared shared;
    Job inner(4, 2);
    inner.during = [&](Worker&, std::uint32_t) { shared.write_in_item(); };
    const Tally tally = run(inner);
    if (tally.end != EventKind::finished || !tally.is_sound || !tally.is_exact()) ::_exit(71);
    writing[0] = shared.writing[0].load();
    shared.write_in_item();
    if (shared.writing[0] != 0 || !shared.has_heard()) ::_exit(72);
  };
  check_complete(run(outer));
  CHECK(writing[0] == EPIPE);
}

TEST_CASE("a copy of the pool in another process ends none of its workers") {
  const LeavesNothing check;
  SharedArray<int> go_on(1);
  Job job(2, 2);
  job.during = [&](Worker&, std::uint32_t) { wait_in_worker([&] { return go_on[0] == 1; }); };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect_while(pool, tally, [&](const Tally&) { return pool.forks() < 2; });
  CHECK(run_in_process([&] {
          pool.close();
          return 0;
        }) == 0);
  go_on[0] = 1;
  collect(pool, tally);
  check_complete(tally);
}

namespace {

/// Workers that send each item's payload beside its record, which names it; items beyond what
/// credits allow hold it. `during` runs while an item is in hand.
lomp::WorkerMain payload_main(
    std::size_t bytes, bool forget_some,
    const std::function<void(std::uint32_t)>& during = [](std::uint32_t) {}) {
  return [=](Worker& worker) {
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) {
        const Bytes content = payload(item, bytes);
        std::uint32_t number = 0;
        during(item);
        if (forget_some && item % 3 == 0) worker.put_payload("lost", 4, number);
        const bool is_beside = worker.put_payload(content.data(), bytes, number);
        worker.put(&is_beside, sizeof is_beside);
        is_beside ? worker.put(&number, sizeof number) : worker.put(content.data(), bytes);
        worker.finish(0);
      }
    }
  };
}

/// Does the record hold its item's payload, or name it? Counts those that name it.
bool has_payload(Pool& pool, const lomp::Record& record, std::size_t bytes, int& beside) {
  const Bytes content = payload(record.item, bytes);
  bool is_beside = false;
  std::memcpy(&is_beside, record.data, sizeof is_beside);
  const unsigned char* rest = record.data + sizeof is_beside;
  if (!is_beside) return std::equal(content.begin(), content.end(), rest);
  std::uint32_t number = 0;
  std::memcpy(&number, rest, sizeof number);
  const int fd = pool.take_payload(record.worker, number);
  Bytes arrived(bytes);
  if (fd < 0 || !lomp::read_payload(fd, arrived.data(), bytes)) return false;
  pool.drop_payload();
  ++beside;
  return arrived == content;
}

void check_payloads(bool forget_some) {
  const LeavesNothing check;
  constexpr std::size_t bytes = 200000;
  Job job(100, 2);
  Pool pool(job.options, payload_main(bytes, forget_some));
  int right = 0, beside = 0;
  lomp::Event event;
  do {
    event = pool.next(tick_ms);
    for (std::size_t i = 0; i < event.count; ++i) {
      right += has_payload(pool, event.records[i], bytes, beside);
    }
  } while (event.kind != EventKind::finished);
  CHECK(right == 100);
  CHECK(beside > 20);
}

}  // namespace

TEST_CASE("payloads come beside their records") { check_payloads(false); }

TEST_CASE("a payload's place is held whatever else takes descriptors meanwhile") {
  if (is_sanitized) {
    SUCCEED("the sanitizers open a pipe to find out whether memory may be read");
    return;
  }
  CHECK(run_in_process([] {
          constexpr std::size_t bytes = 200000;
          Job job(60, 1);
          Pool pool(job.options, payload_main(bytes, false));
          int right = 0, beside = 0;
          lomp::Event event;
          do {
            event = pool.next(tick_ms);
            for (std::size_t i = 0; i < event.count; ++i) {
              const int before = beside;
              right += has_payload(pool, event.records[i], bytes, beside);
              if (beside == before) continue;
              while (::dup(STDIN_FILENO) >= 0) continue;
            }
          } while (event.kind != EventKind::finished);
          return right == 60 && beside > 10 ? 0 : 1;
        }) == 0);
}

TEST_CASE("payloads that no record names are passed over") { check_payloads(true); }

TEST_CASE("what items send by the descriptors that they find costs none of them") {
  const LeavesNothing check;
  constexpr std::size_t bytes = 200000;
  const std::vector<int> of_the_host = open_descriptors();
  Job job(130, 2);
  const auto during = [&](std::uint32_t item) {
    const std::string content(item % 65, item % 2 == 0 ? '\0' : 'x');
    for (int fd : open_descriptors()) {
      if (std::binary_search(of_the_host.begin(), of_the_host.end(), fd)) continue;
      (void)send_stray(fd, content, std::vector<int>(item % 4, STDIN_FILENO));
      (void)!::write(fd, content.data(), content.size());
    }
  };
  const lomp::WorkerMain work = payload_main(bytes, false, during);
  Pool pool(job.options, work);
  int right = 0, beside = 0;
  lomp::Event event;
  do {
    event = pool.next(tick_ms);
    for (std::size_t i = 0; i < event.count; ++i) {
      right += has_payload(pool, event.records[i], bytes, beside);
    }
  } while (event.kind != EventKind::finished);
  CHECK(right == 130);
  CHECK(beside > 20);
  CHECK(pool.deaths() == 0);
}

TEST_CASE("a payload that never was is not waited for") {
  Job job(1, 1);
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect_while(pool, tally, [](const Tally& t) { return t.last.kind != EventKind::records; });
  CHECK(pool.take_payload(0, 7) == -1);
}

TEST_CASE("records in files arrive whole from several workers") {
  const LeavesNothing check;
  Job job(60, 3);
  job.piece = 10000;
  job.size_of = [](std::uint64_t item) { return item % 2 == 0 ? 10 : item * 40000; };
  check_complete(run(job));
}
