// Side: any process.
/// \file
/// Many random bits from a few.
#ifndef LOMP_RANDOM_XOSHIRO_HPP
#define LOMP_RANDOM_XOSHIRO_HPP

#include <array>
#include <cstdint>

namespace lomp {

/// The generator xoshiro256** of D. Blackman, S. Vigna, "Scrambled linear pseudorandom number
/// generators", ACM Transactions on Mathematical Software 47 (2021), 36. All states but zero lie on
/// one cycle.
class Xoshiro {
 public:
  using State = std::array<std::uint64_t, 4>;  ///< not all zero

  explicit Xoshiro(const State& state) : state_(state) {}

  std::uint64_t operator()() {
    State& s = state_;
    const std::uint64_t bits = rotate(s[1] * 5, 7) * 9;
    const std::uint64_t shifted = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= shifted;
    s[3] = rotate(s[3], 45);
    return bits;
  }

 private:
  static std::uint64_t rotate(std::uint64_t x, int by) { return x << by | x >> (64 - by); }

  State state_;
};

}  // namespace lomp

#endif
