#include <testthat/vendor/catch.h>

#include <algorithm>
#include <cstddef>
#include <map>
#include <vector>

#include "harness/processes.hpp"
#include "lomp/trace/memory_trace.hpp"

using namespace lomp_test;
using lomp::MemorySample;
using lomp::MemoryTrace;
using lomp::MemoryUse;
using lomp::ProcessEnd;
using lomp::ProcessRow;
using lomp::TraceMeter;

namespace {

constexpr std::uint64_t mb = std::uint64_t{1} << 20;
constexpr std::int64_t begin = 7000;
constexpr std::int64_t first = MemoryTrace::first_ns;
constexpr std::int64_t interval = MemoryTrace::first_interval_ns;

/// What the meter of a test tells, and what it was asked.
struct Told {
  std::int64_t now = begin;
  std::int64_t cpu = 77;
  std::int64_t look_ns = 0;  ///< what it takes to look at a process
  std::uint64_t session = 500 * mb;
  std::map<pid_t, MemoryUse> uses;
  std::vector<pid_t> looks;
} told;

TraceMeter made_up_meter() {
  told = Told();
  TraceMeter meter;
  meter.now_ns = [] { return told.now; };
  meter.resident_memory = [] { return told.session; };
  meter.cpu_ns = [] { return told.cpu; };
  meter.memory_use = [](pid_t pid) {
    told.now += 10 * told.look_ns;  // others want the processor, too
    told.cpu += told.look_ns;
    told.looks.push_back(pid);
    return told.uses[pid];
  };
  return meter;
}

/// A call whose workers have the numbers 100, 101, ...
struct Traced {
  /// One more worker, which has so much, and so much of that of its own.
  void fork(std::uint64_t resident, std::uint64_t own) {
    ProcessRow row;
    row.pid = static_cast<pid_t>(100 + rows.size());
    told.uses[row.pid] = {resident, own};
    rows.push_back(row);
  }

  void fork(int workers) {
    for (int i = 0; i < workers; ++i) fork(20 * mb, 2 * mb);
  }

  /// The next sample, as soon as it is due.
  const MemorySample& sample(std::uint64_t budget = 0) {
    told.now += told.now == begin ? first : interval;
    while (!trace.is_due(told.now)) told.now += interval;
    told.looks.clear();
    trace.sample(told.now, rows, budget);
    return trace.samples().back();
  }

  std::vector<ProcessRow> rows;
  MemoryTrace trace{begin, made_up_meter()};
};

}  // namespace

TEST_CASE("a call has its first sample after a while and then one each interval") {
  Traced call;
  CHECK_FALSE(call.trace.is_due(begin));
  CHECK_FALSE(call.trace.is_due(begin + first - 1));
  CHECK(call.trace.is_due(begin + first));
  told.now = begin + first + 3;
  call.trace.sample(told.now, call.rows, 0);
  CHECK_FALSE(call.trace.is_due(told.now));
  CHECK_FALSE(call.trace.is_due(told.now + interval - 1));
  CHECK(call.trace.is_due(told.now + interval));
  REQUIRE(call.trace.samples().size() == 1);
  CHECK(call.trace.samples()[0].time_ns == begin + first + 3);
}

TEST_CASE("samples take one part of a hundred of the time however busy the machine is") {
  Traced call;
  call.fork(2);
  told.look_ns = interval / 50;
  call.sample();
  const std::int64_t next =
      call.trace.samples()[0].time_ns + 2 * MemoryTrace::times * interval / 50;
  CHECK_FALSE(call.trace.is_due(next - 1));
  CHECK(call.trace.is_due(next));
}

TEST_CASE("a sample has what there is in all processes together") {
  Traced call;
  call.fork(300 * mb, 10 * mb);
  call.fork(420 * mb, 30 * mb);
  const MemorySample& sample = call.sample(64 * mb);
  CHECK(sample.time_ns == begin + first);
  CHECK(sample.session == 500 * mb);
  CHECK(sample.shared == 390 * mb);
  CHECK(sample.private_bytes == 40 * mb);
  CHECK(sample.workers == 2);
  CHECK(sample.budget == 128 * mb);
}

TEST_CASE("without workers the session alone has memory") {
  Traced call;
  const MemorySample& sample = call.sample(64 * mb);
  CHECK(sample.session == 500 * mb);
  CHECK(sample.workers == 0);
  CHECK(sample.private_bytes == 0);
  CHECK(sample.budget == 0);
  CHECK(told.looks.empty());
}

TEST_CASE("workers that have ended have no memory and aren't looked at") {
  Traced call;
  call.fork(300 * mb, 10 * mb);
  call.fork(300 * mb, 30 * mb);
  call.rows[1].end = ProcessEnd::crash;
  const MemorySample& sample = call.sample(64 * mb);
  CHECK(sample.workers == 1);
  CHECK(sample.private_bytes == 10 * mb);
  CHECK(sample.budget == 64 * mb);
  CHECK(told.looks == std::vector<pid_t>{100});
}

