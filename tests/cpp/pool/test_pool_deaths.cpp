// Workers that die, at every moment and in every way. Each costs the item that it had in hand and
// nothing else.
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <testthat/vendor/catch.h>

#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>

#include "harness/fakes.hpp"
#include "harness/held.hpp"
#include "harness/pools.hpp"
#include "harness/stepper.hpp"
#include "lomp/pool/pool.hpp"

using namespace lomp_test;
using lomp::Event;
using lomp::EventKind;
using lomp::ExitReason;
using lomp::Loss;
using lomp::Pool;
using lomp::Worker;

namespace {

void allow_no_core() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

/// Runs 100 items, of which the 43rd ends its worker, as often as it is run. Checks that all others
/// come; gives the loss.
template <class Death>
Loss loss_of(Death death, int workers, int deaths = 1) {
  const LeavesNothing check;
  Job job(100, workers);
  job.during = [&](Worker&, std::uint32_t item) {
    if (item == 42) death();
  };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect(pool, tally);
  check_exact(tally);
  CHECK(pool.deaths() == deaths);
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 42);
  CHECK(tally.losses[0].pid > 0);
  return tally.losses[0];
}

/// Is this the first process to come here?
bool is_first(const SharedArray<int>& count) { return count[0].fetch_add(1) == 0; }

/// The main function of a job, in whose first worker `before` runs first.
template <class Before>
lomp::WorkerMain first_worker(const Job& job, const SharedArray<int>& count, Before before) {
  return [&job, &count, before](Worker& worker) {
    if (is_first(count)) before(worker);
    main_of(job)(worker);
  };
}

/// Runs a job whose first worker does something deadly first; checks that each item is delivered or
/// lost exactly once.
template <class Before>
Tally run_with_first(const Job& job, Before before) {
  const LeavesNothing check;
  const SharedArray<int> count(1);
  Pool pool(job.options, first_worker(job, count, before));
  Tally tally(job);
  collect(pool, tally);
  check_exact(tally);
  CHECK(pool.deaths() == 1);
  return tally;
}

lomp::WorkerSlot& own_slot() { return *lomp::seal_state().slot; }

/// Does one item.
std::uint32_t do_item(const Job& job, Worker& worker) {
  std::uint32_t item = 0;
  while (!worker.take(item)) worker.next_block();
  put_payload(worker, item, job.size_of(item), job.piece);
  worker.finish(kind_of(item));
  return item;
}

}  // namespace

TEST_CASE("a signal costs the running item and is told") {
  allow_no_core();
  for (int signal : {SIGKILL, SIGSEGV, SIGBUS, SIGABRT, SIGTERM, SIGUSR1}) {
    CAPTURE(signal);
    const Loss loss = loss_of([&] { kill_self(signal); }, 2);
    CHECK(was_killed_by(loss.status, signal));
    CHECK(loss.reason == ExitReason::none);
  }
}

TEST_CASE("abort and a real fault cost the running item") {
  allow_no_core();
  CHECK(was_killed_by(loss_of([] { std::abort(); }, 1).status, SIGABRT));
  const auto fault = [] {
    void* page = ::mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *static_cast<volatile char*>(page) = 1;
  };
  CHECK(was_killed_by(loss_of(fault, 1).status, SIGSEGV));
}

TEST_CASE("an exit costs the running item and is told") {
  const Loss bare = loss_of([] { ::_exit(0); }, 2);
  CHECK(exited_with(bare.status, 0));
  CHECK(bare.reason == ExitReason::none);
  CHECK(exited_with(loss_of([] { ::_exit(3); }, 2).status, 3));
  CHECK(loss_of([] { std::exit(0); }, 2).reason == ExitReason::c_exit);
  const Loss quit = loss_of([] { lomp::leave(ExitReason::quit, 7); }, 2);
  CHECK(quit.reason == ExitReason::quit);
  CHECK(exited_with(quit.status, 7));
}

TEST_CASE("an exception that leaves a worker's main function ends that worker") {
  allow_no_core();
  const auto quietly = [](auto thrown) {
    return [thrown] {
      ::close(STDERR_FILENO);  // what std::terminate() has to say is of no interest
      throw thrown;
    };
  };
  CHECK(loss_of(quietly(std::runtime_error("no good")), 2).status != 0);
  // The parent must not take it for a fork that was refused.
  CHECK(loss_of(quietly(lomp::SystemError("read", EIO)), 2).status != 0);
}

TEST_CASE("a worker that closes its pipe and goes on is ended") {
  const Loss loss = loss_of(
      [] {
        for (int fd = 3; fd < 4096; ++fd) ::close(fd);
        wait_for_death();
      },
      2, 2);
  CHECK(was_killed_by(loss.status, SIGKILL));
  CHECK(loss.reason == ExitReason::given_up);
}

