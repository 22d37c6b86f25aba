// Side: any process.
/// \file
/// Random bits as a function of a key and a number.
#ifndef LOMP_RANDOM_THREEFRY_HPP
#define LOMP_RANDOM_THREEFRY_HPP

#include <array>
#include <cstdint>

namespace lomp {

/// Threefry-4x64-20 of J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random
/// numbers: as easy as 1, 2, 3", Proceedings of SC11 (2011): the cipher Threefish-256 with fewer
/// rounds and without its tweak. For each key it is a permutation of the blocks, so no two of them
/// give the same bits, and neighbouring ones give bits in which tests find no relation.
class Threefry {
 public:
  using Block = std::array<std::uint64_t, 4>;

  explicit Threefry(const Block& key)
      : key_{key[0], key[1], key[2], key[3], parity ^ key[0] ^ key[1] ^ key[2] ^ key[3]} {}

  Block operator()(Block x) const {
    add_key(x, 0);
    for (int four = 1; four <= rounds / 4; ++four) {
      for (int i = 0; i < 4; ++i) mix(x, rotation[(four - 1) % 2 * 4 + i], i % 2 == 0 ? 1 : 3);
      add_key(x, four);
    }
    return x;
  }

 private:
  static constexpr int rounds = 20;
  static constexpr std::uint64_t parity = 0x1bd11bdaa9fc1a22u;
  static constexpr int rotation[8][2] = {{14, 16}, {52, 57}, {23, 40}, {5, 37},
                                         {25, 33}, {46, 12}, {58, 22}, {32, 32}};

  static std::uint64_t rotate(std::uint64_t x, int by) { return x << by | x >> (64 - by); }

  // One round: words 0 and 2 are mixed with 1 and 3, or with 3 and 1.
  static void mix(Block& x, const int (&by)[2], int first) {
    const int second = 4 - first;
    x[0] += x[first];
    x[first] = rotate(x[first], by[0]) ^ x[0];
    x[2] += x[second];
    x[second] = rotate(x[second], by[1]) ^ x[2];
  }

  void add_key(Block& x, int time) const {
    for (int i = 0; i < 4; ++i) x[i] += key_[(time + i) % 5];
    x[3] += static_cast<std::uint64_t>(time);
  }

  std::uint64_t key_[5];
};

}  // namespace lomp

#endif
