#include <sys/resource.h>
#include <testthat/vendor/catch.h>

#include <cmath>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "harness/processes.hpp"
#include "lomp/trace/call_trace.hpp"

using namespace lomp_test;
using lomp::CallTotals;
using lomp::CallTrace;
using lomp::ItemRow;
using lomp::Leaving;
using lomp::Outcome;
using lomp::ProcessEnd;
using lomp::ProcessRow;
using lomp::Record;
using lomp::RecordTime;
using lomp::Span;
using lomp::TraceMeter;
using lomp::Way;
using lomp::WorkerUsage;

namespace {

constexpr std::int64_t us = 1024;  // what ends are rounded to
constexpr std::int64_t begin = 5000 * us;

/// What the meter of a test tells.
struct Told {
  std::int64_t now = begin;
  std::int64_t cpu = 300;
  std::int64_t faults = 77;
  int clock_looks = 0;
} told;

TraceMeter made_up_meter() {
  told = Told();
  TraceMeter meter;
  meter.now_ns = [] {
    ++told.clock_looks;
    return told.now;
  };
  meter.cpu_ns = [] { return told.cpu; };
  meter.resident_memory = [] { return std::uint64_t{1000}; };
  meter.memory_use = [](pid_t) { return lomp::MemoryUse{500, 300}; };
  meter.faults_of = [](pid_t) { return told.faults; };
  return meter;
}

/// An item's last record, which has come when it ended. It ends at begin + `end`.
Record record_of(std::uint64_t item, std::uint32_t process, std::int64_t end, std::int64_t run = 0,
                 std::int64_t wait = 0) {
  told.now = std::max(told.now, begin + end);
  Record record{item, 0, nullptr, 0, 0};
  record.incarnation = process;
  record.time = RecordTime(begin + end, run, wait);
  return record;
}

/// One of an item that goes on.
Record part_of(std::uint64_t item, std::uint32_t process = 0) {
  Record record{item, 0, nullptr, 0, 0};
  record.incarnation = process;
  record.goes_on = true;
  return record;
}

std::uint64_t bytes_by(const CallTrace& trace, Way way) {
  return trace.totals().bytes[static_cast<std::size_t>(way)];
}

/// A trace of produced items, for which there are four rows at the most.
struct Produced : CallTrace {
  Produced() : CallTrace(0, 4, made_up_meter()) {}
};

Span sum_of(const CallTrace& trace) {
  Span sum;
  for (std::size_t process = 0; process < trace.spans().processes(); ++process) {
    for (const Span& span : trace.spans().of(process)) sum.join(span);
  }
  return sum;
}

}  // namespace

// ---- Items --------------------------------------------------------------------------------------

TEST_CASE("a call's items have a row each from its beginning if they are few enough") {
  const CallTrace few(4, 4, made_up_meter()), many(5, 4, made_up_meter());
  CHECK(few.has_rows());
  CHECK(few.items().size() == 4);
  CHECK(few.begin_ns() == begin);
  CHECK(few.resident() == 1000);
  CHECK_FALSE(many.has_rows());
  CHECK(many.items().size() == 0);
  CHECK(Produced().has_rows());
}

TEST_CASE("an item's row tells when it ran and where and what came of it") {
  CallTrace trace(3, 10, made_up_meter());
  trace.note_result(part_of(1, 2), Way::pipe, 100);
  trace.note_condition(1);
  trace.note_condition(1);
  CHECK(trace.items()[1].outcome == Outcome::not_run);
  trace.note_result(record_of(1, 2, 90 * us, 5000, 300), Way::mapped, 20);
  const ItemRow& row = trace.items()[1];
  CHECK(row.end_ns == begin + 90 * us);
  CHECK(row.begin_ns() == begin + 90 * us - 5300);
  CHECK(row.run_ns == 5000);
  CHECK(row.wait_ns == 300);
  CHECK(row.process == 2);
  CHECK(row.results == 2);
  CHECK(row.bytes == 120);
  CHECK(row.conditions == 2);
  CHECK(row.way == Way::mapped);
  CHECK(row.outcome == Outcome::ok);
  CHECK(trace.items()[0].outcome == Outcome::not_run);
}

