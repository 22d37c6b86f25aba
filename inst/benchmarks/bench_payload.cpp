// A large vector's way into a file without a name and back, beside the least that it could cost.
//
// The argument is the size in bytes. `memcpy` copies into memory that is there; `write` writes to a
// new memory file and closes it; `make_payload` does that with all it takes to send it on;
// `make_payload_again` puts the bytes into a file that has come back. These four run in the worker.
// `map_payload` is what the parent does with it: it should take the same time at any size.
// `send_descriptor` is the way between them, to and fro.
#include <benchmark/benchmark.h>

#include <cstring>
#include <vector>

#include "lomp/payload/payload.hpp"
#include "lomp/payload/payload_files.hpp"
#include "lomp/wire/control.hpp"

namespace {

using Bytes = std::vector<unsigned char>;

void sizes(benchmark::internal::Benchmark* b) {
  b->Arg(128 << 10)->Arg(1 << 20)->Arg(16 << 20)->Arg(80 << 20);
}

Bytes bytes_of(const benchmark::State& state) {
  return Bytes(static_cast<std::size_t>(state.range(0)), 1);
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

void copy(benchmark::State& state) {
  const Bytes from = bytes_of(state);
  Bytes to = from;
  for (auto _ : state) {
    std::memcpy(to.data(), from.data(), from.size());
    benchmark::DoNotOptimize(to.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state);
}
BENCHMARK(copy)->Name("memcpy")->Apply(sizes);

void write_file(benchmark::State& state) {
  const Bytes from = bytes_of(state);
  for (auto _ : state) {
    const lomp::Fd file = lomp::make_nameless_file();
    iovec part{const_cast<unsigned char*>(from.data()), from.size()};
    lomp::write_all(file.get(), &part, 1);
  }
  count_bytes(state);
}
BENCHMARK(write_file)->Name("write")->Apply(sizes);

void make_payload(benchmark::State& state) {
  const Bytes from = bytes_of(state);
  for (auto _ : state) {
    const lomp::Fd file = lomp::make_payload(from.data(), from.size());
    if (!file) state.SkipWithError("no file");
  }
  count_bytes(state);
}
BENCHMARK(make_payload)->Apply(sizes);

void make_payload_again(benchmark::State& state) {
  const Bytes from = bytes_of(state);
  lomp::PayloadFiles files(from.size());
  for (auto _ : state) {
    if (files.make(from.data(), from.size()) == nullptr) state.SkipWithError("no file");
  }
  count_bytes(state);
}
BENCHMARK(make_payload_again)->Apply(sizes);

void map_payload(benchmark::State& state) {
  const Bytes from = bytes_of(state);
  const lomp::Fd file = lomp::make_payload(from.data(), from.size());
  for (auto _ : state) {
    const lomp::MappedPayload mapped(file.get(), from.size());
    benchmark::DoNotOptimize(mapped.data());
  }
}
BENCHMARK(map_payload)->Apply(sizes);

void send_descriptor(benchmark::State& state) {
  const lomp::ControlPair pair = lomp::make_control_pair();
  const lomp::Fd file = lomp::make_nameless_file();
  lomp::NumberedFd received;
  for (auto _ : state) {
    lomp::send_descriptor(pair.worker.get(), file.get(), 1);
    lomp::receive_descriptor(pair.parent.get(), received);
  }
}
BENCHMARK(send_descriptor);

}  // namespace
