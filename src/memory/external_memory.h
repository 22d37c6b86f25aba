/// \file
/// Lets R's books see memory that R didn't allocate.
#ifndef LOMP_SRC_MEMORY_EXTERNAL_MEMORY_H
#define LOMP_SRC_MEMORY_EXTERNAL_MEMORY_H

#include <cstddef>

namespace lomp {

/// R decides by the size of its vectors when to collect garbage, and leaves those out that live in
/// a package's memory: dropped ones would pile up. So they are accompanied by raw vectors of R's
/// own, the ballast, whose pages are never touched: it takes address space, not memory.
///
/// There is at least as much ballast as there are such bytes, in blocks. With a vector for each one
/// R would look through its whole heap time and again: what a vector's end sets free is a vector
/// that is old by then. So a block is used for one after the other; and where results come and go,
/// those that went are found by a collection of what is young before there are more blocks.

/// So many bytes more are about to be mapped. May collect garbage. False if R hasn't got so much
/// ballast, not even after that, or no address space for both: then they are none of the ballast's
/// affair.
bool add_external_memory(std::size_t bytes);

/// They aren't any more. May be called in the middle of a collection: blocks go in a later one.
void remove_external_memory(std::size_t bytes) noexcept;

/// The same where the memory itself is needed for something else: all goes that isn't in use.
void give_up_external_memory(std::size_t bytes) noexcept;

/// Before a call: collects garbage, all of it, if many such bytes have come since the last time and
/// that takes no more than half of the time. What was dropped between calls is old by then, and R
/// itself would wait for much more of it. May jump.
void drop_old_results();

/// While one of these lives results are coming in, and there may be twice as much ballast as needed
/// so that the next ones find some. Afterwards there is as little as possible.
class ExternalMemoryUse {
 public:
  ExternalMemoryUse();
  ~ExternalMemoryUse();
  ExternalMemoryUse(const ExternalMemoryUse&) = delete;
  ExternalMemoryUse& operator=(const ExternalMemoryUse&) = delete;
};

}  // namespace lomp

#endif
