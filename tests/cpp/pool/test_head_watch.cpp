#include <testthat/vendor/catch.h>

#include "harness/processes.hpp"
#include "lomp/pool/head_watch.hpp"

using lomp::Block;
using lomp::HeadWatch;
using lomp::SharedPage;
using lomp::WorkerHandle;
using lomp::Workers;

namespace {

/// Two workers, and ten items of which four are claimed.
struct Page {
  SharedPage page{10, 2, 64};
  Workers workers;
  HeadWatch watch{page, workers};

  Page() {
    for (int slot = 0; slot < 2; ++slot) {
      workers.push_back(std::make_unique<WorkerHandle>());
      workers.back()->slot = slot;
    }
    page.next() = 4;
    page.flow().head = 1;
  }

  bool is_lost() { return watch.is_lost(watch.is_idle()); }
};

}  // namespace

TEST_CASE("a head that a worker has in hand is not idle") {
  Page call;
  CHECK(call.watch.is_idle());
  call.page.slot(1).running = 2;
  CHECK_FALSE(call.watch.is_idle());
  CHECK_FALSE(call.is_lost());
  CHECK_FALSE(call.watch.is_watching());
}

TEST_CASE("a head in the hand of a worker that is gone is idle") {
  Page call;
  call.page.slot(1).running = 2;
  call.workers[1].reset();
  CHECK(call.watch.is_idle());
}

TEST_CASE("a head in a block is in sight") {
  Page call;
  call.page.slot(0).block = Block{1, 3}.word();
  CHECK_FALSE(call.is_lost());
  CHECK_FALSE(call.watch.is_watching());
}

TEST_CASE("a head that no worker has claimed is in sight") {
  Page call;
  call.page.flow().head = 4;
  CHECK_FALSE(call.is_lost());
  CHECK_FALSE(call.watch.is_watching());
}

TEST_CASE("a head that is nowhere is lost after a while and not at once") {
  Page call;
  CHECK_FALSE(call.is_lost());
  CHECK(call.watch.is_watching());
  CHECK(lomp_test::eventually([&] { return call.is_lost(); }));
}

TEST_CASE("another head is watched anew") {
  Page call;
  REQUIRE(lomp_test::eventually([&] { return call.is_lost(); }));
  call.page.flow().head = 2;
  CHECK_FALSE(call.is_lost());
  call.page.slot(0).block = Block{2, 3}.word();
  CHECK_FALSE(call.is_lost());
  CHECK_FALSE(call.watch.is_watching());
}
