// The exports behind a daemon's part of a call: it gives its workers the items that it gets, with
// the numbers that they have in the whole call, and hands on all that comes of them.
#include <algorithm>

#include "call/call_handle.h"
#include "r/protected.h"
#include "r/unwind.h"

namespace {

using lomp::Call;
using lomp::unwind;

void check_items(SEXP values, SEXP numbers) {
  if (!Rf_isVector(values)) lomp::throw_error("items must be elements of a list or a plain vector");
  if (TYPEOF(numbers) != REALSXP || XLENGTH(numbers) != XLENGTH(values)) {
    lomp::throw_error("each item must have a number");
  }
}

// One element without names, as `[[` gives it. May jump.
SEXP element(SEXP values, R_xlen_t at) {
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

// list(number, value). May jump.
SEXP make_numbered(SEXP values, SEXP numbers, R_xlen_t at) {
  SEXP pair = PROTECT(Rf_allocVector(VECSXP, 2));
  SET_VECTOR_ELT(pair, 0, Rf_ScalarReal(REAL_ELT(numbers, at)));
  SET_VECTOR_ELT(pair, 1, element(values, at));
  UNPROTECT(1);
  return pair;
}

// False if the worker takes no more.
bool give_one(Call& call, int worker, SEXP values, SEXP numbers, R_xlen_t at) {
  const lomp::Protected pair(unwind([=] { return make_numbered(values, numbers, at); }));
  return call.runner().give(worker, pair);
}

}  // namespace

// All that comes of the call's items, in the order of coming: list(kind, item, goes_on, drawn,
// value, run, waited, ended, bytes, holder, undone, is_over). Each of the first ten has an element
// for each row, see CollectedRows; items are counted as they were given, from 1; `undone` of these
// aren't over. It waits until so many seconds are over, the rows take so many bytes, fewer than
// `low` items are underway and there are no more for now, or the call has ended. What isn't a row
// goes to on_event(); on a "request" that says FALSE if there are no more items for now. What jumps
// from here loses nothing: the next time begins with it.
// [[Rcpp::export(rng = false)]]
SEXP call_collect(SEXP handle, double seconds, double most_bytes, double low) {
  Call* call = lomp::living_call(handle);
  if (call == nullptr) return unwind([] { return lomp::make_no_rows(); });
  const lomp::Use use(*call);
  return call->collect({seconds, most_bytes, low});
}

// On the event "request": gives this worker items, list(number, value) each, from the element
// `from` of `values` and `numbers` on, up to `most`, or as many as it takes: that is how many were
// given. An item that can't be made or written is an error when it is the first one.
// [[Rcpp::export(rng = false)]]
double call_give_some(SEXP handle, int worker, SEXP values, SEXP numbers, double from,
                      double most) {
  Call* call = lomp::call_of(handle);
  if (call == nullptr) return 0;
  check_items(values, numbers);
  const R_xlen_t first = static_cast<R_xlen_t>(from) - 1;
  const double end = std::min(most, static_cast<double>(XLENGTH(values) - first));
  R_xlen_t given = 0;
  try {
    for (bool goes_on = true; goes_on && static_cast<double>(given) < end; ++given) {
      goes_on = give_one(*call, worker, values, numbers, first + given);
    }
  } catch (...) {
    if (given == 0) throw;  // else R hears what was given, and comes to this one again
  }
  return static_cast<double>(given);
}
