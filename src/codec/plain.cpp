// The plain encoding: a tag for each vector (its type, whether it has attributes, whether it has
// one element), its length, its elements as they lie in memory, then its attributes by name.
// The elements of a large vector travel beside the record, which has the payload's number instead.
// Both ends are the same program on the same machine, so nothing is converted.
#include <climits>
#include <cstring>

#include "codec/bare_number.h"
#include "codec/serialize.h"
#include "lomp/os/huge_pages.hpp"
#include "memory/mapped_vector.h"
#include "r/attributes.h"
#include "r/elements.h"

namespace lomp {

namespace {

constexpr unsigned char type_mask = 0x1f, has_attributes = 0x20, is_scalar = 0x40,
                        is_payload = 0x80;
constexpr int max_depth = 64;            // deeper lists go through R's serialization
constexpr R_xlen_t max_expanded = 1024;  // longer compact sequences stay compact
constexpr std::size_t most_small = 64;   // bytes of elements that are put in one piece
constexpr std::uint32_t na_length = UINT32_MAX;

bool any_attribute(SEXP x) {
  return !every_attribute(x, [](SEXP, SEXP) { return false; });
}

bool is_ascii(const char* s) {
  for (; *s != '\0'; ++s) {
    if (static_cast<unsigned char>(*s) > 127) return false;
  }
  return true;
}

bool is_plain_at(SEXP value, int depth);

// A dim that goes with the number of elements.
bool is_sound_dim(SEXP x, SEXP dim) {
  if (TYPEOF(dim) != INTSXP || XLENGTH(dim) == 0 || any_attribute(dim)) return false;
  double elements = 1;
  for (R_xlen_t i = 0; i < XLENGTH(dim); ++i) {
    if (INTEGER_RO(dim)[i] < 0) return false;  // NA, too
    elements *= INTEGER_RO(dim)[i];
  }
  return elements == static_cast<double>(XLENGTH(x));
}

// Those of one extent: as many names as there are places, or none at all.
bool is_sound_extent(SEXP names, int extent) {
  if (names == R_NilValue) return true;
  return TYPEOF(names) == STRSXP && extent > 0 && XLENGTH(names) == extent && !any_attribute(names);
}

bool is_sound_dimnames(SEXP dim, SEXP value) {
  if (dim == nullptr || TYPEOF(value) != VECSXP || XLENGTH(value) != XLENGTH(dim)) return false;
  bool has_names = false;
  for (R_xlen_t i = 0; i < XLENGTH(dim); ++i) {
    SEXP names = VECTOR_ELT(value, i);
    if (!is_sound_extent(names, INTEGER_RO(dim)[i])) return false;
    has_names = has_names || names != R_NilValue;
  }
  return has_names && every_attribute(value, [](SEXP tag, SEXP) { return tag == R_NamesSymbol; });
}

bool is_sound_class(SEXP x, SEXP value) {
  return TYPEOF(value) == STRSXP && XLENGTH(value) > 0 &&
         (TYPEOF(x) == INTSXP || !Rf_inherits(x, "factor"));
}

// Attributes are set by Rf_setAttrib() on arrival, which checks the special ones: those that it
// would refuse, convert or set elsewhere than they were are left to R's serialization. `dim` is x's
// if it has come by already, else null.
bool is_sound_attribute(SEXP x, SEXP tag, SEXP value, SEXP dim) {
  if (tag == R_NamesSymbol) {
    return TYPEOF(value) == STRSXP && XLENGTH(value) == XLENGTH(x) && dim == nullptr;
  }
  if (tag == R_DimSymbol) return is_sound_dim(x, value);
  if (tag == R_DimNamesSymbol) return is_sound_dimnames(dim, value);
  if (tag == R_ClassSymbol) return is_sound_class(x, value);
  if (tag == R_RowNamesSymbol) return TYPEOF(value) == INTSXP || TYPEOF(value) == STRSXP;
  return tag != R_TspSymbol && tag != Rf_install("comment") && is_ascii(CHAR(PRINTNAME(tag)));
}

bool has_plain_attributes(SEXP x, int depth) {
  SEXP dim = nullptr;
  return every_attribute(x, [&](SEXP tag, SEXP value) {
    const bool plain = is_sound_attribute(x, tag, value, dim) && is_plain_at(value, depth);
    if (tag == R_DimSymbol) dim = value;
    return plain;
  });
}

bool has_plain_elements(SEXP x, int depth) {
  SEXP list = unwrapped(x);
  const R_xlen_t n = XLENGTH(list);
  for (R_xlen_t i = 0; i < n; ++i) {
    if (!is_plain_at(VECTOR_ELT(list, i), depth)) return false;
  }
  return true;
}

// A compact sequence has no data pointer until it is asked for one; a long one mustn't get it
// here.
bool is_in_memory(SEXP vector) {
  SEXP x = unwrapped(vector);
  return !ALTREP(x) || (TYPEOF(x) != STRSXP && TYPEOF(x) != VECSXP &&
                        (XLENGTH(x) <= max_expanded || DATAPTR_OR_NULL(x) != nullptr));
}

bool is_plain_at(SEXP x, int depth) {
  switch (TYPEOF(x)) {
    case NILSXP:
      return true;
    case LGLSXP:
    case INTSXP:
    case REALSXP:
    case CPLXSXP:
    case RAWSXP:
    case STRSXP:
    case VECSXP:
      break;
    default:
      return false;
  }
  if (depth >= max_depth || Rf_isS4(x) || !is_in_memory(x)) return false;
  if (TYPEOF(x) == VECSXP && !has_plain_elements(x, depth + 1)) return false;
  return has_plain_attributes(x, depth + 1);
}

template <class T>
void put(RecordSink& sink, T value) {
  sink.put(&value, sizeof value);
}

bool is_number(SEXPTYPE type) { return type == INTSXP || type == REALSXP; }

void put_string(RecordSink& sink, SEXP string) {
  if (string == NA_STRING) return put(sink, na_length);
  const std::uint32_t length = static_cast<std::uint32_t>(LENGTH(string));
  put(sink, length);
  put(sink, static_cast<unsigned char>(Rf_getCharCE(string)));
  sink.put(CHAR(string), length);
}

void put_symbol(RecordSink& sink, SEXP symbol) {
  const char* name = CHAR(PRINTNAME(symbol));
  const std::uint32_t length = static_cast<std::uint32_t>(std::strlen(name));
  put(sink, length);
  sink.put(name, length);
}

std::size_t bytes_of(SEXP x) {
  return static_cast<std::size_t>(XLENGTH(x)) * element_size(TYPEOF(x));
}

void put_elements(RecordSink& sink, SEXP x) {
  const R_xlen_t n = XLENGTH(x);
  if (TYPEOF(x) == STRSXP) {
    SEXP strings = unwrapped(x);
    for (R_xlen_t i = 0; i < n; ++i) put_string(sink, STRING_ELT(strings, i));
  } else if (TYPEOF(x) == VECSXP) {
    for (R_xlen_t i = 0; i < n; ++i) put_plain(sink, VECTOR_ELT(unwrapped(x), i));
  } else if (n > 0) {
    sink.put(elements(x), bytes_of(x));
  }
}

void put_attributes(RecordSink& sink, SEXP x) {
  std::uint32_t count = 0;
  every_attribute(x, [&count](SEXP, SEXP) { return ++count > 0; });
  put(sink, count);
  every_attribute(x, [&sink](SEXP tag, SEXP value) {
    put_symbol(sink, tag);
    put_plain(sink, value);
    return true;
  });
}

// What is left of a record. Its functions jump where the bytes end too early.
class Source {
 public:
  Source(const Record& record, PayloadSource& payloads)
      : at_(record.data), left_(record.size), record_(&record), payloads_(&payloads) {}

