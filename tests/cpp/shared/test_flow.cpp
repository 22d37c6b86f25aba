#include <sched.h>
#include <testthat/vendor/catch.h>

#include <algorithm>
#include <random>
#include <stdexcept>
#include <vector>

#include "harness/processes.hpp"
#include "harness/stepper.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/shared/flow.hpp"
#include "lomp/shared/shared_page.hpp"

using namespace lomp_test;
using lomp::FlowLine;
using lomp::FlowReceiver;
using lomp::FlowSender;
using lomp::FlowState;

namespace {

/// Parent and one worker, in this very process.
struct Flow {
  explicit Flow(std::uint64_t bound, bool is_ordered = false) {
    state.bound = bound;
    state.is_ordered = is_ordered;
  }

  /// The worker makes a record.
  void send(std::uint64_t cost) { sender.sent(cost); }

  /// The parent has taken one; must the worker be woken?
  bool release(std::uint64_t item, std::uint64_t cost) {
    return receiver.release(line, item, cost);
  }

  FlowState state;
  FlowLine line;
  FlowSender sender{state, line};
  FlowReceiver receiver{state};
};

/// Has the worker begin to wait, as its sleep() would find it; sleeps end as soon as they begin.
/// Gives what release() says for each of so many records while it sleeps.
std::vector<bool> wakes(Flow& flow, int records, std::uint64_t item, std::uint64_t cost) {
  std::vector<bool> answers;
  flow.sender.await([&] {
    for (int i = 0; i < records; ++i) answers.push_back(flow.release(item, cost));
  });
  return answers;
}

constexpr std::size_t no_wake = 1000;

/// At the how manieth release, from 0 on, was there the first wake?
std::size_t first_wake(const std::vector<bool>& answers) {
  const auto first = std::find(answers.begin(), answers.end(), true);
  return first == answers.end() ? no_wake : static_cast<std::size_t>(first - answers.begin());
}

[[noreturn]] void fail_to_sleep() { throw std::logic_error("there was no reason to wait"); }

}  // namespace

TEST_CASE("without a bound no worker ever waits") {
  Flow flow(0, true);
  flow.sender.begin_item(7);
  for (int i = 0; i < 100; ++i) {
    flow.send(std::uint64_t{1} << 50);
    CHECK(flow.sender.may_send());
    CHECK_NOTHROW(flow.sender.await(fail_to_sleep));
  }
  CHECK_FALSE(flow.release(7, std::uint64_t{1} << 50));
}

TEST_CASE("a record may begin below the bound and not at it") {
  Flow flow(10);
  CHECK(flow.sender.may_send());
  flow.send(9);
  CHECK(flow.sender.may_send());
  flow.send(1);
  CHECK_FALSE(flow.sender.may_send());
}

TEST_CASE("the bound is overshot by one record at the most") {
  for (std::uint64_t bound : {1, 2, 7, 100}) {
    for (std::uint64_t cost : {1, 3, 99, 1000}) {
      Flow flow(bound);
      std::uint64_t sent = 0;
      for (; flow.sender.may_send(); sent += cost) flow.send(cost);
      CHECK(sent >= bound);
      CHECK(sent < bound + cost);
    }
  }
}

TEST_CASE("records that cost nothing never fill the bound") {
  Flow flow(1);
  for (int i = 0; i < 1000; ++i) flow.send(0);
  CHECK(flow.sender.may_send());
}

TEST_CASE("a release lets the worker go on") {
  Flow flow(10);
  flow.send(25);
  CHECK_FALSE(flow.sender.may_send());
  flow.release(0, 15);
  CHECK_FALSE(flow.sender.may_send());
  flow.release(0, 1);
  CHECK(flow.sender.may_send());
}

TEST_CASE("sums beyond 32 bits are kept") {
  Flow flow(10);
  constexpr std::uint64_t much = std::uint64_t{1} << 40;
  for (int i = 0; i < 100; ++i) {
    flow.send(much);
    CHECK_FALSE(flow.sender.may_send());
    flow.release(0, much);
    CHECK(flow.sender.may_send());
  }
}

TEST_CASE("a worker that may send does not sleep and leaves no trace") {
  Flow flow(10);
  flow.send(9);
  CHECK_NOTHROW(flow.sender.await(fail_to_sleep));
  CHECK_FALSE(flow.line.is_waiting);
}

TEST_CASE("a release wakes no worker that doesn't wait") {
  Flow flow(10);
  flow.send(100);
  CHECK_FALSE(flow.release(0, 100));
}

