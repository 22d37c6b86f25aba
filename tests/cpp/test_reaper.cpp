#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "lomp/pipe.hpp"
#include "lomp/reaper.hpp"
#include "processes.hpp"

using lomp::Child;
using lomp::Reaper;
using lomp::spawn;
using namespace lomp_test;

namespace {

/// A child that ends when it is told to.
struct Told {
  lomp::Pipe pipe = lomp::make_pipe(4096);
  Child child = spawn([this] {
    pipe.writer.reset();
    pollfd end{pipe.reader.get(), POLLIN, 0};
    ::poll(&end, 1, -1);
  });

  Told() { pipe.reader.reset(); }
  void tell() { pipe.writer.reset(); }
};

}  // namespace

TEST_CASE("a child is reaped when it has ended without anybody waiting for it") {
  const LeavesNothing check;
  Reaper reaper;
  Told told;
  const pid_t pid = told.child.pid();
  reaper.adopt(told.child);
  CHECK(told.child.pid() == -1);
  CHECK(reaper.size() == 1);
  CHECK(::kill(pid, 0) == 0);
  told.tell();
  CHECK(eventually([&] { return has_no_child(); }));
  CHECK(eventually([&] { return reaper.size() == 0; }));
}

TEST_CASE("children are reaped in any order") {
  const LeavesNothing check;
  Reaper reaper;
  Told first, second;
  reaper.adopt(first.child);
  reaper.adopt(second.child);
  second.tell();
  CHECK(eventually([&] { return reaper.size() == 1; }));
  first.tell();
  CHECK(eventually([&] { return reaper.size() == 0; }));
}

TEST_CASE("the end of a reaper waits for its children") {
  const LeavesNothing check;
  Told told;
  {
    Reaper reaper;
    reaper.adopt(told.child);
    told.tell();
  }
  CHECK(has_no_child());
}

TEST_CASE("a child's number is not taken from it by the reaper of a forked process") {
  const LeavesNothing check;
  Reaper reaper;
  Told told;
  reaper.adopt(told.child);
  const int status = run_in_process([&] {
    told.pipe.writer.reset();
    if (reaper.size() != 0) return 1;
    Told own;
    reaper.adopt(own.child);
    own.tell();
    return eventually([&] { return has_no_child(); }) ? 0 : 2;
  });
  CHECK(status == 0);
  CHECK(reaper.size() == 1);
  told.tell();
}

TEST_CASE("a forked process may end with its parent's reaper in it") {
  const LeavesNothing check;
  Told told;
  auto reaper = std::make_unique<Reaper>();
  reaper->adopt(told.child);
  CHECK(run_in_process([&] {
          reaper.reset();
          return 0;
        }) == 0);
  told.tell();
}

TEST_CASE("a signal never comes to a reaper's thread") {
  static volatile sig_atomic_t came_to;
  static pthread_t main_thread;
  main_thread = ::pthread_self();
  const auto note = [](int) { came_to = pthread_equal(::pthread_self(), main_thread) ? 1 : 2; };
  const LeavesNothing check;
  Reaper reaper;
  Told told;
  reaper.adopt(told.child);
  const auto before = ::signal(SIGUSR1, note);
  {
    const lomp::SignalBlock block;
    ::kill(::getpid(), SIGUSR1);
    CHECK(came_to == 0);  // nobody else takes it
  }
  CHECK(came_to == 1);
  ::signal(SIGUSR1, before);
  told.tell();
}

TEST_CASE("without a thread to be had the caller keeps the child") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const LeavesNothing check;
  CHECK(run_in_process([] {
          Reaper reaper;
          Told told;
          const pid_t pid = told.child.pid();
          // No room for a thread's stack.
          const rlimit none{0, 0};
          ::setrlimit(RLIMIT_AS, &none);
          reaper.adopt(told.child);
          const bool is_kept = told.child.pid() == pid && reaper.size() == 0;
          told.tell();
          return is_kept ? 0 : 1;
        }) == 0);
}
