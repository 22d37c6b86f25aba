// A look at so many descriptors of which one is ready, set up anew each time as the pool does it.
#include <benchmark/benchmark.h>

#include "lomp/os/pipe.hpp"
#include "lomp/os/poll_set.hpp"

namespace {

void look(benchmark::State& state) {
  std::vector<lomp::Pipe> pipes;
  for (std::int64_t i = 0; i < state.range(0); ++i) pipes.push_back(lomp::make_pipe(4096));
  if (::write(pipes.back().writer.get(), "x", 1) != 1) return state.SkipWithError("write");
  lomp::PollSet poll_set;
  for (auto _ : state) {
    poll_set.clear();
    for (const lomp::Pipe& pipe : pipes) poll_set.watch(pipe.reader.get());
    benchmark::DoNotOptimize(poll_set.wait(0));
  }
}
BENCHMARK(look)->Arg(2)->Arg(16)->Arg(64)->Arg(256);

}  // namespace
