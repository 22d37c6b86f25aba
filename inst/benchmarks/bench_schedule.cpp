// Dealing out work: claims from the counter, alone and contended, items from a block, and thefts.
#include <benchmark/benchmark.h>

#include "lomp/schedule/schedule.hpp"

using lomp::Block;
using lomp::Schedule;
using lomp::SharedPage;

namespace {

constexpr std::uint64_t all_items = 0xffffffff;

// With one thread the counter is claimed from alone; with two, both processors want its cache line.
void claim(benchmark::State& state) {
  static SharedPage page(all_items, 2, 64);
  Schedule schedule(page);
  for (auto _ : state) {
    const Block block = schedule.claim(1);
    if (block.empty()) page.next() = 0;
    benchmark::DoNotOptimize(block.cursor);
  }
}
BENCHMARK(claim)->Threads(1)->Threads(2)->UseRealTime();

// What a cheap item costs its worker: one compare-and-swap on its own block.
void take_from_own_block(benchmark::State& state) {
  SharedPage page(all_items, 2, 64);
  std::uint32_t item = 0;
  for (auto _ : state) {
    if (!lomp::take_first(page.slot(0).block, item)) page.slot(0).block = Block{0, 100000}.word();
    benchmark::DoNotOptimize(item);
  }
}
BENCHMARK(take_from_own_block);

// A theft from the only rich one of so many slots; the victim is given its items back.
void steal(benchmark::State& state) {
  SharedPage page(all_items, static_cast<int>(state.range(0)), 64);
  Schedule schedule(page);
  lomp::WorkerSlot& victim = page.slot(page.slots() - 1);
  for (auto _ : state) {
    victim.block = Block{0, 1000}.word();
    benchmark::DoNotOptimize(schedule.steal(0).cursor);
  }
}
BENCHMARK(steal)->Arg(2)->Arg(8)->Arg(64);

// An idle worker's look at what is left, when there is nothing.
void steal_nothing(benchmark::State& state) {
  SharedPage page(all_items, static_cast<int>(state.range(0)), 64);
  Schedule schedule(page);
  for (auto _ : state) benchmark::DoNotOptimize(schedule.steal(0).cursor);
}
BENCHMARK(steal_nothing)->Arg(2)->Arg(64);

}  // namespace
