// Side: any process.
/// \file
/// Makes the seed of a call's random numbers from whatever is to decide it.
#ifndef LOMP_RANDOM_SEED_HASH_HPP
#define LOMP_RANDOM_SEED_HASH_HPP

#include <cstdint>

#include "lomp/random/random_streams.hpp"

namespace lomp {

/// Takes any number of 64-bit words and gives a state of the generator that depends on each bit of
/// them: two words of memory, stirred by the finalizer of A. Appleby's MurmurHash3. Not the state
/// of the caller's generator itself, so that no later or nested call gets a stream of this one.
class SeedHash {
 public:
  void add(std::uint64_t word) {
    a_ = stir(a_ ^ word) + b_;
    b_ = stir(b_ + word * 0x9e3779b97f4a7c15u) ^ a_;
  }

  StreamSeed seed() const {
    StreamSeed words{};
    SeedHash hash = *this;
    for (std::size_t i = 0; i < words.size(); ++i) {
      hash.add(i);
      const std::uint64_t modulus = i < 3 ? FirstModulus::value : SecondModulus::value;
      words[i] = static_cast<std::uint32_t>(1 + hash.a_ % (modulus - 1));  // never 0
    }
    return words;
  }

 private:
  static std::uint64_t stir(std::uint64_t x) {
    x = (x ^ (x >> 33)) * 0xff51afd7ed558ccdu;
    x = (x ^ (x >> 33)) * 0xc4ceb9fe1a85ec53u;
    return x ^ (x >> 33);
  }

  std::uint64_t a_ = 0x6c6f6d70;  // any constants do
  std::uint64_t b_ = 0x243f6a8885a308d3u;
};

}  // namespace lomp

#endif
