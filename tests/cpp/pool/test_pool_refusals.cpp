// A pool whose system calls are refused, interrupted, or do less than they were asked for.
#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <random>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "lomp/pool/pool.hpp"

using namespace lomp_test;
using lomp::Event;
using lomp::EventKind;
using lomp::Pool;
using lomp::SystemError;
using lomp::Worker;

namespace {

/// A job with work for several workers.
Job busy_job(std::uint64_t items, int workers) {
  Job job(items, workers);
  job.during = [](Worker&, std::uint32_t) { work_for_us(300); };
  return job;
}

/// Runs a call in which no first worker can be had.
void check_that_it_fails(int error) {
  const LeavesNothing check;
  Job job(10, 3);
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect(pool, tally);
  CHECK(tally.end == EventKind::failed);
  CHECK(tally.last.error == error);
  CHECK(tally.delivered() == 0);
  CHECK(tally.losses.empty());
  CHECK(pool.forks() == 0);
  CHECK(pool.refused() == error);
  CHECK(has_no_child());
}

/// Runs a call whose first items don't end before the pool has been refused a worker.
Tally run_until_refused(Pool& pool, const Job& job, const SharedArray<int>& was_refused) {
  Tally tally(job);
  collect_while(pool, tally, [&](const Tally&) {
    was_refused[0] = pool.refused() != 0;
    return true;
  });
  return tally;
}

Job job_until_refused(int workers, const SharedArray<int>& was_refused) {
  Job job(200, workers);
  job.during = [&](Worker&, std::uint32_t) {
    if (!eventually([&] { return was_refused[0] == 1; }, 20000)) ::_exit(70);
  };
  return job;
}

/// Runs a call that has `had` workers before it is refused more, and goes on with these.
void check_that_it_goes_on(int had, int error) {
  const LeavesNothing check;
  const SharedArray<int> was_refused(1);
  const Job job = job_until_refused(5, was_refused);
  Pool pool(job.options, main_of(job));
  check_complete(run_until_refused(pool, job, was_refused));
  CHECK(pool.forks() == had);
  CHECK(pool.refused() == error);
}

}  // namespace

TEST_CASE("without a first fork the call fails and says why") {
  for (int error : {EAGAIN, ENOMEM}) {
    Fake<&Kernel::fork> fake(failing(error));
    check_that_it_fails(error);
  }
}

TEST_CASE("without a first pipe or socket the call fails and says why") {
  {
    Fake<&Kernel::pipe> fake(failing(EMFILE));
    check_that_it_fails(EMFILE);
  }
  Fake<&Kernel::socketpair> fake(failing(ENFILE));
  check_that_it_fails(ENFILE);
}

TEST_CASE("when a further fork is refused the call goes on with the workers it has") {
  for (int had : {1, 2, 3}) {
    Fake<&Kernel::fork> fake(failing_calls(had + 1, 1000, EAGAIN, ::fork));
    check_that_it_goes_on(had, EAGAIN);
  }
}

TEST_CASE("when a further pipe or socket is refused the call goes on with the workers it has") {
  {
    Fake<&Kernel::pipe> fake(failing_calls(3, 1000, EMFILE, ::pipe));
    check_that_it_goes_on(2, EMFILE);
  }
  Fake<&Kernel::socketpair> fake(failing_calls(2, 1000, EMFILE, ::socketpair));
  check_that_it_goes_on(1, EMFILE);
}

