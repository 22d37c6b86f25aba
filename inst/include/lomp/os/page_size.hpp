// Side: any process.
/// \file
/// The size of the pages of which the system makes memory.
#ifndef LOMP_OS_PAGE_SIZE_HPP
#define LOMP_OS_PAGE_SIZE_HPP

#include <unistd.h>

#include <cstddef>

namespace lomp {

inline std::size_t page_size() {
  static const std::size_t bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

}  // namespace lomp

#endif
