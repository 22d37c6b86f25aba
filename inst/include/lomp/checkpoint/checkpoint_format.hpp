// Side: any process.
/// \file
/// The bytes of a checkpoint's file, see FORMATS.md.
#ifndef LOMP_CHECKPOINT_CHECKPOINT_FORMAT_HPP
#define LOMP_CHECKPOINT_CHECKPOINT_FORMAT_HPP

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "lomp/checkpoint/checksum.hpp"

namespace lomp {

/// To be raised with each change of this format, and of what records hold: unlike all else that
/// lomp writes, a checkpoint may be read by another version of it.
constexpr std::uint32_t checkpoint_version = 1;

/// The file begins with it; bytes that mean nothing to the core follow.
struct FileHeader {
  char magic[8];
  std::uint32_t version;
  std::uint32_t order;  ///< of bytes in a number
  std::uint32_t call;   ///< the caller's kind of call
  std::uint32_t free;
  std::uint64_t items;
  std::uint64_t id;  ///< that no other file has
  std::uint64_t bytes;
  std::uint64_t bytes_check;
  std::uint64_t check;  ///< of all the above
};
static_assert(sizeof(FileHeader) == 64, "a file's header has no gaps");

constexpr char checkpoint_magic[8] = {'l', 'o', 'm', 'p', 'c', 'k', 'p', 't'};
constexpr std::uint32_t checkpoint_order = 0x01020304;

inline std::uint64_t check_of(const FileHeader& header) {
  return checksum(&header, offsetof(FileHeader, check));
}

/// What an entry is.
enum class EntryWhat : std::uint8_t {
  result = 1,     ///< a record of an item
  payload = 2,    ///< bytes beside the record that follows
  delivered = 3,  ///< all results of the item are its caller's, who goes on without them
  resumed = 4     ///< another process goes on from here
};

/// Precedes each entry's bytes, which are filled up to a multiple of 8 and followed by their check,
/// unless there are none.
struct EntryHeader {
  std::uint32_t magic;
  std::uint8_t what;
  std::uint8_t kind;   ///< of a record: the caller's
  std::uint8_t flags;  ///< see EntryFlag
  std::uint8_t free;
  std::uint32_t payloads;  ///< how many entries before this one are payloads of its record
  std::uint32_t free_too;
  std::uint64_t item;  ///< of a payload: the number by which the record names it
  std::uint64_t bytes;
  std::uint64_t check;  ///< of all the above
};
static_assert(sizeof(EntryHeader) == 40, "an entry's header has no gaps");

constexpr std::uint32_t entry_magic = 0x7263656c;

enum EntryFlag : std::uint8_t {
  entry_goes_on = 1,  ///< its item has more records
  entry_drawn = 2     ///< by then an item of the call had drawn random numbers
};

/// What the sums of an entry are seeded with: so the bytes of an entry are one at their own place
/// in their own file only, and no copy of them within a result is taken for one.
inline std::uint64_t entry_seed(std::uint64_t id, std::uint64_t offset) { return id ^ offset; }

inline std::uint64_t check_of(const EntryHeader& header, std::uint64_t seed) {
  return checksum(&header, offsetof(EntryHeader, check), seed);
}

constexpr std::uint64_t padded(std::uint64_t bytes) { return (bytes + 7) & ~std::uint64_t{7}; }

/// What an entry takes in the file. Its size is one that memory could have.
constexpr std::uint64_t entry_bytes(std::uint64_t bytes) {
  return sizeof(EntryHeader) + (bytes == 0 ? 0 : padded(bytes) + sizeof(std::uint64_t));
}

constexpr std::uint64_t most_entry_bytes = std::uint64_t{1} << 56;

/// Where the first entry is.
constexpr std::uint64_t first_entry(std::uint64_t header_bytes) {
  return sizeof(FileHeader) + padded(header_bytes);
}

}  // namespace lomp

#endif
