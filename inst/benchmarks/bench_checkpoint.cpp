// What it takes to append to a checkpoint's file, in a folder of the system's for temporary ones.
//
// `sum` is the checksum alone; `put` and `flush` are a hundred small records, as an event may have
// them. `put_from` is a payload on its way from its file into the other one, through a buffer and
// with its sum; `sendfile` is the same without a sum, and `sendfile_and_sum` looks at it once more.
// `write` is the least that it could cost: bytes that are in this process already. Each writes into
// a new file, whose pages are made for it.
#include <benchmark/benchmark.h>
#include <sys/sendfile.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "lomp/checkpoint/checkpoint_writer.hpp"

namespace {

using Bytes = std::vector<unsigned char>;

void sizes(benchmark::internal::Benchmark* b) { b->Arg(128 << 10)->Arg(16 << 20); }

Bytes bytes_of(const benchmark::State& state) {
  return Bytes(static_cast<std::size_t>(state.range(0)), 1);
}

void count_bytes(benchmark::State& state) {
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations()) * state.range(0));
}

/// A name that no file has.
std::string new_name() {
  char name[] = "/tmp/lomp-bench-XXXXXX";
  const lomp::Fd file(::mkstemp(name));
  ::unlink(name);
  return name;
}

void sum(benchmark::State& state) {
  const Bytes bytes = bytes_of(state);
  for (auto _ : state) benchmark::DoNotOptimize(lomp::checksum(bytes.data(), bytes.size()));
  count_bytes(state);
}
BENCHMARK(sum)->Arg(16)->Apply(sizes);

void put_small(benchmark::State& state) {
  const std::string name = new_name();
  lomp::CheckpointWriter writer;
  if (writer.create(name.c_str(), 1, 100, {})) return state.SkipWithError("no file");
  ::unlink(name.c_str());
  const Bytes bytes = bytes_of(state);
  for (auto _ : state) {
    for (int i = 0; i < 100; ++i) writer.put({}, bytes.data(), bytes.size());
    writer.flush();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * 100);
}
BENCHMARK(put_small)->Name("put_and_flush")->Arg(33);

/// Calls append(file, payload) with a new file each time.
template <class Append>
void with_files(benchmark::State& state, Append append) {
  const Bytes bytes = bytes_of(state);
  const lomp::Fd payload = lomp::make_payload(bytes.data(), bytes.size());
  for (auto _ : state) {
    state.PauseTiming();
    const std::string name = new_name();
    state.ResumeTiming();
    append(name.c_str(), payload.get(), bytes.size());
    state.PauseTiming();
    ::unlink(name.c_str());
    state.ResumeTiming();
  }
  count_bytes(state);
}

void put_from(benchmark::State& state) {
  with_files(state, [](const char* name, int payload, std::size_t bytes) {
    lomp::CheckpointWriter writer;
    (void)writer.begin(name, 1, 100, {});  // whose name would have to wait for the disk
    const off_t from = static_cast<off_t>(lomp::payload_offset());
    writer.put_from({lomp::EntryWhat::payload}, payload, from, bytes);
  });
}
BENCHMARK(put_from)->Apply(sizes);

void send(const char* name, int payload, std::size_t bytes) {
  const lomp::Fd file(::open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
  off_t from = static_cast<off_t>(lomp::payload_offset());
  while (bytes > 0) {
    const ssize_t n = ::sendfile(file.get(), payload, &from, bytes);
    if (n <= 0) std::abort();
    bytes -= static_cast<std::size_t>(n);
  }
}

void send_file(benchmark::State& state) { with_files(state, send); }
BENCHMARK(send_file)->Name("sendfile")->Apply(sizes);

void send_and_sum(benchmark::State& state) {
  with_files(state, [](const char* name, int payload, std::size_t bytes) {
    send(name, payload, bytes);
    const lomp::MappedPayload mapped(payload, bytes);
    benchmark::DoNotOptimize(lomp::checksum(mapped.data(), bytes));
  });
}
BENCHMARK(send_and_sum)->Name("sendfile_and_sum")->Apply(sizes);

void write_bytes(benchmark::State& state) {
  const Bytes data = bytes_of(state);
  with_files(state, [&data](const char* name, int, std::size_t) {
    const lomp::Fd file(::open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
    iovec part{const_cast<unsigned char*>(data.data()), data.size()};
    lomp::write_all(file.get(), &part, 1);
  });
}
BENCHMARK(write_bytes)->Name("write")->Apply(sizes);

}  // namespace

BENCHMARK_MAIN();
