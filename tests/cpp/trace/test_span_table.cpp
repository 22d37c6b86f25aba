#include <testthat/vendor/catch.h>

#include <random>
#include <vector>

#include "lomp/trace/span_table.hpp"

using lomp::ItemEnd;
using lomp::Span;
using lomp::SpanTable;

namespace {

constexpr std::int64_t ms = 1000000;

/// An item that ended then and had run for so long.
void add(SpanTable& table, std::uint32_t process, std::int64_t end, std::int64_t run = 10,
         bool has_failed = false) {
  const ItemEnd item{end, static_cast<float>(run), 3};
  table.at(process, end).add(item, has_failed, 7, 2);
}

Span sum_of(const SpanTable& table) {
  Span sum;
  for (std::size_t process = 0; process < table.processes(); ++process) {
    for (const Span& span : table.of(process)) sum.join(span);
  }
  return sum;
}

std::size_t count(const SpanTable& table) {
  std::size_t n = 0;
  for (std::size_t process = 0; process < table.processes(); ++process) {
    n += table.of(process).size();
  }
  return n;
}

/// Does each span begin before it ends, and end before the next one does?
bool is_in_order(const SpanTable& table) {
  for (std::size_t process = 0; process < table.processes(); ++process) {
    std::int64_t last = 0;
    for (const Span& span : table.of(process)) {
      if (span.begin_ns > span.end_ns || span.end_ns <= last || span.items == 0) return false;
      last = span.end_ns;
    }
  }
  return true;
}

/// Adds so many items, one after the other in turns of so many processes; checks what there is.
void check_sums(SpanTable& table, std::uint64_t items, std::uint32_t processes,
                std::int64_t each_ns, std::size_t most) {
  for (std::uint64_t i = 0; i < items; ++i) {
    const auto end = static_cast<std::int64_t>(i + 1) * each_ns;
    add(table, static_cast<std::uint32_t>(i % processes), end, each_ns / 2, i % 5 == 0);
    if (table.size() > most) FAIL("there are " << table.size() << " spans");
  }
  CHECK(table.size() == count(table));
  CHECK(is_in_order(table));
  const Span sum = sum_of(table);
  CHECK(sum.items == items);
  CHECK(sum.failed == (items + 4) / 5);
  CHECK(sum.run_ns ==
        static_cast<double>(items) * static_cast<double>(static_cast<float>(each_ns / 2)));
  CHECK(sum.wait_ns == static_cast<double>(items) * 3);
  CHECK(sum.bytes == items * 7);
  CHECK(sum.conditions == items * 2);
}

}  // namespace

TEST_CASE("items that end in the same millisecond share a span and others don't") {
  SpanTable table;
  add(table, 0, 5 * ms);
  add(table, 0, 6 * ms - 1);
  add(table, 0, 6 * ms);
  add(table, 0, 9 * ms + 5);
  REQUIRE(table.processes() == 1);
  const std::vector<Span>& spans = table.of(0);
  REQUIRE(spans.size() == 3);
  CHECK(spans[0].items == 2);
  CHECK(spans[0].begin_ns == 5 * ms - 13);
  CHECK(spans[0].end_ns == 6 * ms - 1);
  CHECK(spans[1].begin_ns == 6 * ms - 13);
  CHECK(spans[2].end_ns == 9 * ms + 5);
}

TEST_CASE("processes have spans of their own also those that come later") {
  SpanTable table;
  add(table, 3, 5 * ms);
  add(table, 1, 5 * ms);
  CHECK(table.processes() == 4);
  CHECK(table.size() == 2);
  CHECK(table.of(0).empty());
  CHECK(table.of(1).size() == 1);
  CHECK(table.of(3).size() == 1);
}

TEST_CASE("a span begins where the first of its items did") {
  SpanTable table;
  add(table, 0, 9 * ms + 500, 10);
  add(table, 0, 9 * ms + 600, 4 * ms);
  CHECK(table.of(0)[0].begin_ns == 5 * ms + 597);
}

TEST_CASE("an item that comes late belongs in the last span and turns no time back") {
  SpanTable table;
  add(table, 0, 5 * ms);
  add(table, 0, 9 * ms);
  add(table, 0, 3 * ms);
  const std::vector<Span>& spans = table.of(0);
  REQUIRE(spans.size() == 2);
  CHECK(spans[1].items == 2);
  CHECK(spans[1].end_ns == 9 * ms);
  CHECK(spans[1].begin_ns == 3 * ms - 13);
}

TEST_CASE("when spans become longer the last one takes in what ends within its new length") {
  SpanTable table(4);
  for (int i = 1; i <= 5; ++i) add(table, 0, i * ms);
  const std::vector<Span>& spans = table.of(0);
  REQUIRE(spans.size() == 2);
  CHECK(spans[0].items == 3);
  CHECK(spans[0].end_ns == 3 * ms);
  CHECK(spans[1].items == 2);
  add(table, 0, 8 * ms);
  CHECK(table.size() == 3);
}

TEST_CASE("an item that ended before there was a clock is one") {
  SpanTable table;
  add(table, 0, -5);
  add(table, 0, 0);
  CHECK(sum_of(table).items == 2);
}

TEST_CASE("a million items of one process are summed up exactly in few spans") {
  SpanTable table;
  check_sums(table, 1000000, 1, 20000, 4096);
  CHECK(table.size() > 1024);
}

TEST_CASE("items that take long fill no more spans than short ones") {
  for (const std::int64_t each : {std::int64_t{1}, ms, 10 * ms, 1000 * ms, 3600000 * ms}) {
    SpanTable table(64);
    check_sums(table, 5000, 1, each, 64);
  }
}

TEST_CASE("many processes share the bound") {
  for (const std::uint32_t processes : {2u, 7u, 30u}) {
    SpanTable table(128);
    check_sums(table, 20000, processes, 100000, 128);
  }
}

TEST_CASE("each of very many processes has a few spans at the most") {
  SpanTable table(16);
  constexpr std::uint32_t processes = 500;
  check_sums(table, 100000, processes, 30000, 4 * processes);
  CHECK(table.processes() == processes);
  CHECK(table.size() >= processes);
}

TEST_CASE("processes that are replaced all the time keep a span each") {
  SpanTable table(16);
  for (std::uint32_t process = 0; process < 1000; ++process) {
    for (int i = 0; i < 20; ++i) add(table, process, (20 * process + i + 1) * ms);
    REQUIRE(table.size() <= 16 + 4 * (process + 1));
  }
  CHECK(sum_of(table).items == 20000);
  CHECK(is_in_order(table));
}

TEST_CASE("any times are summed up exactly") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 20; ++round) {
    SpanTable table(32);
    std::vector<std::int64_t> now(1 + random() % 6, 1);
    for (std::uint64_t i = 1; i <= 2000; ++i) {
      const std::size_t process = random() % now.size();
      now[process] += 1 + static_cast<std::int64_t>(random() >> (30 + random() % 30));
      add(table, static_cast<std::uint32_t>(process), now[process]);
      REQUIRE(table.size() <= 32);
      if (i % 97 == 0) REQUIRE(sum_of(table).items == i);
    }
    CHECK(is_in_order(table));
    CHECK(sum_of(table).bytes == 14000);
  }
}
