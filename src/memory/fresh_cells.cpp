#include "memory/fresh_cells.h"

#include <algorithm>

#include "lomp/os/allocator.hpp"

namespace lomp {

namespace {

constexpr std::uint32_t between_looks = 1024;

// The smallest of R's cells, with its part of what R and malloc() keep for each 2 KB.
constexpr std::size_t cell_bytes = 7 * sizeof(void*) + 2;

}  // namespace

void FreshCells::expect(std::uint64_t results) {
  if (results * cell_bytes < huge_page_threshold) return;
  missing_ = results;
  unseen_ = 1;
}

// The heap's end has moved: what was free is used up.
void FreshCells::look() {
  const bool has_grown = end_ != 0 && end_ != heap_end();
  const std::size_t bytes = std::min(most_growth, static_cast<std::size_t>(missing_) * cell_bytes);
  end_ = heap_end();
  if (bytes < huge_page_threshold) return;
  if (has_grown && !grow_heap(bytes)) return;
  end_ = heap_end();
  missing_ -= between_looks;
  unseen_ = between_looks;
}

}  // namespace lomp
