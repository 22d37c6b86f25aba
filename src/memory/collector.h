/// \file
/// R's garbage collector, asked for as gc() does it.
#ifndef LOMP_SRC_MEMORY_COLLECTOR_H
#define LOMP_SRC_MEMORY_COLLECTOR_H

#include "r/api.h"

namespace lomp {

enum class Collection {
  young,  ///< only what was made since the last one
  full
};

/// Numbers of R's cells.
struct CellCount {
  double used;
  double limit;  ///< at which R collects garbage
};

/// Collects garbage, and tells how many cells there are. May jump.
CellCount collect(Collection what);

/// A new object that lasts until the next collection, by whomever: the caller protects it, and
/// has_collected() tells whether there was one. May jump.
SEXP new_witness();
bool has_collected(SEXP witness);

}  // namespace lomp

#endif
