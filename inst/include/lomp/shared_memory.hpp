/// \file
/// Memory that parent and children share, with no name and no file behind it.
#ifndef LOMP_SHARED_MEMORY_HPP
#define LOMP_SHARED_MEMORY_HPP

#include <sys/mman.h>

#include <utility>

#include "syscall.hpp"

namespace lomp {

/// Owns an anonymous shared mapping, zeroed. Children forked later see it at the same address;
/// pages that nobody touches cost nothing; it is gone when its last process is.
class SharedMemory {
 public:
  /// Throws SystemError.
  explicit SharedMemory(std::size_t bytes) : bytes_(bytes) {
    data_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (data_ == MAP_FAILED) throw SystemError("mmap");
  }
  SharedMemory(SharedMemory&& other) noexcept
      : data_(std::exchange(other.data_, MAP_FAILED)), bytes_(other.bytes_) {}
  SharedMemory& operator=(SharedMemory&&) = delete;
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  ~SharedMemory() {
    if (data_ != MAP_FAILED) ::munmap(data_, bytes_);
  }

  unsigned char* data() const { return static_cast<unsigned char*>(data_); }
  std::size_t size() const { return bytes_; }

 private:
  void* data_;
  std::size_t bytes_;
};

}  // namespace lomp

#endif