TEST_CASE("items end in many ways and each is counted") {
  CallTrace trace(5, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.note_end(record_of(0, 0, 10 * us, 1000), Outcome::error);
  trace.note_end(record_of(1, 0, 20 * us, 2000), Outcome::ok);
  trace.note_loss(2, 0, false, 7000);
  trace.note_loss(3, 0, true, 5000);
  CHECK(trace.items()[0].outcome == Outcome::error);
  CHECK(trace.items()[2].outcome == Outcome::crash);
  CHECK(trace.items()[3].outcome == Outcome::timeout);
  const CallTotals totals = trace.totals();
  CHECK(totals.done == 4);
  CHECK(totals.errors == 1);
  CHECK(totals.crashes == 1);
  CHECK(totals.timeouts == 1);
  CHECK(totals.run_ns == 15000);
}

TEST_CASE("a lost item has ended just now and run for as long as is told") {
  for (const std::uint64_t most_rows : {10, 0}) {
    CallTrace trace(3, most_rows, made_up_meter());
    told.now = begin + 25 * us;
    trace.note_loss(0, 1, false, 20 * us);
    CHECK(trace.totals().run_ns == 20 * us);
    trace.note_loss(1, 1, true, -1);
    CHECK(trace.totals().run_ns == 20 * us);
    trace.note_loss(2, 0, false, INT64_MAX);  // no longer than the call
    CHECK(trace.totals().run_ns == 45 * us);
    CHECK(trace.totals().crashes == 2);
    CHECK(trace.totals().timeouts == 1);
    if (trace.has_rows()) CHECK(trace.items()[0].end_ns == begin + 25 * us);
    if (!trace.has_rows()) CHECK(trace.spans().of(0)[0].end_ns == begin + 25 * us);
  }
}

TEST_CASE("an item of this process's has no records") {
  CallTrace trace(2, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.note_end_here(1, Outcome::error, 300, begin + 9);
  trace.note_end_here(0, Outcome::ok, -5, begin + 20);
  CHECK(trace.items()[1].end_ns == begin + 9);
  CHECK(trace.items()[1].run_ns == 300);
  CHECK(trace.items()[0].run_ns == 0);
  CHECK(trace.totals().done == 2);
  CHECK(trace.totals().errors == 1);
}

TEST_CASE("an item of another machine's has ended by this one's clock and within the call") {
  for (const std::uint64_t most_rows : {10, 0}) {
    CallTrace trace(6, most_rows, made_up_meter());
    trace.note_process(0, 100, begin);
    trace.note_process(1, 200, begin);
    told.now = begin + 50 * us;
    trace.note_end_elsewhere(0, 1, Outcome::ok, {begin + 40 * us, 1000, 200});
    trace.note_end_elsewhere(1, 1, Outcome::error, {begin + 900 * us, 2000, 0});
    trace.note_end_elsewhere(2, 0, Outcome::crash, {begin - 900 * us, 500, 500});
    trace.note_end_elsewhere(3, 0, Outcome::timeout, {begin + 10 * us, 1e30F, NAN});
    trace.note_end_elsewhere(4, 0, Outcome::ok, {begin + 10 * us, NAN, -1});
    const CallTotals totals = trace.totals();
    CHECK(totals.done == 5);
    CHECK(totals.errors == 1);
    CHECK(totals.crashes == 1);
    CHECK(totals.timeouts == 1);
    CHECK(totals.run_ns == 3000 + 10 * us);
    CHECK(totals.wait_ns == 200);
    CHECK(trace.processes()[0].items == 3);
    CHECK(trace.processes()[1].run_ns == 3000);
    if (!trace.has_rows()) continue;
    CHECK(trace.items()[0].end_ns == begin + 40 * us);
    CHECK(trace.items()[0].begin_ns() == begin + 40 * us - 1200);
    CHECK(trace.items()[0].process == 1);
    CHECK(trace.items()[1].end_ns == begin + 50 * us);
    CHECK(trace.items()[2].end_ns == begin);
    CHECK(trace.items()[5].outcome == Outcome::not_run);
  }
}

TEST_CASE("conditions are counted however many an item signals") {
  CallTrace trace(1, 10, made_up_meter());
  for (int i = 0; i < 70000; ++i) trace.note_condition(0);
  CHECK(trace.items()[0].conditions == UINT16_MAX);
  CHECK(trace.totals().conditions == 70000);
}

TEST_CASE("bytes are counted by the way that they came also where an item's came by several") {
  for (const std::uint64_t most_rows : {10, 0}) {
    CallTrace trace(2, most_rows, made_up_meter());
    trace.note_result(part_of(0), Way::pipe, 3);
    trace.note_result(part_of(1), Way::file, 50);
    trace.note_result(part_of(0), Way::mapped, 4096);
    trace.note_result(record_of(0, 0, us), Way::file, 700);
    trace.note_result(record_of(1, 0, 2 * us), Way::none, 0);
    CHECK(bytes_by(trace, Way::pipe) == 3);
    CHECK(bytes_by(trace, Way::file) == 750);
    CHECK(bytes_by(trace, Way::mapped) == 4096);
    CHECK(bytes_by(trace, Way::none) == 0);
    CHECK(trace.totals().results == 5);
    CHECK(trace.totals().done == 2);
  }
}

TEST_CASE("the slowest items are found in rows and in spans") {
  for (const std::uint64_t most_rows : {100, 0}) {
    CallTrace trace(50, most_rows, made_up_meter());
    for (std::uint64_t item = 0; item < 50; ++item) {
      const auto run = static_cast<std::int64_t>(item * 37 % 50);
      trace.note_end(record_of(item, 4, 100 * us, run), Outcome::ok);
    }
    const lomp::SlowestItems slowest = trace.slowest();
    REQUIRE(slowest.size() == lomp::SlowestItems::most);
    for (std::size_t i = 0; i < slowest.size(); ++i) {
      CHECK(slowest[i].run_ns == static_cast<float>(49 - i));
      CHECK(slowest[i].item * 37 % 50 == 49 - i);
      CHECK(slowest[i].process == 4);
    }
  }
}

TEST_CASE("items that weren't run are no slow ones") {
  const CallTrace trace(20, 100, made_up_meter());
  CHECK(trace.slowest().size() == 0);
}

// ---- Spans --------------------------------------------------------------------------------------

TEST_CASE("of too many items there are spans by process and sums are exact") {
  CallTrace trace(1000, 999, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.note_process(1, 101, begin);
  for (std::uint64_t item = 0; item < 1000; ++item) {
    const auto end = static_cast<std::int64_t>(item + 1) * 1000 * us;
    trace.note_condition(item);
    trace.note_result(record_of(item, item % 2, end, 2000, 100), Way::pipe, item);
  }
  CHECK(trace.spans().processes() == 2);
  CHECK(trace.spans().size() > 500);
  CHECK(trace.spans().of(0)[0].items == 1);
  CHECK(trace.spans().of(0)[0].begin_ns == begin + 1000 * us - 2100);
  CHECK(trace.spans().of(0)[0].end_ns == begin + 1000 * us);
  const CallTotals totals = trace.totals();
  CHECK(totals.done == 1000);
  CHECK(totals.run_ns == 2000000);
  CHECK(totals.wait_ns == 100000);
  CHECK(totals.results == 1000);
  CHECK(totals.conditions == 1000);
  CHECK(bytes_by(trace, Way::pipe) == 499500);
  CHECK(sum_of(trace).bytes == 499500);
  const std::vector<ProcessRow> processes = trace.processes();
  REQUIRE(processes.size() == 2);
  CHECK(processes[0].items == 500);
  CHECK(processes[1].run_ns == 1000000);
}

TEST_CASE("a process's items and time are those of its rows") {
  CallTrace trace(5, 10, made_up_meter());
  for (int i = 0; i < 3; ++i) trace.note_process(i, 100 + i, begin);
  for (std::uint64_t item = 0; item < 4; ++item) {
    trace.note_end(record_of(item, item == 0 ? 0 : 2, 100 * us, 1000), Outcome::ok);
  }
  trace.note_condition(4);
  const std::vector<ProcessRow> processes = trace.processes();
  CHECK(processes[0].items == 1);
  CHECK(processes[1].items == 0);
  CHECK(processes[2].items == 3);
  CHECK(processes[2].run_ns == 3000);
}

TEST_CASE("items of a process that isn't known are items all the same") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_end(record_of(0, 5, 10 * us, 1000), Outcome::ok);
  CHECK(trace.processes().empty());
  CHECK(trace.totals().done == 1);
}

TEST_CASE("when more items come than there may be rows their rows become spans") {
  Produced trace;
  trace.note_result(record_of(2, 1, 40 * us, 400, 4), Way::mapped, 4096);
  trace.note_result(record_of(0, 0, 30 * us, 300, 3), Way::pipe, 10);
  trace.note_end(record_of(3, 1, 20 * us, 200), Outcome::error);
  CHECK(trace.has_rows());
  trace.note_result(record_of(4, 0, 50 * us, 500), Way::file, 70);
  CHECK_FALSE(trace.has_rows());
  CHECK(trace.items().size() == 0);
  const CallTotals totals = trace.totals();
  CHECK(totals.done == 4);
  CHECK(totals.errors == 1);
  CHECK(totals.run_ns == 1400);
  CHECK(totals.wait_ns == 7);
  CHECK(totals.results == 3);
  CHECK(bytes_by(trace, Way::mapped) == 4096);
  CHECK(bytes_by(trace, Way::pipe) == 10);
  CHECK(bytes_by(trace, Way::file) == 70);
  CHECK(sum_of(trace).failed == 1);
  CHECK(sum_of(trace).bytes == 4176);
  REQUIRE(trace.spans().of(1).size() == 1);
  CHECK(trace.spans().of(1)[0].begin_ns == begin + 20 * us - 200);
  CHECK(trace.spans().of(1)[0].end_ns == begin + 40 * us);
  REQUIRE(trace.slowest().size() == 4);
  CHECK(trace.slowest()[0].item == 4);
  CHECK(trace.slowest()[3].item == 3);
}

TEST_CASE("what has come of an item that goes on when rows become spans isn't lost") {
  Produced trace;
  trace.note_result(part_of(1), Way::pipe, 10);
  trace.note_condition(1);
  trace.note_condition(2);
  trace.note_result(part_of(7), Way::pipe, 5);
  trace.note_condition(7);
  CHECK_FALSE(trace.has_rows());
  CHECK(trace.totals().done == 0);
  CHECK(trace.totals().conditions == 3);
  CHECK(bytes_by(trace, Way::pipe) == 15);
  trace.note_result(record_of(1, 0, 9 * us, 100), Way::pipe, 1);
  CHECK(trace.totals().done == 1);
  CHECK(trace.totals().conditions == 3);
  CHECK(trace.totals().results == 3);
  CHECK(sum_of(trace).conditions == 3);
  CHECK(sum_of(trace).bytes == 16);
}

TEST_CASE("sums are the same whether rows become spans never or at any time") {
  const auto run = [](std::uint64_t most_rows) {
    CallTrace trace(0, most_rows, made_up_meter());
    for (int i = 0; i < 3; ++i) trace.note_process(i, 100 + i, begin);
    std::mt19937 random(1);
    for (std::uint64_t item = 0; item < 300; ++item) {
      const auto process = static_cast<std::uint32_t>(random() % 3);
      const auto end = static_cast<std::int64_t>(item + 1) * 3000 * us;
      const auto way = static_cast<Way>(1 + random() % 3);
      for (std::uint32_t k = random() % 3; k > 0; --k) {
        trace.note_result(part_of(item, process), way, random() % 1000);
        trace.note_condition(item + random() % 2);
      }
      const Record last = record_of(item, process, end, random() % 90000, random() % 500);
      switch (random() % 6) {
        case 0:
          trace.note_end(last, Outcome::error);
          break;
        case 1:
          trace.note_loss(item, process, random() % 2 == 0, random() % 90000);
          break;
        default:
          trace.note_result(last, way, random() % 1000);
      }
    }
    return std::make_pair(trace.totals(), trace.processes());
  };
  const auto rows = run(1000);
  CHECK(rows.first.done == 300);
  CHECK(rows.first.crashes > 0);
  for (const std::uint64_t most_rows : {0, 1, 2, 17, 150, 299, 300}) {
    const auto spans = run(most_rows);
    const CallTotals &one = spans.first, &other = rows.first;
    CHECK(one.done == other.done);
    CHECK(one.errors == other.errors);
    CHECK(one.crashes == other.crashes);
    CHECK(one.timeouts == other.timeouts);
    CHECK(one.run_ns == other.run_ns);
    CHECK(one.wait_ns == other.wait_ns);
    CHECK(one.bytes == other.bytes);
    CHECK(one.results == other.results);
    CHECK(one.conditions == other.conditions);
    for (std::size_t i = 0; i < 3; ++i) {
      CHECK(spans.second[i].items == rows.second[i].items);
      CHECK(spans.second[i].run_ns == rows.second[i].run_ns);
    }
  }
}

// ---- Times that may be anything -----------------------------------------------------------------

TEST_CASE("no item has ended in the future nor run for longer than the call") {
  CallTrace trace(4, 10, made_up_meter());
  Record record = record_of(0, 0, 100 * us);
  record.time = RecordTime(begin + 3600000000000, 400, 0);
  trace.note_end(record, Outcome::ok);
  CHECK(trace.items()[0].end_ns == begin + 100 * us);
  trace.note_end(record_of(1, 0, 50 * us, 3600000000000, 7), Outcome::ok);
  CHECK(trace.items()[1].run_ns == 50 * us);
  CHECK(trace.items()[1].wait_ns == 0);
  trace.note_end(record_of(2, 0, 50 * us, 20 * us, 3600000000000), Outcome::ok);
  CHECK(trace.items()[2].wait_ns == 30 * us);
  CHECK(trace.items()[2].begin_ns() == begin);
  record.time = RecordTime(begin - 10 * us, 400, 0);  // long from now, as it seems
  trace.note_end(record, Outcome::ok);
  CHECK(trace.items()[0].end_ns == begin + 100 * us);
}

TEST_CASE("a record without a time has ended when it came") {
  CallTrace trace(1, 10, made_up_meter());
  Record record = record_of(0, 0, 100 * us);
  record.time = {};
  trace.note_end(record, Outcome::ok);
  CHECK(trace.items()[0].end_ns == begin + 100 * us);
  CHECK(trace.items()[0].run_ns == 0);
}

TEST_CASE("whatever a record's time is sums are finite and spans are in order") {
  std::mt19937 random(2);
  const std::uint32_t odd[] = {0x7f800000, 0xff800000, 0x7fc00000, 0xffffffff, 0, 0x7f7fffff};
  for (const std::uint64_t most_rows : {3000, 1500, 0}) {
    CallTrace trace(0, most_rows, made_up_meter());
    trace.note_process(0, 100, begin);
    for (std::uint64_t item = 0; item < 3000; ++item) {
      const auto word = [&] { return random() % 2 == 0 ? odd[random() % 6] : random(); };
      const std::uint32_t words[] = {static_cast<std::uint32_t>(word()),
                                     static_cast<std::uint32_t>(word()),
                                     static_cast<std::uint32_t>(word())};
      Record record = record_of(item, 0, static_cast<std::int64_t>(item) * 1000000);
      std::memcpy(&record.time, words, sizeof words);
      trace.note_end(record, Outcome::ok);
      if (item % 100 == 0) trace.note_loss(item, 0, false, static_cast<std::int64_t>(random()));
    }
    const auto life = static_cast<double>(told.now - begin);
    CHECK(trace.totals().run_ns >= 0);
    CHECK(trace.totals().run_ns <= 3000 * life);
    CHECK(trace.totals().wait_ns >= 0);
    CHECK(trace.totals().wait_ns <= 3000 * life);
    for (std::size_t i = 0; i < trace.items().size(); ++i) {
      REQUIRE(trace.items()[i].end_ns >= begin);
      REQUIRE(trace.items()[i].end_ns <= told.now);
      REQUIRE(trace.items()[i].begin_ns() >= begin - us);
    }
    if (trace.has_rows()) continue;
    for (const Span& span : trace.spans().of(0)) {
      REQUIRE(span.begin_ns >= begin - us);
      REQUIRE(span.begin_ns <= span.end_ns);
      REQUIRE(span.end_ns <= told.now);
    }
  }
}

TEST_CASE("a call may take longer than it takes for ends to begin anew") {
  CallTrace trace(100, 100, made_up_meter());
  for (std::uint64_t item = 0; item < 100; ++item) {
    const std::int64_t end = static_cast<std::int64_t>(item + 1) * (RecordTime::period_ns / 3);
    trace.note_end(record_of(item, 0, end), Outcome::ok);
    REQUIRE(trace.items()[item].end_ns == (begin + end) / us * us);
  }
}

TEST_CASE("records that come together take one look at the clock") {
  CallTrace trace(1000, 1000, made_up_meter());
  told.now = begin + 2000 * us;
  const int before = told.clock_looks;
  for (std::uint64_t item = 0; item < 1000; ++item) {
    trace.note_end(record_of(item, 0, static_cast<std::int64_t>(item) * us), Outcome::ok);
  }
  CHECK(told.clock_looks - before == 1);
}

// ---- Processes ----------------------------------------------------------------------------------

TEST_CASE("forks are noted in their order with what they took") {
  CallTrace trace(1, 10, made_up_meter());
  told.now = begin + 700;
  trace.note_fork(0, 100, begin + 300);
  told.now = begin + 900;
  trace.note_fork(1, 101, begin + 850);
  const std::vector<ProcessRow> processes = trace.processes();
  REQUIRE(processes.size() == 2);
  CHECK(processes[0].pid == 100);
  CHECK(processes[1].slot == 1);
  CHECK(processes[0].begin_ns == begin + 700);
  CHECK(processes[1].is_running());
  CHECK(trace.totals().forks == 2);
  CHECK(trace.totals().fork_ns == 450);
}

TEST_CASE("a process without a fork is none") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_process(0, 100, begin + 5);
  CHECK(trace.processes()[0].begin_ns == begin + 5);
  CHECK(trace.totals().forks == 0);
}

TEST_CASE("a goodbye tells why and what the worker took") {
  const ProcessEnd ends[] = {ProcessEnd::finished, ProcessEnd::worn, ProcessEnd::memory,
                             ProcessEnd::memory, ProcessEnd::memory};
  const std::uint32_t words[] = {0, 1, 2, 3, UINT32_MAX};  // the last two aren't a worker's own
  for (int i = 0; i < 5; ++i) {
    CallTrace trace(1, 10, made_up_meter());
    trace.note_process(0, 100, begin);
    WorkerUsage usage;
    usage.items.add(1);
    usage.delivery.add(2);
    usage.collecting_ns = 3;
    usage.faults = 4;
    usage.private_bytes = 5;
    usage.leaving = static_cast<Leaving>(words[i]);
    told.now = begin + 50;
    trace.note_goodbye(0, usage);
    const ProcessRow row = trace.processes()[0];
    CHECK(row.end == ends[i]);
    CHECK(row.end_ns == begin + 50);
    CHECK(row.wait_items_ns == 1);
    CHECK(row.wait_delivery_ns == 2);
    CHECK(row.collecting_ns == 3);
    CHECK(row.faults == 4);
    CHECK(row.private_bytes == 5);
  }
}

TEST_CASE("results that have come together are noted as each one alone would be") {
  for (const std::uint64_t rows : {100, 2}) {
    std::vector<Record> records;
    CallTrace alone(5, rows, made_up_meter());
    for (int i = 0; i < 5; ++i) {
      records.push_back(record_of(4 - i, 1, 10 * us * (i + 1), 100 * (i + 1), 7));
      records.back().size = 10 + i;
    }
    CallTrace together(5, rows, made_up_meter());
    told.now = begin + 60 * us;
    for (CallTrace* trace : {&alone, &together}) {
      trace->note_process(0, 100, begin);
      trace->note_process(1, 101, begin);
      trace->note_condition(2);
    }
    for (const Record& record : records) alone.note_result(record, Way::pipe, record.size);
    together.note_singles(records.data(), records.data() + records.size(), Way::pipe);
    const CallTotals one = alone.totals(), other = together.totals();
    CHECK(other.done == 5);
    CHECK(other.results == one.results);
    CHECK(other.run_ns == one.run_ns);
    CHECK(other.wait_ns == one.wait_ns);
    CHECK(other.conditions == one.conditions);
    CHECK(bytes_by(together, Way::pipe) == 60);
    CHECK(together.processes()[1].items == 5);
    CHECK(together.slowest()[0].item == 0);
    CHECK(together.slowest().size() == alone.slowest().size());
    CHECK(together.items().size() == alone.items().size());
    for (std::size_t i = 0; i < together.items().size(); ++i) {
      CHECK(std::memcmp(&together.items()[i], &alone.items()[i], sizeof(ItemRow)) == 0);
    }
    const Span sum = sum_of(together);
    CHECK(sum.items == sum_of(alone).items);
    CHECK(sum.bytes == sum_of(alone).bytes);
    CHECK(sum.end_ns == sum_of(alone).end_ns);
    if (rows == 2) CHECK(together.spans().of(1)[0].begin_ns == alone.spans().of(1)[0].begin_ns);
  }
}

TEST_CASE("what records that have come together tell of times is kept within the call's") {
  CallTrace trace(5, 2, made_up_meter());
  std::vector<Record> records(3);
  for (Record& record : records) {
    record = record_of(0, 0, 5 * us);
    std::memset(static_cast<void*>(&record.time), 0xff, sizeof record.time);
  }
  trace.note_singles(records.data(), records.data() + 3, Way::pipe);
  CHECK(trace.totals().done == 3);
  CHECK(trace.totals().run_ns <= 3.0 * static_cast<double>(told.now - begin));
  CHECK(sum_of(trace).end_ns <= told.now);
  CHECK(trace.spans().of(0)[0].begin_ns >= begin);
}

TEST_CASE("many items of this process are in spans when they are looked at") {
  CallTrace trace(1000, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  for (int i = 0; i < 1000; ++i) {
    told.now = begin + (i + 1) * 10 * us;
    trace.note_result_here(i);
    trace.note_end_here(i, i == 500 ? Outcome::error : Outcome::ok, i, told.now);
  }
  CHECK(trace.totals().done == 1000);
  CHECK(trace.totals().results == 1000);
  CHECK(trace.totals().errors == 1);
  CHECK(trace.processes()[0].items == 1000);
  CHECK(trace.slowest()[0].item == 999);
  trace.look();
  const Span sum = sum_of(trace);
  CHECK(sum.items == 1000);
  CHECK(sum.failed == 1);
  CHECK(sum.run_ns == 999.0 * 1000 / 2);
  CHECK(sum.end_ns == told.now);
  CHECK(trace.spans().size() > 5);
  CHECK(trace.totals().done == 1000);
}

TEST_CASE("a process that runs is looked at when it is asked for") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.look();
  WorkerUsage usage;
  usage.delivery.add(3);
  usage.delivery.begin(begin + 10);
  trace.look_by([&] { trace.note_usage(0, usage); });
  told.now = begin + 30;
  trace.look();
  CHECK(trace.processes()[0].is_running());
  CHECK(trace.processes()[0].wait_delivery_ns == 23);
  told.now = begin + 50;
  trace.note_end_of(0, ProcessEnd::stopped, usage);
  CHECK(trace.processes()[0].wait_delivery_ns == 43);
  told.now = begin + 70;
  trace.look();
  CHECK(trace.processes()[0].wait_delivery_ns == 43);
  CHECK(trace.processes()[0].end_ns == begin + 50);
}

TEST_CASE("of a process's ends the first one that is told of counts") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.note_process(1, 101, begin);
  const WorkerUsage usage;
  told.now = begin + 50;
  trace.note_end_of(0, ProcessEnd::crash, usage);
  told.now = begin + 60;
  trace.note_end_of(0, ProcessEnd::stopped, usage);
  trace.note_goodbye(0, usage);
  trace.note_end_of(7, ProcessEnd::stopped, usage);  // there is none
  CHECK(trace.processes()[0].end == ProcessEnd::crash);
  CHECK(trace.processes()[0].end_ns == begin + 50);
  CHECK(trace.processes()[1].is_running());
  trace.note_end_of(1, ProcessEnd::timeout, usage);
  CHECK(trace.processes()[1].end == ProcessEnd::timeout);
}

