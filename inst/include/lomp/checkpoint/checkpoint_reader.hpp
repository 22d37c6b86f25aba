// Side: any process.
/// \file
/// Reads a checkpoint's file, whatever has become of it.
#ifndef LOMP_CHECKPOINT_CHECKPOINT_READER_HPP
#define LOMP_CHECKPOINT_CHECKPOINT_READER_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "lomp/checkpoint/checkpoint_format.hpp"
#include "lomp/checkpoint/checkpoint_problem.hpp"
#include "lomp/os/fd.hpp"
#include "lomp/payload/payload.hpp"

namespace lomp {

/// A payload of the entry that was read last: so many bytes of the file.
struct EntryPayload {
  std::uint64_t number;
  off_t from;
  std::uint64_t bytes;
};

/// An entry, borrowed from its reader until the next one.
struct Entry {
  EntryWhat what;
  unsigned kind;
  bool goes_on;
  bool has_drawn;
  std::uint64_t item;
  const unsigned char* data;
  std::size_t size;
  const EntryPayload* payloads;
  std::size_t payload_count;
};

/// Gives the sound entries of a file in their order. What isn't sound is passed over: a tail that
/// was never written to its end, garbage behind it, damage in between. Owns the file, which another
/// process may be appending to meanwhile.
class CheckpointReader {
 public:
  CheckpointReader() = default;

  /// Reads the file's header. Throws std::bad_alloc.
  CheckpointProblem open(Fd file) {
    file_ = std::move(file);
    struct stat status;
    if (::fstat(file_.get(), &status) == -1) return CheckpointProblem::of_system(errno);
    if (!S_ISREG(status.st_mode)) return CheckpointProblem::Kind::foreign;
    size_ = static_cast<std::uint64_t>(status.st_size);
    if (!copy(0, &header_, sizeof header_)) return CheckpointProblem::Kind::foreign;
    if (std::memcmp(header_.magic, checkpoint_magic, sizeof checkpoint_magic) != 0) {
      return CheckpointProblem::Kind::foreign;
    }
    if (header_.version != checkpoint_version || header_.order != checkpoint_order) {
      return CheckpointProblem::Kind::version;
    }
    if (header_.check != check_of(header_) || !read_extra()) return CheckpointProblem::Kind::cut;
    offset_ = first_entry(header_.bytes);
    return CheckpointProblem();
  }

  const FileHeader& header() const { return header_; }
  const std::vector<unsigned char>& extra() const { return extra_; }
  int fd() const { return file_.get(); }
  std::uint64_t size() const { return size_; }

  /// The file is the caller's.
  Fd release() { return std::move(file_); }

  /// Goes on from there, which is behind an entry; damage counts from there.
  void skip_to(std::uint64_t offset) {
    offset_ = offset;
    damaged_ = 0;
  }

  /// The next result, delivery or resumption; false if there is none. Payloads are checked, too,
  /// and come with their result. Throws std::bad_alloc.
  bool next(Entry& entry) {
    EntryHeader header;
    while (find(header)) {
      const std::uint64_t begin = offset_;
      offset_ += entry_bytes(header.bytes);
      const auto what = static_cast<EntryWhat>(header.what);
      if (what == EntryWhat::payload) {
        note_payload(header, begin);
        continue;
      }
      const bool has_all = header.payloads <= pending_.size();
      payloads_.assign(pending_.end() - (has_all ? header.payloads : 0), pending_.end());
      pending_.clear();
      if (!has_all) continue;
      entry = {what,
               header.kind,
               (header.flags & entry_goes_on) != 0,
               (header.flags & entry_drawn) != 0,
               header.item,
               body_.data(),
               static_cast<std::size_t>(header.bytes),
               payloads_.data(),
               payloads_.size()};
      return true;
    }
    return false;
  }

  /// Behind the last sound entry that was read.
  std::uint64_t end() const { return offset_; }

  /// Bytes before that which are no sound entries.
  std::uint64_t damaged() const { return damaged_; }

 private:
  static constexpr std::size_t window_bytes = std::size_t{256} << 10;

