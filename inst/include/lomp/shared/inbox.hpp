// Side: both.
/// \file
/// Where a worker finds the items that the parent has sent it.
#ifndef LOMP_SHARED_INBOX_HPP
#define LOMP_SHARED_INBOX_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lomp/shared/batch_state.hpp"

namespace lomp {

/// A view of a part of the shared memory that holds one batch: a row of records, an item each. The
/// parent puts items in one by one, and its worker may take each as soon as it is there. What its
/// worker hasn't taken, the parent may take back: exactly one of them gets an item.
class Inbox {
 public:
  using Word = std::atomic<std::uint64_t>;

  /// An inbox without a worker; nothing is ever in it.
  Inbox() : Inbox(no_word(), nullptr, 0) {}
  Inbox(Word& word, unsigned char* data, std::size_t capacity)
      : word_(&word), data_(data), capacity_(capacity) {}

  std::size_t capacity() const { return capacity_; }
  unsigned char* data() const { return data_; }
  BatchState state() const { return BatchState::of(word_->load(std::memory_order_seq_cst)); }

  // ---- The parent's

  /// So many items are there now; what they hold was written before. The first call after a batch
  /// that is over begins a new one. Returns whether the worker must be woken.
  bool publish(std::uint32_t items, std::uint32_t files_end, bool is_new) const {
    return wake_by([=](BatchState& state) {
      if (is_new) state = {0, 0, 0, false, false, state.is_asleep};
      state.end = items;
      state.files_end = files_end;
    });
  }

  /// No more items will be put in. Returns whether the worker must be woken.
  bool close() const {
    return wake_by([](BatchState& state) { state.is_closed = true; });
  }

  /// Items first, ..., end - 1 were taken back.
  struct Loot {
    std::uint32_t first = 0;
    std::uint32_t end = 0;
    bool is_all = false;  ///< the worker has had nothing of the batch, and never will
  };

  /// The first half of what its worker hasn't taken of a closed batch; of one item that one.
  Loot take_back() const {
    Loot loot;
    const bool is_done = change([&](BatchState& state) {
      const std::uint32_t middle = state.end - (state.end - state.cursor) / 2;
      loot = {state.cursor, middle, !state.has_begun && middle == state.end};
      state.cursor = middle;
      return state.is_closed && loot.first < loot.end;
    });
    return is_done ? loot : Loot();
  }

  // ---- The worker's

  /// Takes the batch in hand; false if there is none.
  bool begin() const {
    return change([](BatchState& state) {
      if (state.is_empty() || state.has_begun) return false;
      return state.has_begun = true;
    });
  }

  /// Takes the next item; false if there is none now. There may be one right after.
  bool take(std::uint32_t& index) const {
    return change([&](BatchState& state) {
      if (state.is_empty()) return false;
      index = state.cursor++;
      return true;
    });
  }

  /// From now on the parent wakes the worker when something comes; false if something has.
  bool fall_asleep() const {
    return change([](BatchState& state) {
      state.is_asleep = true;
      return state.is_empty() && !state.is_over();
    });
  }

  /// Gives the place back, after the last item.
  void clear() const {
    BatchState state;
    state.files_end = this->state().files_end;
    word_->store(state.word(), std::memory_order_seq_cst);
  }

 private:
  /// Changes the state, unless edit(state) says false.
  template <class Edit>
  bool change(Edit edit) const {
    std::uint64_t seen = word_->load(std::memory_order_seq_cst);
    for (;;) {
      BatchState state = BatchState::of(seen);
      if (!edit(state)) return false;
      if (word_->compare_exchange_weak(seen, state.word(), std::memory_order_seq_cst)) return true;
    }
  }

  template <class Edit>
  bool wake_by(Edit edit) const {
    bool was_asleep = false;
    change([&](BatchState& state) {
      was_asleep = state.is_asleep;
      edit(state);
      state.is_asleep = false;
      return true;
    });
    return was_asleep;
  }

  static Word& no_word() {
    static Word word{0};
    return word;
  }

  Word* word_;
  unsigned char* data_;
  std::size_t capacity_;
};

}  // namespace lomp

#endif
