// Side: both.
/// \file
/// How far a batch is, as one word.
#ifndef LOMP_SHARED_BATCH_STATE_HPP
#define LOMP_SHARED_BATCH_STATE_HPP

#include <cstdint>

namespace lomp {

/// The items cursor, cursor + 1, ..., end - 1 of a batch are there, not yet taken by the worker nor
/// taken back by the parent. An item is never there twice in the same batch, and the next batch at
/// its place is made when its worker knows that it is through with it, so compare-and-swap is safe.
struct BatchState {
  static constexpr std::uint32_t max_items = (std::uint32_t{1} << 14) - 1;

  std::uint32_t files_end = 0;  ///< its files, and those of all earlier ones, have smaller numbers
  std::uint32_t cursor = 0;
  std::uint32_t end = 0;
  bool has_begun = false;  ///< its worker has it in hand
  bool is_closed = false;  ///< no more items will be put in
  bool is_asleep = false;  ///< its worker waits for it to get an item, and must be woken

  bool is_empty() const { return cursor >= end; }

  /// Has its worker taken all that will ever be in it?
  bool is_over() const { return is_empty() && has_begun && is_closed; }

  std::uint64_t word() const {
    return std::uint64_t{files_end} << 32 | std::uint64_t{cursor} << 18 | std::uint64_t{end} << 4 |
           (has_begun ? 1u : 0u) | (is_closed ? 2u : 0u) | (is_asleep ? 4u : 0u);
  }

  static BatchState of(std::uint64_t word) {
    BatchState state;
    state.files_end = static_cast<std::uint32_t>(word >> 32);
    state.cursor = static_cast<std::uint32_t>(word >> 18) & max_items;
    state.end = static_cast<std::uint32_t>(word >> 4) & max_items;
    state.has_begun = (word & 1u) != 0;
    state.is_closed = (word & 2u) != 0;
    state.is_asleep = (word & 4u) != 0;
    return state;
  }
};

}  // namespace lomp

#endif
