// Side: both.
/// \file
/// A record: what a worker has to say about one item.
#ifndef LOMP_WIRE_RECORD_HPP
#define LOMP_WIRE_RECORD_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "lomp/wire/record_time.hpp"

namespace lomp {

/// What a record is to the worker that makes it: `kind` (0 to 15) is the caller's, the core carries
/// it. An item may have any number of records; all but its last one say that it goes on.
struct RecordKind {
  unsigned kind = 0;
  bool goes_on = false;
  bool has_drawn = false;  ///< its item has drawn random numbers

  std::uint32_t word() const {
    return (kind & 15u) | (goes_on ? 16u : 0u) | (has_drawn ? 32u : 0u);
  }
  static RecordKind of(std::uint32_t word) {
    return {word & 15u, (word & 16u) != 0, (word & 32u) != 0};
  }
};

/// Memory is counted in pages of this size where it travels beside a record.
constexpr std::size_t cost_page = 4096;

/// A finished record, borrowed from the buffer that it was read into.
struct Record {
  std::uint64_t item;
  unsigned kind;
  const unsigned char* data;
  std::size_t size;
  int worker;                       ///< whose it is: its payloads come from there
  bool goes_on = false;             ///< its item has more records
  std::uint32_t payload_pages = 0;  ///< what its payloads take
  std::uint32_t incarnation = 0;    ///< which of the processes that were in the worker's place
  bool was_spilled = false;         ///< it came in a file
  RecordTime time = {};             ///< of its item, if that has no more records
  bool has_drawn = false;           ///< its item has drawn random numbers by then

  /// What it takes until it is released; its worker counts alike.
  std::uint64_t cost() const { return size + std::uint64_t{payload_pages} * cost_page; }
};

/// Precedes each staged record. Large records travel as parts and have no such header.
struct RecordHeader {
  std::uint32_t item;
  std::uint32_t size_and_kind;
  std::uint32_t payload_pages;
  RecordTime time;

  std::size_t size() const { return size_and_kind >> 6; }
  RecordKind kind() const { return RecordKind::of(size_and_kind); }
};

constexpr std::size_t max_staged_record = (std::size_t{1} << 26) - 1;

inline RecordHeader make_record_header(std::uint64_t item, RecordKind kind, std::size_t size,
                                       std::uint32_t payload_pages = 0, RecordTime time = {}) {
  return {static_cast<std::uint32_t>(item), static_cast<std::uint32_t>(size) << 6 | kind.word(),
          payload_pages, time};
}

/// Appends the records in a worker's row of them to `out`; false if the row ends inside a record.
inline bool parse_records(const unsigned char* data, std::size_t size, int worker,
                          std::vector<Record>& out) {
  while (size >= sizeof(RecordHeader)) {
    RecordHeader header;
    std::memcpy(&header, data, sizeof header);
    const std::size_t body = header.size();
    if (body > size - sizeof header) return false;
    const RecordKind kind = header.kind();
    out.push_back({header.item, kind.kind, data + sizeof header, body, worker, kind.goes_on,
                   header.payload_pages, 0, false, header.time, kind.has_drawn});
    data += sizeof header + body;
    size -= sizeof header + body;
  }
  return size == 0;
}

}  // namespace lomp

#endif