TEST_CASE("of a worker that has told no faults the system is asked") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.note_process(1, 101, begin);
  const WorkerUsage usage;
  trace.note_end_of(0, ProcessEnd::stopped, usage);
  CHECK(trace.processes()[0].faults == 77);
  told.faults = -1;
  trace.note_end_of(1, ProcessEnd::crash, usage);
  CHECK(trace.processes()[1].faults == -1);
}

TEST_CASE("of another machine's process the system isn't asked") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  told.now = begin + 30;
  trace.note_process_end_elsewhere(0, ProcessEnd::crash);
  told.now = begin + 60;
  trace.note_process_end_elsewhere(0, ProcessEnd::finished);
  trace.note_process_end_elsewhere(1, ProcessEnd::finished);
  const std::vector<ProcessRow> processes = trace.processes();
  REQUIRE(processes.size() == 1);
  CHECK(processes[0].end == ProcessEnd::crash);
  CHECK(processes[0].end_ns == begin + 30);
  CHECK(processes[0].faults == -1);
}

TEST_CASE("a worker's times are within its life whatever it has told") {
  for (const std::int64_t ns : {INT64_MAX, INT64_MIN, std::int64_t{-1}, std::int64_t{1001}}) {
    CallTrace trace(1, 10, made_up_meter());
    trace.note_process(0, 100, begin);
    WorkerUsage usage;
    usage.items.add(ns);
    usage.delivery.add(ns);
    usage.collecting_ns = ns;
    told.now = begin + 1000;
    trace.note_end_of(0, ProcessEnd::crash, usage);
    const ProcessRow row = trace.processes()[0];
    for (const std::int64_t kept : {row.wait_items_ns, row.wait_delivery_ns, row.collecting_ns}) {
      CHECK(kept == (ns < 0 ? 0 : 1000));
    }
  }
}

