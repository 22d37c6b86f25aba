// The exports that look at functions and names, as R's own would; but those have many arguments,
// and in a call of few items each name that is used costs a page's copy after the fork.
#include <Rversion.h>

#include "r/api.h"
#include "r/binding.h"
#include "r/unwind.h"

namespace {

SEXP arguments_of(SEXP closure) {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_ClosureFormals(closure);
#else
  return FORMALS(closure);
#endif
}

SEXP body_of(SEXP closure) {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_ClosureBody(closure);
#else
  return BODY(closure);
#endif
}

SEXP parent_of(SEXP frame) {
#if R_VERSION >= R_Version(4, 5, 0)
  return R_ParentEnv(frame);
#else
  return ENCLOS(frame);
#endif
}

bool has_variable(SEXP frame, SEXP symbol) {
#if R_VERSION >= R_Version(4, 2, 0)
  return R_existsVarInFrame(frame, symbol);
#else
  return Rf_findVarInFrame3(frame, symbol, FALSE) != R_UnboundValue;
#endif
}

bool names_variable(SEXP symbol, SEXP frame) {
  for (; frame != R_EmptyEnv; frame = parent_of(frame)) {
    if (has_variable(frame, symbol)) return true;
  }
  return false;
}

bool is_failure(SEXP value) { return Rf_isObject(value) && Rf_inherits(value, "lomp_error"); }

}  // namespace

// Is the function a closure that R has not compiled yet?
// [[Rcpp::export(rng = false)]]
bool is_uncompiled(SEXP f) {
  return TYPEOF(f) == CLOSXP && !Rf_isObject(f) && TYPEOF(body_of(f)) != BCODESXP;
}

// Has the function an argument of this name? No primitive has one that isn't its own matter.
// [[Rcpp::export(rng = false)]]
bool has_argument(SEXP f, SEXP name) {
  if (TYPEOF(f) != CLOSXP) return false;
  SEXP symbol = Rf_installTrChar(STRING_ELT(name, 0));
  for (SEXP a = arguments_of(f); a != R_NilValue; a = CDR(a)) {
    if (TAG(a) == symbol) return true;
  }
  return false;
}

// What a variable of the frame holds, in a list; NULL if there is no value without running code: it
// is a promise that hasn't been forced, a missing argument, or an active binding.
// [[Rcpp::export(rng = false)]]
SEXP held_value(SEXP frame, SEXP name) {
  return lomp::unwind([=] {
    SEXP value = lomp::value_held_in(frame, Rf_installTrChar(STRING_ELT(name, 0)));
    if (value == nullptr) return R_NilValue;
    PROTECT(value);
    SEXP list = PROTECT(Rf_allocVector(VECSXP, 1));
    SET_VECTOR_ELT(list, 0, value);
    UNPROTECT(2);
    return list;
  });
}

// How many elements there are, whatever the class makes of that.
// [[Rcpp::export(rng = false)]]
double bare_length(SEXP x) { return static_cast<double>(Rf_xlength(x)); }

// Are these one and the same object?
// [[Rcpp::export(rng = false)]]
bool is_same_object(SEXP x, SEXP y) { return x == y; }

// Is this expression one whose own errors are the caller's, not the argument's?
// [[Rcpp::export(rng = false)]]
bool has_value(SEXP expression, SEXP caller) {
  if (TYPEOF(expression) == LANGSXP) return true;
  return TYPEOF(expression) == SYMSXP && names_variable(expression, caller);
}

// Which elements of the list are no conditions of lomp's in the place of a result.
// [[Rcpp::export(rng = false)]]
SEXP are_results(SEXP list) {
  return lomp::unwind([list] {
    SEXP answer = PROTECT(Rf_allocVector(LGLSXP, XLENGTH(list)));
    int* are = LOGICAL(answer);
    for (R_xlen_t i = 0; i < XLENGTH(list); ++i) are[i] = !is_failure(VECTOR_ELT(list, i));
    UNPROTECT(1);
    return answer;
  });
}

// How many they are.
// [[Rcpp::export(rng = false)]]
double count_results(SEXP list) {
  double n = 0;
  for (R_xlen_t i = 0; i < XLENGTH(list); ++i) n += !is_failure(VECTOR_ELT(list, i));
  return n;
}
