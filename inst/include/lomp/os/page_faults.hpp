// Side: any process.
/// \file
/// Page faults: how many there were, and what one costs here.
#ifndef LOMP_OS_PAGE_FAULTS_HPP
#define LOMP_OS_PAGE_FAULTS_HPP

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

#include "lomp/os/clock.hpp"
#include "lomp/os/fd.hpp"
#include "lomp/os/mapping.hpp"
#include "lomp/os/page_size.hpp"
#include "lomp/os/platform.hpp"

namespace lomp {

/// Page faults of this process that took no disk: one for each page that it touched first, or wrote
/// to first after a fork; a huge page counts as one.
inline long page_faults() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_minflt;
}

/// Pages of this process that are there, those that it shares with its parent among them; none
/// where that can't be told.
struct ResidentPages {
  long all = 0;
  long of_files = 0;

  static ResidentPages now() {
    char text[128] = {};
    const Fd file(kernel().open(page_counts_file, O_RDONLY | O_CLOEXEC));
    if (!file || ::read(file.get(), text, sizeof text - 1) <= 0) return {};
    long size = 0;
    ResidentPages pages;
    const int found = std::sscanf(text, "%ld %ld %ld", &size, &pages.all, &pages.of_files);
    return found == 3 ? pages : ResidentPages();
  }
};

/// Those of them that are no file's.
inline long anonymous_pages() {
  const ResidentPages pages = ResidentPages::now();
  return pages.all - pages.of_files;
}

/// How many pages a process has taken. Fresh huge pages are one fault each, and seen by what there
/// is; copies of pages that it shared with its parent are faults alone.
struct PageCount {
  long faults = 0;
  long anonymous = 0;

  static PageCount now() { return {page_faults(), anonymous_pages()}; }

  /// Pages taken since then.
  long since(const PageCount& then) const {
    return std::max(faults - then.faults, anonymous - then.anonymous);
  }
};

/// Nanoseconds that the first touch of a page takes here, the median of a few: a quarter of a
/// microsecond on plain hardware, ten or more where machines are virtual ones. 0 if there is no
/// memory to try it with.
inline std::int64_t page_price() {
  constexpr std::size_t touches = 15;
  const std::size_t page = page_size();
  const Mapping pages(-1, touches * page, MAP_PRIVATE | MAP_ANONYMOUS);
  if (!pages) return 0;
  std::array<std::int64_t, touches> took{};
  for (std::size_t i = 0; i < touches; ++i) {
    const std::int64_t began = now_ns();
    const_cast<volatile unsigned char*>(pages.data())[i * page] = 1;
    took[i] = now_ns() - began;
  }
  std::nth_element(took.begin(), took.begin() + touches / 2, took.end());
  return took[touches / 2];
}

}  // namespace lomp

#endif
