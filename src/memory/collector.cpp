#include "memory/collector.h"

namespace lomp {

CellCount collect(Collection what) {
  SEXP no = PROTECT(Rf_ScalarLogical(FALSE));
  SEXP is_full = PROTECT(Rf_ScalarLogical(what == Collection::full));
  SEXP call = PROTECT(Rf_lang3(Rf_install("gc"), no, is_full));
  SET_TAG(CDR(call), Rf_install("verbose"));
  SET_TAG(CDDR(call), Rf_install("full"));
  // A matrix, of which the first row is on cells: used, the same in Mb, limit.
  SEXP counts = Rf_eval(call, R_BaseEnv);
  UNPROTECT(3);
  return {REAL(counts)[0], REAL(counts)[4]};
}

// Nothing else holds the key of this weak reference.
SEXP new_witness() {
  SEXP key = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
  SEXP witness = R_MakeWeakRef(key, R_NilValue, R_NilValue, FALSE);
  UNPROTECT(1);
  return witness;
}

bool has_collected(SEXP witness) { return R_WeakRefKey(witness) == R_NilValue; }

}  // namespace lomp
