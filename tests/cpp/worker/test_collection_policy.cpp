#include <testthat/vendor/catch.h>

#include "harness/faults.hpp"
#include "harness/processes.hpp"
#include "lomp/worker/collection_policy.hpp"

using lomp::CollectionPolicy;
using namespace lomp_test;

namespace {

/// Grows this process by enough for a collection.
void grow() { const Pages pages(CollectionPolicy::growth + 10); }

/// A collection that takes that long.
void collect(CollectionPolicy& policy, int milliseconds) {
  policy.begin();
  work_for_us(1000 * milliseconds);
  policy.end();
}

}  // namespace

TEST_CASE("a process that doesn't grow needs no collection") {
  const CollectionPolicy policy;
  CHECK_FALSE(policy.is_due());
  const Pages few(1000);
  CHECK_FALSE(policy.is_due());
}

TEST_CASE("growth makes a collection due and the collection ends that") {
  CollectionPolicy policy;
  grow();
  CHECK(policy.is_due());
  collect(policy, 0);
  CHECK_FALSE(policy.is_due());
  grow();
  CHECK(policy.is_due());
}

TEST_CASE("after a dear collection the next one has to wait") {
  CollectionPolicy policy;
  grow();
  const std::int64_t began = lomp::now_ns();
  collect(policy, 300);
  const std::int64_t cost = lomp::now_ns() - began;
  grow();
  const bool is_due = policy.is_due();
  if (lomp::now_ns() - began < 4 * cost) CHECK_FALSE(is_due);
  CHECK(eventually([&] { return policy.is_due(); }));
  CHECK(lomp::now_ns() - began > 4 * cost);
}