// ---- The call -----------------------------------------------------------------------------------

TEST_CASE("a trace knows what it is told of its call") {
  CallTrace trace(1, 10, made_up_meter());
  CHECK(trace.over_ns() == 0);
  CHECK_FALSE(trace.was_held_back());
  CHECK(trace.refused() == 0);
  trace.note_held_back();
  trace.note_refused(EAGAIN);
  trace.note_budget(5000, true);
  told.now = begin + 90;
  trace.note_over();
  told.now = begin + 95;
  trace.note_over();
  CHECK(trace.was_held_back());
  CHECK(trace.refused() == EAGAIN);
  CHECK(trace.budget() == 5000);
  CHECK(trace.was_raised());
  CHECK(trace.over_ns() == begin + 90);
}

TEST_CASE("what the session does itself is its processor time up to the call's end") {
  CallTrace trace(1, 10, made_up_meter());
  CHECK(trace.totals().cpu_ns == 0);
  told.cpu += 40;
  CHECK(trace.totals().cpu_ns == 40);
  trace.note_over();
  told.cpu += 50;
  trace.note_over();
  CHECK(trace.totals().cpu_ns == 40);
}

TEST_CASE("memory is sampled when it is time") {
  CallTrace trace(1, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  trace.sample_memory(begin, 4000);
  CHECK(trace.memory().empty());
  told.now = begin + lomp::MemoryTrace::first_ns;
  trace.sample_memory(told.now, 4000);
  trace.sample_memory(told.now, 4000);
  REQUIRE(trace.memory().size() == 1);
  CHECK(trace.memory()[0].session == 1000);
  CHECK(trace.memory()[0].shared == 200);
  CHECK(trace.memory()[0].private_bytes == 300);
  CHECK(trace.memory()[0].budget == 4000);
  CHECK(trace.processes()[0].private_bytes == 300);
}

// ---- Want of memory, and forks ------------------------------------------------------------------

TEST_CASE("where there is no memory for rows a call has spans from its beginning") {
  const LeavesNothing check;
  const int status = run_in_process([] {
    CallTrace trace(std::uint64_t{1} << 45, std::uint64_t{1} << 46, made_up_meter());
    if (trace.has_rows() || trace.is_incomplete()) return 1;
    trace.note_end(record_of(7, 0, us, 500), Outcome::ok);
    return trace.totals().done == 1 && trace.spans().size() == 1 ? 0 : 2;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("for want of memory a trace ends and no call does") {
  if (is_sanitized) {
    SUCCEED("memory is a sanitizer's own there");
    return;
  }
  const LeavesNothing check;
  const int status = run_in_process([] {
    constexpr std::uint64_t items = 2000;
    CallTrace trace(0, UINT64_MAX, made_up_meter());
    trace.note_process(0, 100, begin);
    for (std::uint64_t i = 0; i < items; ++i) {
      trace.note_end(record_of(i, 0, us, 500), Outcome::error);
    }
    const rlimit none{0, 0};
    if (::setrlimit(RLIMIT_AS, &none) != 0) return 2;
    trace.note_result(record_of(100000000, 0, us), Way::pipe, 8);
    if (!trace.is_incomplete()) return 3;
    trace.note_condition(1);
    trace.note_end(record_of(0, 0, us), Outcome::error);
    trace.note_fork(1, 101, begin);
    const WorkerUsage usage;
    trace.note_end_of(0, ProcessEnd::crash, usage);
    const rlimit any{RLIM_INFINITY, RLIM_INFINITY};
    (void)::setrlimit(RLIMIT_AS, &any);
    const CallTotals totals = trace.totals();
    if (totals.done != items || totals.errors != items || totals.results != 0) return 4;
    return totals.conditions == 0 && totals.bytes[1] == 0 ? 0 : 5;
  });
  CHECK(exited_with(status, 0));
}

TEST_CASE("in a forked process nothing is noted and the parent's trace is as it was") {
  const LeavesNothing check;
  constexpr std::uint64_t items = 100000;
  auto trace = std::make_unique<CallTrace>(items, items, made_up_meter());
  trace->note_process(0, 100, begin);
  trace->note_end(record_of(99, 0, 10 * us, 500), Outcome::ok);
  CHECK(trace->is_own());
  const int status = run_in_process([&] {
    if (trace->is_own()) return 1;
    trace->note_result(record_of(7, 0, us), Way::pipe, 8);
    trace->note_condition(7);
    trace->note_end(record_of(7, 0, us), Outcome::error);
    trace->note_end_here(8, Outcome::ok, 5, begin);
    trace->note_loss(9, 0, true, 1000);
    trace->note_fork(1, 101, begin);
    trace->note_end_of(0, ProcessEnd::stopped, WorkerUsage());
    trace->sample_memory(begin + lomp::MemoryTrace::first_ns, 0);
    trace->note_over();
    if (!trace->memory().empty() || trace->over_ns() != 0) return 2;
    trace.reset();
    return 0;
  });
  CHECK(exited_with(status, 0));
  CHECK(trace->totals().done == 1);
  CHECK(trace->items()[99].run_ns == 500);
  CHECK(trace->processes()[0].is_running());
  CHECK(trace->over_ns() == 0);
}

TEST_CASE("no process has ended as far as a forked process is concerned") {
  const LeavesNothing check;
  CallTrace trace(3, 10, made_up_meter());
  trace.note_process(0, 100, begin);
  CHECK(run_in_process([&] {
          trace.note_end_of(0, ProcessEnd::stopped, WorkerUsage());
          return trace.processes()[0].is_running() ? 0 : 1;
        }) == 0);
  trace.note_end_of(0, ProcessEnd::stopped, WorkerUsage());
  CHECK_FALSE(trace.processes()[0].is_running());
}
