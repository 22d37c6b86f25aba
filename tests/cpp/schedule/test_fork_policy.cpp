#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/schedule/fork_policy.hpp"

using namespace lomp_test;
using lomp::ForkPolicy;
using lomp::now_ns;
using lomp::Progress;

namespace {

/// A policy that has seen one fork of about that cost, just now.
ForkPolicy after_fork_of(int milliseconds) {
  ForkPolicy policy;
  policy.before_fork();
  work_for_us(milliseconds * 1000);
  policy.after_fork();
  return policy;
}

Progress progress_of(std::uint64_t finished, std::int64_t ms_each, std::uint64_t waiting) {
  return {finished, finished * static_cast<std::uint64_t>(ms_each) * 1000000, waiting};
}

constexpr int fork_ms = 100;

/// What a policy says just after a fork. The test machine may be so busy that time goes by between
/// the two, or that the fork seems dearer than it was; then both are done again.
bool is_worth_at_once(const Progress& progress, int live) {
  for (;;) {
    const std::int64_t began = now_ns();
    const ForkPolicy policy = after_fork_of(fork_ms);
    const bool answer = policy.is_worth(progress, live);
    if (now_ns() - began < (fork_ms + 30) * 1000000) return answer;
  }
}

}  // namespace

TEST_CASE("the first worker is worth its fork as soon as there is work") {
  const ForkPolicy policy;
  CHECK(policy.is_worth(progress_of(0, 0, 1), 0));
  CHECK(policy.is_worth(progress_of(1000, 0, 1), 0));
}

TEST_CASE("no worker is worth its fork when nothing waits") {
  CHECK_FALSE(is_worth_at_once(progress_of(0, 0, 0), 0));
  CHECK_FALSE(is_worth_at_once(progress_of(10, 10000, 0), 1));
}

TEST_CASE("a second worker is worth its fork at once when much work is left") {
  CHECK(is_worth_at_once(progress_of(10, 10, 100 * fork_ms), 1));
}

TEST_CASE("a second worker is not worth its fork at once when little work is left") {
  CHECK_FALSE(is_worth_at_once(progress_of(10, 1, fork_ms / 10), 1));
}

TEST_CASE("no amount of work is too much to be estimated") {
  CHECK(is_worth_at_once(progress_of(1, 10000, 0xffffffff), 1));
}

TEST_CASE("the work left is divided among those at hand") {
  const Progress progress = progress_of(10, 10, 10 * fork_ms);  // the work of a hundred forks
  CHECK(is_worth_at_once(progress, 2));
  CHECK_FALSE(is_worth_at_once(progress, 1000));
}

TEST_CASE("while nothing is known it is waited for news") {
  const Progress unknown = progress_of(0, 0, 1);
  CHECK_FALSE(is_worth_at_once(unknown, 1));
  const ForkPolicy policy = after_fork_of(10);
  CHECK(eventually([&] { return policy.is_worth(unknown, 1); }));
}

TEST_CASE("silence for a fork's time is worth a fork whatever was known") {
  ForkPolicy policy = after_fork_of(50);
  const Progress cheap = progress_of(10, 0, 1);
  policy.heard();
  const std::int64_t heard = now_ns();
  CHECK(eventually([&] { return policy.is_worth(cheap, 1); }));
  CHECK(now_ns() - heard >= 49000000);
}

TEST_CASE("news of little work puts the next fork off") {
  ForkPolicy policy = after_fork_of(50);
  const Progress cheap = progress_of(10, 0, 1);
  const std::int64_t end = now_ns() + 250000000;
  int early = 0;
  while (now_ns() < end) {
    const std::int64_t heard = now_ns();
    policy.heard();
    const bool answer = policy.is_worth(cheap, 1);
    early += answer && now_ns() - heard < 40000000;
    work_for_us(1000);
  }
  CHECK(early == 0);
}

TEST_CASE("the patience is about a fork's time and never nothing") {
  CHECK(ForkPolicy().patience_ms() == 1);
  const int patience = after_fork_of(30).patience_ms();
  CHECK(patience >= 31);
  CHECK(patience < 5000);
}

TEST_CASE("after deaths at the start a fork is held off for a while that grows") {
  ForkPolicy policy;
  CHECK_FALSE(policy.holds_off());
  const std::int64_t before = now_ns();
  policy.hold_off(0);
  while (policy.holds_off()) continue;
  CHECK(now_ns() - before >= 100000000);
  policy.hold_off(1000);
  const std::int64_t again = now_ns();
  while (policy.holds_off() && now_ns() - again < 300000000) continue;
  CHECK(policy.holds_off());
}
