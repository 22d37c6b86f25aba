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

/// Has the reaper take the child over; false if it doesn't.
bool give(Reaper& reaper, Child& child) {
  std::vector<Child> children;
  children.push_back(std::move(child));
  reaper.adopt(children);
  const bool is_adopted = children.empty();
  if (!is_adopted) child = std::move(children.front());
  return is_adopted;
}

}  // namespace

TEST_CASE("a child is reaped when it has ended without anybody waiting for it") {
  const LeavesNothing check;
  Reaper reaper;
  Told told;
  const pid_t pid = told.child.pid();
  CHECK(give(reaper, told.child));
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
  give(reaper, first.child);
  give(reaper, second.child);
  second.tell();
  CHECK(eventually([&] { return reaper.size() == 1; }));
  first.tell();
  CHECK(eventually([&] { return reaper.size() == 0; }));
}

TEST_CASE("children that come together are waited for by one thread") {
  const LeavesNothing check;
  Reaper reaper;
  Told first, second;
  std::vector<Child> children;
  children.push_back(std::move(first.child));
  children.push_back(std::move(second.child));
  const int pidfd = children.front().pidfd();
  reaper.adopt(children);
  CHECK(children.empty());
  CHECK(reaper.size() == 2);
  CHECK((pidfd < 0 || ::fcntl(pidfd, F_GETFD) == -1));
  second.tell();
  first.tell();
  CHECK(eventually([&] { return reaper.size() == 0; }));
  CHECK(has_no_child());
}

TEST_CASE("nobody to adopt needs no thread") {
  Reaper reaper;
  std::vector<Child> none;
  reaper.adopt(none);
  CHECK(reaper.size() == 0);
}

TEST_CASE("the end of a reaper waits for its children") {
  const LeavesNothing check;
  Told told;
  {
    Reaper reaper;
    give(reaper, told.child);
    told.tell();
  }
  CHECK(has_no_child());
}

TEST_CASE("a child's number is not taken from it by the reaper of a forked process") {
  const LeavesNothing check;
  Reaper reaper;
  Told told;
  give(reaper, told.child);
  const int status = run_in_process([&] {
    told.pipe.writer.reset();
    if (reaper.size() != 0) return 1;
    Told own;
    give(reaper, own.child);
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
  give(*reaper, told.child);
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
  give(reaper, told.child);
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
          const bool is_kept =
              !give(reaper, told.child) && told.child.pid() == pid && reaper.size() == 0;
          told.tell();
          return is_kept ? 0 : 1;
        }) == 0);
}
