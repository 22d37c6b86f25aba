/// \file
/// Where a worker's finished records wait until they are sent, out of reach of its death.
#ifndef LOMP_STAGING_HPP
#define LOMP_STAGING_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace lomp {

/// A view of one worker's part of the shared memory. One word says it all: the number of the
/// frame in which the staged bytes will travel, and how many bytes are committed. The worker
/// alone writes it; the parent reads it after the worker's death. A record is committed by one
/// release-store, so that it is there whole or not at all, whenever the worker is killed.
class Staging {
 public:
  using Word = std::atomic<std::uint64_t>;
  static_assert(Word::is_always_lock_free, "the word is shared between processes");

  Staging(Word& word, unsigned char* data, std::size_t capacity)
      : word_(&word), data_(data), capacity_(capacity) {}

  std::uint32_t sequence() const { return static_cast<std::uint32_t>(load() >> 32); }
  std::size_t committed() const { return static_cast<std::uint32_t>(load()); }
  std::size_t capacity() const { return capacity_; }
  unsigned char* data() const { return data_; }

  void commit(std::size_t bytes) { store(sequence(), bytes); }

  /// The frame is out: nothing is staged, and the next frame has the next number. Both change at
  /// once, so that the parent never takes bytes twice.
  void sent() { store(sequence() + 1, 0); }

  /// For a new process at this place.
  void reset() { store(0, 0); }

 private:
  std::uint64_t load() const { return word_->load(std::memory_order_acquire); }
  void store(std::uint32_t sequence, std::size_t bytes) {
    word_->store(std::uint64_t{sequence} << 32 | static_cast<std::uint32_t>(bytes),
                 std::memory_order_release);
  }

  Word* word_;
  unsigned char* data_;
  std::size_t capacity_;
};

}  // namespace lomp

#endif
