#include <testthat/vendor/catch.h>

#include <random>
#include <thread>
#include <vector>

#include "harness/processes.hpp"
#include "harness/stepper.hpp"
#include "lomp/shared/shared_page.hpp"

using namespace lomp_test;
using lomp::Inbox;
using lomp::SharedPage;

TEST_CASE("an inbox is empty at first and one without a worker is empty for ever") {
  SharedPage page(0, 1, 64, 128);
  std::uint32_t place = 0;
  for (const Inbox& inbox : {page.inbox(0, 0), Inbox()}) {
    CHECK(inbox.state().is_empty());
    CHECK_FALSE(inbox.begin());
    CHECK_FALSE(inbox.take(place));
    CHECK(inbox.take_back().end == 0);
  }
  CHECK(page.inbox(0, 0).capacity() == 128);
}

TEST_CASE("a worker takes items as soon as they are there and each once") {
  SharedPage page(0, 1, 64, 128);
  const Inbox inbox = page.inbox(0, 0);
  std::uint32_t place = 9;
  CHECK_FALSE(inbox.publish(1, 0, true));
  CHECK_FALSE(page.inbox(0, 1).begin());
  REQUIRE(inbox.begin());
  CHECK_FALSE(inbox.begin());
  REQUIRE(inbox.take(place));
  CHECK(place == 0);
  CHECK_FALSE(inbox.take(place));
  CHECK_FALSE(inbox.state().is_over());
  CHECK_FALSE(inbox.publish(3, 0, false));
  CHECK_FALSE(inbox.close());
  for (std::uint32_t next : {1, 2}) {
    REQUIRE(inbox.take(place));
    CHECK(place == next);
  }
  CHECK_FALSE(inbox.take(place));
  CHECK(inbox.state().is_over());
  inbox.clear();
  CHECK_FALSE(inbox.state().is_over());
  CHECK_FALSE(inbox.begin());
  inbox.publish(1, 0, true);
  CHECK(inbox.begin());
}

TEST_CASE("a worker that sleeps is to be woken once by whatever comes next") {
  SharedPage page(0, 1, 64, 128);
  const Inbox inbox = page.inbox(0, 0);
  std::uint32_t place = 0;
  REQUIRE(inbox.fall_asleep());
  CHECK(inbox.publish(1, 0, true));
  CHECK_FALSE(inbox.publish(2, 0, false));
  CHECK_FALSE(inbox.fall_asleep());  // there is something
  REQUIRE(inbox.begin());
  REQUIRE((inbox.take(place) && inbox.take(place)));
  REQUIRE(inbox.fall_asleep());
  CHECK(inbox.publish(3, 0, false));
  REQUIRE(inbox.take(place));
  REQUIRE(inbox.fall_asleep());
  CHECK(inbox.close());
  CHECK_FALSE(inbox.close());
  CHECK_FALSE(inbox.fall_asleep());  // nothing comes any more
}

TEST_CASE("of a closed batch the first half of what is left can be taken back") {
  SharedPage page(0, 1, 64, 128);
  const Inbox inbox = page.inbox(0, 0);
  std::uint32_t place = 0;
  inbox.publish(6, 4, true);
  CHECK(inbox.take_back().end == 0);  // it is open
  inbox.close();
  REQUIRE(inbox.begin());
  REQUIRE(inbox.take(place));
  Inbox::Loot loot = inbox.take_back();
  CHECK(loot.first == 1);
  CHECK(loot.end == 4);
  CHECK_FALSE(loot.is_all);
  REQUIRE(inbox.take(place));
  CHECK(place == 4);
  loot = inbox.take_back();
  CHECK(loot.first == 5);
  CHECK(loot.end == 6);
  CHECK_FALSE(loot.is_all);  // the worker has it in hand
  CHECK_FALSE(inbox.take(place));
  CHECK(inbox.state().is_over());
  CHECK(inbox.state().files_end == 4);
}

TEST_CASE("a batch that is taken back before it has begun never was") {
  SharedPage page(0, 1, 64, 128);
  const Inbox inbox = page.inbox(0, 0);
  inbox.publish(2, 7, true);
  inbox.close();
  CHECK_FALSE(inbox.take_back().is_all);
  CHECK(inbox.take_back().is_all);
  CHECK_FALSE(inbox.begin());
  CHECK_FALSE(inbox.state().is_over());
  CHECK(inbox.state().files_end == 7);
  REQUIRE(inbox.fall_asleep());
  CHECK(inbox.publish(1, 8, true));
  CHECK(inbox.begin());
}

