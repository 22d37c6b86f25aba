// Side: any process.
/// \file
/// Reads the small files by which the system tells of itself.
#ifndef LOMP_OS_READ_TEXT_HPP
#define LOMP_OS_READ_TEXT_HPP

#include <string>

#include "lomp/os/fd.hpp"

namespace lomp {

/// What is in a file; nothing if it can't be read. Its descriptor is closed on exec from its birth,
/// which that of a std::ifstream isn't.
inline std::string read_text(const std::string& path) {
  std::string text;
  const Fd file(kernel().open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char piece[4096];
  for (;;) {
    const ssize_t n =
        file ? retry_eintr([&] { return ::read(file.get(), piece, sizeof piece); }) : 0;
    if (n <= 0) return text;
    text.append(piece, static_cast<std::size_t>(n));
  }
}

}  // namespace lomp

#endif
