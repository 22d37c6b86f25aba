// Side: any process.
/// \file
/// Reads a number from a text that has a name before each.
#ifndef LOMP_OS_NAMED_VALUE_HPP
#define LOMP_OS_NAMED_VALUE_HPP

#include <cstdint>
#include <cstdlib>
#include <string>

namespace lomp {

/// The number behind a name at the beginning of a line, "MemFree: 17 kB" or "inactive_file 4096"; 0
/// if it isn't there.
inline std::uint64_t value_of(const std::string& text, const std::string& name) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const bool is_first = at == 0 || text[at - 1] == '\n';
    if (is_first && end < text.size() && text[end] == ' ') {
      return std::strtoull(text.c_str() + end, nullptr, 10);
    }
  }
  return 0;
}

}  // namespace lomp

#endif
