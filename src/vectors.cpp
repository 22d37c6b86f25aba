// The exports that finish the one vector of a call's results, and look at what fits into it. A
// vector is changed in place: it was made by the call, and nothing else has it yet.
#include "codec/prototype.h"
#include "r/unwind.h"

// The places of these items (from 1), of so many elements each, have no result.
// [[Rcpp::export(rng = false)]]
void vector_set_missing(SEXP vector, SEXP items, double length) {
  const R_xlen_t each = static_cast<R_xlen_t>(length);
  for (R_xlen_t i = 0; i < XLENGTH(items); ++i) {
    lomp::set_missing(vector, (static_cast<R_xlen_t>(REAL(items)[i]) - 1) * each, each);
  }
}

// Sets attributes, unless they are NULL.
// [[Rcpp::export(rng = false)]]
void vector_set_shape(SEXP vector, SEXP dim, SEXP dimnames, SEXP names) {
  lomp::unwind([&] {
    if (dim != R_NilValue) Rf_setAttrib(vector, R_DimSymbol, dim);
    if (dimnames != R_NilValue) Rf_setAttrib(vector, R_DimNamesSymbol, dimnames);
    if (names != R_NilValue) Rf_setAttrib(vector, R_NamesSymbol, names);
    return R_NilValue;
  });
}

// The first of the items (from 1) whose element of the list doesn't fit as vapply's FUN.VALUE says
// it; 0 if there is none.
// [[Rcpp::export(rng = false)]]
double first_misfit(SEXP list, SEXP items, SEXP value) {
  double found = 0;
  lomp::unwind([&] {
    const lomp::Prototype prototype(value, false);
    for (R_xlen_t i = 0; i < XLENGTH(items) && found == 0; ++i) {
      SEXP element = VECTOR_ELT(list, static_cast<R_xlen_t>(REAL(items)[i]) - 1);
      if (!prototype.fits(0, element)) found = REAL(items)[i];
    }
    return R_NilValue;
  });
  return found;
}
