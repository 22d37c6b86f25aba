// Frames put together from buffers: read() copies out of memory here, so that no pipe is in these
// figures. See bench_pipe.cpp for one.
#include <benchmark/benchmark.h>

#include <vector>

#include "lomp/wire/frame_reader.hpp"

namespace {

using Bytes = std::vector<unsigned char>;

// An endless stream: frames of one size, numbered as they are served.
struct Endless {
  lomp::FrameHeader header;
  Bytes frame;
  std::size_t at = 0;

  Endless(lomp::FrameKind kind, std::size_t size) : frame(sizeof header + size) {
    header.kind = kind;
    header.end = lomp::PartEnd::last;
    header.bytes = size;
    write_header();
  }

  void write_header() {
    const lomp::FrameHeader sealed = lomp::sealed(header);
    std::memcpy(frame.data(), &sealed, sizeof sealed);
  }

  // Fills a reader's buffer as a full pipe would, up to 1 MB.
  std::size_t serve(unsigned char* to, std::size_t most) {
    const std::size_t wanted = std::min(most, std::size_t{1} << 20);
    for (std::size_t served = 0; served < wanted;) {
      const std::size_t n = std::min(wanted - served, frame.size() - at);
      std::memcpy(to + served, frame.data() + at, n);
      served += n;
      at += n;
      if (at == frame.size()) begin_next();
    }
    return wanted;
  }

  void begin_next() {
    at = 0;
    ++header.sequence;
    write_header();
  }
};

Endless* source = nullptr;

ssize_t serve(int, void* to, size_t most) {
  return static_cast<ssize_t>(source->serve(static_cast<unsigned char*>(to), most));
}

void read_frames(benchmark::State& state, lomp::FrameKind kind) {
  Endless endless(kind, static_cast<std::size_t>(state.range(0)));
  source = &endless;
  lomp::kernel().read = serve;
  lomp::FrameReader reader;
  for (auto _ : state) {
    while (reader.next(-1) != lomp::ReadStatus::frame) continue;
    benchmark::DoNotOptimize(reader.body());
  }
  lomp::kernel().read = ::read;
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(read_frames, records, lomp::FrameKind::records)
    ->Arg(0)
    ->Arg(1000)
    ->Arg(128 << 10);
BENCHMARK_CAPTURE(read_frames, parts, lomp::FrameKind::part)->Arg(128 << 10)->Arg(16 << 20);

}  // namespace
