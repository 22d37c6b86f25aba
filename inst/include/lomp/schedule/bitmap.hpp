// Side: parent.
/// \file
/// A set of item numbers.
#ifndef LOMP_SCHEDULE_BITMAP_HPP
#define LOMP_SCHEDULE_BITMAP_HPP

#include <cstdint>
#include <vector>

#include "lomp/shared/block.hpp"

namespace lomp {

/// Which of the items 0, 1, ..., n - 1 are done, and how many.
class Bitmap {
 public:
  explicit Bitmap(std::uint64_t n) : n_(n), words_((n + 63) / 64) {}

  bool has(std::uint64_t i) const { return words_[i / 64] >> (i % 64) & 1; }
  std::uint64_t count() const { return count_; }
  std::uint64_t size() const { return n_; }
  bool full() const { return count_ == n_; }

  /// Adds an item; false if it was there.
  bool add(std::uint64_t i) {
    if (has(i)) return false;
    words_[i / 64] |= std::uint64_t{1} << (i % 64);
    ++count_;
    return true;
  }

  /// The first item from this one on that isn't in the set; n if there is none.
  std::uint64_t first_missing(std::uint64_t from) const {
    std::uint64_t i = from;
    while (i < n_ && has(i)) i += words_[i / 64] == ~std::uint64_t{0} ? 64 - i % 64 : 1;
    return i;
  }

  /// The first run of items that aren't in the set; empty if all are.
  Block first_gap() const {
    const std::uint64_t begin = first_missing(0);
    std::uint64_t end = begin;
    while (end < n_ && !has(end)) ++end;
    if (begin >= n_) return {};
    return {static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)};
  }

 private:
  std::uint64_t n_;
  std::uint64_t count_ = 0;
  std::vector<std::uint64_t> words_;
};

}  // namespace lomp

#endif
