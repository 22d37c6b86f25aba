/// \file
/// Cells that R counts and that take none of its memory.
#ifndef LOMP_SRC_MEMORY_CELL_BALLAST_H
#define LOMP_SRC_MEMORY_CELL_BALLAST_H

#include "r/api.h"

namespace lomp {

/// A chain of so many new cells in memory of its own, which goes as a whole when R has collected
/// the last of them; NULL if it can't be had. R's heap is left as it is: what R itself would free
/// again is what the next workers would write to and copy, page by page. May jump.
SEXP make_cell_ballast(double cells);

}  // namespace lomp

#endif
