// Commits into the staging buffer: the bare one, and one with a record copied in before it.
#include <benchmark/benchmark.h>

#include <vector>

#include "lomp/shared/shared_page.hpp"
#include "lomp/shared/staging.hpp"
#include "lomp/wire/record.hpp"

namespace {

constexpr std::size_t capacity = std::size_t{128} << 10;

void commit(benchmark::State& state) {
  lomp::SharedPage page(1, 1, capacity);
  lomp::Staging staging = page.staging(0);
  std::size_t bytes = 0;
  for (auto _ : state) staging.commit(++bytes & 0xffff);
}
BENCHMARK(commit);

void copy_and_commit(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const std::vector<unsigned char> body(size);
  lomp::SharedPage page(1, 1, capacity);
  lomp::Staging staging = page.staging(0);
  const lomp::RecordHeader header = lomp::make_record_header(1, {}, size);
  for (auto _ : state) {
    if (staging.committed() + sizeof header + size > capacity) staging.sent();
    unsigned char* to = staging.data() + staging.committed();
    std::memcpy(to, &header, sizeof header);
    std::memcpy(to + sizeof header, body.data(), size);
    staging.commit(staging.committed() + sizeof header + size);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(copy_and_commit)->Arg(0)->Arg(16)->Arg(256)->Arg(16384);

}  // namespace
