// R can allocate a vector in memory that a package provides: "non-standard means such as COW
// mmap()" is what its sources name as the purpose. The function isn't part of R's API, so it is
// looked up by name; without it payloads are copied into vectors that R allocates.
#include "mapped_vector.h"

#include <R_ext/Rallocators.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>

#include "ballast.h"
#include "elements.h"
#include "lomp/huge_pages.hpp"
#include "lomp/payload.hpp"

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

std::size_t header_bytes() {
  static const std::size_t bytes = measure_header();
  return bytes;
}

// Vectors outlive the package's namespace: R calls unmap() when they are garbage. So the code
// stays, also if somebody unloads the library.
void pin_library() {
  static const bool is_pinned = [] {
    Dl_info info;
    if (dladdr(reinterpret_cast<void*>(pin_library), &info) == 0) return false;
    return dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE) != nullptr;
  }();
  (void)is_pinned;
}

// A vector in the making.
struct Request {
  int fd;
  std::size_t bytes;
  bool is_mapped;
};

// R keeps a copy of the allocator before the vector's header: in the page that lies before the
// elements. A free field of it holds what unmap() must know.
void* as_field(std::size_t number) { return reinterpret_cast<void*>(number); }
std::size_t of_field(const void* field) { return reinterpret_cast<std::size_t>(field); }

// How many vectors are mapped. A forked child has its parent's.
std::size_t mapped = 0;

void unmap(R_allocator_t* allocator, void* memory) {
  --mapped;
  const std::uintptr_t page = static_cast<std::uintptr_t>(payload_offset());
  const std::uintptr_t base = reinterpret_cast<std::uintptr_t>(memory) / page * page;
  const std::size_t bytes = of_field(allocator->data);
  remove_ballast(bytes);
  unmap_payload(reinterpret_cast<void*>(base), bytes);
}

void release(R_allocator_t*, void* memory) { std::free(memory); }

// Memory for a whole vector: the payload's mapping, or, if there is none to be had, the heap's.
void* allocate(R_allocator_t* allocator, std::size_t size) {
  Request& request = *static_cast<Request*>(allocator->data);
  unsigned char* base = map_payload(request.fd, request.bytes);
  request.is_mapped = base != nullptr;
  allocator->mem_free = base != nullptr ? unmap : release;
  allocator->data = as_field(request.bytes);
  return base != nullptr ? base + payload_offset() - header_bytes() : std::malloc(size);
}

// Is there a way, and address space for the mapping and its ballast? Where that is limited, one
// vector of R's own may still fit.
bool can_map(std::size_t bytes) {
  return find_allocate() != nullptr && header_bytes() <= payload_offset() &&
         mapped < max_mapped_payloads() && has_address_space(2 * (bytes + payload_offset()));
}

SEXP copy_payload(SEXP x, const Request& request) {
  PROTECT(x);
  prefer_huge_pages(writable_elements(x), request.bytes);
  if (!read_payload(request.fd, writable_elements(x), request.bytes)) {
    Rf_error("a result arrived damaged: its data are cut short");
  }
  UNPROTECT(1);
  return x;
}

}  // namespace

SEXP make_mapped_vector(SEXPTYPE type, R_xlen_t n, int fd, std::size_t bytes) {
  if (!holds_payload(fd, bytes)) Rf_error("a result arrived damaged: its data are cut short");
  Request request = {fd, bytes, false};
  if (!can_map(bytes)) return copy_payload(Rf_allocVector(type, n), request);
  add_ballast(bytes);
  R_allocator_t allocator = {allocate, release, nullptr, &request};
  SEXP x = find_allocate()(type, n, &allocator);
  mapped += request.is_mapped;
  pin_library();
  if (request.is_mapped) return x;
  remove_ballast(bytes);
  return copy_payload(x, request);
}

}  // namespace lomp
