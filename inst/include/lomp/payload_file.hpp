/// \file
/// A file for payloads that can be written again when its receiver has let go of it.
#ifndef LOMP_PAYLOAD_FILE_HPP
#define LOMP_PAYLOAD_FILE_HPP

#include <cstring>
#include <utility>

#include "payload.hpp"
#include "populate.hpp"

namespace lomp {

/// A file that keeps its size and stays mapped here, so that its pages, which take most of a
/// payload's time, are made but once.
class PayloadFile {
 public:
  /// Makes one that holds these bytes; it isn't open if there is no file to be had.
  PayloadFile(const void* data, std::size_t bytes)
      : fd_(make_payload(data, bytes, SealFor::rewriting)), bytes_(bytes) {}
  PayloadFile(PayloadFile&& other) noexcept { *this = std::move(other); }
  PayloadFile& operator=(PayloadFile&& other) noexcept {
    std::swap(fd_, other.fd_);
    std::swap(base_, other.base_);
    std::swap(bytes_, other.bytes_);
    std::swap(number_, other.number_);
    std::swap(is_free_, other.is_free_);
    return *this;
  }
  PayloadFile(const PayloadFile&) = delete;
  PayloadFile& operator=(const PayloadFile&) = delete;
  ~PayloadFile() {
    if (base_ != nullptr) ::munmap(base_, size());
  }

  bool is_open() const { return static_cast<bool>(fd_); }
  const Fd& fd() const { return fd_; }
  std::size_t bytes() const { return bytes_; }
  bool is_free() const { return is_free_; }
  bool is_out_as(std::uint32_t number) const { return !is_free_ && number_ == number; }

  /// It is its receiver's until set_free().
  void send_as(std::uint32_t number) {
    number_ = number;
    is_free_ = false;
  }
  void set_free() { is_free_ = true; }

  /// Would these bytes fill it well?
  bool fits(std::size_t bytes) const { return bytes <= bytes_ && bytes >= bytes_ - bytes_ / 4; }

  /// Puts other bytes into a file that is free; false if it can't be mapped. Between two writes
  /// nothing here can change it: not the stray pointer of an item's code, nor what an item forks.
  bool rewrite(const void* data, std::size_t bytes) {
    if (base_ == nullptr && !map()) return false;
    if (::mprotect(base_, size(), PROT_READ | PROT_WRITE) == -1) return false;
    std::memcpy(base_ + payload_offset(), data, bytes);
    return ::mprotect(base_, size(), PROT_READ) == 0;
  }

 private:
  std::size_t size() const { return payload_offset() + bytes_; }

  bool map() {
    void* base = ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (base == MAP_FAILED) return false;
    base_ = static_cast<unsigned char*>(base);
#ifdef MADV_DONTFORK
    (void)::madvise(base, size(), MADV_DONTFORK);
#endif
    const auto begin = reinterpret_cast<std::uintptr_t>(base_);
    populate({begin, begin + size()});
    return true;
  }

  Fd fd_;
  unsigned char* base_ = nullptr;
  std::size_t bytes_ = 0;
  std::uint32_t number_ = 0;
  bool is_free_ = true;
};

}  // namespace lomp

#endif
