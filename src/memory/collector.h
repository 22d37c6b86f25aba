/// \file
/// R's garbage collector, asked for as gc() does it.
#ifndef LOMP_SRC_MEMORY_COLLECTOR_H
#define LOMP_SRC_MEMORY_COLLECTOR_H

#include <cstddef>

#include "lomp/shared/collector_facts.hpp"
#include "r/api.h"

namespace lomp {

enum class Collection {
  young,  ///< only what was made since the last one
  full
};

constexpr std::size_t size_of_object = 72;  ///< bytes, on average; a cell has 56

/// R's heap after a collection: numbers of its cells.
struct HeapUse {
  double used;
  double limit;   ///< at which R collects garbage
  bool is_tight;  ///< so little is free, of cells or of vectors, that R looks at old objects next
};

/// Collects garbage. May jump.
HeapUse collect(Collection what);

struct Observed {
  CollectorFacts facts;
  HeapUse use;
};

/// Calls a function of R's, observe_collections(), which collects young garbage and tells how many
/// such collections there will be before R looks at old objects. If that is to be soon, for want of
/// room or since R does so now and then, it had better be here, before a fork. May jump.
Observed prepare_collector(SEXP observe);

/// How long a collection of young objects took last there; 0 before the first time.
std::int64_t collection_cost();

/// A new object that lasts until the next collection, by whomever: the caller protects it, and
/// has_collected() tells whether there was one. May jump.
SEXP new_witness();
bool has_collected(SEXP witness);

}  // namespace lomp

#endif
