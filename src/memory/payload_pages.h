/// \file
/// The pages of a payload that are a vector's elements.
#ifndef LOMP_SRC_MEMORY_PAYLOAD_PAGES_H
#define LOMP_SRC_MEMORY_PAYLOAD_PAGES_H

#include <cstddef>

#include "lomp/payload/payload_origin.hpp"

namespace lomp {

/// What must be known of a vector's pages when they go. It lies at the beginning of the page before
/// them, so that their address alone tells it.
struct PayloadPages {
  std::size_t bytes;
  bool has_ballast;
  PayloadOrigin origin;
  unsigned forks;  // forks_seen() when they were mapped
};

/// So much at the end of the page before them may hold a vector's header.
constexpr std::size_t most_header_bytes = 1024;

/// Is there room for one mapping more?
bool can_map_pages();

/// Maps the payload for this process alone, with a note of what is known. Gives the address of the
/// elements, nullptr if there is no mapping to be had.
void* map_pages(int fd, const PayloadPages& pages);

/// Takes the pages from the books and from memory, and the payload goes back to where it came from
/// if no other process can have it. May be called in the middle of a collection.
void unmap_pages(void* elements);

/// If these elements are such pages: gives the payload back before they are unmapped. They are gone
/// then. Does nothing to any other vector's elements.
void give_back_pages(const void* elements);

}  // namespace lomp

#endif