TEST_CASE("a worker that closes its pipe between two items loses none") {
  Job job(100, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    do_item(job, worker);
    for (int fd = 3; fd < 4096; ++fd) ::close(fd);
    wait_for_death();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("a crash is told at once although the caller is patient") {
  const LeavesNothing check;
  Job job(2, 1);
  job.during = [](Worker&, std::uint32_t item) {
    if (item == 0) kill_self();
  };
  Pool pool(job.options, main_of(job));
  const std::int64_t before = lomp::now_ns();
  CHECK(pool.next(20000).kind == EventKind::lost);
  // The portable build looks for the ends of processes only now and then, but a pipe's end is seen.
  CHECK(lomp::now_ns() - before < 5000000000);
}

TEST_CASE("a process that holds the pipe open does not hide its parent's death") {
  adopt_orphans();
  SharedArray<pid_t> holder(1);
  Job job(3, 1);
  job.during = [&](Worker&, std::uint32_t item) {
    if (item != 1) return;
    const pid_t pid = ::fork();
    if (pid == 0) {
      // Out of the group that the pool kills, and no child of the worker's.
      if (::fork() != 0) ::_exit(0);
      ::setsid();
      holder[0] = ::getpid();
      wait_for_death();
    }
    eventually([&] { return holder[0] != 0; });
    kill_self();
  };
  const std::int64_t before = lomp::now_ns();
  Tally tally(job);
  {
    Pool pool(job.options, main_of(job));
    collect(pool, tally);
  }
  check_exact(tally);
  CHECK(tally.losses.size() == 1);
  CHECK(lomp::now_ns() - before < 5000000000);
  CHECK_FALSE(is_gone(holder[0]));
  ::kill(holder[0], SIGKILL);
  CHECK(eventually([&] { return is_gone(holder[0]); }));
}

namespace {

constexpr std::int64_t ms = 1000000;

/// Goes on for ever with no room on the stack for anything more.
void spin_deep() {
  pthread_attr_t attributes;
  void* lowest = nullptr;
  std::size_t bytes = 0;
  ::pthread_getattr_np(::pthread_self(), &attributes);
  ::pthread_attr_getstack(&attributes, &lowest, &bytes);
  ::pthread_attr_destroy(&attributes);
  char here;
  const std::size_t left = static_cast<std::size_t>(&here - static_cast<char*>(lowest));
  volatile char* deep = static_cast<char*>(__builtin_alloca(left - 1500));
  deep[0] = 1;
  for (;;) continue;
}

/// The loss of an item that has so much time from when `before` is over; the parent looks at what
/// has come of it when that has been over for a while.
template <class Body, class Before = void (*)()>
Loss loss_in_time(
    std::int64_t time_ns, Body body, Before before = [] {}) {
  Job job(3, 1);
  SharedArray<int> begun(1);
  job.during = [&](Worker& worker, std::uint32_t item) {
    if (item != 1) return;
    before();
    worker.start_timer(time_ns);
    begun[0] = 1;
    body();
  };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  pool.fork_all();
  CHECK(eventually([&] { return begun[0] == 1; }));
  work_for_us((time_ns + 200 * ms) / 1000);
  collect(pool, tally);
  check_exact(tally);
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 1);
  return tally.losses[0];
}

void spin_without_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_BLOCK, &all, nullptr);
  for (;;) continue;
}

}  // namespace

TEST_CASE("an item that took too long is told from one whose worker was killed") {
  const LeavesNothing check;
  CHECK(loss_in_time(50 * ms, [] { wait_for_death(); }).was_late);
  const Loss killed = loss_in_time(50 * ms, [] { kill_self(); });
  CHECK_FALSE(killed.was_late);
  CHECK(was_killed_by(killed.status, SIGKILL));
  CHECK_FALSE(loss_in_time(50 * ms, [] { kill_self(SIGTERM); }).was_late);
  CHECK_FALSE(loss_in_time(50 * ms, [] { std::exit(1); }).was_late);
}

TEST_CASE("it is told how long an item had run with which its worker died") {
  const Loss loss = loss_of(
      [] {
        work_for_us(20000);
        kill_self();
      },
      2);
  CHECK(loss.ran_ns >= 20 * ms);
}

TEST_CASE("of a lost item without a sensible begin it isn't told how long it had run") {
  for (const std::int64_t began : {INT64_MIN, std::int64_t{-1}, std::int64_t{0}, INT64_MAX}) {
    const Loss loss = loss_of(
        [began] {
          own_slot().item_began = began;
          kill_self();
        },
        2);
    CHECK(loss.ran_ns == -1);
  }
}

TEST_CASE("an item that took too long is late whatever signals it holds off") {
  const LeavesNothing check;
  CHECK(loss_in_time(50 * ms, spin_without_signals).was_late);
}

TEST_CASE("an item that has used up its stack is late all the same") {
  if (is_sanitized) {
    SUCCEED("the sanitizer's frames lie elsewhere");
    return;
  }
  const LeavesNothing check;
  CHECK(loss_in_time(50 * ms, spin_deep).was_late);
}

TEST_CASE("a time-out signal that was held off until its item was over concerns no item") {
  const LeavesNothing check;
  Job job(3, 1);
  job.during = [&](Worker& worker, std::uint32_t item) {
    if (item != 1) return;
    sigset_t late, old, come;
    ::sigemptyset(&late);
    ::sigaddset(&late, lomp::time_out_signal);
    ::sigprocmask(SIG_BLOCK, &late, &old);
    worker.start_timer(10 * ms);
    eventually([&] {
      ::sigpending(&come);
      return ::sigismember(&come, lomp::time_out_signal) == 1;
    });
    worker.stop_timer();
    ::sigprocmask(SIG_SETMASK, &old, nullptr);
  };
  const bool is_own = lomp::time_out_signal != lomp::alarm_signal;
  const Tally tally = run(job);
  check_exact(tally);
  CHECK(tally.losses.size() == (is_own ? 0 : 1));
}

TEST_CASE("what an item has started ends with it") {
  adopt_orphans();
  const SharedArray<pid_t> told(1);
  const auto escape = [&] {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::setsid();
      told[0] = ::getpid();
      wait_for_death();
    }
    eventually([&] { return told[0] != 0; });
  };
  const auto end_by = [&](auto end) {
    told[0] = 0;
    loss_in_time(50 * ms, end, escape);
    CHECK(eventually([&] { return is_gone(told[0]); }));
  };
#if LOMP_LINUX
  end_by([] { wait_for_death(); });
  end_by([] { std::exit(1); });
  for (int signal : {SIGSEGV, SIGABRT, SIGTERM, SIGKILL}) {
    CAPTURE(signal);
    end_by([signal] { kill_self(signal); });
  }
