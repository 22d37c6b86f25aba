#include <testthat/vendor/catch.h>

#include "lomp/shared/worker_usage.hpp"

using lomp::Leaving;
using lomp::WorkerUsage;

namespace {

bool is_new(const WorkerUsage& usage) {
  return usage.items.sum() == 0 && usage.delivery.sum() == 0 && usage.collecting_ns == 0 &&
         usage.faults == -1 && usage.private_bytes == 0 && usage.leaving == Leaving::done;
}

}  // namespace

TEST_CASE("of a worker that has told nothing nothing is known") {
  const WorkerUsage usage;
  CHECK(is_new(usage));
}

TEST_CASE("nothing of a worker is left for its successor") {
  WorkerUsage usage;
  const auto is_changed_by = [&usage](auto& word, auto value) {
    word = value;
    const bool is_changed = !is_new(usage);
    usage.reset();
    return is_changed && is_new(usage);
  };
  CHECK(is_changed_by(usage.collecting_ns, 3));
  CHECK(is_changed_by(usage.faults, 4));
  CHECK(is_changed_by(usage.private_bytes, 5u));
  CHECK(is_changed_by(usage.leaving, Leaving::memory));
}

TEST_CASE("nor of its waits") {
  WorkerUsage usage;
  usage.items.add(1);
  CHECK_FALSE(is_new(usage));
  usage.reset();
  usage.delivery.add(1);
  CHECK_FALSE(is_new(usage));
  usage.reset();
  CHECK(is_new(usage));
}
