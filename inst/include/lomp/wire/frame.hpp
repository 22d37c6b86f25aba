// Side: both.
/// \file
/// The header of a frame, the unit that travels over a worker's pipe.
#ifndef LOMP_WIRE_FRAME_HPP
#define LOMP_WIRE_FRAME_HPP

#include <cstddef>
#include <cstdint>

namespace lomp {

enum class FrameKind : std::uint8_t {
  records = 1,  ///< the body is a row of finished records (see record.hpp)
  part = 2,     ///< the body is a piece of one record that is too large to be staged
  bye = 3,      ///< the worker has no more work and leaves; no body
  spilled = 4,  ///< the body tells of a record in a file (see spill.hpp)
  request = 5,  ///< the worker of a stream has begun a batch and wants the next one, of about as
                ///< many items as `item` says; the body: the numbers of the payloads that it has
                ///< let go of, 32 bits each
  idle = 6      ///< the same from a worker that has nothing in hand
};

/// What a part says of the record that it belongs to.
enum class PartEnd : std::uint8_t {
  more = 0,      ///< other parts follow
  last = 1,      ///< the record is complete
  abandoned = 2  ///< the record failed half-way: forget its parts
};

/// 32 bytes in the machine's own order: both ends are the same program on the same machine.
struct FrameHeader {
  std::uint32_t magic = 0;
  FrameKind kind = FrameKind::records;
  PartEnd end = PartEnd::more;
  std::uint16_t record_kind = 0;  ///< of a part's or a spilled record, as RecordKind::word()
  std::uint32_t sequence = 0;     ///< counts a worker's frames from 0, without a gap
  std::uint32_t item = 0;         ///< of a part's or a spilled record
  std::uint64_t bytes = 0;        ///< of the body that follows
  /// What the payloads of a part's or a spilled record take; of a batch that is asked for: its
  /// number, from 0.
  std::uint32_t payload_pages = 0;
  std::uint32_t check = 0;  ///< of all the fields above
};
static_assert(sizeof(FrameHeader) == 32, "the header's layout is the wire format");

constexpr std::uint32_t frame_magic = 0x706d6f6c;  // "lomp"

/// Mixes the header's fields. It tells a damaged or misplaced header from a sound one; bodies are
/// not summed, since a pipe doesn't damage data and they may be large.
inline std::uint32_t header_check(const FrameHeader& h) {
  std::uint64_t x = h.bytes;
  const auto mix = [&x](std::uint64_t field) {
    x = (x ^ field) * 0x9e3779b97f4a7c15u;
    x ^= x >> 32;
  };
  mix(h.magic);
  mix(static_cast<std::uint64_t>(h.kind) << 8 | static_cast<std::uint64_t>(h.end));
  mix(h.record_kind);
  mix(h.sequence);
  mix(h.item);
  mix(h.payload_pages);
  return static_cast<std::uint32_t>(x);
}

/// Completes a header for sending.
inline FrameHeader sealed(FrameHeader header) {
  header.magic = frame_magic;
  header.check = header_check(header);
  return header;
}

inline bool is_sound(const FrameHeader& header) {
  return header.magic == frame_magic && header.check == header_check(header);
}

}  // namespace lomp

#endif
