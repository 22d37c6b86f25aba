#include "call/vector_places.h"

#include <cstring>

#include "codec/serialize.h"
#include "lomp/os/huge_pages.hpp"
#include "memory/mapped_vector.h"
#include "r/elements.h"

namespace lomp {

namespace {

constexpr double most_elements = static_cast<double>(R_XLEN_T_MAX);

}  // namespace

VectorPlaces::VectorPlaces(SEXP kept, const Settings& settings)
    : kept_(kept),
      is_used_(settings.flag("is_vector")),
      prototype_(prototype_of(settings)),
      items_(is_used_ ? static_cast<std::uint64_t>(settings.number("items")) : 0) {
  const bool is_large = prototype_.bytes() >= payload_threshold && count() <= most_elements;
  if (is_used_ && is_large && settings.number("workers") > 0) {
    file_ = PartsFile(items_ * prototype_.bytes());
  }
}

double VectorPlaces::count() const {
  return static_cast<double>(items_) * static_cast<double>(prototype_.length());
}

// Its pages are asked for before they are touched. Where the elements go into a file, that R can
// have such a vector is found out before anything is forked; none of its pages is touched.
void VectorPlaces::begin() {
  SEXP x = make_vector();
  if (file_.is_open()) return;
  SET_VECTOR_ELT(kept_, kept_results, x);
  elements_ = static_cast<unsigned char*>(writable_elements(x));
  prefer_huge_pages(elements_, items_ * prototype_.bytes());
}

SEXP VectorPlaces::make_vector() {
  if (count() > most_elements) Rf_error("the result would have too many elements");
  return Rf_allocVector(prototype_.type(), static_cast<R_xlen_t>(count()));
}

void VectorPlaces::put(const Record& record) {
  if (static_cast<Encoding>(record.kind) == Encoding::elements) {
    return put_elements(record.item, record.data, record.size);
  }
  if (!file_.is_open()) Rf_error("a result arrived damaged: it is in no file");
}

void VectorPlaces::put_elements(std::uint64_t item, const void* data, std::size_t bytes) {
  if (!is_used_ || bytes != prototype_.bytes() || item >= items_) {
    Rf_error("a result arrived damaged: its length is wrong");
  }
  const std::size_t from = static_cast<std::size_t>(item) * bytes;
  if (!file_.is_open()) {
    if (bytes > 0) std::memcpy(elements_ + from, data, bytes);
  } else if (!file_.write(data, bytes, from)) {
    Rf_error("there is no room for it");
  }
}

void VectorPlaces::put_value(std::uint64_t item, SEXP value) {
  if (!prototype_.fits(item, value)) Rf_error("a result arrived damaged: it is no such value");
  if (prototype_.gives_names(item, value)) SET_VECTOR_ELT(kept_, kept_first, value);
  SEXP x = PROTECT(prototype_.promoted(value));
  put_elements(item, elements(x), prototype_.bytes());
  UNPROTECT(1);
}

SEXP VectorPlaces::vector() {
  if (file_.is_open()) {
    SET_VECTOR_ELT(kept_, kept_results, read_file());
    file_ = PartsFile();
  }
  return VECTOR_ELT(kept_, kept_results);
}

// A file that some process may still write to is no private vector.
SEXP VectorPlaces::read_file() {
  if (file_.seal()) {
    const R_xlen_t n = static_cast<R_xlen_t>(items_) * prototype_.length();
    return make_mapped_vector(prototype_.type(), n, file_.fd(), file_.bytes(), {});
  }
  SEXP x = PROTECT(make_vector());
  prefer_huge_pages(writable_elements(x), file_.bytes());
  if (!read_payload(file_.fd(), writable_elements(x), file_.bytes())) {
    Rf_error("the results arrived damaged: their file was cut");
  }
  UNPROTECT(1);
  return x;
}

}  // namespace lomp