#else
  (void)end_by;
  SUCCEED("only a group can be found here");
#endif
}

TEST_CASE("items that all crash end the call by themselves") {
  const LeavesNothing check;
  Job job(60, 3);
  job.during = [](Worker&, std::uint32_t) { kill_self(); };
  const Tally tally = run(job);
  check_exact(tally);
  CHECK(tally.losses.size() == 60);
}

TEST_CASE("items that crash here and there cost themselves alone") {
  const LeavesNothing check;
  Job job(1000, 4);
  job.during = [](Worker&, std::uint32_t item) {
    work_for_us(item % 50);
    if (item % 37 == 5) kill_self();
  };
  const Tally tally = run(job);
  check_exact(tally);
  for (std::size_t item = 0; item < 1000; ++item) CHECK(tally.lost[item] == (item % 37 == 5));
}

TEST_CASE("workers that die before any item twice in a row end the call") {
  const LeavesNothing check;
  Job job(100, 3);
  Pool pool(job.options, [](Worker&) { ::_exit(9); });
  Tally tally(job);
  collect(pool, tally);
  CHECK(tally.end == EventKind::failed);
  CHECK(tally.last.error == 0);
  CHECK(tally.last.loss.pid > 0);
  CHECK(exited_with(tally.last.loss.status, 9));
  CHECK(tally.delivered() == 0);
  CHECK(tally.losses.empty());
  CHECK(pool.deaths() == 2);
  collect(pool, tally);
  CHECK(tally.end == EventKind::finished);
}

TEST_CASE("one worker that dies before any item is replaced") {
  Job job(100, 1);
  const Tally tally = run_with_first(job, [](Worker&) { kill_self(); });
  CHECK(tally.losses.empty());
}

TEST_CASE("early deaths with work in between do not end the call") {
  const LeavesNothing check;
  Job job(6, 1);
  SharedArray<int> count(1);
  // Every other worker dies before it begins; the others crash with their second item.
  Pool pool(job.options, [&](Worker& worker) {
    if (count[0]++ % 2 == 0) kill_self();
    do_item(job, worker);
    worker.flush();
    std::uint32_t item = 0;
    if (worker.next_block() && worker.take(item)) kill_self();
  });
  Tally tally(job);
  collect(pool, tally);
  check_exact(tally);
  CHECK(tally.losses.size() == 3);
}

