// R can allocate a vector in memory that a package provides: "non-standard means such as COW
// mmap()" is what its sources name as the purpose. The function isn't part of R's API, so it is
// looked up by name; without it payloads are copied into vectors that R allocates.
#include "mapped_vector.h"

#include <R_ext/Rallocators.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <type_traits>

#include "ballast.h"
#include "elements.h"
#include "lomp/generation.hpp"
#include "lomp/huge_pages.hpp"
#include "lomp/payload.hpp"
#include "lomp/payload_returns.hpp"
#include "pin_library.h"

namespace lomp {

namespace {

using Allocate = SEXP (*)(SEXPTYPE, R_xlen_t, R_allocator_t*);

Allocate find_allocate() {
  static const Allocate found = reinterpret_cast<Allocate>(dlsym(RTLD_DEFAULT, "Rf_allocVector3"));
  return found;
}

// What R puts between the start of an allocation and a vector's first element. Measured, since it
// is R's own affair.
std::size_t measure_header() {
  static void* begin;
  R_allocator_t probe = {[](R_allocator_t*, std::size_t size) { return begin = std::malloc(size); },
                         [](R_allocator_t*, void* memory) { std::free(memory); }, nullptr, nullptr};
  SEXP x = find_allocate()(RAWSXP, 1000, &probe);
  return static_cast<std::size_t>(RAW(x) - static_cast<unsigned char*>(begin));
}

// Not a static variable's initial value: a jump out of measure_header(), for want of memory, would
// leave that locked for ever.
std::size_t header_bytes() {
  static std::size_t bytes = 0;
  if (bytes == 0) bytes = measure_header();
  return bytes;
}

// What unmap() must know of a vector.
struct MappingNote {
  const void* begin;  // of the mapping: nowhere else such a note says so
  std::size_t bytes;
  bool has_ballast;
  PayloadOrigin origin;
  unsigned forks;  // forks_seen() when it was mapped
};

// A vector in the making.
struct Request {
  int fd;
  bool is_mapped;
  MappingNote mapping;  // what is noted of it
};

// R keeps a copy of the allocator before the vector's header: in the page that lies before the
// elements. The page's beginning is free.
static_assert(std::is_trivially_copyable<MappingNote>::value, "it lies in memory that has no type");
constexpr std::size_t most_header_bytes = 1024;  // a page has at least four times as many

void note_mapping(unsigned char* base, const MappingNote& mapping) {
  std::memcpy(base, &mapping, sizeof mapping);
}

MappingNote mapping_at(const unsigned char* base) {
  MappingNote mapping;
  std::memcpy(&mapping, base, sizeof mapping);
  return mapping;
}

// The mapping that a place of its first page belongs to.
unsigned char* mapping_of(const void* header) {
  const std::uintptr_t page = static_cast<std::uintptr_t>(payload_offset());
  return reinterpret_cast<unsigned char*>(reinterpret_cast<std::uintptr_t>(header) / page * page);
}

// How many vectors are mapped. A forked child has its parent's.
std::size_t mapped = 0;

// A process that was forked while the vector was there has the same pages, and must not see them
// change.
bool can_give_back(const MappingNote& mapping) { return mapping.forks == forks_seen(); }

void unmap(R_allocator_t*, void* memory) {
  --mapped;
  unsigned char* base = mapping_of(memory);
  const MappingNote mapping = mapping_at(base);
  if (mapping.has_ballast) remove_ballast(mapping.bytes);
  unmap_payload(base, mapping.bytes);
  if (can_give_back(mapping)) payload_returns().put(mapping.origin);
}

void release(R_allocator_t*, void* memory) { std::free(memory); }

// Memory for a whole vector: the payload's mapping, or, if there is none to be had, the heap's. R
// asks again if there is neither, after it has collected its garbage.
void* allocate(R_allocator_t* allocator, std::size_t size) {
  Request& request = *static_cast<Request*>(allocator->data);
  unsigned char* base = map_payload(request.fd, request.mapping.bytes);
  request.is_mapped = base != nullptr;
  allocator->mem_free = base != nullptr ? unmap : release;
  if (base == nullptr) return std::malloc(size);
  request.mapping.begin = base;
  note_mapping(base, request.mapping);
  return base + payload_offset() - header_bytes();
}

// Is there a way, and room for one mapping more?
bool can_map() {
  return find_allocate() != nullptr && header_bytes() <= most_header_bytes &&
         mapped < max_mapped_payloads();
}

struct NewVector {
  SEXPTYPE type;
  R_xlen_t length;
  Request* request;
};

SEXP allocate_vector(void* data) {
  const NewVector& x = *static_cast<NewVector*>(data);
  R_allocator_t allocator = {allocate, release, nullptr, x.request};
  return find_allocate()(x.type, x.length, &allocator);
}

// The same without an error's jump: NULL then.
SEXP try_to_allocate(NewVector& x) {
  const auto give_up = [](SEXP, void*) { return R_NilValue; };
  return R_tryCatchError(allocate_vector, &x, give_up, nullptr);
}

// R has a limit to its vectors' size, by default that of the machine's memory, and counts both the
// ballast and the vector while it makes room for it. So a very large vector may fit without its
// ballast alone, and goes without.
SEXP allocate_with_ballast(NewVector& x) {
  constexpr std::size_t may_be_too_large = std::size_t{256} << 20;
  MappingNote& mapping = x.request->mapping;
  mapping.has_ballast = has_address_space(payload_offset() + mapping.bytes, mapping.bytes) &&
                        add_ballast(mapping.bytes);
  if (!mapping.has_ballast) return allocate_vector(&x);
  if (mapping.bytes < may_be_too_large) return allocate_vector(&x);
  SEXP vector = try_to_allocate(x);
  if (vector != R_NilValue) return vector;
  mapping.has_ballast = false;
  give_up_ballast(mapping.bytes);
  return allocate_vector(&x);
}

SEXP copy_payload(SEXP x, const Request& request) {
  PROTECT(x);
  const std::size_t bytes = request.mapping.bytes;
  prefer_huge_pages(writable_elements(x), bytes);
  if (!read_payload(request.fd, writable_elements(x), bytes)) {
    Rf_error("a result arrived damaged: its data are cut short");
  }
  payload_returns().put(request.mapping.origin);
  UNPROTECT(1);
  return x;
}

}  // namespace

void prepare_mapped_vectors() {
  if (find_allocate() == nullptr) return;
  pin_library();
  header_bytes();
}

SEXP make_mapped_vector(SEXPTYPE type, R_xlen_t n, int fd, std::size_t bytes,
                        const PayloadOrigin& origin) {
  if (!holds_payload(fd, bytes)) Rf_error("a result arrived damaged: its data are cut short");
  Request request = {fd, false, {nullptr, bytes, false, origin, forks_seen()}};
  if (!can_map()) return copy_payload(Rf_allocVector(type, n), request);
  NewVector vector = {type, n, &request};
  SEXP x = allocate_with_ballast(vector);
  mapped += request.is_mapped;
  pin_library();
  if (request.is_mapped) return x;
  if (request.mapping.has_ballast) remove_ballast(bytes);
  return copy_payload(x, request);
}

void give_back_payload(SEXP x) {
  if (element_size(TYPEOF(x)) == 0 || ALTREP(x)) return;
  const auto* data = static_cast<const unsigned char*>(elements(x));
  if (reinterpret_cast<std::uintptr_t>(data) % payload_offset() != 0) return;
  unsigned char* base = mapping_of(x);
  MappingNote mapping = mapping_at(base);
  if (mapping.begin != base || data != base + payload_offset()) return;
  if (mapping.origin.pool == 0 || !can_give_back(mapping)) return;
  if (!vacate_payload(base, mapping.bytes)) return;
  payload_returns().put(mapping.origin);
  mapping.origin = {};
  note_mapping(base, mapping);
}

}  // namespace lomp