TEST_CASE("each time that a worker waits it is woken once") {
  Flow flow(100);
  flow.send(1000);
  int sleeps = 0;
  flow.sender.await([&] {
    if (++sleeps == 1) {
      CHECK_FALSE(flow.release(0, 500));
      return;
    }
    CHECK(flow.release(0, 450));
    CHECK_FALSE(flow.release(0, 10));
    CHECK_FALSE(FlowReceiver::must_wake(flow.line));
  });
  CHECK(sleeps == 2);
  flow.line.is_waiting = true;
  CHECK(FlowReceiver::must_wake(flow.line));
  CHECK_FALSE(FlowReceiver::must_wake(flow.line));
}

TEST_CASE("a worker sleeps again and again until it may send") {
  Flow flow(100);
  flow.send(150);
  int sleeps = 0;
  bool was_waiting = true;
  flow.sender.await([&] {
    ++sleeps;
    was_waiting = was_waiting && flow.line.is_waiting;
    flow.release(0, 10);
  });
  CHECK(sleeps == 6);
  CHECK(was_waiting);
  CHECK(flow.sender.may_send());
  CHECK_FALSE(flow.line.is_waiting);
}

TEST_CASE("a worker is woken when half of the bound is free and not for each record") {
  for (std::uint64_t bound : {2, 10, 100, 101}) {
    Flow flow(bound);
    for (std::uint64_t i = 0; i < bound; ++i) flow.send(1);
    const std::size_t first = first_wake(wakes(flow, static_cast<int>(bound), 0, 1));
    CHECK(first + 1 == bound - bound / 2);
  }
}

TEST_CASE("a worker with a bound of one byte is woken by what frees it") {
  Flow flow(1);
  flow.send(5);
  CHECK(first_wake(wakes(flow, 5, 0, 1)) == 4);
}

TEST_CASE("a worker far beyond the bound is woken when it is well below it again") {
  Flow flow(100);
  flow.send(1000);
  CHECK(first_wake(wakes(flow, 100, 0, 10)) == 94);
}

TEST_CASE("a worker that is woken may send") {
  std::mt19937 random(1);
  for (int round = 0; round < 300; ++round) {
    Flow flow(1 + random() % 50);
    std::uint64_t held = 0;
    while (flow.sender.may_send()) {
      const std::uint64_t cost = random() % 30;
      flow.send(cost);
      held += cost;
    }
    bool may_send = false;
    flow.sender.await([&] {
      while (held > 0) {
        const std::uint64_t cost = std::min<std::uint64_t>(held, 1 + random() % 9);
        held -= cost;
        if (!flow.release(0, cost)) continue;
        may_send = flow.sender.may_send();
        return;
      }
    });
    REQUIRE(may_send);
  }
}

TEST_CASE("out of order no item is preferred") {
  Flow flow(10);
  flow.sender.begin_item(0);
  flow.send(10);
  flow.receiver.set_head(0);
  CHECK_FALSE(flow.sender.may_send());
}

TEST_CASE("for the head's worker its records alone count") {
  Flow flow(10, true);
  flow.sender.begin_item(3);
  flow.send(50);
  CHECK_FALSE(flow.sender.may_send());
  flow.sender.begin_item(2);
  CHECK_FALSE(flow.sender.may_send());
  flow.receiver.set_head(2);
  CHECK(flow.sender.may_send());
  flow.send(9);
  CHECK(flow.sender.may_send());
  flow.send(1);
  CHECK_FALSE(flow.sender.may_send());
}

TEST_CASE("the first item is the head from the beginning") {
  Flow flow(10, true);
  flow.sender.begin_item(5);
  flow.send(100);
  flow.sender.begin_item(0);
  CHECK(flow.sender.may_send());
}

TEST_CASE("the head's worker goes on for its records and not for others") {
  Flow flow(10, true);
  flow.sender.begin_item(3);
  flow.send(50);
  flow.receiver.set_head(2);
  flow.sender.begin_item(2);
  flow.send(12);
  flow.release(3, 20);
  CHECK_FALSE(flow.sender.may_send());
  flow.release(2, 2);
  CHECK_FALSE(flow.sender.may_send());
  flow.release(2, 1);
  CHECK(flow.sender.may_send());
}

TEST_CASE("a new head has nothing released") {
  Flow flow(10, true);
  flow.receiver.set_head(1);
  flow.release(1, 1000);
  CHECK(flow.state.head_released == 1000);
  flow.receiver.set_head(2);
  CHECK(flow.state.head == 2);
  CHECK(flow.state.head_released == 0);
  flow.release(1, 7);
  CHECK(flow.state.head_released == 0);
  CHECK(flow.line.released == 1007);
}

TEST_CASE("out of order the head's records are not summed up") {
  Flow flow(10);
  flow.release(0, 5);
  CHECK(flow.state.head_released == 0);
  CHECK(flow.line.released == 5);
}

