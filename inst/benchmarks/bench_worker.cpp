// What an item costs in its worker beside its own work: taken, its record put, staged and sent. The
// frames go to a descriptor that swallows them, so the pipe isn't in these figures.
#include <benchmark/benchmark.h>

#include <vector>

#include "lomp/worker/worker.hpp"

namespace {

constexpr std::uint64_t all_items = 0xffffffff;

void item(benchmark::State& state) {
  const lomp::Fd null(::open("/dev/null", O_WRONLY));
  const std::vector<unsigned char> body(static_cast<std::size_t>(state.range(0)));
  lomp::SharedPage page(all_items, 1, std::size_t{128} << 10);
  lomp::Worker worker(page, 0, null.get(), -1);
  for (auto _ : state) {
    std::uint32_t item = 0;
    while (!worker.take(item)) {
      if (!worker.next_block()) page.next() = 0;
    }
    worker.put(body.data(), body.size());
    worker.finish(0);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(item)->Arg(0)->Arg(16)->Arg(1000)->Arg(1 << 20);

}  // namespace
