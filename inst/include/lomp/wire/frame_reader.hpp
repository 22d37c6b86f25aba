// Side: both.
/// \file
/// Reassembles frames from whatever pieces a pipe delivers.
#ifndef LOMP_WIRE_FRAME_READER_HPP
#define LOMP_WIRE_FRAME_READER_HPP

#include <algorithm>
#include <cstring>

#include "lomp/os/syscall.hpp"
#include "lomp/wire/buffer.hpp"
#include "lomp/wire/frame.hpp"

namespace lomp {

enum class ReadStatus {
  frame,        ///< a complete frame is at hand
  would_block,  ///< nothing more now
  unfinished,   ///< much has come and more may be at hand: see to other things and call again
  eof,          ///< the writer is gone; what it had begun to write is discarded
  corrupt       ///< the stream makes no sense any more
};

/// The state machine of one worker's stream. Bodies of small frames stay in the input buffer; the
/// parts of a large record are read straight behind each other, so that each byte is copied once.
/// What code of the worker's has written between two frames, by accident, is passed over: a few
/// bytes, that is, since what writes more will hardly stop.
class FrameReader {
 public:
  /// Reads until a frame is complete or the pipe is empty, but for no longer than it takes to read
  /// some megabytes, since the caller has interrupts to see to. What body() and size() tell is
  /// valid until the next call. Throws std::bad_alloc if a body doesn't fit into memory.
  ReadStatus next(int fd) {
    drop_previous();
    for (int reads = 0; reads < max_reads; ++reads) {
      const ReadStatus status = parse();
      if (status != ReadStatus::would_block) return status;
      const ReadStatus filled = fill(fd);
      if (filled != ReadStatus::frame) return filled;
    }
    return ReadStatus::unfinished;
  }

  /// Is there more at hand than the frame that the last call returned?
  bool has_more() const {
    const std::size_t given = has_frame_ && !is_part() ? header_.bytes : 0;
    return buffered() > given;
  }

  const FrameHeader& header() const { return header_; }
  const unsigned char* body() { return is_part() ? large_.data() : input_.data() + begin_; }
  std::size_t size() const { return is_part() ? large_size_ : header_.bytes; }

  /// The sequence number that the next frame must have.
  std::uint32_t expected() const { return sequence_; }

 private:
  static constexpr std::size_t input_bytes = std::size_t{256} << 10;
  static constexpr int max_reads = 64;
  static constexpr std::size_t most_stray = std::size_t{64} << 10;

  bool is_part() const { return header_.kind == FrameKind::part; }

  /// Forgets the frame that the last call returned.
  void drop_previous() {
    if (!has_frame_) return;
    has_frame_ = has_header_ = false;
    if (!is_part()) begin_ += header_.bytes;
    if (is_part() && header_.end != PartEnd::more) {
      large_.release();
      large_size_ = 0;
    }
    if (begin_ == end_) begin_ = end_ = 0;
  }

  std::size_t buffered() const { return end_ - begin_; }

  ReadStatus parse() {
    if (!has_header_ && !find_header()) {
      return stray_ > most_stray ? ReadStatus::corrupt : ReadStatus::would_block;
    }
    if (header_.sequence != sequence_) return ReadStatus::corrupt;
    if (is_part() ? !gather_part() : buffered() < header_.bytes) return ReadStatus::would_block;
    has_frame_ = true;
    ++sequence_;
    return ReadStatus::frame;
  }

  bool find_header() {
    while (buffered() >= sizeof header_ && stray_ <= most_stray) {
      std::memcpy(&header_, input_.data() + begin_, sizeof header_);
      if (is_sound(header_)) return begin_frame();
      ++begin_;
      ++stray_;
    }
    return false;
  }

  bool begin_frame() {
    begin_ += sizeof header_;
    has_header_ = true;
    missing_ = header_.bytes;
    stray_ = 0;
    return true;
  }

  /// Moves the buffered beginning of a part's body to its place; true if nothing is missing.
  bool gather_part() {
    const std::size_t n = std::min<std::uint64_t>(buffered(), missing_);
    if (n > 0) {
      large_.reserve(large_size_ + n);
      std::memcpy(large_.data() + large_size_, input_.data() + begin_, n);
      begin_ += n;
      took(n);
    }
    return missing_ == 0;
  }

  void took(std::size_t n) {
    large_size_ += n;
    missing_ -= n;
  }

  /// One read, to where the bytes belong.
  ReadStatus fill(int fd) { return has_header_ && is_part() ? fill_part(fd) : fill_input(fd); }

  ReadStatus fill_part(int fd) {
    large_.reserve_more(large_size_, missing_);
    const ssize_t n = read_some(fd, large_.data() + large_size_, missing_);
    if (n > 0) took(static_cast<std::size_t>(n));
    return status_of(n);
  }

  ReadStatus fill_input(int fd) {
    make_room();
    const ssize_t n = read_some(fd, input_.data() + end_, input_.capacity() - end_);
    if (n > 0) end_ += static_cast<std::size_t>(n);
    return status_of(n);
  }

  /// Room for the whole frame that is being read, its beginning moved to the front if need be.
  void make_room() {
    if (begin_ > 0) {
      std::memmove(input_.data(), input_.data() + begin_, buffered());
      end_ -= begin_;
      begin_ = 0;
    }
    const std::uint64_t frame = has_header_ ? header_.bytes : sizeof header_;
    input_.reserve_more(sizeof header_, std::max<std::uint64_t>(input_bytes, frame));
  }

  static ssize_t read_some(int fd, void* to, std::size_t bytes) {
    return retry_eintr([&] { return kernel().read(fd, to, bytes); });
  }

  static ReadStatus status_of(ssize_t n) {
    if (n > 0) return ReadStatus::frame;
    if (n == 0) return ReadStatus::eof;
    return errno == EAGAIN || errno == EWOULDBLOCK ? ReadStatus::would_block : ReadStatus::eof;
  }

  Buffer input_;           // what was read ahead
  std::size_t begin_ = 0;  // of what in it is still to be parsed
  std::size_t end_ = 0;
  Buffer large_;  // the record that comes in parts
  std::size_t large_size_ = 0;
  std::uint64_t missing_ = 0;  // of the current part's body
  std::size_t stray_ = 0;      // bytes since the last frame that belong to none
  FrameHeader header_;
  std::uint32_t sequence_ = 0;
  bool has_header_ = false;
  bool has_frame_ = false;
};

}  // namespace lomp

#endif
