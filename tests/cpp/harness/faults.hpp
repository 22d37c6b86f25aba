/// \file
/// Page faults in tests.
#ifndef LOMP_TESTS_FAULTS_HPP
#define LOMP_TESTS_FAULTS_HPP

#include <sys/mman.h>

#include <cstring>

#include "lomp/os/page_faults.hpp"
#include "lomp/os/page_size.hpp"
#include "lomp/os/platform.hpp"

namespace lomp_test {

inline long faults() { return lomp::page_faults(); }

/// Memory of whole pages, all of them written to.
struct Pages {
  explicit Pages(std::size_t n)
      : bytes(n * lomp::page_size()),
        data(static_cast<unsigned char*>(
            ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0))) {
    std::memset(data, 1, bytes);
  }
  ~Pages() { ::munmap(data, bytes); }
  Pages(const Pages&) = delete;
  Pages& operator=(const Pages&) = delete;

  /// Writes to each page; how many faults that took.
  long rewrite() const {
    const long before = faults();
    for (std::size_t at = 0; at < bytes; at += lomp::page_size()) {
      static_cast<volatile unsigned char*>(data)[at] = 2;
    }
    return faults() - before;
  }

  std::size_t bytes;
  unsigned char* data;
};

/// Can this kernel copy pages in advance?
inline bool can_populate() {
#if LOMP_LINUX
  const Pages page(1);
  return ::madvise(page.data, page.bytes, 23) == 0;
#else
  return false;
#endif
}

}  // namespace lomp_test

#endif