TEST_CASE("a full table of descriptors leaves the workers that were had") {
  if (is_sanitized) {
    SUCCEED("the sanitizers open a pipe to find out whether memory may be read");
    return;
  }
  const int status = run_in_process([] {
    // Room for little more than two workers.
    std::vector<int> taken;
    for (int fd = ::dup(STDIN_FILENO); fd >= 0; fd = ::dup(STDIN_FILENO)) taken.push_back(fd);
    for (int i = 0; i < 11; ++i) {
      ::close(taken.back());
      taken.pop_back();
    }
    const SharedArray<int> was_refused(1);
    const Job job = job_until_refused(5, was_refused);
    Pool pool(job.options, main_of(job));
    const Tally tally = run_until_refused(pool, job, was_refused);
    if (tally.end != EventKind::finished || !tally.is_exact()) return 1;
    return pool.refused() == EMFILE && pool.forks() >= 1 && pool.forks() < 5 ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("a worker that died is not missed when its successor is refused and others live") {
  const LeavesNothing check;
  SharedArray<int> running(1);
  Job job(100, 2);
  job.during = [&](Worker&, std::uint32_t item) {
    if (item > 1) return;
    ++running[0];
    eventually([&] { return running[0] == 2; });
    if (item == 1) kill_self();
  };
  Fake<&Kernel::fork> fake(failing_calls(3, 1000, EAGAIN, ::fork));
  const Tally tally = run(job);
  check_exact(tally);
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 1);
}

TEST_CASE("when the last worker died and its successor is refused the call fails") {
  const LeavesNothing check;
  Job job(100, 1);
  job.during = [](Worker&, std::uint32_t item) {
    if (item == 5) kill_self();
  };
  Fake<&Kernel::fork> fake(failing_calls(2, 1000, ENOMEM, ::fork));
  const Tally tally = run(job);
  CHECK(tally.end == EventKind::failed);
  CHECK(tally.last.error == ENOMEM);
  CHECK(tally.is_sound);
  CHECK(tally.delivered() == 5);
  REQUIRE(tally.losses.size() == 1);
  CHECK(tally.losses[0].item == 5);
}

TEST_CASE("reads may be short and interrupted") {
  const LeavesNothing check;
  std::mt19937 random(1);
  Fake<&Kernel::read> fake([&](int fd, void* to, size_t most) -> ssize_t {
    if (random() % 4 == 0) return failing(EINTR)();
    return ::read(fd, to, std::min<std::size_t>(most, 1 + random() % 100));
  });
  Job job(500, 3);
  job.options.staging_bytes = 200;
  job.size_of = [](std::uint64_t item) { return item; };
  check_complete(run(job));
}

TEST_CASE("writes may be short and interrupted") {
  const LeavesNothing check;
  std::mt19937 random(2);
  Fake<&Kernel::writev> fake([&](int fd, const iovec* parts, int) -> ssize_t {
    if (random() % 3 == 0) return failing(EINTR)();
    return ::write(fd, parts[0].iov_base, 1 + random() % parts[0].iov_len);
  });
  Job job(500, 3);
  job.options.staging_bytes = 200;
  job.size_of = [](std::uint64_t item) { return item; };
  check_complete(run(job));
}

TEST_CASE("waits may be interrupted") {
  const LeavesNothing check;
  Fake<&Kernel::poll> poll(interrupted(::poll));
  Fake<&Kernel::waitpid> waitpid(interrupted(::waitpid));
  check_complete(run(busy_job(100, 3)));
}

TEST_CASE("an interrupted wait is told to the caller at once") {
  Job job(1, 1);
  job.during = [](Worker&, std::uint32_t) { wait_for_death(); };
  Pool pool(job.options, main_of(job));
  Tally tally(job);
  collect_while(pool, tally, [&](const Tally&) { return pool.forks() == 0; });
  Fake<&Kernel::poll> fake(failing(EINTR));
  CHECK(pool.next(1000000).kind == EventKind::idle);
}

TEST_CASE("a wait that fails throws and the pool can still be closed") {
  const LeavesNothing check;
  const Job job = busy_job(100, 2);
  Pool pool(job.options, main_of(job));
  Fake<&Kernel::poll> fake(failing(ENOMEM));
  CHECK_THROWS_AS(pool.next(1000), SystemError);
}

TEST_CASE("a host that ignores the ends of children gets all results") {
  const int status = run_in_process([] {
    ::signal(SIGCHLD, SIG_IGN);
    Job job = busy_job(100, 3);
    job.during = [](Worker&, std::uint32_t item) {
      if (item == 50) kill_self();
    };
    const Tally tally = run(job);
    if (tally.end != EventKind::finished || !tally.is_sound || !tally.is_exact()) return 1;
    return tally.losses.size() == 1 && tally.losses[0].item == 50 ? 0 : 2;
  });
  CHECK(status == 0);
}

TEST_CASE("children of the host are not reaped") {
  const LeavesNothing check;
  const pid_t other = ::fork();
  if (other == 0) ::_exit(9);
  Job job(100, 2);
  job.during = [](Worker&, std::uint32_t item) {
    if (item == 10) kill_self();
  };
  check_exact(run(job));
  int status = 0;
  CHECK(::waitpid(other, &status, 0) == other);
  CHECK(exited_with(status, 9));
}
