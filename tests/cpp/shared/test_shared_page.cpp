#include <testthat/vendor/catch.h>

#include <cstring>

#include "harness/processes.hpp"
#include "lomp/shared/shared_page.hpp"

using namespace lomp_test;
using lomp::Block;
using lomp::ExitReason;
using lomp::SharedPage;
using lomp::Staging;
using lomp::WorkerSlot;

namespace {

bool is_fresh(const WorkerSlot& slot) {
  return Block::of(slot.block).empty() && slot.running == 0 && slot.last == 0 && slot.begun == 0 &&
         slot.finished == 0 && slot.busy_ns == 0 && slot.staged == 0 && slot.staged_taken == 0 &&
         slot.reason == ExitReason::none && slot.young_left == lomp::CollectorFacts::unknown;
}

/// Fills all the memory that is a slot's with a value of its own.
void fill(SharedPage& page, int i) {
  const auto value = static_cast<std::uint64_t>(i) + 1;
  WorkerSlot& slot = page.slot(i);
  slot.block = slot.running = slot.last = slot.begun = slot.finished = slot.busy_ns = slot.staged =
      value;
  const Staging staging = page.staging(i);
  std::memset(staging.data(), i + 1, staging.capacity());
}

bool is_filled(const SharedPage& page, int i) {
  const auto value = static_cast<std::uint64_t>(i) + 1;
  const WorkerSlot& slot = page.slot(i);
  if (slot.block != value || slot.running != value || slot.staged != value) return false;
  const Staging staging = page.staging(i);
  for (std::size_t k = 0; k < staging.capacity(); ++k) {
    if (staging.data()[k] != i + 1) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("a fresh page has all items to give and no worker at work") {
  SharedPage page(1000, 5, 100);
  CHECK(page.items() == 1000);
  CHECK(page.slots() == 5);
  CHECK(page.next() == 0);
  CHECK(page.collection_ns() == 0);
  CHECK_FALSE(page.may_be_replaced());
  CHECK(page.worker_budget() == 0);
  CHECK(page.most_private() == 0);
  for (int i = 0; i < 5; ++i) {
    CHECK(is_fresh(page.slot(i)));
    CHECK(page.staging(i).capacity() == 100);
  }
}

TEST_CASE("no part of the page overlaps another") {
  SharedPage page(1000, 7, 1001);
  page.next() = 99;
  for (int i = 0; i < 7; ++i) fill(page, i);
  for (int i = 0; i < 7; ++i) CHECK(is_filled(page, i));
  CHECK(page.next() == 99);
  CHECK(page.items() == 1000);
}

TEST_CASE("each worker has cache lines of its own") {
  SharedPage page(1, 3, 64);
  for (int i = 0; i < 3; ++i) {
    CHECK(reinterpret_cast<std::uintptr_t>(&page.slot(i)) % 128 == 0);
  }
  CHECK(reinterpret_cast<unsigned char*>(&page.slot(0)) -
            reinterpret_cast<unsigned char*>(&page.next()) >=
        128);
}

TEST_CASE("the staging word of a slot is that of its staging buffer") {
  SharedPage page(1, 2, 64);
  page.staging(1).commit(9);
  CHECK(page.slot(1).staged == 9);
  CHECK(page.slot(0).staged == 0);
}

TEST_CASE("a renewed slot keeps its block and its sums") {
  SharedPage page(100, 3, 64);
  for (int i = 0; i < 3; ++i) fill(page, i);
  page.slot(1).reason = ExitReason::quit;
  page.slot(1).block = Block{5, 9}.word();
  page.renew(1);
  const WorkerSlot& slot = page.slot(1);
  CHECK(Block::of(slot.block).cursor == 5);
  CHECK(Block::of(slot.block).end == 9);
  CHECK(slot.finished == 2);
  CHECK(slot.busy_ns == 2);
  CHECK(slot.running == 0);
  CHECK(slot.last == 0);
  CHECK(slot.begun == 0);
  CHECK(slot.reason == ExitReason::none);
  CHECK(page.staging(1).committed() == 0);
  CHECK(page.staging(1).sequence() == 0);
  CHECK(is_filled(page, 0));
  CHECK(is_filled(page, 2));
}

TEST_CASE("a child's writes are seen") {
  SharedPage page(10, 1, 64);
  CHECK(run_in_process([&] {
          page.next() = 4;
          page.slot(0).reason = ExitReason::quit;
          page.staging(0).data()[0] = 1;
          page.staging(0).commit(1);
          return 0;
        }) == 0);
  CHECK(page.next() == 4);
  CHECK(page.slot(0).reason == ExitReason::quit);
  CHECK(page.staging(0).committed() == 1);
}

namespace {

/// The marks of a worker that sent, waited, and was relieved of what it had staged.
void wear_out(SharedPage& page, int i) {
  page.staging(i).sent();
  page.staging(i).commit(10);
  page.staging(i).take(1, [](const unsigned char*, std::size_t) {});
  page.staging(i).begin_sending();
  page.slot(i).flow.released = 77;
  page.slot(i).flow.is_waiting = true;
  page.slot(i).credits = 0;
  page.slot(i).young_left = 5;
}

}  // namespace

TEST_CASE("in a renewed slot nothing is under way") {
  SharedPage page(100, 3, 64);
  for (int i = 0; i < 3; ++i) wear_out(page, i);
  CHECK(page.slot(1).staged_taken != 0);
  page.renew(1);
  CHECK(page.slot(1).staged_taken == 0);
  CHECK(page.staging(1).taken() == 0);
  CHECK(page.slot(1).flow.released == 0);
  CHECK(page.slot(1).young_left == lomp::CollectorFacts::unknown);
  CHECK_FALSE(page.slot(1).flow.is_waiting);
  CHECK(page.slot(1).credits == lomp::max_descriptors_under_way);
}

TEST_CASE("renewing a slot leaves the others and what all share alone") {
  SharedPage page(100, 3, 64);
  page.flow().head = 5;
  page.flow().head_released = 6;
  page.flow().is_open = true;
  page.parent_waits() = true;
  for (int i = 0; i < 3; ++i) wear_out(page, i);
  page.renew(1);
  for (int i : {0, 2}) {
    CHECK(page.staging(i).taken() == 10);
    CHECK(page.slot(i).flow.released == 77);
    CHECK(page.slot(i).flow.is_waiting);
    CHECK(page.slot(i).credits == 0);
  }
  CHECK(page.flow().head == 5);
  CHECK(page.flow().head_released == 6);
  CHECK(page.flow().is_open);
  CHECK(page.parent_waits());
}

TEST_CASE("a fresh page has no bound and no worker that waits") {
  SharedPage page(100, 2, 64);
  CHECK(page.flow().bound == 0);
  CHECK_FALSE(page.flow().is_ordered);
  CHECK_FALSE(page.flow().is_open);
  CHECK(page.flow().head == 0);
  CHECK_FALSE(page.parent_waits());
  for (int i = 0; i < 2; ++i) {
    CHECK(page.slot(i).flow.released == 0);
    CHECK_FALSE(page.slot(i).flow.is_waiting);
    CHECK(page.slot(i).staged_taken == 0);
  }
}
