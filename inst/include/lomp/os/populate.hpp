// Side: any process.
/// \file
/// Copies pages after a fork before they are written to, many at one go.
#ifndef LOMP_OS_POPULATE_HPP
#define LOMP_OS_POPULATE_HPP

#include <unistd.h>

#include <cstddef>
#include <cstdint>

#include "lomp/os/platform.hpp"

namespace lomp {

inline std::size_t page_size() {
  static const std::size_t bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

/// Addresses from `begin` up to, not including, `end`.
struct AddressRange {
  std::uintptr_t begin = 0;
  std::uintptr_t end = 0;

  std::size_t bytes() const { return end > begin ? end - begin : 0; }
  std::size_t pages() const { return bytes() / page_size(); }
};

/// Makes a range writable without further faults, as far as it is mapped and the kernel can do it;
/// else nothing happens, and faults come one by one. Contents stay as they are.
inline void populate(AddressRange range) {
  const std::uintptr_t from = range.begin / page_size() * page_size();
  populate_pages(reinterpret_cast<void*>(from), range.end - from);
}

}  // namespace lomp

#endif
