// Side: any process.
/// \file
/// A checksum of bytes that come piece by piece.
#ifndef LOMP_CHECKPOINT_CHECKSUM_HPP
#define LOMP_CHECKPOINT_CHECKSUM_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lomp {

/// XXH64 of Y. Collet, with the numbers of a machine whose lowest byte comes first (on another one
/// the sums are others, and files don't travel there, see FileHeader). Chosen for its speed, which
/// is that of memory, without an instruction that some processors lack.
class Checksum {
 public:
  explicit Checksum(std::uint64_t seed = 0)
      : lanes_{seed + prime_1 + prime_2, seed + prime_2, seed, seed - prime_1}, seed_(seed) {}

  Checksum& add(const void* data, std::size_t bytes) {
    if (bytes == 0) return *this;
    const unsigned char* at = static_cast<const unsigned char*>(data);
    total_ += bytes;
    if (held_ > 0) {
      const std::size_t taken = bytes < stripe - held_ ? bytes : stripe - held_;
      std::memcpy(rest_ + held_, at, taken);
      held_ += taken;
      at += taken;
      bytes -= taken;
      if (held_ < stripe) return *this;
      add_stripe(rest_);
    }
    for (; bytes >= stripe; at += stripe, bytes -= stripe) add_stripe(at);
    if (bytes > 0) std::memcpy(rest_, at, bytes);
    held_ = bytes;
    return *this;
  }

  std::uint64_t sum() const {
    std::uint64_t sum = (total_ < stripe ? seed_ + prime_5 : merged()) + total_;
    const unsigned char* at = rest_;
    std::size_t left = held_;
    for (; left >= 8; at += 8, left -= 8) {
      sum = rotated(sum ^ rounded(0, word(at)), 27) * prime_1 + prime_4;
    }
    if (left >= 4) {
      std::uint32_t half;
      std::memcpy(&half, at, sizeof half);
      sum = rotated(sum ^ half * prime_1, 23) * prime_2 + prime_3;
      at += 4;
      left -= 4;
    }
    for (; left > 0; ++at, --left) sum = rotated(sum ^ *at * prime_5, 11) * prime_1;
    sum = (sum ^ (sum >> 33)) * prime_2;
    sum = (sum ^ (sum >> 29)) * prime_3;
    return sum ^ (sum >> 32);
  }

 private:
  static constexpr std::uint64_t prime_1 = 0x9e3779b185ebca87u, prime_2 = 0xc2b2ae3d27d4eb4fu,
                                 prime_3 = 0x165667b19e3779f9u, prime_4 = 0x85ebca77c2b2ae63u,
                                 prime_5 = 0x27d4eb2f165667c5u;
  static constexpr std::size_t stripe = 32;

  static std::uint64_t rotated(std::uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

  static std::uint64_t rounded(std::uint64_t lane, std::uint64_t word) {
    return rotated(lane + word * prime_2, 31) * prime_1;
  }

  static std::uint64_t word(const unsigned char* at) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    return word;
  }

  void add_stripe(const unsigned char* at) {
    for (int i = 0; i < 4; ++i) lanes_[i] = rounded(lanes_[i], word(at + 8 * i));
  }

  std::uint64_t merged() const {
    std::uint64_t sum = rotated(lanes_[0], 1) + rotated(lanes_[1], 7) + rotated(lanes_[2], 12) +
                        rotated(lanes_[3], 18);
    for (std::uint64_t lane : lanes_) sum = (sum ^ rounded(0, lane)) * prime_1 + prime_4;
    return sum;
  }

  std::uint64_t lanes_[4];
  std::uint64_t seed_;
  std::uint64_t total_ = 0;
  unsigned char rest_[stripe];
  std::size_t held_ = 0;  // of a stripe, in rest_
};

inline std::uint64_t checksum(const void* data, std::size_t bytes, std::uint64_t seed = 0) {
  return Checksum(seed).add(data, bytes).sum();
}

}  // namespace lomp

#endif
