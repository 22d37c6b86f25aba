// Side: any process.
/// \file
/// Asks for large pages where much memory is about to be written for the first time.
#ifndef LOMP_OS_HUGE_PAGES_HPP
#define LOMP_OS_HUGE_PAGES_HPP

#include <cstddef>
#include <cstdint>
#include <string>

#include "lomp/os/page_size.hpp"
#include "lomp/os/platform.hpp"
#include "lomp/os/read_text.hpp"

namespace lomp {

constexpr std::size_t huge_page_threshold = std::size_t{4} << 20;

/// May this process have huge pages where it asks for them?
inline bool has_huge_pages() {
  const std::string choice = read_text(huge_pages_file);
  return !choice.empty() && choice.find("[never]") == std::string::npos;
}

/// A first write to each small page costs a fault, which takes longer than the copy into it. With
/// huge pages there are 512 times fewer of them, and a later fork copies a page table that is
/// smaller by as much. Advice only: content and size stay as they are, and a refusal costs speed.
inline void prefer_huge_pages(void* data, std::size_t bytes) {
  if (bytes < huge_page_threshold) return;
  const std::uintptr_t page = page_size();
  const std::uintptr_t begin = (reinterpret_cast<std::uintptr_t>(data) + page - 1) / page * page;
  const std::uintptr_t end = (reinterpret_cast<std::uintptr_t>(data) + bytes) / page * page;
  advise_huge_pages(reinterpret_cast<void*>(begin), end - begin);
}

}  // namespace lomp

#endif
