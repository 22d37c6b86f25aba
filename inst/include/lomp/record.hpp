/// \file
/// A record: what a worker has to say about one item.
#ifndef LOMP_RECORD_HPP
#define LOMP_RECORD_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace lomp {

/// A finished record, borrowed from the buffer that it was read into. `kind` (0 to 15) is the
/// caller's: the core carries it.
struct Record {
  std::uint64_t item;
  unsigned kind;
  const unsigned char* data;
  std::size_t size;
  int worker;  ///< whose it is: its payloads come from there
};

/// Precedes each staged record. Large records travel as parts and have no such header.
struct RecordHeader {
  std::uint32_t item;
  std::uint32_t size_and_kind;
};

constexpr std::size_t max_staged_record = (std::size_t{1} << 28) - 1;

inline RecordHeader make_record_header(std::uint64_t item, unsigned kind, std::size_t size) {
  return {static_cast<std::uint32_t>(item),
          static_cast<std::uint32_t>(size) << 4 | (static_cast<std::uint32_t>(kind) & 15u)};
}

/// Appends the records in a worker's row of them to `out`; false if the row ends inside a record.
inline bool parse_records(const unsigned char* data, std::size_t size, int worker,
                          std::vector<Record>& out) {
  while (size >= sizeof(RecordHeader)) {
    RecordHeader header;
    std::memcpy(&header, data, sizeof header);
    const std::size_t body = header.size_and_kind >> 4;
    if (body > size - sizeof header) return false;
    out.push_back({header.item, header.size_and_kind & 15u, data + sizeof header, body, worker});
    data += sizeof header + body;
    size -= sizeof header + body;
  }
  return size == 0;
}

}  // namespace lomp

#endif