  // The vector whose payload is named next.
  SEXP get_payload(SEXPTYPE type) {
    const std::uint64_t n = get<std::uint64_t>();
    const std::uint32_t number = get<std::uint32_t>();
    const std::size_t size = element_size(type);
    if (size == 0 || n > R_XLEN_T_MAX) Rf_error("a result arrived damaged: its length is wrong");
    if (payloads_->has_bytes(number, n * size)) return copy_payload(type, n, number);
    const int fd = payloads_->take_payload(record_->worker, number);
    if (fd < 0) Rf_error("its data were lost: no file descriptor was free");
    SEXP x =
        make_mapped_vector(type, static_cast<R_xlen_t>(n), fd, n * size,
                           payloads_->origin_of(record_->worker, record_->incarnation, number));
    payloads_->note_payload(fd, n * size);
    payloads_->drop_payload();
    return x;
  }

  // A value within another one; leave() is its end. None is deeper than the writer would have gone.
  void enter() {
    if (++depth_ > max_depth) Rf_error("a result arrived damaged: it has too many levels");
  }
  void leave() { --depth_; }

  const unsigned char* take(std::size_t bytes) {
    if (bytes > left_) Rf_error("a result arrived damaged: it ends too early");
    const unsigned char* taken = at_;
    at_ += bytes;
    left_ -= bytes;
    return taken;
  }

  template <class T>
  T get() {
    T value;
    std::memcpy(&value, take(sizeof value), sizeof value);
    return value;
  }