TEST_CASE("the head's worker is woken by its records when half of the bound is free") {
  Flow flow(10, true);
  flow.sender.begin_item(9);
  flow.send(100);
  flow.sender.begin_item(4);
  flow.receiver.set_head(4);
  flow.send(10);
  CHECK(first_wake(wakes(flow, 10, 4, 1)) == 4);
}

TEST_CASE("records of other items do not wake the head's worker before its bound is free") {
  Flow flow(10, true);
  flow.sender.begin_item(9);
  flow.send(100);
  flow.sender.begin_item(4);
  flow.receiver.set_head(4);
  flow.send(10);
  // Those of the item 9 count for the bound of all, which is free at 110 - 5.
  CHECK(first_wake(wakes(flow, 110, 9, 1)) == 104);
}

TEST_CASE("records of other items do not wake the worker of an item without records") {
  Flow flow(10, true);
  flow.sender.begin_item(3);
  flow.send(10);
  flow.sender.begin_item(4);
  CHECK(first_wake(wakes(flow, 10, 3, 1)) == 4);
}

TEST_CASE("a worker whose item becomes the head while it sleeps goes on") {
  Flow flow(10, true);
  flow.sender.begin_item(4);
  flow.send(10);
  flow.sender.begin_item(5);
  int sleeps = 0;
  flow.sender.await([&] {
    ++sleeps;
    flow.receiver.set_head(5);
  });
  CHECK(sleeps == 1);
  CHECK(flow.sender.may_send());
}

#if LOMP_TESTS_CAN_STEP
namespace {

Flow* stepped = nullptr;
void (*act)() = nullptr;
volatile long steps_left = 0;
volatile long steps = 0;
volatile bool is_woken = false;
std::atomic<bool> has_acted{false};

void act_once() {
  if (!has_acted.exchange(true)) act();
}

void step() {
  steps = steps + 1;
  steps_left = steps_left - 1;
  if (steps_left == 0) act_once();
}

void release_all() {
  if (stepped->release(3, 10)) is_woken = true;
}

/// As the pool does it: a worker that waits is woken.
void pass_on_the_turn() {
  stepped->receiver.set_head(4);
  if (stepped->line.is_waiting) is_woken = true;
}

void lift_the_bound() {
  if (stepped->receiver.set_open(true) && stepped->line.is_waiting) is_woken = true;
}

/// Has a worker wait for room, which it gets at a step of that. How many steps there were; 0 if it
/// slept and wasn't woken.
long wait_stepwise(void (*how)(), long when) {
  Flow flow(10, true);
  flow.sender.begin_item(3);
  flow.send(10);
  flow.sender.begin_item(4);
  stepped = &flow;
  act = how;
  steps_left = when;
  steps = 0;
  is_woken = false;
  has_acted = false;
  bool sleeps_for_good = false;
  const Stepper stepper(step);
  flow.sender.await([&] {
    act_once();  // if it sleeps before that comes
    sleeps_for_good = sleeps_for_good || !is_woken;
    if (!is_woken) flow.line.released = 10;
  });
  return sleeps_for_good ? 0 : steps;
}

}  // namespace
#endif

TEST_CASE("whenever room comes a worker that waits is woken or doesn't sleep") {
#if LOMP_TESTS_CAN_STEP
  std::mt19937 random(std::random_device{}());
  for (void (*how)() : {release_all, pass_on_the_turn, lift_the_bound}) {
    const long all = wait_stepwise(how, 1000000000);
    CHECK(all > 10);
    const long stride = all / 40 + 1;
    for (long first = 1; first <= all; first += stride) {
      // Others in each run: one that fails is told.
      const long when = first + static_cast<long>(random() % 1000) % stride;
      CAPTURE(when);
      REQUIRE(wait_stepwise(how, when) > 0);
    }
  }
#else
  SUCCEED("no code can be run step by step here");
#endif
}

TEST_CASE("lifting the bound lets all go on until it is put back") {
  Flow flow(10, true);
  flow.sender.begin_item(4);
  flow.send(100);
  CHECK(flow.receiver.set_open(true));
  CHECK(flow.sender.may_send());
  flow.send(100000);
  CHECK(flow.sender.may_send());
  CHECK_FALSE(flow.receiver.set_open(false));
  CHECK_FALSE(flow.sender.may_send());
}

TEST_CASE("only lifting the bound anew wakes workers that wait") {
  Flow flow(10);
  CHECK_FALSE(flow.receiver.set_open(false));
  CHECK(flow.receiver.set_open(true));
  CHECK_FALSE(flow.receiver.set_open(true));
  CHECK_FALSE(flow.receiver.set_open(false));
  CHECK_FALSE(flow.receiver.set_open(false));
  CHECK(flow.receiver.set_open(true));
}

