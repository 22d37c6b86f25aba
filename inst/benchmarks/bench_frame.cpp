// Headers of frames: made and checked.
#include <benchmark/benchmark.h>

#include "lomp/wire/frame.hpp"

namespace {

void encode(benchmark::State& state) {
  lomp::FrameHeader header;
  for (auto _ : state) {
    ++header.sequence;
    header.bytes += 100;
    benchmark::DoNotOptimize(lomp::sealed(header));
  }
}
BENCHMARK(encode);

void decode(benchmark::State& state) {
  lomp::FrameHeader header = lomp::sealed(lomp::FrameHeader());
  for (auto _ : state) {
    benchmark::DoNotOptimize(header);
    benchmark::DoNotOptimize(lomp::is_sound(header));
  }
}
BENCHMARK(decode);

}  // namespace
