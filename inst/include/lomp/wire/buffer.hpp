// Side: any process.
/// \file
/// A growing block of bytes that is never cleared and never copied by growing in small steps.
#ifndef LOMP_WIRE_BUFFER_HPP
#define LOMP_WIRE_BUFFER_HPP

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>
#include <utility>

#include "lomp/os/huge_pages.hpp"

namespace lomp {

/// Owns malloc'd bytes. Unlike std::vector it doesn't write to memory that is about to be read
/// into, and large blocks grow through realloc, which moves pages instead of copying them.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), capacity_(std::exchange(other.capacity_, 0)) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(capacity_, other.capacity_);
    return *this;
  }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { std::free(data_); }

  unsigned char* data() { return data_; }
  std::size_t capacity() const { return capacity_; }

  /// Makes room for `bytes` in all, keeping the content. Throws std::bad_alloc.
  void reserve(std::size_t bytes) {
    if (bytes <= capacity_) return;
    const std::size_t wanted =
        bytes > capacity_ + capacity_ / 2 ? bytes : capacity_ + capacity_ / 2;
    void* grown = std::realloc(data_, wanted);
    if (grown == nullptr) throw std::bad_alloc();
    data_ = static_cast<unsigned char*>(grown);
    capacity_ = wanted;
    prefer_huge_pages(data_, capacity_);
  }

  /// Makes room for `more` bytes behind the first `used`, however many another process says that
  /// these will be. Throws std::bad_alloc.
  void reserve_more(std::size_t used, std::uint64_t more) {
    if (more > SIZE_MAX - used) throw std::bad_alloc();
    reserve(used + static_cast<std::size_t>(more));
  }

  void release() {
    std::free(std::exchange(data_, nullptr));
    capacity_ = 0;
  }

 private:
  unsigned char* data_ = nullptr;
  std::size_t capacity_ = 0;
};

}  // namespace lomp

#endif
