// Side: worker.
/// \file
/// Which pages a process doesn't share with the one that forked it.
#ifndef LOMP_OS_OWN_PAGES_HPP
#define LOMP_OS_OWN_PAGES_HPP

#include <unistd.h>

#include <cstdint>

#include "lomp/os/fd.hpp"
#include "lomp/os/page_size.hpp"
#include "lomp/os/platform.hpp"

namespace lomp {

/// Looks at this process's page table, as far as the system shows it
/// (https://docs.kernel.org/admin-guide/mm/pagemap.html).
class OwnPages {
 public:
  OwnPages() : table_(kernel().open(page_table_file, O_RDONLY | O_CLOEXEC)) {}

  /// Is the page of that address there, and mapped by this process alone? False where that can't be
  /// told.
  bool has(const void* address) const {
    constexpr std::uint64_t present = std::uint64_t{1} << 63, exclusive = std::uint64_t{1} << 56;
    std::uint64_t entry = 0;
    const std::uintptr_t page = reinterpret_cast<std::uintptr_t>(address) / page_size();
    const auto at = static_cast<off_t>(page * sizeof entry);
    if (!table_ || ::pread(table_.get(), &entry, sizeof entry, at) != sizeof entry) return false;
    return (entry & present) != 0 && (entry & exclusive) != 0;
  }

 private:
  Fd table_;
};

}  // namespace lomp

#endif
