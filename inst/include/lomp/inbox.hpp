/// \file
/// Where a worker finds the items that the parent has sent it.
#ifndef LOMP_INBOX_HPP
#define LOMP_INBOX_HPP

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "record.hpp"

namespace lomp {

/// A view of a part of the shared memory that holds one parcel: a row of records, an item each. It
/// is the parent's while its word is 0 and the worker's while the word tells how many bytes are in
/// it.
class Inbox {
 public:
  using Word = std::atomic<std::uint64_t>;

  Inbox(Word& word, unsigned char* data, std::size_t capacity)
      : word_(&word), data_(data), capacity_(capacity) {}

  std::size_t capacity() const { return capacity_; }
  unsigned char* data() const { return data_; }

  /// The parent's: hands the bytes over. What they hold was written before.
  void post(std::size_t bytes) { word_->store(bytes, std::memory_order_seq_cst); }

  /// The worker's: how many bytes have been handed over; 0 if none have.
  std::size_t bytes() const {
    return static_cast<std::size_t>(word_->load(std::memory_order_seq_cst));
  }

  /// The worker's: gives the place back.
  void clear() { word_->store(0, std::memory_order_release); }

 private:
  Word* word_;
  unsigned char* data_;
  std::size_t capacity_;
};

}  // namespace lomp

#endif
