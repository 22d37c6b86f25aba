#include "memory/cell_ballast.h"

#include <new>

#include "lomp/os/huge_pages.hpp"
#include "lomp/os/mapping.hpp"
#include "r/allocate.h"
#include "r/pin_library.h"

namespace lomp {

namespace {

// What one cell takes: a copy of the allocator, the vector's header of six words, one element.
// Where it is more there are fewer cells.
constexpr std::size_t cell_bytes = sizeof(R_allocator_t) + 8 * sizeof(void*);

// In the first bytes of its mapping, in front of the cells, which R's collector gives back one by
// one: the mapping goes with the last one of them.
struct alignas(16) Arena {
  bool has_room() const { return bytes - used >= largest; }

  std::size_t mapped = 0;
  std::size_t bytes = 0;  // of them, those for the cells and for this
  std::size_t used = sizeof(Arena);
  std::size_t largest = 0;  // of the cells
  std::size_t cells = 0;
};

// In whole huge pages, since Linux puts nothing else where these can begin.
Arena* new_arena(std::size_t cells) {
  constexpr std::size_t huge = std::size_t{2} << 20;
  const std::size_t needed = sizeof(Arena) + cells * cell_bytes;
  Mapping pages(-1, (needed + huge - 1) / huge * huge, MAP_PRIVATE | MAP_ANONYMOUS);
  if (!pages) return nullptr;
  prefer_huge_pages(pages.data(), pages.size());
  const std::size_t mapped = pages.size();
  Arena* arena = new (pages.release()) Arena;
  arena->mapped = mapped;
  arena->bytes = needed;
  return arena;
}

void* take(R_allocator_t* allocator, std::size_t bytes) {
  Arena& arena = *static_cast<Arena*>(allocator->data);
  if (bytes > arena.bytes - arena.used) return nullptr;
  void* cell = reinterpret_cast<unsigned char*>(&arena) + arena.used;
  arena.largest = (bytes + 15) / 16 * 16;
  arena.used += arena.largest;
  ++arena.cells;
  return cell;
}

// Called by R's collector.
void give_up(R_allocator_t* allocator, void*) {
  Arena* arena = static_cast<Arena*>(allocator->data);
  if (--arena->cells == 0) ::munmap(arena, arena->mapped);
}

}  // namespace

SEXP make_cell_ballast(double cells) {
  pin_library();
  Arena* arena = new_arena(static_cast<std::size_t>(cells));
  if (arena == nullptr) return R_NilValue;
  R_allocator_t allocator = {take, give_up, nullptr, arena};
  PROTECT_INDEX place;
  SEXP chain = R_NilValue;
  PROTECT_WITH_INDEX(chain, &place);
  while (arena->has_room()) {
    SEXP link = find_allocate()(VECSXP, 1, &allocator);
    SET_VECTOR_ELT(link, 0, chain);
    REPROTECT(chain = link, place);
  }
  UNPROTECT(1);
  return chain;
}

}  // namespace lomp
