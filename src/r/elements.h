/// \file
/// Vectors of plain elements: how large they are and where they lie.
#ifndef LOMP_SRC_R_ELEMENTS_H
#define LOMP_SRC_R_ELEMENTS_H

#include <Rversion.h>

#include <cstddef>
#include <cstring>

#include "r/api.h"

namespace lomp {

/// Bytes of an element of a logical, integer, double, complex or raw vector; 0 for other types.
inline std::size_t element_size(SEXPTYPE type) {
  switch (type) {
    case LGLSXP:
    case INTSXP:
      return sizeof(int);
    case REALSXP:
      return sizeof(double);
    case CPLXSXP:
      return sizeof(Rcomplex);
    case RAWSXP:
      return 1;
    default:
      return 0;
  }
}

/// Is it one of R's own wrappers? Such a vector has attributes, or what R knows of its order, of
/// its own, and another vector's elements: what structure() makes of one that others refer to.
inline bool is_wrapper(SEXP x) {
  if (!ALTREP(x)) return false;
#if R_VERSION >= R_Version(4, 6, 0)
  SEXP name = R_altrep_class_name(x), package = R_altrep_class_package(x);
#else
  SEXP names = ATTRIB(ALTREP_CLASS(x)), name = CAR(names), package = CADR(names);
#endif
  return package == R_BaseSymbol && std::strncmp(CHAR(PRINTNAME(name)), "wrap_", 5) == 0;
}

/// The vector that has x's elements: x itself unless that is a wrapper. Newer R copies all elements
/// of a wrapper whose vector is shared as soon as it is asked where they lie, if only to read
/// them. It is R's own affair that the vector is the wrapper's first datum, so what doesn't look
/// like it isn't taken for it.
inline SEXP unwrapped(SEXP x) {
  while (is_wrapper(x)) {
    SEXP inner = R_altrep_data1(x);
    if (TYPEOF(inner) != TYPEOF(x) || XLENGTH(inner) != XLENGTH(x)) break;
    x = inner;
  }
  return x;
}

/// The elements of such a vector.
inline const void* elements(SEXP x) {
  x = unwrapped(x);
  switch (TYPEOF(x)) {
    case LGLSXP:
      return LOGICAL_RO(x);
    case INTSXP:
      return INTEGER_RO(x);
    case REALSXP:
      return REAL_RO(x);
    case CPLXSXP:
      return COMPLEX_RO(x);
    default:
      return RAW_RO(x);
  }
}

/// The elements of a new vector, to be filled.
inline void* writable_elements(SEXP x) { return const_cast<void*>(elements(x)); }

/// One element without names, as `[[` gives it; the caller protects it. May jump.
inline SEXP element(SEXP values, R_xlen_t at) {
  switch (TYPEOF(values)) {
    case VECSXP:
    case EXPRSXP:
      return VECTOR_ELT(values, at);
    case LGLSXP:
      return Rf_ScalarLogical(LOGICAL_ELT(values, at));
    case INTSXP:
      return Rf_ScalarInteger(INTEGER_ELT(values, at));
    case REALSXP:
      return Rf_ScalarReal(REAL_ELT(values, at));
    case CPLXSXP:
      return Rf_ScalarComplex(COMPLEX_ELT(values, at));
    case RAWSXP:
      return Rf_ScalarRaw(RAW_ELT(values, at));
    default:
      return Rf_ScalarString(STRING_ELT(values, at));
  }
}

}  // namespace lomp

#endif
