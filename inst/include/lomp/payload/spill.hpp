// Side: both.
/// \file
/// A large record on its way into a file without a name, piece by piece.
#ifndef LOMP_PAYLOAD_SPILL_HPP
#define LOMP_PAYLOAD_SPILL_HPP

#include <vector>

#include "lomp/payload/payload.hpp"

namespace lomp {

/// What the frame of a spilled record holds.
struct SpilledRecord {
  std::uint64_t bytes;
  std::uint32_t number;  ///< of the descriptor that the file was sent by
  std::uint32_t unused;
};

/// Owns the file until it has been sent.
class Spill {
 public:
  Spill() = default;

  /// Begins one; it isn't open if there is no file to be had.
  static Spill open() {
    Spill spill;
    spill.file_ = make_nameless_file();
    const auto begin = static_cast<off_t>(payload_offset());
    if (spill.file_ && ::lseek(spill.file_.get(), begin, SEEK_SET) == -1) spill.file_.reset();
    return spill;
  }

  bool is_open() const { return static_cast<bool>(file_); }
  const Fd& file() const { return file_; }
  std::size_t bytes() const { return bytes_; }

  /// Appends two pieces; false if there is no room for them. What was appended before is still
  /// there then, for read_back().
  bool append(const void* first, std::size_t first_bytes, const void* second,
              std::size_t second_bytes) {
    iovec parts[] = {{const_cast<void*>(first), first_bytes},
                     {const_cast<void*>(second), second_bytes}};
    try {
      write_all(file_.get(), parts, 2);
    } catch (const SystemError&) {
      return false;
    }
    bytes_ += first_bytes + second_bytes;
    return true;
  }

  /// Calls take(data, bytes) for piece after piece of all that was appended.
  template <class Take>
  void read_back(Take take) const {
    std::vector<unsigned char> piece(std::min(bytes_, std::size_t{1} << 20));
    for (std::size_t done = 0; done < bytes_; done += piece.size()) {
      piece.resize(std::min(piece.size(), bytes_ - done));
      check(read_payload(file_.get(), piece.data(), piece.size(), done) ? 0 : -1, "read");
      take(piece.data(), piece.size());
    }
  }

 private:
  Fd file_;
  std::size_t bytes_ = 0;
};

}  // namespace lomp

#endif
