// Side: both.
/// \file
/// The files of a worker's payloads, written again when their receiver has let go of them.
#ifndef LOMP_PAYLOAD_PAYLOAD_FILES_HPP
#define LOMP_PAYLOAD_PAYLOAD_FILES_HPP

#include <algorithm>
#include <vector>

#include "lomp/payload/payload_file.hpp"

namespace lomp {

/// All of a worker's. They are few: a receiver that keeps what it gets gives none back, and files
/// beyond those are made for one payload each.
class PayloadFiles {
 public:
  PayloadFiles() = default;

  /// Free files are kept up to so many bytes, or one of any size. No later call allocates.
  explicit PayloadFiles(std::size_t most_free_bytes,
                        Protection protection = Protection::between_writes)
      : most_free_bytes_(most_free_bytes), protection_(protection) {
    files_.reserve(most);
  }

  /// A file with these bytes in it, which is this object's, until send_as(), set_free() or the next
  /// call; nullptr if none can be had, or there are too many.
  PayloadFile* make(const void* data, std::size_t bytes) {
    for (PayloadFile& file : files_) {
      if (file.is_free() && file.fits(bytes) && file.rewrite(data, bytes)) return &file;
    }
    if (files_.size() >= most) drop_one();
    if (files_.size() >= most) return nullptr;
    files_.emplace_back(data, bytes, protection_);
    if (files_.back().is_open()) return &files_.back();
    files_.pop_back();
    return nullptr;
  }

  /// Its receiver has let go of the payload that was sent by this number.
  void set_free(std::uint32_t number) {
    for (PayloadFile& file : files_) {
      if (!file.is_out_as(number)) continue;
      const std::size_t others = free_bytes();
      file.set_free();
      if (others > 0 && others + file.bytes() > most_free_bytes_) drop(file);
      return;
    }
  }

  /// The receiver will never tell that it has let go of the payloads first, ..., end - 1.
  void forget(std::uint32_t first, std::uint32_t end) {
    for (std::size_t i = files_.size(); i > 0; --i) {
      if (files_[i - 1].is_out_within(first, end)) drop(files_[i - 1]);
    }
  }

  std::size_t size() const { return files_.size(); }
  std::size_t free_bytes() const {
    std::size_t sum = 0;
    for (const PayloadFile& file : files_) sum += file.is_free() ? file.bytes() : 0;
    return sum;
  }

  static constexpr std::size_t most = 16;

 private:
  void drop(PayloadFile& file) {
    if (&file != &files_.back()) file = std::move(files_.back());
    files_.pop_back();
  }

  /// One that is free, since it didn't fit.
  void drop_one() {
    const auto is_free = [](const PayloadFile& file) { return file.is_free(); };
    const auto found = std::find_if(files_.begin(), files_.end(), is_free);
    if (found != files_.end()) drop(*found);
  }

  std::size_t most_free_bytes_ = 0;
  Protection protection_ = Protection::between_writes;
  std::vector<PayloadFile> files_;
};

}  // namespace lomp

#endif
