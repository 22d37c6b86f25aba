#include <testthat/vendor/catch.h>

#include "lomp/shared/worker_usage.hpp"

using lomp::add_time;
using lomp::Leaving;
using lomp::WorkerUsage;

namespace {

bool is_new(const WorkerUsage& usage) {
  return usage.wait_items_ns == 0 && usage.wait_delivery_ns == 0 && usage.collecting_ns == 0 &&
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
  CHECK(is_changed_by(usage.wait_items_ns, 1));
  CHECK(is_changed_by(usage.wait_delivery_ns, 2));
  CHECK(is_changed_by(usage.collecting_ns, 3));
  CHECK(is_changed_by(usage.faults, 4));
  CHECK(is_changed_by(usage.private_bytes, 5u));
  CHECK(is_changed_by(usage.leaving, Leaving::memory));
}

TEST_CASE("times are summed up") {
  WorkerUsage usage;
  add_time(usage.wait_items_ns, 5);
  add_time(usage.wait_items_ns, std::int64_t{1} << 40);
  add_time(usage.collecting_ns, 7);
  CHECK(usage.wait_items_ns == (std::int64_t{1} << 40) + 5);
  CHECK(usage.collecting_ns == 7);
  CHECK(usage.wait_delivery_ns == 0);
}
