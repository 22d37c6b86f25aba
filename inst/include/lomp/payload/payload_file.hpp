// Side: both.
/// \file
/// A file for payloads that can be written again when its receiver has let go of it.
#ifndef LOMP_PAYLOAD_PAYLOAD_FILE_HPP
#define LOMP_PAYLOAD_PAYLOAD_FILE_HPP

#include <cstring>

#include "lomp/os/fork_count.hpp"
#include "lomp/os/mapping.hpp"
#include "lomp/payload/payload.hpp"

namespace lomp {

/// From what a file's pages are protected. To change that for the pages of a large file takes as
/// long as to write half of them.
enum class Protection {
  none,
  between_writes  ///< from any code of this process that isn't rewrite()
};

/// A file that keeps its size and stays mapped here, so that its pages, which take most of a
/// payload's time, are made but once.
class PayloadFile {
 public:
  /// Makes one that holds these bytes; it isn't open if there is no file to be had.
  PayloadFile(const void* data, std::size_t bytes,
              Protection protection = Protection::between_writes)
      : fd_(make_payload(data, bytes, SealFor::rewriting)),
        bytes_(bytes),
        protection_(protection) {}

  PayloadFile(PayloadFile&&) = default;
  PayloadFile& operator=(PayloadFile&&) = default;

  /// A forked copy hasn't got the pages: something else may lie in their place.
  ~PayloadFile() {
    if (fork_depth() != owner_) (void)pages_.release();
  }

  bool is_open() const { return static_cast<bool>(fd_); }
  const Fd& fd() const { return fd_; }
  std::size_t bytes() const { return bytes_; }
  bool is_free() const { return is_free_; }
  bool is_out_as(std::uint32_t number) const { return !is_free_ && number_ == number; }

  bool is_out_within(std::uint32_t first, std::uint32_t end) const {
    return !is_free_ && first <= number_ && number_ < end;
  }

  /// It is its receiver's until set_free().
  void send_as(std::uint32_t number) {
    number_ = number;
    is_free_ = false;
  }
  void set_free() { is_free_ = true; }

  /// Would these bytes fill it well?
  bool fits(std::size_t bytes) const { return bytes <= bytes_ && bytes >= bytes_ - bytes_ / 4; }

  /// Puts other bytes into a file that is free; false if it can't be mapped. Between two writes
  /// nothing that this process forks can change it, nor, if it is protected, the stray pointer of
  /// an item's code.
  bool rewrite(const void* data, std::size_t bytes) {
    if (!pages_ && !map()) return false;
    if (!allow(PROT_READ | PROT_WRITE)) return false;
    std::memcpy(pages_.data() + payload_offset(), data, bytes);
    return allow(PROT_READ);
  }

 private:
  bool allow(int access) {
    if (protection_ == Protection::none) return true;
    return ::mprotect(pages_.data(), pages_.size(), access) == 0;
  }

  bool map() {
    pages_ = Mapping(fd_.get(), payload_offset() + bytes_, MAP_SHARED);
    if (!pages_) return false;
    keep_from_forks(pages_.data(), pages_.size());
    populate_pages(pages_.data(), pages_.size());
    return true;
  }

  Fd fd_;
  Mapping pages_;  // from the second time on
  std::size_t bytes_ = 0;
  Protection protection_ = Protection::between_writes;
  std::uint32_t number_ = 0;
  bool is_free_ = true;
  unsigned owner_ = fork_depth();
};

}  // namespace lomp

#endif