TEST_CASE("each worker has a line of its own") {
  FlowState state;
  state.bound = 10;
  FlowLine first_line, second_line;
  FlowSender first(state, first_line), second(state, second_line);
  FlowReceiver receiver(state);
  first.sent(10);
  CHECK_FALSE(first.may_send());
  CHECK(second.may_send());
  second.sent(10);
  receiver.release(second_line, 0, 10);
  CHECK_FALSE(first.may_send());
  CHECK(second.may_send());
}

namespace {

/// A sender in a process of its own that sends numbered records to its parent through shared
/// memory, and sleeps on a pipe until it is woken.
class Stream {
 public:
  Stream(std::uint64_t bound, bool is_ordered, std::uint32_t records) : records_(records) {
    page_.flow().bound = bound;
    page_.flow().is_ordered = is_ordered;
    child_ = ::fork();
    if (child_ == 0) send_all();
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
  }

  static std::uint64_t cost(std::uint32_t record) { return record * 7919 % 53; }

  std::uint32_t sent() const { return sent_[0]; }
  std::uint64_t most_held() const { return most_held_[0]; }
  std::uint64_t sleeps() const { return sleeps_[0]; }

  /// Takes the next record; true if the sender had to be woken. The books are kept before that.
  bool release(std::uint32_t record) {
    held_[0] -= cost(record);
    const bool must_wake = receiver_.release(page_.slot(0).flow, 0, cost(record));
    if (must_wake) (void)!::write(wake_.writer.get(), "", 1);
    return must_wake;
  }

 private:
  [[noreturn]] void send_all() {
    FlowSender sender(page_.flow(), page_.slot(0).flow);
    sender.begin_item(0);
    for (std::uint32_t i = 0; i < records_; ++i) {
      sender.await([&] { sleep(); });
      const std::uint64_t held = held_[0] += cost(i);
      if (held > most_held_[0]) most_held_[0] = held;
      sent_[0] = i + 1;
      sender.sent(cost(i));
    }
    ::_exit(0);
  }

  void sleep() {
    ++sleeps_[0];
    pollfd end{wake_.reader.get(), POLLIN, 0};
    ::poll(&end, 1, -1);
    char bytes[64];
    (void)!::read(wake_.reader.get(), bytes, sizeof bytes);
  }

  lomp::SharedPage page_{1, 1, 64};
  lomp::Pipe wake_ = lomp::make_pipe();
  SharedArray<std::uint32_t> sent_{1};
  SharedArray<std::uint64_t> held_{1}, most_held_{1}, sleeps_{1};
  FlowReceiver receiver_{page_.flow()};
  std::uint32_t records_;
  pid_t child_ = -1;
};

constexpr std::uint64_t largest = 52;

/// Waits for what comes within microseconds; false if it doesn't come at all.
template <class Condition>
bool soon(Condition condition) {
  for (int i = 0; i < 10000 && !condition(); ++i) ::sched_yield();
  return eventually(condition);
}

/// Takes all that another process sends. It never holds more than its bound and one record, and
/// never sleeps for good.
void check_stream(std::uint64_t bound, bool is_ordered) {
  constexpr std::uint32_t records = 10000;
  Stream stream(bound, is_ordered, records);
  std::uint64_t wakes = 0;
  for (std::uint32_t i = 0; i < records; ++i) {
    if (stream.sent() <= i) REQUIRE(soon([&] { return stream.sent() > i; }));
    wakes += stream.release(i);
  }
  CHECK(stream.sent() == records);
  CHECK(stream.most_held() < bound + largest);
  CHECK(stream.most_held() > 0);
  CHECK(stream.sleeps() <= wakes + 1);
}

}  // namespace

TEST_CASE("another process that sends never holds more than the bound and one record") {
  const LeavesNothing check;
  for (bool is_ordered : {false, true}) {
    for (std::uint64_t bound : {1, 30, 1000, 100000}) check_stream(bound, is_ordered);
  }
}

TEST_CASE("another process sleeps at the bound until half of it is free") {
  const LeavesNothing check;
  Stream stream(1000, false, 1000);
  REQUIRE(eventually([&] { return stream.sleeps() == 1; }));
  const std::uint32_t before = stream.sent();
  CHECK(stream.most_held() >= 1000);
  CHECK(stream.most_held() < 1000 + largest);
  std::uint32_t taken = 0;
  while (!stream.release(taken)) {
    ++taken;
    REQUIRE(taken < before);
  }
  CHECK(taken > 10);
  CHECK(eventually([&] { return stream.sent() > before; }));
}