TEST_CASE("the most that a worker had is kept and so is what was shared once") {
  Traced call;
  call.fork(300 * mb, 10 * mb);
  for (const std::uint64_t own : {50, 20}) {
    told.uses[100] = {300 * mb, own * mb};
    call.sample();
  }
  CHECK(call.rows[0].private_bytes == 50 * mb);
  CHECK(call.rows[0].private_now == 20 * mb);
  told.uses[100] = {200 * mb, 150 * mb};
  CHECK(call.sample().shared == 280 * mb);
  CHECK(call.trace.samples()[0].shared == 250 * mb);
}

TEST_CASE("a worker of which nothing can be told is as it was") {
  Traced call;
  call.fork(300 * mb, 10 * mb);
  call.sample();
  told.uses[100] = {0, 0};
  CHECK(call.sample().private_bytes == 10 * mb);
  CHECK(call.rows[0].private_now == 10 * mb);
}

TEST_CASE("what was swapped out is a worker's own and nothing that it shares") {
  Traced call;
  call.fork(10 * mb, 30 * mb);
  const MemorySample& sample = call.sample();
  CHECK(sample.shared == 0);
  CHECK(sample.private_bytes == 30 * mb);
}

TEST_CASE("a few workers are looked at for each sample and all of them in turn") {
  for (const int workers : {3, 8, 9, 20, 64}) {
    Traced call;
    call.fork(workers);
    std::vector<int> looks(static_cast<std::size_t>(workers));
    for (int round = 0; round < workers; ++round) {
      call.sample();
      REQUIRE(told.looks.size() == std::min<std::size_t>(8, looks.size()));
      for (const pid_t pid : told.looks) ++looks[static_cast<std::size_t>(pid - 100)];
      const auto range = std::minmax_element(looks.begin(), looks.end());
      REQUIRE(*range.second - *range.first <= 1);
    }
    CHECK(std::count(looks.begin(), looks.end(), std::min(workers, 8)) == workers);
  }
}

TEST_CASE("workers that have ended take no one's turn nor do new ones") {
  Traced call;
  call.fork(30);
  for (std::size_t i = 0; i < 30; i += 2) call.rows[i].end = ProcessEnd::worn;
  const std::vector<pid_t> some = {101, 103, 105, 107, 109, 111, 113, 115};
  const std::vector<pid_t> others = {117, 119, 121, 123, 125, 127, 129, 130};
  call.sample();
  CHECK(told.looks == some);
  call.fork(1);
  call.sample();
  CHECK(told.looks == others);
  call.sample();
  CHECK(told.looks == some);
}

TEST_CASE("workers that weren't looked at yet have nothing of their own") {
  Traced call;
  call.fork(20);
  CHECK(call.sample().private_bytes == 8 * 2 * mb);
  CHECK(call.sample().private_bytes == 16 * 2 * mb);
  CHECK(call.sample().private_bytes == 20 * 2 * mb);
  CHECK(call.trace.samples()[0].workers == 20);
}

TEST_CASE("when there are many samples each second one is dropped and they come half as often") {
  Traced call;
  std::vector<std::int64_t> times;
  for (std::size_t i = 0; i < MemoryTrace::most; ++i) times.push_back(call.sample().time_ns);
  CHECK(call.trace.samples().size() == MemoryTrace::most);
  CHECK_FALSE(call.trace.is_due(told.now + interval - 1));
  times.push_back(call.sample().time_ns);
  CHECK(times.back() - times[MemoryTrace::most - 1] == interval);
  const std::vector<MemorySample>& samples = call.trace.samples();
  REQUIRE(samples.size() == MemoryTrace::most / 2 + 1);
  for (std::size_t i = 0; i < MemoryTrace::most / 2; ++i) {
    REQUIRE(samples[i].time_ns == times[2 * i + 1]);
  }
  CHECK(samples.back().time_ns == times.back());
  CHECK_FALSE(call.trace.is_due(told.now + 2 * interval - 1));
  CHECK(call.trace.is_due(told.now + 2 * interval));
}

TEST_CASE("however long a call is its samples are few and in order up to its end") {
  Traced call;
  std::int64_t last = 0;
  for (int i = 0; i < 3000; ++i) {
    last = call.sample().time_ns;
    REQUIRE(call.trace.samples().size() <= MemoryTrace::most);
  }
  const std::vector<MemorySample>& samples = call.trace.samples();
  CHECK(samples.size() > MemoryTrace::most / 2);
  CHECK(samples.back().time_ns == last);
  CHECK(std::is_sorted(samples.begin(), samples.end(), [](const auto& one, const auto& other) {
    return one.time_ns < other.time_ns;
  }));
}

TEST_CASE("without a meter of the caller's the processes themselves are looked at") {
  const LeavesNothing check;
  std::vector<ProcessRow> rows(1);
  rows[0].pid = ::getpid();
  MemoryTrace trace(lomp::now_ns() - first);
  REQUIRE(trace.is_due(lomp::now_ns()));
  trace.sample(lomp::now_ns(), rows, 0);
  REQUIRE(trace.samples().size() == 1);
  CHECK((trace.samples()[0].session > 0) == (lomp::resident_memory() > 0));
  CHECK((rows[0].private_bytes > 0) == (lomp::memory_use(::getpid()).own > 0));
}
