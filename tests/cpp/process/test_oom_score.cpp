#include <testthat/vendor/catch.h>

#include <fstream>

#include "harness/fakes.hpp"
#include "harness/processes.hpp"
#include "lomp/process/oom_score.hpp"

using namespace lomp_test;
using lomp::OomScore;

namespace {

constexpr int none = -10000;

/// This process's own score; `none` where there is no such thing.
int score() {
  int value = none;
  std::ifstream("/proc/self/oom_score_adj") >> value;
  return LOMP_LINUX ? value : none;
}

/// Any process may offer more than it does.
bool set_score(int value) {
  std::ofstream file("/proc/self/oom_score_adj");
  file << value << std::flush;
  return file.good();
}

/// What a process with that score gives to one that it forks, which is told by 0, or not as above.
int status_of_fork(int own, int right) {
  return run_in_process([=] {
    if (!set_score(own)) return 2;
    const OomScore score_of_workers;
    const int status = run_in_process([&] {
      score_of_workers.raise();
      return score() == right ? 0 : 1;
    });
    if (!exited_with(status, 0)) return 3;
    return score() == own ? 0 : 4;  // the session's own stays
  });
}

}  // namespace

TEST_CASE("a worker offers to go before its parent") {
  const LeavesNothing check;
  const int now = score();
  if (now == none) {
    SUCCEED("the system has no such score");
    return;
  }
  CHECK(exited_with(status_of_fork(now, std::min(now + 200, 1000)), 0));
  if (now <= 700) CHECK(exited_with(status_of_fork(700, 900), 0));
}

TEST_CASE("a score can't be more than the system knows") {
  if (score() == none) {
    SUCCEED("the system has no such score");
    return;
  }
  for (int own : {801, 900, 1000}) {
    CAPTURE(own);
    if (own >= score()) CHECK(exited_with(status_of_fork(own, 1000), 0));
  }
}

TEST_CASE("what a worker starts goes with it") {
  if (score() == none) {
    SUCCEED("the system has no such score");
    return;
  }
  const int now = score();
  const OomScore of_workers;
  const int status = run_in_process([&] {
    of_workers.raise();
    return run_in_process([&] { return score() == std::min(now + 200, 1000) ? 0 : 1; }) == 0 ? 0
                                                                                             : 1;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("a score that can't be read or written changes nothing") {
  const LeavesNothing check;
  const int now = score();
  const int unread = run_in_process([&] {
    const Fake<&Kernel::open> fake(failing_calls(1, 1, EACCES, lomp::kernel().open));
    OomScore().raise();
    return score() == now ? 0 : 1;
  });
  CHECK(exited_with(unread, 0));
  const int unwritten = run_in_process([&] {
    const Fake<&Kernel::open> fake(failing_calls(2, 2, EROFS, lomp::kernel().open));
    OomScore().raise();
    return score() == now ? 0 : 1;
  });
  CHECK(exited_with(unwritten, 0));
}
