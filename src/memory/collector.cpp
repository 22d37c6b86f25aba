#include "memory/collector.h"

#include "lomp/os/clock.hpp"

namespace lomp {

namespace {

// Of this session's heap, as large as it was then.
std::int64_t last_cost = 0;

// Of gc()'s matrix: cells are its first row, vectors the second; what is used is its first column,
// the limit the third. R looks at old objects next if less than a fifth is free (memory.c:
// R_MinFreeFrac).
HeapUse read_use(SEXP matrix) {
  const double* of = REAL(matrix);
  const auto is_tight = [of](int row) { return of[row] > 0.8 * of[row + 4]; };
  return {of[0], of[4], is_tight(0) || is_tight(1)};
}

Observed observe_once(SEXP observe, Collection what) {
  SEXP is_full = PROTECT(Rf_ScalarLogical(what == Collection::full));
  SEXP call = PROTECT(Rf_lang2(observe, is_full));
  const std::int64_t began = cpu_ns();
  SEXP matrix = PROTECT(Rf_eval(call, R_BaseEnv));
  if (what == Collection::young) last_cost = cpu_ns() - began;
  const int left = Rf_asInteger(Rf_getAttrib(matrix, Rf_install("left")));
  const HeapUse use = read_use(matrix);
  UNPROTECT(3);
  CollectorFacts facts;
  facts.cost_ns = last_cost;
  if (use.is_tight) {
    facts.young_left = 0;
  } else if (left != NA_INTEGER) {
    facts.young_left = left;
  }
  return {facts, use};
}

}  // namespace

HeapUse collect(Collection what) {
  SEXP no = PROTECT(Rf_ScalarLogical(FALSE));
  SEXP is_full = PROTECT(Rf_ScalarLogical(what == Collection::full));
  SEXP call = PROTECT(Rf_lang3(Rf_install("gc"), no, is_full));
  SET_TAG(CDR(call), Rf_install("verbose"));
  SET_TAG(CDDR(call), Rf_install("full"));
  const HeapUse use = read_use(Rf_eval(call, R_BaseEnv));
  UNPROTECT(3);
  return use;
}

Observed prepare_collector(SEXP observe) {
  constexpr int few = 5;
  Observed observed = observe_once(observe, Collection::young);
  if (observed.use.is_tight) observed = observe_once(observe, Collection::full);
  for (int i = 0; i <= few && !observed.use.is_tight; ++i) {
    const int left = observed.facts.young_left;
    if (left == CollectorFacts::unknown || left > few) break;
    observed = observe_once(observe, Collection::young);
  }
  return observed;
}

std::int64_t collection_cost() { return last_cost; }

// Nothing else holds the key of this weak reference.
SEXP new_witness() {
  SEXP key = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
  SEXP witness = R_MakeWeakRef(key, R_NilValue, R_NilValue, FALSE);
  UNPROTECT(1);
  return witness;
}

bool has_collected(SEXP witness) { return R_WeakRefKey(witness) == R_NilValue; }

}  // namespace lomp
