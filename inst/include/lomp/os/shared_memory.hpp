// Side: any process.
/// \file
/// Memory that parent and children share, with no name and no file behind it.
#ifndef LOMP_OS_SHARED_MEMORY_HPP
#define LOMP_OS_SHARED_MEMORY_HPP

#include "lomp/os/mapping.hpp"
#include "lomp/os/syscall.hpp"

namespace lomp {

/// Owns an anonymous shared mapping, zeroed. Children forked later see it at the same address;
/// pages that no process touches cost nothing; it is gone when its last process is.
class SharedMemory {
 public:
  /// Throws SystemError.
  explicit SharedMemory(std::size_t bytes) : pages_(-1, bytes, MAP_SHARED | MAP_ANONYMOUS) {
    if (!pages_) throw SystemError("mmap");
  }

  unsigned char* data() const { return pages_.data(); }
  std::size_t size() const { return pages_.size(); }

 private:
  Mapping pages_;
};

}  // namespace lomp

#endif
