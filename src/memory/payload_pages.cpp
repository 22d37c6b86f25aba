#include "memory/payload_pages.h"

#include <cstdint>
#include <cstring>
#include <new>
#include <type_traits>
#include <unordered_set>

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

// Of any elements, an empty vector's too: as numbers, since there may be no such page.
unsigned char* page_before(const void* elements) {
  const auto address = reinterpret_cast<std::uintptr_t>(elements);
  return reinterpret_cast<unsigned char*>(address - payload_offset());
}

// Where mappings begin. A forked child has its parent's. Never destroyed: vectors may be freed
// after the package's own end.
std::unordered_set<const void*>& mapped() {
  static auto* const begins = new std::unordered_set<const void*>;
  return *begins;
}

bool note_mapped(const void* base) {
  try {
    mapped().insert(base);
  } catch (const std::bad_alloc&) {
    return false;
  }
  return true;
}

// A process that was forked while the vector was there has the same pages, and must not see them
// change.
bool can_give_back(const PayloadPages& pages) { return pages.forks == forks_seen(); }

}  // namespace

bool can_map_pages() { return mapped().size() < max_mapped_payloads(); }

void* map_pages(int fd, const PayloadPages& pages) {
  unsigned char* base = map_payload(fd, pages.bytes);
  if (base == nullptr) return nullptr;
  if (!note_mapped(base)) {
    unmap_payload(base, pages.bytes);
    return nullptr;
  }
  put_note(base, pages);
  return base + payload_offset();
}

void unmap_pages(void* elements) {
  unsigned char* base = page_before(elements);
  mapped().erase(base);
  const PayloadPages pages = note_at(base);
  if (pages.has_ballast) remove_external_memory(pages.bytes);
  unmap_payload(base, pages.bytes);
  if (can_give_back(pages)) payload_returns().put(pages.origin);
}

void give_back_pages(const void* elements) {
  unsigned char* base = page_before(elements);
  if (mapped().count(base) == 0) return;
  PayloadPages pages = note_at(base);
  if (pages.origin.pool == 0 || !can_give_back(pages)) return;
  if (!vacate_payload(base, pages.bytes)) return;
  payload_returns().put(pages.origin);
  pages.origin = {};
  put_note(base, pages);
}

}  // namespace lomp