  bool read_extra() {
    const std::uint64_t room = size_ - sizeof header_;
    if (header_.bytes > room || padded(header_.bytes) > room) return false;
    extra_.resize(static_cast<std::size_t>(header_.bytes));
    return copy(sizeof header_, extra_.data(), extra_.size()) &&
           checksum(extra_.data(), extra_.size()) == header_.bytes_check;
  }

  /// The header of the next sound entry, to which `offset_` is moved; its bytes are in `body_`
  /// unless it is a payload. Where there is none, `offset_` stays.
  bool find(EntryHeader& header) {
    if (is_sound(offset_, header)) return true;
    pending_.clear();
    for (std::uint64_t at = offset_ + 8; at + sizeof header <= size_; at += 8) {
      if (!is_sound(at, header)) continue;
      damaged_ += at - offset_;
      offset_ = at;
      return true;
    }
    return false;
  }

  bool is_sound(std::uint64_t at, EntryHeader& header) {
    const unsigned char* found = look(at, sizeof header);
    if (found == nullptr || std::memcmp(found, &entry_magic, sizeof entry_magic) != 0) return false;
    std::memcpy(&header, found, sizeof header);
    const std::uint64_t seed = entry_seed(header_.id, at);
    if (header.check != check_of(header, seed) || header.bytes > most_entry_bytes) return false;
    if (entry_bytes(header.bytes) > size_ - at) return false;
    return header.bytes == 0 || has_sound_bytes(at + sizeof header, header, seed);
  }

  bool has_sound_bytes(std::uint64_t at, const EntryHeader& header, std::uint64_t seed) {
    std::uint64_t check = 0;
    if (!copy(at + padded(header.bytes), &check, sizeof check)) return false;
    if (static_cast<EntryWhat>(header.what) == EntryWhat::payload) {
      return sum_of(at, header.bytes, seed) == check;
    }
    body_.resize(static_cast<std::size_t>(header.bytes));
    return copy(at, body_.data(), body_.size()) &&
           checksum(body_.data(), body_.size(), seed) == check;
  }

  /// 0 if the file ends too early, which may as well be the sum of other bytes: the caller
  /// compares.
  std::uint64_t sum_of(std::uint64_t at, std::uint64_t bytes, std::uint64_t seed) {
    Checksum sum(seed);
    while (bytes > 0) {
      const std::size_t piece = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, most_look));
      const unsigned char* data = look(at, piece);
      if (data == nullptr) return 0;
      sum.add(data, piece);
      at += piece;
      bytes -= piece;
    }
    return sum.sum();
  }

  void note_payload(const EntryHeader& header, std::uint64_t begin) {
    pending_.push_back(
        {header.item, static_cast<off_t>(begin + sizeof(EntryHeader)), header.bytes});
  }

  /// So many bytes of the file, up to `most_look`, valid until the next look; nullptr if it hasn't
  /// got them.
  const unsigned char* look(std::uint64_t at, std::size_t bytes) {
    if (at > size_ || bytes > size_ - at) return nullptr;
    if (at < window_at_ || at + bytes > window_at_ + window_.size()) {
      window_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(window_bytes, size_ - at)));
      window_at_ = at;
      if (!read_at(file_.get(), window_.data(), window_.size(), static_cast<off_t>(at))) {
        window_.clear();
        return nullptr;
      }
    }
    return window_.data() + (at - window_at_);
  }

  bool copy(std::uint64_t at, void* to, std::size_t bytes) {
    if (at > size_ || bytes > size_ - at) return false;
    if (bytes > most_look) return read_at(file_.get(), to, bytes, static_cast<off_t>(at));
    const unsigned char* data = look(at, bytes);
    if (data != nullptr && bytes > 0) std::memcpy(to, data, bytes);
    return data != nullptr;
  }

  static constexpr std::size_t most_look = window_bytes / 4;

  Fd file_;
  std::uint64_t size_ = 0;  // when it was opened
  FileHeader header_{};
  std::vector<unsigned char> extra_;
  std::uint64_t offset_ = 0;
  std::uint64_t damaged_ = 0;
  std::vector<unsigned char> body_;
  std::vector<EntryPayload> pending_, payloads_;
  std::vector<unsigned char> window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace lomp

#endif
