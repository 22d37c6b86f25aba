// R can allocate a vector in memory that a package provides: "non-standard means such as COW
// mmap()" is what its sources name as the purpose. Such a vector is an ordinary one to all that
// meets it, as fast in a loop, and there as long as anything can get at it, a finalizer included.
// The function isn't part of R's API, so it is looked up by name; without it payloads become ALTREP
// vectors.
#include "memory/mapped_vector.h"

#include <cstdint>
#include <cstdlib>
#include <utility>

#include "lomp/os/fork_count.hpp"
#include "lomp/os/huge_pages.hpp"
#include "lomp/payload/payload.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "memory/external_memory.h"
#include "memory/mapped_altrep.h"
#include "memory/payload_pages.h"
#include "r/allocate.h"
#include "r/elements.h"
#include "r/pin_library.h"

namespace lomp {

namespace {

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

// A vector in the making.
struct Request {
  int fd;
  bool is_mapped;
  PayloadPages pages;  // what is noted of it
};

// The place after its first page that a mapping has for the elements, found by what R keeps before
// them: a copy of the allocator and the vector's header, which lie in that page.
void* elements_after(const void* header) {
  const std::uintptr_t page = static_cast<std::uintptr_t>(payload_offset());
  return reinterpret_cast<void*>((reinterpret_cast<std::uintptr_t>(header) / page + 1) * page);
}

void unmap(R_allocator_t*, void* memory) { unmap_pages(elements_after(memory)); }

void release(R_allocator_t*, void* memory) { std::free(memory); }

// Memory for a whole vector: the payload's mapping, or, if there is none to be had, the heap's. R
// asks again if there is neither, after it has collected its garbage.
void* allocate(R_allocator_t* allocator, std::size_t size) {
  Request& request = *static_cast<Request*>(allocator->data);
  void* elements = map_pages(request.fd, request.pages);
  request.is_mapped = elements != nullptr;
  allocator->mem_free = request.is_mapped ? unmap : release;
  if (!request.is_mapped) return std::malloc(size);
  return static_cast<unsigned char*>(elements) - header_bytes();
}

bool is_allocator_allowed = true;

// Can R make the vector around the mapping?
bool can_allocate() {
  return is_allocator_allowed && find_allocate() != nullptr && header_bytes() <= most_header_bytes;
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
  PayloadPages& pages = x.request->pages;
  pages.has_ballast = add_external_memory(pages.bytes);
  if (!pages.has_ballast || pages.bytes < may_be_too_large) return allocate_vector(&x);
  SEXP vector = try_to_allocate(x);
  if (vector != R_NilValue) return vector;
  pages.has_ballast = false;
  give_up_external_memory(pages.bytes);
  return allocate_vector(&x);
}

// R counts nothing of such a vector but its ballast.
SEXP make_altrep_with_ballast(SEXPTYPE type, Request& request) {
  request.pages.has_ballast = add_external_memory(request.pages.bytes);
  SEXP x = make_mapped_altrep(type, request.fd, request.pages);
  request.is_mapped = x != R_NilValue;
  return x;
}

SEXP copy_payload(SEXP x, const Request& request) {
  PROTECT(x);
  const std::size_t bytes = request.pages.bytes;
  prefer_huge_pages(writable_elements(x), bytes);
  if (!read_payload(request.fd, writable_elements(x), bytes)) {
    Rf_error("a result arrived damaged: its data are cut short");
  }
  payload_returns().put(request.pages.origin);
  UNPROTECT(1);
  return x;
}

}  // namespace

bool set_allocator_allowed(bool is_allowed) {
  return std::exchange(is_allocator_allowed, is_allowed);
}

void prepare_mapped_vectors() {
  pin_library();
  if (!can_allocate()) prepare_mapped_altrep();
}

SEXP make_mapped_vector(SEXPTYPE type, R_xlen_t n, int fd, std::size_t bytes,
                        const PayloadOrigin& origin) {
  if (!holds_payload(fd, bytes)) Rf_error("a result arrived damaged: its data are cut short");
  pin_library();
  Request request = {fd, false, {bytes, false, origin, forks_seen()}};
  NewVector vector = {type, n, &request};
  SEXP x = R_NilValue;
  if (can_map_pages() && can_allocate()) {
    x = allocate_with_ballast(vector);
  } else if (can_map_pages()) {
    x = make_altrep_with_ballast(type, request);
  }
  if (request.is_mapped) return x;
  if (request.pages.has_ballast) remove_external_memory(bytes);
  return copy_payload(x != R_NilValue ? x : Rf_allocVector(type, n), request);
}

void give_back_payload(SEXP x) {
  if (element_size(TYPEOF(x)) == 0 || (ALTREP(x) && !is_mapped_altrep(x))) return;
  give_back_pages(elements(x));
}

}  // namespace lomp
