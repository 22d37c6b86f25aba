#include "memory/payload_pages.h"

#include <cstdint>
#include <cstring>
#include <type_traits>

#include "lomp/os/fork_count.hpp"
#include "lomp/payload/payload.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "memory/external_memory.h"

namespace lomp {

namespace {

static_assert(std::is_trivially_copyable<PayloadPages>::value, "it lies in memory without a type");
static_assert(sizeof(PayloadPages) + most_header_bytes <= 4096, "the smallest page holds both");

void put_note(void* base, const PayloadPages& pages) { std::memcpy(base, &pages, sizeof pages); }

PayloadPages note_at(const void* base) {
  PayloadPages pages;
  std::memcpy(&pages, base, sizeof pages);
  return pages;
}

unsigned char* page_before(const void* elements) {
  return static_cast<unsigned char*>(const_cast<void*>(elements)) - payload_offset();
}

// How many vectors are mapped. A forked child has its parent's.
std::size_t mapped = 0;

// A process that was forked while the vector was there has the same pages, and must not see them
// change.
bool can_give_back(const PayloadPages& pages) { return pages.forks == forks_seen(); }

}  // namespace

bool can_map_pages() { return mapped < max_mapped_payloads(); }

void* map_pages(int fd, PayloadPages pages) {
  unsigned char* base = map_payload(fd, pages.bytes);
  if (base == nullptr) return nullptr;
  ++mapped;
  pages.begin = base;
  put_note(base, pages);
  return base + payload_offset();
}

void unmap_pages(void* elements) {
  --mapped;
  unsigned char* base = page_before(elements);
  const PayloadPages pages = note_at(base);
  if (pages.has_ballast) remove_external_memory(pages.bytes);
  unmap_payload(base, pages.bytes);
  if (can_give_back(pages)) payload_returns().put(pages.origin);
}

void give_back_pages(const void* elements) {
  if (reinterpret_cast<std::uintptr_t>(elements) % payload_offset() != 0) return;
  unsigned char* base = page_before(elements);
  PayloadPages pages = note_at(base);
  if (pages.begin != base || pages.origin.pool == 0 || !can_give_back(pages)) return;
  if (!vacate_payload(base, pages.bytes)) return;
  payload_returns().put(pages.origin);
  pages.origin = {};
  put_note(base, pages);
}

}  // namespace lomp
