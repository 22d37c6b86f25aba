/// \file
/// Lets R's books see memory that R didn't allocate.
#ifndef LOMP_SRC_BALLAST_H
#define LOMP_SRC_BALLAST_H

#include <cstddef>

namespace lomp {

/// R decides by the size of its vectors when to collect garbage, and leaves those out that live in
/// a package's memory: dropped ones would pile up. So each is accompanied by a raw vector of its
/// size, the ballast, whose pages are never touched: it takes address space, not memory.
/// Returns the ballast's place. May jump, for lack of memory.
std::size_t hold_ballast(std::size_t bytes);

/// The vector is gone. May be called in the middle of a collection: the ballast goes in the next
/// one.
void drop_ballast(std::size_t place) noexcept;

}  // namespace lomp

#endif
