// Side: any process.
/// \file
/// Pages of memory and their owner.
#ifndef LOMP_OS_MAPPING_HPP
#define LOMP_OS_MAPPING_HPP

#include <sys/mman.h>

#include <cstddef>
#include <utility>

namespace lomp {

/// Owns what mmap() gave; false if there was none to be had.
class Mapping {
 public:
  Mapping() = default;

  /// The first `bytes` of a file, to be read and written; or, with -1 and MAP_ANONYMOUS, of none.
  Mapping(int fd, std::size_t bytes, int flags)
      : data_(::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, fd, 0)), bytes_(bytes) {}
  Mapping(Mapping&& other) noexcept { *this = std::move(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (*this) ::munmap(data_, bytes_);
  }

  explicit operator bool() const { return data_ != MAP_FAILED; }
  unsigned char* data() const { return static_cast<unsigned char*>(data_); }
  std::size_t size() const { return bytes_; }

  /// The pages are the caller's now; nullptr if there are none.
  unsigned char* release() {
    void* data = std::exchange(data_, MAP_FAILED);
    return data == MAP_FAILED ? nullptr : static_cast<unsigned char*>(data);
  }

 private:
  void* data_ = MAP_FAILED;
  std::size_t bytes_ = 0;
};

}  // namespace lomp

#endif