TEST_CASE("a worker that is slow to leave does not disturb its successor") {
  // Its goodbye is out, so that its place may be given to another; what it does after that comes
  // while the other is at work. The other is there because an item was lost from sight.
  const LeavesNothing check;
  enum { first_has_left, second_has_staged, flags };
  SharedArray<int> count(1);
  static SharedArray<int> told(flags);
  Job job(50, 1);
  Pool pool(job.options, [&](Worker& worker) {
    if (!is_first(count)) {
      do_item(job, worker);
      told[second_has_staged] = 1;
      // In the portable build the first is ended as soon as its goodbye is heard.
      if (LOMP_LINUX && !eventually([&] { return told[first_has_left] == 1; })) ::_exit(70);
      return main_of(job)(worker);
    }
    worker.next_block();
    own_slot().block = 0;
    main_of(job)(worker);
    worker.flush();
    lomp::kernel().writev = [](int fd, const iovec* parts, int n) -> ssize_t {
      const ssize_t written = ::writev(fd, parts, n);
      if (!eventually([&] { return told[second_has_staged] == 1; })) ::_exit(70);
      return written;
    };
    worker.bye();
    told[first_has_left] = 1;
    ::_exit(0);
  });
  Tally tally(job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(pool.forks() == 2);
  CHECK(pool.deaths() == 0);
}

TEST_CASE("an early death is forgotten when a worker has done its work") {
  const LeavesNothing check;
  Job job(4, 1);
  SharedArray<int> count(1);
  Pool pool(job.options, [&](Worker& worker) {
    if (count[0]++ % 2 == 0) kill_self();
    do_item(job, worker);
  });
  Tally tally(job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(pool.deaths() == 4);
}

// ---- The moments at which a worker may be killed
// -------------------------------------------------

TEST_CASE("killed in the middle of a flush") {
  for (std::size_t written : {1, 16, 32, 33, 40}) {
    Job job(50, 1);
    const Tally tally = run_with_first(job, [&](Worker& worker) {
      lomp::kernel().writev = nullptr;
      static std::size_t most;
      most = written;
      lomp::kernel().writev = [](int fd, const iovec* parts, int count) -> ssize_t {
        Bytes all;
        for (int i = 0; i < count; ++i) {
          const auto* first = static_cast<const unsigned char*>(parts[i].iov_base);
          all.insert(all.end(), first, first + parts[i].iov_len);
        }
        (void)!::write(fd, all.data(), std::min(most, all.size()));
        kill_self();
      };
      do_item(job, worker);
      worker.flush();
    });
    CHECK(tally.losses.empty());
  }
}

TEST_CASE("killed after a frame was written and before that was noted") {
  Job job(50, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    lomp::kernel().writev = [](int fd, const iovec* parts, int count) -> ssize_t {
      (void)!::writev(fd, parts, count);
      kill_self();
    };
    do_item(job, worker);
    worker.flush();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("killed between two parts of a large record") {
  Job job(5, 1);
  job.options.staging_bytes = 64;
  job.size_of = [](std::uint64_t) { return 1000; };
  const Tally tally = run_with_first(job, [](Worker& worker) {
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    put_payload(worker, item, 800, 100);
    kill_self();
  });
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 0);
}

TEST_CASE("killed after the last part was written and before that was noted") {
  Job job(5, 1);
  job.options.staging_bytes = 64;
  job.size_of = [](std::uint64_t) { return 1000; };
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    put_payload(worker, item, 1000, 100);
    lomp::kernel().writev = [](int fd, const iovec* parts, int count) -> ssize_t {
      (void)!::writev(fd, parts, count);
      kill_self();
    };
    worker.finish(kind_of(item));
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("killed between the claim of a block and its being written down") {
  Job job(50, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    do_item(job, worker);
    worker.next_block();
    own_slot().block = 0;  // as it was before
    kill_self();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("killed between taking an item and marking it as running") {
  Job job(50, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    const std::uint32_t before = do_item(job, worker);
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    own_slot().last = before + 1;
    own_slot().running = 0;
    --own_slot().begun;
    kill_self();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("killed between the commit of a record and the mark that its item is over") {
  Job job(50, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    const std::uint32_t item = do_item(job, worker);
    own_slot().running = item + 1;
    kill_self();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("killed while a record is being put behind finished ones") {
  Job job(50, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    do_item(job, worker);
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    put_payload(worker, 99, 500);
    kill_self();
  });
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 1);
}

TEST_CASE("items claimed by a dead worker are run by the others") {
  // The second worker takes over all that the first had claimed, while it lies dead at its place.
  const LeavesNothing check;
  SharedArray<int> begun(1);
  Job job(2000, 2);
  job.during = [&](Worker&, std::uint32_t item) {
    ++begun[0];
    if (item == 1000) kill_self();
    if (item == 1500) eventually([&] { return begun[0] == 2000; });
  };
  const Tally tally = run(job);
  check_exact(tally);
  CHECK(tally.losses.size() == 1);
}

#if LOMP_TESTS_CAN_STEP
namespace {

volatile long steps_left = 0;
std::atomic<long>* steps_made = nullptr;

void count_and_die() {
  steps_made->fetch_add(1, std::memory_order_relaxed);
  steps_left = steps_left - 1;
  if (steps_left == 0) ::kill(::getpid(), SIGKILL);
}

/// What a worker does, in steps of its own.
struct Moment {
  int operation;  ///< the how manieth of all its operations
  long step;      ///< the how manieth instruction of that
};

/// Has a worker do everything there is; `around` runs each of its operations.
template <class Around>
void work_by_operations(Worker& worker, const std::vector<Bytes>& contents, Around around) {
  std::uint32_t item = 0;
  bool goes_on = true;
  while (around([&] { goes_on = worker.next_block(); }), goes_on) {
    while (around([&] { goes_on = worker.take(item); }), goes_on) {
      const Bytes& content = contents[item];
      around([&] {
        if (!content.empty()) worker.put(content.data(), content.size());
      });
      around([&] { worker.finish(kind_of(item)); });
    }
  }
  around([&] { worker.bye(); });
}

/// Runs three items, one of them too large to be staged, and kills the first worker at a moment.
/// Gives how many instructions of that operation it came to run; 0 if it has no such operation.
long run_and_kill_at(Moment moment) {
  const std::vector<Bytes> contents = {payload(0, 8), payload(1, 100), {}};
  Job job(3, 1);
  job.options.staging_bytes = 64;
  job.size_of = [&](std::uint64_t item) { return contents[item].size(); };
  const SharedArray<int> count(1);
  SharedArray<long> counted(1);
  Pool pool(job.options, [&](Worker& worker) {
    int operation = is_first(count) ? 0 : 1000;
    work_by_operations(worker, contents, [&](auto run) {
      if (operation++ != moment.operation) return run();
      steps_left = moment.step;
      steps_made = &counted[0];
      const Stepper stepper(count_and_die);
      run();
    });
    ::_exit(0);
  });
  Tally tally(job);
  collect(pool, tally);
  CAPTURE(moment.operation);
  CAPTURE(moment.step);
  REQUIRE(tally.end == EventKind::finished);
  REQUIRE(tally.is_sound);
  REQUIRE(tally.is_exact());
  REQUIRE(tally.losses.size() <= 1);
  return counted[0];
}

}  // namespace
#endif

TEST_CASE("killed at any instruction") {
  const LeavesNothing check;
#if LOMP_TESTS_CAN_STEP
  std::mt19937 random(std::random_device{}());
  int operations = 0;
  while (const long steps = run_and_kill_at({operations, 1000000000})) {
    // Some moments spread over the operation, others in each run: one that fails is told.
    const long stride = steps / 5 + 1;
    for (long step = 1; step <= steps; step += stride) {
      run_and_kill_at({operations, step + static_cast<long>(random() % 1000) % stride});
    }
    ++operations;
  }
  CHECK(operations > 12);
#endif
}

namespace {

/// From now on this process may be killed at any moment.
void arm_random_death(std::mt19937& random) {
  ::signal(SIGALRM, [](int) { ::kill(::getpid(), SIGKILL); });
  const itimerval timer{{0, 0}, {0, static_cast<suseconds_t>(1 + random() % 6000)}};
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

TEST_CASE("workers killed at random moments cost an item each at most") {
  const LeavesNothing check;
  std::mt19937 random(3);
  int deaths = 0;
  for (int round = 0; round < 25; ++round) {
    Job job(100 + random() % 300, 1 + static_cast<int>(random() % 4));
    job.options.staging_bytes = 100 + random() % 5000;
    job.options.pipe_bytes = random() % 2 == 0 ? 4096 : std::size_t{1} << 20;
    job.size_of = [](std::uint64_t item) { return item % 50 == 0 ? 40000 : item % 90; };
    // The first item of a worker arms its death, so that each worker begins one.
    bool is_armed = false;
    job.during = [&](Worker&, std::uint32_t item) {
      std::mt19937 own(static_cast<unsigned>(::getpid()) + item);
      if (!std::exchange(is_armed, true) && own() % 8 != 0) arm_random_death(own);
      work_for_us(own() % 200);
    };
    Pool pool(job.options, main_of(job));
    Tally tally(job);
    collect(pool, tally);
    check_exact(tally);
    CHECK(static_cast<int>(tally.losses.size()) <= pool.deaths());
    deaths += pool.deaths();
  }
  CHECK(deaths > 100);
}

// ---- Streams that make no sense
// ------------------------------------------------------------------

namespace {

/// What the first worker's writes are changed to.
std::function<void(Bytes&)> distortion;

/// Makes this worker's frames go out distorted.
void distort_frames(std::function<void(Bytes&)> how) {
  distortion = std::move(how);
  lomp::kernel().writev = [](int fd, const iovec* parts, int count) -> ssize_t {
    Bytes frame;
    for (int i = 0; i < count; ++i) {
      const auto* first = static_cast<const unsigned char*>(parts[i].iov_base);
      frame.insert(frame.end(), first, first + parts[i].iov_len);
    }
    const auto size = static_cast<ssize_t>(frame.size());
    distortion(frame);
    (void)!::write(fd, frame.data(), frame.size());
    return size;
  };
}

/// Runs a job whose first worker sends its third frame distorted and seven more before anything is
/// read. That worker is given up, with the item that it began last; what else didn't come through
/// is run again.
void check_distorted(std::function<void(Bytes&)> how) {
  const Job job(50, 1);
  const SharedArray<int> is_done(1);
  Fake<&Kernel::read> fake([&](int fd, void* to, size_t most) -> ssize_t {
    return is_done[0] == 1 ? ::read(fd, to, most) : failing(EAGAIN)();
  });
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    int frames = 0;
    distort_frames([&, frames](Bytes& frame) mutable {
      if (++frames == 3) how(frame);
    });
    for (int i = 0; i < 10; ++i) {
      do_item(job, worker);
      worker.flush();
    }
    is_done[0] = 1;
    wait_for_death();
  });
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 9);
  CHECK(tally.losses[0].reason == ExitReason::given_up);
}

lomp::FrameHeader header_of(const Bytes& frame) {
  lomp::FrameHeader header;
  std::memcpy(&header, frame.data(), sizeof header);
  return header;
}

void set_header(Bytes& frame, const lomp::FrameHeader& header) {
  const lomp::FrameHeader sound = lomp::sealed(header);
  std::memcpy(frame.data(), &sound, sizeof sound);
}

}  // namespace

TEST_CASE("a worker whose stream is damaged is given up and the others' items run again") {
  for (std::size_t byte : {0, 4, 9, 16, 20, 31}) {
    check_distorted([&](Bytes& frame) { frame[byte] ^= 4; });
  }
}

TEST_CASE("a worker that leaves out a frame or a part of one is given up") {
  check_distorted([](Bytes& frame) { frame.clear(); });
  check_distorted([](Bytes& frame) { frame.resize(36); });
}

TEST_CASE("a worker that sends records of no item is given up") {
  check_distorted([](Bytes& frame) {
    const std::uint32_t item = 50;
    std::memcpy(frame.data() + sizeof(lomp::FrameHeader), &item, sizeof item);
  });
}

TEST_CASE("a worker whose row of records breaks off is given up") {
  check_distorted([](Bytes& frame) {
    lomp::FrameHeader header = header_of(frame);
    header.bytes -= 1;
    frame.pop_back();
    set_header(frame, header);
  });
}

TEST_CASE("items that write a little into the pipe are complete") {
  const LeavesNothing check;
  Job job(30, 1);
  const std::vector<int> of_the_host = open_descriptors();
  job.during = [&](Worker&, std::uint32_t item) {
    if (item % 10 != 5) return;
    for (int fd : open_descriptors()) {
      if (std::binary_search(of_the_host.begin(), of_the_host.end(), fd)) continue;
      (void)!::write(fd, "noise", 5);
    }
  };
  check_complete(run(job));
}

TEST_CASE("what runs when a worker is given up is run again once") {
  const Tally tally = run_with_first(Job(50, 1), [](Worker& worker) {
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    own_slot().credits = 0;  // so that it goes out in parts
    distort_frames([](Bytes& frame) { frame[0] ^= 1; });
    put_payload(worker, item, 1000000);
    wait_for_death();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("an item whose record has come is not run again when its worker is given up") {
  Job job(50, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    const std::uint32_t item = do_item(job, worker);
    own_slot().running = item + 1;  // as between the commit and the mark that it is over
    for (int fd = 3; fd < 4096; ++fd) ::close(fd);
    wait_for_death();
  });
  CHECK(tally.losses.empty());
}

TEST_CASE("an item that damages the pipe each time is lost with its second worker") {
  const std::string noise(100000, '!');  // more than is passed over
  const Loss loss = loss_of(
      [&noise] {
        for (int fd : open_descriptors()) {
          if (fd > 2) (void)!::write(fd, noise.data(), noise.size());
        }
        wait_for_death();
      },
      2, 2);
  CHECK(loss.reason == ExitReason::given_up);
}

TEST_CASE("what has emitted something when its worker is given up is not run again") {
  const LeavesNothing check;
  const Job job(50, 1);
  const SharedArray<int> count(1);
  const auto emit_and_fail = [](Worker& worker) {
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    put_payload(worker, item, 10);
    worker.emit(kind_of(item));
    worker.flush();
    distort_frames([](Bytes& frame) { frame.resize(36); });
    for (int k = 0; k < 3; ++k) {
      put_payload(worker, item, 10);
      worker.emit(kind_of(item));
      worker.flush();
    }
    wait_for_death();
  };
  Pool pool(job.options, first_worker(job, count, emit_and_fail));
  Tally tally(job);
  collect(pool, tally);
  CHECK(pool.deaths() == 1);
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 0);
  CHECK(tally.came[0] >= 1);  // what it had emitted
  CHECK(std::count(tally.came.begin() + 1, tally.came.end(), 1) == 49);
}

TEST_CASE("a result that doesn't fit into the parent's memory costs its item alone") {
  Job job(5, 1);
  job.options.staging_bytes = 64;
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    do_item(job, worker);
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    own_slot().credits = 0;  // so that it goes out in parts
    distort_frames([](Bytes& frame) {
      lomp::FrameHeader header = header_of(frame);
      if (header.kind == lomp::FrameKind::part) header.bytes = std::uint64_t{1} << 61;
      set_header(frame, header);
    });
    put_payload(worker, item, 100);
    wait_for_death();
  });
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 1);
  CHECK(tally.losses[0].reason == ExitReason::too_large);
}

TEST_CASE("a part of no item that doesn't fit into memory costs no other memory") {
  for (std::uint64_t bytes : {std::uint64_t{1} << 61, UINT64_MAX, UINT64_MAX - 50}) {
    Job job(5, 1);
    job.options.staging_bytes = 64;
    const Tally tally = run_with_first(job, [&](Worker& worker) {
      do_item(job, worker);
      std::uint32_t item = 0;
      worker.next_block();
      worker.take(item);
      own_slot().credits = 0;  // so that it goes out in parts
      distort_frames([bytes](Bytes& frame) {
        lomp::FrameHeader header = header_of(frame);
        if (header.kind == lomp::FrameKind::part) {
          header.bytes = bytes;
          header.item = UINT32_MAX - 1;
        }
        set_header(frame, header);
      });
      put_payload(worker, item, 100);
      wait_for_death();
    });
    CHECK(tally.losses.empty());  // its item is run again
  }
}

TEST_CASE("a worker whose place in the shared memory was overwritten is lost alone") {
  const std::vector<std::function<void(lomp::WorkerSlot&)>> ways = {
      [](lomp::WorkerSlot& slot) { slot.running = std::uint64_t{1} << 40; },
      [](lomp::WorkerSlot& slot) { slot.last = slot.running = UINT64_MAX; },
      [](lomp::WorkerSlot& slot) { slot.staged = UINT32_MAX; }};
  for (const auto& overwrite : ways) {
    const Job job(50, 1);
    const Tally tally = run_with_first(job, [&](Worker& worker) {
      for (int i = 0; i < 3; ++i) {
        do_item(job, worker);
        worker.flush();
      }
      overwrite(own_slot());
      ::raise(SIGKILL);
    });
    CHECK(tally.losses.size() <= 1);
  }
}

namespace {

/// Changes what a worker's frames tell of spilled records.
void distort_spilled(std::function<void(lomp::SpilledRecord&)> how) {
  distort_frames([how](Bytes& frame) {
    if (header_of(frame).kind != lomp::FrameKind::spilled) return;
    lomp::SpilledRecord spilled;
    std::memcpy(&spilled, frame.data() + sizeof(lomp::FrameHeader), sizeof spilled);
    how(spilled);
    std::memcpy(frame.data() + sizeof(lomp::FrameHeader), &spilled, sizeof spilled);
  });
}

}  // namespace

namespace {

/// With `goes_on`, its worker begins another item, mostly before that is noticed. Whether it was so
/// with one: the item in hand has a time then, and not this one.
bool check_file_distorted(bool goes_on) {
  bool was_past = false;
  for (const auto& how : std::vector<std::function<void(lomp::SpilledRecord&)>>{
           [](lomp::SpilledRecord& spilled) { ++spilled.number; },
           [](lomp::SpilledRecord& spilled) { spilled.bytes = std::uint64_t{1} << 61; },
           [](lomp::SpilledRecord& spilled) { spilled.bytes = UINT64_MAX; },
           [](lomp::SpilledRecord& spilled) {
             spilled.bytes -= lomp::payload_offset() + 1000000;
           }}) {
    Job job(5, 1);
    const Tally tally = run_with_first(job, [&](Worker& worker) {
      do_item(job, worker);
      std::uint32_t item = 0;
      worker.next_block();
      worker.take(item);
      distort_spilled(how);
      put_payload(worker, item, 1000000);
      worker.finish(kind_of(item));
      if (goes_on) worker.next_block() && worker.take(item);
      wait_for_death();
    });
    REQUIRE(tally.losses.size() == 1);
    CHECK(tally.losses[0].item == 1);
    CHECK(tally.losses[0].reason == ExitReason::given_up);
    was_past = was_past || tally.losses[0].ran_ns == -1;
  }
  return was_past;
}

}  // namespace

TEST_CASE("a record whose file is another one or too short is lost alone") {
  check_file_distorted(false);
  int tries = 1;
  while (!check_file_distorted(true) && tries < 20) ++tries;
  CHECK(tries < 20);
}

TEST_CASE("killed while a record is in a file") {
  Job job(5, 1);
  const Tally tally = run_with_first(job, [&](Worker& worker) {
    do_item(job, worker);
    std::uint32_t item = 0;
    worker.next_block();
    worker.take(item);
    put_payload(worker, item, 1000000, 1000);
    kill_self();
  });
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 1);
}

// ---- Workers that take long to end
// ---------------------------------------------------------------

namespace {

/// Runs three items. The second one's worker is killed and closes its pipe, but is held at its end
/// for a time, or for ever (-1). Each item leaves a trace when it is run.
struct LongEnd {
  const SharedArray<int> runs{3}, is_seized{1};
  const SharedArray<pid_t> thread{1};
  Job job{3, 1};
  Tally tally{job};
  Debugger debugger;
  std::function<void()> before_death = [] {};

  explicit LongEnd(int milliseconds) : debugger(milliseconds) {
    job.during = [this](Worker&, std::uint32_t item) {
      ++runs[item];
      if (item != 1 || runs[item] > 1) return;
      allow_holders();
      thread[0] = start_thread_apart();
      eventually([&] { return is_seized[0] == 1; });
      before_death();
      kill_self();
    };
  }

  /// False if there can be no such thing here.
  bool run(Pool& pool) {
    collect_while(pool, tally, [&](const Tally&) { return thread[0] == 0; });
    const bool may = debugger.seize(thread[0]);
    is_seized[0] = 1;
    collect(pool, tally);
    if (!may) WARN("no debugger may hold a process here");
    return may;
  }

  void check() const {
    check_exact(tally);
    REQUIRE(tally.losses.size() == 1);
    CHECK(tally.losses[0].item == 1);
    for (std::size_t item = 0; item < 3; ++item) CHECK(runs[item] == 1);
  }
};

}  // namespace

TEST_CASE("an item whose worker takes long to end is not run a second time") {
  const LeavesNothing check;
  LongEnd end(700);
  Pool pool(end.job.options, main_of(end.job));
  if (!end.run(pool)) return;
  end.check();
  CHECK(end.tally.losses[0].reason == ExitReason::none);
  CHECK(was_killed_by(end.tally.losses[0].status, SIGKILL));
}

TEST_CASE("an item whose worker takes long to end is not run again where its state can't be told") {
  const LeavesNothing check;
  const Fake<&Kernel::open> none(failing(ENOENT));
  LongEnd end(700);
  Pool pool(end.job.options, main_of(end.job));
  if (!end.run(pool)) return;
  end.check();
  CHECK(was_killed_by(end.tally.losses[0].status, SIGKILL));
}

TEST_CASE("a call goes on without a worker that never ends") {
  const LeavesNothing check;
  LongEnd end(-1);
  {
    Pool pool(end.job.options, main_of(end.job));
    if (!LOMP_LINUX || !end.run(pool)) return;
    end.check();
    CHECK(end.tally.losses[0].reason == ExitReason::held);
    CHECK(end.tally.losses[0].status == -1);
  }
  CHECK_FALSE(has_no_child());
  end.debugger.release();
  CHECK(eventually([] { return has_no_child(); }));
}

TEST_CASE("where its state can't be told a worker that closes its pipe and goes on is ended") {
  const Fake<&Kernel::open> none(failing(EMFILE));
  const Loss loss = loss_of(
      [] {
        for (int fd = 3; fd < 4096; ++fd) ::close(fd);
        wait_for_death();
      },
      2, 2);
  CHECK(was_killed_by(loss.status, SIGKILL));
  CHECK(loss.reason == ExitReason::given_up);
}

TEST_CASE("while a worker takes long to end the others' results come") {
  const LeavesNothing check;
  const SharedArray<int> is_dead(1);
  LongEnd end(-1);
  end.job.options.workers = 2;
  const auto kill_one = end.job.during;
  end.job.during = [&](Worker& worker, std::uint32_t item) {
    if (item == 0) eventually([&] { return is_dead[0] == 1; });
    kill_one(worker, item);
  };
  Pool pool(end.job.options, main_of(end.job));
  pool.fork_all();
  collect_while(pool, end.tally, [&](const Tally&) { return end.thread[0] == 0; });
  const bool may = end.debugger.seize(end.thread[0]);
  end.is_seized[0] = 1;
  if (may) eventually([&] { return end.debugger.has_stopped(); });
  const std::int64_t before = lomp::now_ns();
  is_dead[0] = 1;
  collect_while(pool, end.tally, [](const Tally& tally) { return tally.came[0] == 0; });
  CHECK(lomp::now_ns() - before < 500000000);
  end.debugger.release();
  collect(pool, end.tally);
  end.check();
}

namespace {

/// Of two workers, one has an item in hand for as long as the other is of interest: that one is
/// killed, or over its time, and held at its end by a debugger.
struct Held {
  const SharedArray<int> is_seized{1}, may_end{1};
  const SharedArray<pid_t> pid{1};
  Job job{4, 2};
  Tally tally{job};
  Debugger debugger;

  explicit Held(std::function<void()> die) {
    job.during = [this, die](Worker&, std::uint32_t item) {
      if (item == 0) eventually([&] { return may_end[0] == 1; }, 30000);
      if (item != 1) return;
      allow_holders();
      pid[0] = ::getpid();
      eventually([&] { return is_seized[0] == 1; });
      die();
      wait_for_death();
    };
  }

  bool seize(Pool& pool) {
    pool.fork_all();
    collect_while(pool, tally, [&](const Tally&) { return pid[0] == 0; });
    const bool may = debugger.seize(pid[0]);
    if (!may) WARN("no debugger may hold a process here");
    is_seized[0] = 1;
    return may;
  }

  /// Checks that the item is lost after so long, and that all others come.
  void check_lost_within(Pool& pool, int milliseconds, ExitReason reason) {
    const std::int64_t before = lomp::now_ns();
    collect_while(
        pool, tally, [](const Tally& seen) { return seen.losses.empty(); }, 10);
    CHECK(lomp::now_ns() - before < std::int64_t{milliseconds} * 1000000);
    may_end[0] = 1;
    collect(pool, tally);
    check_exact(tally);
    REQUIRE(tally.losses.size() == 1);
    CHECK(tally.losses[0].item == 1);
    CHECK(tally.losses[0].reason == reason);
  }
};

}  // namespace

TEST_CASE("an item whose time is over is lost although its worker doesn't end") {
  const LeavesNothing check;
  constexpr int limit_ms = 300;
  Held held([] {
    static lomp::ItemTimer timer(own_slot().deadline);
    timer.start(std::int64_t{limit_ms} * 1000000);
  });
  {
    Pool pool(held.job.options, main_of(held.job));
    if (!held.seize(pool)) return;
    held.check_lost_within(pool, limit_ms + 2000, ExitReason::timed_out);
    CHECK(held.tally.losses[0].was_late);
  }
  held.debugger.release();
  CHECK(eventually([] { return has_no_child(); }));
}

TEST_CASE("an item is lost with its killed worker although that doesn't end") {
  const LeavesNothing check;
  Held held([] { ::kill(::getpid(), SIGKILL); });
  {
    Pool pool(held.job.options, main_of(held.job));
    if (!LOMP_LINUX || !held.seize(pool)) {
      held.may_end[0] = 1;
      return;
    }
    held.check_lost_within(pool, 3000, ExitReason::held);
    CHECK_FALSE(held.tally.losses[0].was_late);
  }
  held.debugger.release();
  CHECK(eventually([] { return has_no_child(); }));
}

TEST_CASE("whether an item was late is decided when its worker ends") {
  const LeavesNothing check;
  LongEnd end(900);
  end.before_death = [] { own_slot().deadline = lomp::now_ns() + 600000000; };
  Pool pool(end.job.options, main_of(end.job));
  if (!end.run(pool)) return;
  end.check();
  CHECK_FALSE(end.tally.losses[0].was_late);
}

// ---- New workers that die -----------------------------------------------------------------------

namespace {

/// While the first worker's first item is in hand, others die at their start.
struct EarlyDeaths {
  const SharedArray<int> count{1}, deaths{1}, is_at_work{1};
  Job job{40, 3};

  /// `wait` is what that item does.
  lomp::WorkerMain main_with(std::function<void()> wait, int most) {
    job.during = [this, wait](Worker&, std::uint32_t item) {
      if (item != 0) return;
      is_at_work[0] = 1;
      wait();
    };
    return [this, most](Worker& worker) {
      if (!is_first(count) && deaths[0] < most) {
        eventually([this] { return is_at_work[0] == 1; });
        ++deaths[0];
        kill_self();
      }
      main_of(job)(worker);
    };
  }
};

}  // namespace

TEST_CASE("new workers that die do not end a call in which others are at work") {
  const LeavesNothing check;
  EarlyDeaths early;
  const auto wait = [&] { eventually([&] { return early.deaths[0] == 4; }, 20000); };
  Pool pool(early.job.options, early.main_with(wait, 4));
  Tally tally(early.job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(pool.deaths() >= 3);  // the last one's may not have been told yet
}

TEST_CASE("while new workers die no time is spent on forks") {
  const LeavesNothing check;
  EarlyDeaths early;
  const auto wait = [&] {
    eventually([&] { return early.deaths[0] >= 4; }, 20000);
    ::poll(nullptr, 0, 500);
  };
  Pool pool(early.job.options, early.main_with(wait, 1000));
  Tally tally(early.job);
  collect(pool, tally);
  check_complete(tally);
  CHECK(pool.deaths() >= 3);
  CHECK(pool.forks() <= 12);
}

TEST_CASE("new workers that die end a call in which no other is at work any more") {
  const LeavesNothing check;
  EarlyDeaths early;
  const auto die = [&] {
    eventually([&] { return early.deaths[0] == 3; }, 20000);
    kill_self();
  };
  Pool pool(early.job.options, early.main_with(die, 1000));
  Tally tally(early.job);
  collect(pool, tally);
  CHECK(tally.end == EventKind::failed);
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 0);
  CHECK(pool.deaths() >= 4);  // the third one may be seen only after the one that waited for it
}

namespace {

/// One of three workers runs all items; the others die before they have begun any. All end while
/// the pool isn't looking.
struct EndTogether {
  const SharedArray<int> count{1}, may_end{1}, pids{3};
  Job job{40, 3};
  Tally tally{job};

  /// `works` is which one to come has the items, from 0. `end` is how its first item goes on.
  template <class End>
  void run(int works, End end) {
    job.during = [this, end](Worker&, std::uint32_t item) {
      if (item == 0 && eventually([this] { return may_end[0] == 1; }, 20000)) end();
    };
    Pool pool(job.options, [this, works](Worker& worker) {
      const int turn = count[0].fetch_add(1);
      if (turn < 3) pids[turn] = ::getpid();
      if (turn == works) return main_of(job)(worker);
      eventually([this] { return may_end[0] == 1; }, 20000);
      kill_self();
    });
    pool.fork_all();
    REQUIRE(eventually([this] { return pids[0] != 0 && pids[1] != 0 && pids[2] != 0; }, 20000));
    may_end[0] = 1;
    for (int i = 0; i < 3; ++i) {
      REQUIRE(eventually([this, i] { return has_ended(pids[i]); }, 20000));
    }
    collect(pool, tally);
  }
};

}  // namespace

TEST_CASE("the call does not end before a worker that died at the same time has lost its item") {
  const LeavesNothing check;
  for (int works = 0; works < 3; ++works) {
    EndTogether both;
    both.run(works, [] { kill_self(); });
    REQUIRE(both.tally.losses.size() == 1);
    CHECK(both.tally.losses[0].item == 0);
  }
}

TEST_CASE("a call whose items are all done does not fail by new workers that die") {
  const LeavesNothing check;
  for (int works = 0; works < 3; ++works) {
    EndTogether both;
    both.run(works, [] {});
    check_complete(both.tally);
  }
}
