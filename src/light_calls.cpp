// How much of what a condition's call holds would travel with it.
#include <algorithm>
#include <cstring>

#include "r/attributes.h"
#include "r/elements.h"
#include "r/unwind.h"

namespace {

// How many bytes may still travel, as R's serialization counts them, about.
struct Scale {
  double each;  // of a constant
  double left;  // of all
  int levels;   // this goes through nested lists and code by recursion
};

constexpr double bytes_of_cell = 16;
constexpr int max_levels = 4096;

bool takes(Scale& scale, double bytes) {
  scale.left -= bytes;
  return scale.left >= 0;
}

bool is_light(SEXP x, Scale& scale);

// Where code comes from isn't data; few calls know it, and those only where sources are kept.
bool is_source(SEXP tag) {
  return tag == Rf_install("srcref") || tag == Rf_install("srcfile") ||
         tag == Rf_install("wholeSrcref");
}

bool has_light_attributes(SEXP x, Scale& scale) {
  return lomp::every_attribute(x, [&scale](SEXP tag, SEXP value) {
    return is_source(tag) || (takes(scale, bytes_of_cell) && is_light(value, scale));
  });
}

bool is_light_code(SEXP x, Scale& scale) {
  for (SEXP cell = x; TYPEOF(cell) == LANGSXP || TYPEOF(cell) == LISTSXP; cell = CDR(cell)) {
    if (!takes(scale, bytes_of_cell) || !is_light(CAR(cell), scale)) return false;
  }
  return has_light_attributes(x, scale);
}

bool has_light_elements(SEXP x, Scale& scale) {
  const std::size_t size = lomp::element_size(TYPEOF(x));
  if (TYPEOF(x) == S4SXP) return takes(scale, bytes_of_cell);
  const R_xlen_t n = XLENGTH(x);
  if (!takes(scale, static_cast<double>(n) * static_cast<double>(size > 0 ? size : 8)))
    return false;
  for (R_xlen_t i = 0; size == 0 && i < n; ++i) {
    const bool fits = TYPEOF(x) == STRSXP ? takes(scale, LENGTH(STRING_ELT(x, i)))
                                          : is_light(VECTOR_ELT(x, i), scale);
    if (!fits) return false;
  }
  return true;
}

bool is_light_constant(SEXP x, Scale& scale) {
  Scale own = {scale.each, std::min(scale.each, scale.left), scale.levels};
  const double before = own.left;
  if (!has_light_elements(x, own) || !has_light_attributes(x, own)) return false;
  return takes(scale, before - own.left);
}

// Of these only the name travels.
bool is_named(SEXP environment) {
  return environment == R_GlobalEnv || environment == R_BaseEnv || environment == R_EmptyEnv ||
         R_IsNamespaceEnv(environment) || R_IsPackageEnv(environment);
}

// What isn't known here isn't light: a closure, say, has an environment.
bool is_light_value(SEXP x, Scale& scale) {
  switch (TYPEOF(x)) {
    case NILSXP:
    case SYMSXP:
    case SPECIALSXP:
    case BUILTINSXP:
      return takes(scale, 8);
    case LANGSXP:
    case LISTSXP:
      return is_light_code(x, scale);
    case LGLSXP:
    case INTSXP:
    case REALSXP:
    case CPLXSXP:
    case RAWSXP:
    case STRSXP:
    case VECSXP:
    case S4SXP:
      return is_light_constant(x, scale);
    case ENVSXP:
      return is_named(x) && takes(scale, 8);
    default:
      return false;
  }
}

// What is nested deeper than the stack of this process allows isn't, either.
bool is_light(SEXP x, Scale& scale) {
  if (scale.levels == 0) return false;
  --scale.levels;
  const bool light = is_light_value(x, scale);
  ++scale.levels;
  return light;
}

struct Limits {
  double each;
  double most;
};

bool is_light_call(SEXP call, const Limits& limits) {
  Scale scale = {limits.each, limits.most, max_levels};
  return TYPEOF(call) != LANGSXP || is_light(call, scale);
}

// An element by its name, whatever the list's class makes of it; NULL if there is none.
SEXP element(SEXP list, const char* name) {
  if (TYPEOF(list) != VECSXP) return R_NilValue;
  SEXP names = Rf_getAttrib(list, R_NamesSymbol);
  if (TYPEOF(names) != STRSXP) return R_NilValue;
  for (R_xlen_t i = 0; i < XLENGTH(names); ++i) {
    if (std::strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return VECTOR_ELT(list, i);
  }
  return R_NilValue;
}

bool are_light_calls(SEXP calls, const Limits& limits) {
  if (TYPEOF(calls) != VECSXP) return true;
  for (R_xlen_t i = 0; i < XLENGTH(calls); ++i) {
    if (!is_light_call(VECTOR_ELT(calls, i), limits)) return false;
  }
  return true;
}

bool all_calls_are_light(SEXP condition, const Limits& limits) {
  for (; TYPEOF(condition) == VECSXP; condition = element(condition, "parent")) {
    if (!is_light_call(element(condition, "call"), limits)) return false;
    if (!are_light_calls(element(element(condition, "trace"), "call"), limits)) return false;
  }
  return true;
}

}  // namespace

// Are the calls of a condition, of its parents and in rlang's trace such that weigh() is finite?
// One look for all, since each warning takes it: 1.3 microseconds, not 5.8.
// [[Rcpp::export(rng = false)]]
bool has_light_calls(SEXP condition, double each, double most) {
  bool light = false;
  lomp::unwind([&] {
    light = all_calls_are_light(condition, {each, most});
    return R_NilValue;
  });
  return light;
}

// The bytes that code or a constant would travel with, about; infinite where that is more than
// `most`, where a constant in it has more than `each`, and where that is not known without going
// through environments. It takes no longer than so many bytes do.
// [[Rcpp::export(rng = false)]]
double weigh(SEXP x, double each, double most) {
  Scale scale = {each, most, max_levels};
  bool light = false;
  lomp::unwind([&] {
    light = is_light(x, scale);
    return R_NilValue;
  });
  return light ? most - scale.left : R_PosInf;
}
