// The way from a worker to its parent beside a bare pipe of the same size.
//
// Another process writes for ever; one iteration receives 64 MB. `raw` is a loop of write() there
// and a loop of read() here, into one buffer. `frames` is a Worker that puts records of one size,
// and a PollSet and a FrameReader that take them out again.
//
// How to read it: `frames_beside_raw` does both in turn, so that a busy machine slows both alike,
// and gives two medians of ratios. `of_raw` is the throughput as a part of the raw one: 1 means
// that framing, staging and waiting cost nothing, and 0.9 is what it should be for records of some
// kilobytes. `cpu_of_raw` is the same for the processor time of both processes together, and is
// the one to trust while other programs run. Small records lose by what each of them costs, some 10
// ns here and there, and very large ones by the memory that they are gathered in: raw reads go over
// the same 256 KB again and again, while a record of 16 MB needs 16 MB of fresh pages.
#include <benchmark/benchmark.h>
#include <time.h>

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/os/poll_set.hpp"
#include "lomp/process/child.hpp"
#include "lomp/wire/frame_reader.hpp"
#include "lomp/worker/worker.hpp"

namespace {

using lomp::Child;
using lomp::now_ns;
using lomp::Pipe;

constexpr std::size_t bout = std::size_t{64} << 20;
constexpr std::size_t staging_bytes = std::size_t{128} << 10;

// What the raw loop writes at a time is what a worker does: as many records as its staging buffer
// holds, or one that is larger than that.
std::size_t write_size(std::size_t record_size) {
  const std::size_t staged = sizeof(lomp::RecordHeader) + record_size;
  return staged > staging_bytes ? record_size : staging_bytes / staged * staged;
}

class RawStream {
 public:
  explicit RawStream(std::size_t record_size) {
    const int flags = ::fcntl(pipe_.reader.get(), F_GETFL);
    ::fcntl(pipe_.reader.get(), F_SETFL, flags & ~O_NONBLOCK);
    writer_ = lomp::spawn([&] { write_for_ever(write_size(record_size)); });
  }

  pid_t writer() const { return writer_.pid(); }

  void receive() {
    for (std::size_t received = 0; received < bout;) {
      received += static_cast<std::size_t>(
          lomp::check(::read(pipe_.reader.get(), buffer_.data(), buffer_.size()), "read"));
    }
  }

 private:
  void write_for_ever(std::size_t size) {
    const std::vector<char> chunk(size, 'x');
    while (::write(pipe_.writer.get(), chunk.data(), size) > 0) continue;
  }

  Pipe pipe_ = lomp::make_pipe();
  std::vector<char> buffer_ = std::vector<char>(std::size_t{256} << 10);
  Child writer_;
};

class FrameStream {
 public:
  explicit FrameStream(std::size_t record_size) {
    writer_ = lomp::spawn([&] { write_for_ever(record_size); });
  }

  pid_t writer() const { return writer_.pid(); }

  void receive() {
    for (std::size_t received = 0; received < bout;) {
      switch (reader_.next(pipe_.reader.get())) {
        case lomp::ReadStatus::frame:
          received += take_frame();
          break;
        case lomp::ReadStatus::eof:
        case lomp::ReadStatus::corrupt:
          throw std::runtime_error("the worker is gone");
        default:
          wait();
      }
    }
  }

 private:
  void write_for_ever(std::size_t size) {
    const std::vector<char> body(size, 'x');
    lomp::Worker worker(page_, 0, pipe_.writer.get(), -1);
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) {
        worker.put(body.data(), size);
        worker.finish(0);
      }
    }
  }

  std::size_t take_frame() {
    records_.clear();
    if (reader_.header().kind == lomp::FrameKind::records) {
      lomp::parse_records(reader_.body(), reader_.size(), 0, records_);
    }
    return reader_.header().bytes;
  }

  void wait() {
    poll_set_.clear();
    poll_set_.watch(pipe_.reader.get());
    poll_set_.wait(1000);
  }

  Pipe pipe_ = lomp::make_pipe();
  lomp::SharedPage page_{0xffffffff, 1, staging_bytes};
  lomp::FrameReader reader_;
  lomp::PollSet poll_set_;
  std::vector<lomp::Record> records_;
  Child writer_;
};

template <class Stream>
void stream(benchmark::State& state) {
  Stream stream(static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) stream.receive();
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bout));
}

// Processor time that a process has used so far.
double cpu_seconds(pid_t pid) {
  clockid_t clock;
  timespec time{};
  if (::clock_getcpuclockid(pid, &clock) == 0) ::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// What a bout takes: by the clock, and of the processors, here and in the writer.
struct Cost {
  double seconds;
  double cpu_seconds;
};

template <class Stream>
Cost cost_of_bout(Stream& stream) {
  const double cpu = cpu_seconds(0) + cpu_seconds(stream.writer());
  const std::int64_t began = now_ns();
  stream.receive();
  const double seconds = static_cast<double>(now_ns() - began) * 1e-9;
  return {seconds, cpu_seconds(0) + cpu_seconds(stream.writer()) - cpu};
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

void frames_beside_raw(benchmark::State& state) {
  const auto record_size = static_cast<std::size_t>(state.range(0));
  RawStream raw(record_size);
  FrameStream frames(record_size);
  std::vector<double> ratios, cpu_ratios;
  for (auto _ : state) {
    const Cost raw_cost = cost_of_bout(raw);
    const Cost frame_cost = cost_of_bout(frames);
    state.SetIterationTime(frame_cost.seconds);
    ratios.push_back(raw_cost.seconds / frame_cost.seconds);
    cpu_ratios.push_back(raw_cost.cpu_seconds / frame_cost.cpu_seconds);
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bout));
  state.counters["of_raw"] = median(ratios);
  state.counters["cpu_of_raw"] = median(cpu_ratios);
}

void raw(benchmark::State& state) { stream<RawStream>(state); }
void frames(benchmark::State& state) { stream<FrameStream>(state); }

void sizes(benchmark::internal::Benchmark* benchmark) {
  for (int size : {100, 4 << 10, 64 << 10, 1 << 20, 16 << 20}) benchmark->Arg(size);
  benchmark->Unit(benchmark::kMillisecond);
}
BENCHMARK(raw)->Apply(sizes)->UseRealTime();
BENCHMARK(frames)->Apply(sizes)->UseRealTime();
BENCHMARK(frames_beside_raw)->Apply(sizes)->UseManualTime();

}  // namespace
