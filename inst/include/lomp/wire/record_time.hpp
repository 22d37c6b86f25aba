// Side: both.
/// \file
/// When an item ended, and how long it took.
#ifndef LOMP_WIRE_RECORD_TIME_HPP
#define LOMP_WIRE_RECORD_TIME_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace lomp {

/// Travels with an item's last record, in 12 bytes since small records are many: the end in 40
/// bits, in units of 1024 ns of the monotonic clock, which begin anew every 13 days; how long the
/// item ran as a float of nanoseconds; how long it waited meanwhile, as the upper 24 bits of such a
/// one, without its sign. An item's code may have written to it: whatever the bits are, they give
/// times that can be reckoned with.
class RecordTime {
 public:
  RecordTime() = default;

  /// All in nanoseconds, `end` by now_ns().
  RecordTime(std::int64_t end, std::int64_t run, std::int64_t waited) {
    const std::uint64_t units = static_cast<std::uint64_t>(end) >> unit_bits;
    run_ = static_cast<float>(run);
    end_low_ = static_cast<std::uint32_t>(units);
    const std::uint32_t end_high = static_cast<std::uint32_t>(units >> 32) & 0xffu;
    end_high_and_wait_ = waited <= 0 ? end_high : end_high | upper_bits(waited) << 8;
  }

  /// By now_ns(), rounded down to 1024 ns: of all times that may be meant the first one that isn't
  /// before `since`, which is rounded in the same way.
  std::int64_t end_after(std::int64_t since) const {
    const std::uint64_t first = static_cast<std::uint64_t>(since) >> unit_bits;
    const std::uint64_t end = std::uint64_t{end_high_and_wait_ & 0xffu} << 32 | end_low_;
    const std::uint64_t units = (end - first) & ((std::uint64_t{1} << 40) - 1);
    return static_cast<std::int64_t>((first + units) << unit_bits);
  }

  float run_ns() const { return sound(run_); }

  /// To one part in 65,536.
  float waited_ns() const {
    const std::uint32_t bits = end_high_and_wait_ >> 8 << 7;
    float waited;
    std::memcpy(&waited, &bits, sizeof waited);
    return sound(waited);
  }

  /// After that time ends begin anew; no time is longer.
  static constexpr std::int64_t period_ns = std::int64_t{1} << 50;

 private:
  static constexpr int unit_bits = 10;

  /// Neither negative nor endless, and a number.
  static float sound(float ns) { return ns > 0 ? std::min(ns, static_cast<float>(period_ns)) : 0; }

  static std::uint32_t upper_bits(std::int64_t ns) {
    const float value = static_cast<float>(ns);
    std::uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    return bits >> 7;
  }

  float run_ = 0;
  std::uint32_t end_low_ = 0;
  std::uint32_t end_high_and_wait_ = 0;
};

}  // namespace lomp

#endif
