#include <testthat/vendor/catch.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "lomp/wire/record_time.hpp"

using lomp::RecordTime;

namespace {

constexpr std::int64_t unit = 1024;
constexpr std::int64_t period = RecordTime::period_ns;

RecordTime ending(std::int64_t end) { return {end, 0, 0}; }

float run_through(std::int64_t ns) { return RecordTime(0, ns, 0).run_ns(); }
float wait_through(std::int64_t ns) { return RecordTime(0, 0, ns).waited_ns(); }

/// As an item's code may have left it.
RecordTime of_bits(std::uint32_t run, std::uint32_t end_low, std::uint32_t end_high_and_wait) {
  const std::uint32_t words[] = {run, end_low, end_high_and_wait};
  RecordTime time;
  static_assert(sizeof time == sizeof words, "there is one in each small record");
  std::memcpy(&time, words, sizeof time);
  return time;
}

bool is_sound(float ns) { return ns >= 0 && ns <= static_cast<float>(period); }

}  // namespace

TEST_CASE("an end is known to a microsecond and never too late") {
  for (const std::int64_t end : {0, 1, 1023, 1024, 1025, 999999999}) {
    CHECK(ending(end).end_after(0) == end / unit * unit);
  }
  constexpr std::int64_t late = (std::int64_t{7} << 52) + 12345678;
  CHECK(ending(late).end_after(late - 1000000000) == late / unit * unit);
}

TEST_CASE("an end in the same microsecond as the time before it is that time") {
  for (const std::int64_t since : {std::int64_t{0}, 5 * unit, 5 * unit + 1, 6 * unit - 1}) {
    CHECK(ending(since / unit * unit).end_after(since) == since / unit * unit);
    CHECK(ending(since / unit * unit + unit - 1).end_after(since) == since / unit * unit);
  }
}

TEST_CASE("ends begin anew and the time before them tells which one is meant") {
  for (const std::int64_t since : {std::int64_t{1}, period - unit, period, 40 * period + 77}) {
    for (const std::int64_t after : {unit, 1000 * unit, period / 2, period - 2 * unit}) {
      const std::int64_t end = since + after;
      CHECK(ending(end).end_after(since) == end / unit * unit);
    }
  }
  constexpr std::int64_t end = 3 * period + 100 * unit;
  CHECK(ending(end).end_after(end - period + unit) == end);
  CHECK(ending(end).end_after(end + unit) == end + period);
}

TEST_CASE("a run is known to a float's precision") {
  for (const std::int64_t run : {0, 1, 999, 1000000, (1 << 24) - 1, 1 << 24}) {
    CHECK(run_through(run) == static_cast<float>(run));
    CHECK(static_cast<std::int64_t>(run_through(run)) == run);
  }
  constexpr std::int64_t hour = 3600000000000;
  for (std::int64_t run = hour; run < hour + 1000000; run += 1237) {
    CHECK(std::abs(static_cast<double>(run_through(run)) - static_cast<double>(run)) <=
          static_cast<double>(run) / (1 << 24));
  }
}

TEST_CASE("a wait is known to one part in 65536 and short ones exactly") {
  for (const std::int64_t wait : {0, 1, 2, 3, 1000, 65537, (1 << 17) - 1}) {
    CHECK(static_cast<std::int64_t>(wait_through(wait)) == wait);
  }
  CHECK(static_cast<std::int64_t>(wait_through((1 << 17) + 1)) == 1 << 17);
  std::mt19937_64 random(1);
  for (int i = 0; i < 10000; ++i) {
    const auto wait = static_cast<std::int64_t>(random() >> (14 + random() % 40));
    const double lost = static_cast<double>(wait) - static_cast<double>(wait_through(wait));
    REQUIRE(std::abs(lost) <= static_cast<double>(wait) / 65536);
  }
}

TEST_CASE("no wait and no run are none and nor is what is below") {
  for (const std::int64_t ns : {std::int64_t{0}, std::int64_t{-1}, -period}) {
    CHECK(run_through(ns) == 0);
    CHECK(wait_through(ns) == 0);
  }
  const RecordTime none;
  CHECK(none.end_after(0) == 0);
  CHECK(none.run_ns() == 0);
  CHECK(none.waited_ns() == 0);
}

TEST_CASE("the parts of a time touch none beside them") {
  for (const std::int64_t end : {std::int64_t{0}, period - unit, std::int64_t{0xff} << 42}) {
    for (const std::int64_t wait : {std::int64_t{0}, std::int64_t{1}, period}) {
      for (const std::int64_t run : {std::int64_t{0}, std::int64_t{12345}, period}) {
        const RecordTime time(end, run, wait);
        CHECK(time.end_after(0) == end);
        CHECK(time.run_ns() == static_cast<float>(run));
        CHECK(time.waited_ns() == static_cast<float>(wait));
      }
    }
  }
}

TEST_CASE("of a late end what doesn't travel touches nothing") {
  const RecordTime time(1000 * period + 3 * unit, 12345, 1000);
  CHECK(time.end_after(0) == 3 * unit);
  CHECK(time.run_ns() == 12345);
  CHECK(time.waited_ns() == 1000);
}

TEST_CASE("whatever the bits are they give times") {
  std::vector<std::uint32_t> words = {0,          1,          0x7f800000, 0xff800000, 0x7fc00000,
                                      0xffffffff, 0x7f7fffff, 0x80000000, 0x3f800000};
  std::mt19937 random(2);
  for (int i = 0; i < 100; ++i) words.push_back(static_cast<std::uint32_t>(random()));
  constexpr std::int64_t since = 5 * period + 17 * unit;
  for (const std::uint32_t run : words) {
    for (const std::uint32_t rest : words) {
      const RecordTime time = of_bits(run, rest ^ run, rest);
      REQUIRE(is_sound(time.run_ns()));
      REQUIRE(is_sound(time.waited_ns()));
      REQUIRE(time.end_after(since) >= since);
      REQUIRE(time.end_after(since) < since + period);
    }
  }
  CHECK(of_bits(0x7f800000, 0, 0).run_ns() == static_cast<float>(period));  // endless
  CHECK(of_bits(0x7fc00000, 0, 0).run_ns() == 0);                           // no number
  CHECK(of_bits(0xc0000000, 0, 0).run_ns() == 0);                           // -2
  CHECK(of_bits(0, 0, 0xff000000).waited_ns() == static_cast<float>(period));
  CHECK(of_bits(0, 0, 0xff800000).waited_ns() == 0);
}
