// Side: both.
/// \file
/// Where a worker's finished records wait until they are sent, out of reach of its death.
#ifndef LOMP_SHARED_STAGING_HPP
#define LOMP_SHARED_STAGING_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lomp {

/// A view of one worker's part of the shared memory. One word says what is staged: the number of
/// the frame in which the bytes will travel, and how many are committed. The worker alone writes
/// it. A record is committed by one release-store, so that it is there whole or not at all,
/// whenever the worker is killed.
///
/// The parent need not wait for the frame: it may take what is committed straight away, and all
/// that is left when the worker is dead. A second word settles which side has which bytes: how many
/// of this frame's bytes the parent has taken, and whether the worker is sending the rest. Both
/// sides change it by compare-and-swap, so each byte goes one way only.
class Staging {
 public:
  using Word = std::atomic<std::uint64_t>;
  static_assert(Word::is_always_lock_free, "the word is shared between processes");

  Staging(Word& word, Word& taken, unsigned char* data, std::size_t capacity)
      : word_(&word), taken_(&taken), data_(data), capacity_(capacity) {}

  std::uint32_t sequence() const { return static_cast<std::uint32_t>(load() >> 32); }
  std::size_t committed() const { return static_cast<std::uint32_t>(load()); }

  /// How many of the committed bytes the parent has taken.
  std::size_t taken() const { return static_cast<std::size_t>(load_taken() & taken_mask); }
  std::size_t capacity() const { return capacity_; }
  unsigned char* data() const { return data_; }

  void commit(std::size_t bytes) { store(sequence(), bytes); }

  /// The worker is about to send what is committed, from the byte that this returns: those before
  /// it the parent has.
  std::size_t begin_sending() {
    const std::uint64_t before = taken_->fetch_or(sending, std::memory_order_acq_rel);
    return static_cast<std::size_t>(before & taken_mask);
  }

  /// The frame is out: nothing is staged, and the next frame has the next number. Both change at
  /// once, so that the parent never takes bytes twice.
  void sent() {
    const std::uint32_t next = sequence() + 1;
    store(next, 0);
    taken_->store(std::uint64_t{next} << 32, std::memory_order_release);
  }

  /// Is there anything that take() would give?
  bool has(std::uint32_t frame) const {
    const std::uint64_t taken = load_taken(), staged = load();
    const bool is_free = (taken & sending) == 0 && taken >> 32 == frame && staged >> 32 == frame;
    return is_free && (taken & taken_mask) < static_cast<std::uint32_t>(staged) &&
           static_cast<std::uint32_t>(staged) <= capacity_;
  }

  /// Calls copy(data, bytes) for what is committed and not yet taken, while the worker lives, if
  /// these bytes would travel in the frame with this number. True if they are the caller's now;
  /// false if there are none or the worker has begun to send them. More than there is room for
  /// isn't anything: the worker's code has written where it shouldn't.
  template <class Copy>
  bool take(std::uint32_t frame, Copy copy) {
    std::uint64_t before = load_taken();
    const std::uint64_t staged = load();
    const std::size_t from = static_cast<std::size_t>(before & taken_mask);
    const std::size_t to = static_cast<std::uint32_t>(staged);
    const bool is_free = (before & sending) == 0 && before >> 32 == frame && staged >> 32 == frame;
    if (!is_free || from >= to || to > capacity_) return false;
    copy(data_ + from, to - from);
    const std::uint64_t after = std::uint64_t{frame} << 32 | to;
    return taken_->compare_exchange_strong(before, after, std::memory_order_acq_rel);
  }

  /// For a new process at this place.
  void reset() {
    store(0, 0);
    taken_->store(0, std::memory_order_release);
  }

 private:
  static constexpr std::uint64_t sending = std::uint64_t{1} << 31;
  static constexpr std::uint64_t taken_mask = sending - 1;

  std::uint64_t load_taken() const { return taken_->load(std::memory_order_acquire); }
  std::uint64_t load() const { return word_->load(std::memory_order_acquire); }
  void store(std::uint32_t sequence, std::size_t bytes) {
    word_->store(std::uint64_t{sequence} << 32 | static_cast<std::uint32_t>(bytes),
                 std::memory_order_release);
  }

  Word* word_;
  Word* taken_;
  unsigned char* data_;
  std::size_t capacity_;
};

}  // namespace lomp

#endif
