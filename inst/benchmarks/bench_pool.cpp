// Whole calls: opened, run, closed.
//
// `pool_beside_fork` runs a pool for one trivial item and a bare fork, exit and wait in turn, so
// that a busy machine slows both alike; its time is the pool's and `forks` the median of the
// ratios, which is how many bare forks a call costs. Both depend on the size of the process, by its
// page table.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "lomp/pool/pool.hpp"

namespace {

using lomp::EventKind;
using lomp::now_ns;
using lomp::Worker;

void do_trivial_items(Worker& worker) {
  std::uint32_t item = 0;
  while (worker.next_block()) {
    while (worker.take(item)) {
      worker.put(&item, sizeof item);
      worker.finish(0);
    }
  }
}

void run_pool(std::uint64_t items, int workers) {
  lomp::PoolOptions options;
  options.items = items;
  options.workers = workers;
  lomp::Pool pool(options, do_trivial_items);
  std::uint64_t received = 0;
  for (;;) {
    const lomp::Event event = pool.next(1000);
    if (event.kind == EventKind::finished) break;
    if (event.kind == EventKind::records) received += event.count;
  }
  if (received != items) throw std::runtime_error("items are missing");
}

void fork_and_wait() {
  const pid_t pid = lomp::check(::fork(), "fork");
  if (pid == 0) ::_exit(0);
  ::waitpid(pid, nullptr, 0);
}

template <class Run>
double seconds_of(Run run) {
  const std::int64_t began = now_ns();
  run();
  return static_cast<double>(now_ns() - began) * 1e-9;
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Memory that the process has written to, in MB: a fork copies its page table.
std::vector<char> ballast(benchmark::State& state) {
  return std::vector<char>(static_cast<std::size_t>(state.range(0)) << 20, 'x');
}

void bare_fork(benchmark::State& state) {
  const std::vector<char> memory = ballast(state);
  for (auto _ : state) fork_and_wait();
}
BENCHMARK(bare_fork)->Arg(0)->Arg(256)->UseRealTime()->Unit(benchmark::kMicrosecond);

void pool_of_one_item(benchmark::State& state) {
  const std::vector<char> memory = ballast(state);
  for (auto _ : state) run_pool(1, 1);
}
BENCHMARK(pool_of_one_item)->Arg(0)->Arg(256)->UseRealTime()->Unit(benchmark::kMicrosecond);

void pool_beside_fork(benchmark::State& state) {
  const std::vector<char> memory = ballast(state);
  std::vector<double> ratios;
  for (auto _ : state) {
    const double fork_seconds = seconds_of(fork_and_wait);
    const double pool_seconds = seconds_of([] { run_pool(1, 1); });
    state.SetIterationTime(pool_seconds);
    ratios.push_back(pool_seconds / fork_seconds);
  }
  state.counters["forks"] = median(ratios);
}
BENCHMARK(pool_beside_fork)->Arg(0)->Arg(256)->UseManualTime()->Unit(benchmark::kMicrosecond);

// The cost of an item must not grow with their number.
void trivial_items(benchmark::State& state) {
  for (auto _ : state) run_pool(static_cast<std::uint64_t>(state.range(0)), 2);
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(trivial_items)
    ->Arg(100000)
    ->Arg(1000000)
    ->Arg(10000000)
    ->UseRealTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
