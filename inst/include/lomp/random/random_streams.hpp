// Side: any process.
/// \file
/// Streams of random numbers for items: far apart on the cycle of one generator.
#ifndef LOMP_RANDOM_RANDOM_STREAMS_HPP
#define LOMP_RANDOM_RANDOM_STREAMS_HPP

#include <array>
#include <cstdint>

namespace lomp {

/// A state of L'Ecuyer's combined multiple recursive generator MRG32k3a: two recursions of three
/// words each, every word below its modulus, and no recursion all zero.
using StreamSeed = std::array<std::uint32_t, 6>;

/// Arithmetic modulo 2^32 - c, c below 2^15. Since 2^32 is c there, the upper half of a number is
/// folded onto the lower one, which is far cheaper than a division.
template <std::uint32_t c>
struct Modulus {
  static constexpr std::uint64_t value = (std::uint64_t{1} << 32) - c;

  /// Congruent to x and below 2^48.
  static constexpr std::uint64_t fold(std::uint64_t x) { return (x >> 32) * c + (x & 0xffffffffu); }

  /// Of x below 2^50.
  static constexpr std::uint32_t reduce(std::uint64_t x) {
    const std::uint64_t folded = fold(x);  // below 2^33
    const std::uint64_t once = folded >= value ? folded - value : folded;
    return static_cast<std::uint32_t>(once >= value ? once - value : once);
  }

  static constexpr std::uint64_t product(std::uint32_t a, std::uint32_t b) {
    return fold(std::uint64_t{a} * b);
  }
};

using FirstModulus = Modulus<209>;
using SecondModulus = Modulus<22853>;

/// A step, or many, of one of the recursions.
struct Transition {
  std::uint32_t at[3][3];
};

template <class M>
constexpr Transition multiply(const Transition& a, const Transition& b) {
  Transition c{};
  for (int i = 0; i < 3; ++i) {
    for (int j = 0; j < 3; ++j) {
      c.at[i][j] =
          M::reduce(M::product(a.at[i][0], b.at[0][j]) + M::product(a.at[i][1], b.at[1][j]) +
                    M::product(a.at[i][2], b.at[2][j]));
    }
  }
  return c;
}

template <class M>
void apply(const Transition& a, std::uint32_t* words) {
  const std::uint32_t x = words[0], y = words[1], z = words[2];
  for (int i = 0; i < 3; ++i) {
    words[i] = M::reduce(M::product(a.at[i][0], x) + M::product(a.at[i][1], y) +
                         M::product(a.at[i][2], z));
  }
}

/// The transitions over 2^127 steps, the distance of neighbouring streams, and over 2, 4, 8, ...
/// such distances.
template <class M>
class Leaps {
 public:
  static constexpr int count = 33;

  explicit constexpr Leaps(Transition step) : leap_{} {
    for (int i = 0; i < 127; ++i) step = multiply<M>(step, step);
    for (int i = 0; i < count; ++i) {
      leap_[i] = step;
      step = multiply<M>(step, step);
    }
  }

  constexpr const Transition& operator[](int power) const { return leap_[power]; }

 private:
  Transition leap_[count];
};

/// The recursions of P. L'Ecuyer, "Good parameters and implementations for combined multiple
/// recursive random number generators", Operations Research 47 (1999), 159-164.
constexpr Leaps<FirstModulus> first_leaps{
    Transition{{{0, 1, 0}, {0, 0, 1}, {FirstModulus::value - 810728, 1403580, 0}}}};
constexpr Leaps<SecondModulus> second_leaps{
    Transition{{{0, 1, 0}, {0, 0, 1}, {SecondModulus::value - 1370589, 0, 527612}}}};

/// The streams of a call: number 0 begins at the base, each further one 2^127 numbers behind the
/// one before, as in P. L'Ecuyer, R. Simard, E. J. Chen, W. D. Kelton, "An object-oriented
/// random-number package with many long streams and substreams", Operations Research 50 (2002),
/// 1073-1075. The next number is had at once, any other one after a few leaps.
class RandomStreams {
 public:
  explicit RandomStreams(const StreamSeed& base) : base_(base), seed_(base) {}

  /// Of the stream `number`, below 2^33. The reference holds until the next call.
  const StreamSeed& at(std::uint64_t number) {
    if (number < number_) {
      seed_ = base_;
      number_ = 0;
    }
    for (std::uint64_t rest = number - number_, power = 0; rest != 0; rest >>= 1, ++power) {
      if (rest & 1) leap(static_cast<int>(power));
    }
    number_ = number;
    return seed_;
  }

 private:
  void leap(int power) {
    apply<FirstModulus>(first_leaps[power], seed_.data());
    apply<SecondModulus>(second_leaps[power], seed_.data() + 3);
  }

  StreamSeed base_;
  StreamSeed seed_;
  std::uint64_t number_ = 0;
};

}  // namespace lomp

#endif