  // A length that the remaining bytes can hold, so that no damaged one makes R allocate a lot.
  R_xlen_t get_length(std::size_t least_element) {
    const std::uint64_t n = get<std::uint64_t>();
    if (n > left_ / least_element) Rf_error("a result arrived damaged: its length is wrong");
    return static_cast<R_xlen_t>(n);
  }

 private:
  SEXP copy_payload(SEXPTYPE type, std::uint64_t n, std::uint32_t number) {
    SEXP x = PROTECT(Rf_allocVector(type, static_cast<R_xlen_t>(n)));
    const std::size_t bytes = static_cast<std::size_t>(n) * element_size(type);
    prefer_huge_pages(writable_elements(x), bytes);
    if (!payloads_->copy_bytes(number, writable_elements(x), bytes)) {
      Rf_error("a result is damaged: its data can't be read");
    }
    UNPROTECT(1);
    return x;
  }

  const unsigned char* at_;
  std::size_t left_;
  int depth_ = 0;
  const Record* record_;
  PayloadSource* payloads_;
};

SEXP get_value(Source& source);

SEXP get_string(Source& source) {
  const std::uint32_t length = source.get<std::uint32_t>();
  if (length == na_length) return NA_STRING;
  const cetype_t encoding = static_cast<cetype_t>(source.get<unsigned char>());
  const unsigned char* text = source.take(length);
  if (length > INT_MAX) Rf_error("a result arrived damaged: it has a string that is too long");
  return Rf_mkCharLenCE(reinterpret_cast<const char*>(text), static_cast<int>(length), encoding);
}

SEXP get_symbol(Source& source) {
  char name[256];
  const std::uint32_t length = source.get<std::uint32_t>();
  const unsigned char* text = source.take(length);
  if (length < sizeof name) {
    std::memcpy(name, text, length);
    name[length] = '\0';
    return Rf_install(name);
  }
  if (length > INT_MAX) Rf_error("a result arrived damaged: it has a name that is too long");
  SEXP string = PROTECT(
      Rf_mkCharLenCE(reinterpret_cast<const char*>(text), static_cast<int>(length), CE_NATIVE));
  SEXP symbol = Rf_installTrChar(string);
  UNPROTECT(1);
  return symbol;
}

void get_elements(Source& source, SEXP x) {
  const R_xlen_t n = XLENGTH(x);
  if (TYPEOF(x) == STRSXP) {
    for (R_xlen_t i = 0; i < n; ++i) SET_STRING_ELT(x, i, get_string(source));
  } else if (TYPEOF(x) == VECSXP) {
    for (R_xlen_t i = 0; i < n; ++i) SET_VECTOR_ELT(x, i, get_value(source));
  } else if (n > 0) {
    const std::size_t bytes = static_cast<std::size_t>(n) * element_size(TYPEOF(x));
    const unsigned char* data = source.take(bytes);
    prefer_huge_pages(writable_elements(x), bytes);
    std::memcpy(writable_elements(x), data, bytes);
  }
}

void get_attributes(Source& source, SEXP x) {
  const std::uint32_t count = source.get<std::uint32_t>();
  for (std::uint32_t i = 0; i < count; ++i) {
    SEXP tag = get_symbol(source);
    SEXP value = PROTECT(get_value(source));
    Rf_setAttrib(x, tag, value);
    UNPROTECT(1);
  }
}

SEXP get_vector(Source& source, SEXPTYPE type, bool scalar) {
  const std::size_t size = element_size(type);
  const R_xlen_t n = scalar ? 1 : source.get_length(size > 0 ? size : 1);
  SEXP x = PROTECT(Rf_allocVector(type, n));
  get_elements(source, x);
  UNPROTECT(1);
  return x;
}

SEXP get_number(Source& source, SEXPTYPE type) {
  return type == INTSXP ? Rf_ScalarInteger(source.get<int>()) : Rf_ScalarReal(source.get<double>());
}

SEXP get_value(Source& source) {
  const unsigned char tag = source.get<unsigned char>();
  const SEXPTYPE type = tag & type_mask;
  if (type == NILSXP) return R_NilValue;
  if (tag == (type | is_scalar) && is_number(type)) return get_number(source, type);
  if (element_size(type) == 0 && type != STRSXP && type != VECSXP) {
    Rf_error("a result arrived damaged: it has a part of unknown type");
  }
  source.enter();
  SEXP x = PROTECT(tag & is_payload ? source.get_payload(type)
                                    : get_vector(source, type, tag & is_scalar));
  if (tag & has_attributes) get_attributes(source, x);
  UNPROTECT(1);
  source.leave();
  return x;
}

}  // namespace

bool is_plain(SEXP value) { return is_plain_at(value, 0); }

bool put_small(RecordSink& sink, SEXP value) {
  const std::size_t size = element_size(TYPEOF(value));
  if (size == 0 || ALTREP(value)) return false;
  const std::uint64_t length = static_cast<std::uint64_t>(XLENGTH(value));
  if (length == 0 || length * size > most_small || Rf_isS4(value) || any_attribute(value)) {
    return false;
  }
  unsigned char bytes[1 + sizeof length + most_small];
  std::size_t at = 1;
  bytes[0] = static_cast<unsigned char>(TYPEOF(value) | (length == 1 ? is_scalar : 0));
  if (length != 1) {
    std::memcpy(bytes + at, &length, sizeof length);
    at += sizeof length;
  }
  std::memcpy(bytes + at, elements(value), length * size);
  sink.put(bytes, at + length * size);
  return true;
}

namespace {

template <class T>
void put_scalar(RecordSink& sink, SEXPTYPE type, T value) {
  unsigned char bytes[1 + sizeof value];
  bytes[0] = static_cast<unsigned char>(type | is_scalar);
  std::memcpy(bytes + 1, &value, sizeof value);
  sink.put(bytes, sizeof bytes);
}

}  // namespace

// An element of an atomic vector as put_plain() writes a vector of it. May jump.
void put_plain_element(RecordSink& sink, SEXP vector, R_xlen_t at) {
  const SEXPTYPE type = TYPEOF(vector);
  switch (type) {
    case LGLSXP:
      return put_scalar(sink, type, LOGICAL_ELT(vector, at));
    case INTSXP:
      return put_scalar(sink, type, INTEGER_ELT(vector, at));
    case REALSXP:
      return put_scalar(sink, type, REAL_ELT(vector, at));
    case CPLXSXP:
      return put_scalar(sink, type, COMPLEX_ELT(vector, at));
    case RAWSXP:
      return put_scalar(sink, type, RAW_ELT(vector, at));
    default:
      put(sink, static_cast<unsigned char>(STRSXP | is_scalar));
      put_string(sink, STRING_ELT(vector, at));
  }
}

bool is_small(const Record& record) {
  if (static_cast<Encoding>(record.kind) == Encoding::nothing) return true;
  if (static_cast<Encoding>(record.kind) != Encoding::plain || record.size == 0) return false;
  const unsigned tag = record.data[0];
  const std::size_t size = element_size(tag & type_mask);
  if (tag == ((tag & type_mask) | is_scalar)) return size > 0 && record.size == 1 + size;
  std::uint64_t length = 0;
  if (tag != (tag & type_mask) || size == 0 || record.size < 1 + sizeof length) return false;
  std::memcpy(&length, record.data + 1, sizeof length);
  return length <= most_small && record.size == 1 + sizeof length + length * size;
}

BareNumber bare_number_in(const Record& record) {
  BareNumber number;
  if (static_cast<Encoding>(record.kind) != Encoding::plain || record.size == 0) return number;
  const SEXPTYPE type = record.data[0] & type_mask;
  const std::size_t size = element_size(type);
  const bool is_bare = record.data[0] == (type | is_scalar) && record.size == 1 + size;
  if (!is_bare || size == 0 || size > sizeof number.bytes) return number;
  number.type = type;
  std::memcpy(&number.bytes, record.data + 1, size);
  return number;
}

void put_number(SEXP vector, R_xlen_t at, const BareNumber& number) {
  const std::size_t size = element_size(number.type);
  auto* elements = static_cast<unsigned char*>(writable_elements(vector));
  std::memcpy(elements + static_cast<std::size_t>(at) * size, &number.bytes, size);
}

SEXP make_number(const BareNumber& number) {
  SEXP value = Rf_allocVector(number.type, 1);
  put_number(value, 0, number);
  return value;
}

void put_plain(RecordSink& sink, SEXP value) {
  unsigned char tag = static_cast<unsigned char>(TYPEOF(value));
  if (tag == NILSXP) return put(sink, tag);
  const std::uint64_t length = static_cast<std::uint64_t>(XLENGTH(value));
  const bool attributes = any_attribute(value);
  std::uint32_t number = 0;
  const bool payload = bytes_of(value) >= payload_threshold &&
                       sink.put_payload(elements(value), bytes_of(value), number);
  tag = static_cast<unsigned char>(tag | (attributes ? has_attributes : 0) |
                                   (length == 1 ? is_scalar : 0) | (payload ? is_payload : 0));
  put(sink, tag);
  if (length != 1) put(sink, length);
  if (payload) {
    put(sink, number);
  } else {
    put_elements(sink, value);
  }
  if (attributes) put_attributes(sink, value);
}

SEXP read_plain(const Record& record, PayloadSource& payloads) {
  Source source(record, payloads);
  return get_value(source);
}

}  // namespace lomp