#if LOMP_TESTS_CAN_STEP
namespace {

/// What the test below does to the inbox between two instructions of the worker.
const Inbox* stepped = nullptr;
volatile long steps_left = 0;
std::vector<int> runs;

void note(std::uint32_t first, std::uint32_t end) {
  for (std::uint32_t i = first; i < end; ++i) ++runs[i];
}

void take_back_then() {
  steps_left = steps_left - 1;
  if (steps_left != 0) return;
  const Inbox::Loot loot = stepped->take_back();
  note(loot.first, loot.end);
}

/// Works through a batch of so many items, of which the parent takes some back at this step.
long work_and_take_back_at(std::uint32_t items, long step) {
  SharedPage page(0, 1, 64, 128);
  const Inbox inbox = page.inbox(0, 0);
  runs.assign(items, 0);
  inbox.publish(items, 0, true);
  inbox.close();
  stepped = &inbox;
  steps_left = step;
  bool has_begun = false;
  {
    const Stepper stepper(take_back_then);
    has_begun = inbox.begin();
    std::uint32_t place = 0;
    while (has_begun && inbox.take(place)) ++runs[place];
  }
  CHECK(runs == std::vector<int>(items, 1));
  CHECK((has_begun || items == 1));
  return step - steps_left;
}

}  // namespace
#endif

TEST_CASE("whenever the parent takes items back each is run once") {
#if LOMP_TESTS_CAN_STEP
  std::mt19937 random(std::random_device{}());
  for (std::uint32_t items : {1, 2, 5}) {
    const long steps = work_and_take_back_at(items, 1000000000);
    CHECK(steps > 20);
    const long stride = steps / (is_sanitized ? 15 : 50) + 1;
    for (long step = 1; step <= steps; step += stride) {
      work_and_take_back_at(items, step + static_cast<long>(random() % 1000) % stride);
    }
  }
#else
  SUCCEED("no code can be run step by step here");
#endif
}

TEST_CASE("whatever comes between two steps of a worker it is not cut short") {
  // Another thread of the parent's fills and closes the batch while the worker empties it.
  SharedPage page(0, 1, 64, 128);
  const Inbox inbox = page.inbox(0, 0);
  constexpr std::uint32_t items = 200;
  for (int round = 0; round < 300; ++round) {
    inbox.publish(1, 0, true);
    std::thread parent([&] {
      for (std::uint32_t i = 2; i <= items; ++i) inbox.publish(i, 0, false);
      inbox.close();
    });
    std::uint32_t place = 0, taken = 0;
    REQUIRE(inbox.begin());
    for (;;) {
      if (inbox.take(place)) {
        REQUIRE(place == taken++);
      } else if (inbox.state().is_over()) {
        break;
      }
    }
    parent.join();
    REQUIRE(taken == items);
    inbox.clear();
  }
}

TEST_CASE("no inbox overlaps another or a staging buffer") {
  SharedPage page(0, 3, 100, 50);
  for (int i = 0; i < 3; ++i) {
    std::memset(page.staging(i).data(), 100 + i, 100);
    for (int half : {0, 1}) std::memset(page.inbox(i, half).data(), 10 * i + half, 50);
  }
  for (int i = 0; i < 3; ++i) {
    CHECK(page.staging(i).data()[0] == 100 + i);
    CHECK(page.staging(i).data()[99] == 100 + i);
    for (int half : {0, 1}) {
      CHECK(page.inbox(i, half).data()[0] == 10 * i + half);
      CHECK(page.inbox(i, half).data()[49] == 10 * i + half);
    }
  }
}

TEST_CASE("a page has inboxes only where items are streamed and renews them") {
  CHECK_FALSE(SharedPage(1, 1, 64).has_inboxes());
  SharedPage page(0, 1, 64, 32);
  CHECK(page.has_inboxes());
  page.inbox(0, 1).publish(5, 0, true);
  page.renew(0);
  CHECK(page.inbox(0, 1).state().is_empty());
}

TEST_CASE("what the parent hands over a worker sees") {
  SharedPage page(0, 1, 64, 32);
  page.inbox(0, 0).data()[3] = 42;
  page.inbox(0, 0).publish(4, 0, true);
  CHECK(run_in_process([&] {
          const Inbox inbox = page.inbox(0, 0);
          return inbox.state().end == 4 && inbox.data()[3] == 42 ? 0 : 1;
        }) == 0);
}
