// Side: any process.
/// \file
/// States of the Mersenne Twister for items.
#ifndef LOMP_RANDOM_TWISTER_STATES_HPP
#define LOMP_RANDOM_TWISTER_STATES_HPP

#include <cstdint>

#include "lomp/random/random_streams.hpp"
#include "lomp/random/threefry.hpp"
#include "lomp/random/xoshiro.hpp"

namespace lomp {

/// The states of a call's items, for the generator MT19937 of M. Matsumoto, T. Nishimura, "Mersenne
/// twister: a 623-dimensionally equidistributed uniform pseudo-random number generator", ACM
/// Transactions on Modeling and Computer Simulation 8 (1998), 3-30.
///
/// Where an item's state comes from are 256 bits: its number, enciphered with the call's base as
/// the key. A cipher is a permutation, so the items of a call differ there whatever their numbers
/// have in common (one of the bits is given up to keep zero out). Another generator expands these
/// bits to all words of the state, each as random as the others: the twister, which takes long to
/// recover from poor states, needs no warming up. That two of a million items share some of their
/// words takes bits within 312 steps of each other on a cycle of 2^256 - 1, with probability
/// 2^-206; that their first 2^40 numbers overlap later on, a chance beside the twister's period of
/// 2^19937 - 1. That two of a million calls have the same base, a hash of 128 bits, has probability
/// 2^-89. From 32 bits, as a user's seed has them, some two hundred of a million items would draw
/// what another one draws.
class TwisterStates {
 public:
  static constexpr int size = 624;  ///< words of a state

  explicit TwisterStates(const StreamSeed& base)
      : cipher_({join(base[0], base[1]), join(base[2], base[3]), join(base[4], base[5]), 0}) {}

  /// Writes the state of an item's generator before its first number: `size` words.
  void write(std::uint64_t item, std::uint32_t* words) const {
    Xoshiro::State bits = cipher_({item, 0, 0, 0});
    bits[3] |= 1;  // never all zero; then the words aren't, either
    Xoshiro expand(bits);
    for (int i = 0; i < size; i += 2) {
      const std::uint64_t two = expand();
      words[i] = static_cast<std::uint32_t>(two);
      words[i + 1] = static_cast<std::uint32_t>(two >> 32);
    }
  }

 private:
  static std::uint64_t join(std::uint32_t low, std::uint32_t high) {
    return low | std::uint64_t{high} << 32;
  }

  Threefry cipher_;
};

}  // namespace lomp

#endif
