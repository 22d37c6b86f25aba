#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include "harness/held.hpp"
#include "harness/processes.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/process/reaper.hpp"

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

TEST_CASE("a child is reaped when it has ended although its parent doesn't wait") {
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

TEST_CASE("where there is no child to adopt no thread is needed") {
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
    CHECK(came_to == 0);  // no other process takes it
  }
  CHECK(came_to == 1);
  ::signal(SIGUSR1, before);
  told.tell();
}

TEST_CASE("the end of a reaper waits a second at most for children that go on") {
  const LeavesNothing check;
  Told told, other;
  const std::int64_t before = lomp::now_ns();
  {
    Reaper reaper;
    give(reaper, told.child);
    give(reaper, other.child);
  }
  CHECK(lomp::now_ns() - before < 1000000000);
  CHECK_FALSE(has_no_child());
  // Its threads are still there.
  told.tell();
  other.tell();
  CHECK(eventually([&] { return has_no_child(); }));
}

TEST_CASE("a child that is held holds up no other one's end") {
  const LeavesNothing check;
  Reaper reaper;
  Told held, other;
  std::vector<Child> children;
  children.push_back(std::move(held.child));
  children.push_back(std::move(other.child));
  const pid_t pid = children.back().pid();
  reaper.adopt_each(children);
  CHECK(children.empty());
  CHECK(reaper.size() == 2);
  other.tell();
  CHECK(eventually([&] { return reaper.size() == 1; }));
  CHECK(::kill(pid, 0) == -1);
  held.tell();
  CHECK(eventually([&] { return reaper.size() == 0; }));
}

namespace {

/// From now on there is no room for a thread's stack.
void refuse_threads() {
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_AS, &none);
}

}  // namespace

TEST_CASE("without a thread to be had the child is waited for at once") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const LeavesNothing check;
  CHECK(run_in_process([] {
          Reaper reaper;
          Told told;
          told.tell();
          refuse_threads();
          if (!give(reaper, told.child) || reaper.size() != 0) return 1;
          return has_no_child() ? 0 : 2;
        }) == 0);
}

TEST_CASE("without a thread to be had a child that goes on is looked for now and then") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const LeavesNothing check;
  CHECK(run_in_process([] {
          const std::int64_t before = lomp::now_ns();
          Told other, told;  // in this order none holds the pipe of one that is told before it
          {
            Reaper reaper;
            refuse_threads();
            if (!give(reaper, told.child) || reaper.size() != 1) return 1;
            told.tell();
            if (!eventually([&] { return reaper.size() == 0; })) return 2;
            if (!give(reaper, other.child)) return 3;
          }
          if (lomp::now_ns() - before > 4000000000) return 4;
          other.tell();
          return 0;
        }) == 0);
}

TEST_CASE("without threads to be had many children that go on are waited for at once") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const LeavesNothing check;
  CHECK(run_in_process([] {
          Told first, second, third;
          std::vector<Child> children;
          for (Told* told : {&first, &second, &third}) children.push_back(std::move(told->child));
          Reaper reaper;
          refuse_threads();
          const std::int64_t before = lomp::now_ns();
          reaper.adopt_each(children);
          if (!children.empty() || reaper.size() != 3) return 1;
          if (lomp::now_ns() - before > 1500000000) return 2;
          for (Told* told : {&third, &second, &first}) told->tell();
          return eventually([&] { return reaper.size() == 0; }) && has_no_child() ? 0 : 3;
        }) == 0);
}
