/// \file
/// Vectors of plain elements: how large they are and where they lie.
#ifndef LOMP_SRC_ELEMENTS_H
#define LOMP_SRC_ELEMENTS_H

#include <Rcpp.h>

#include <cstddef>

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

/// The elements of such a vector.
inline const void* elements(SEXP x) {
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

}  // namespace lomp

#endif
