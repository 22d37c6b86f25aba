#include "r/random_seed.h"

namespace lomp {

SEXP copy_of_current_seed() {
  SEXP seed = current_seed();
  return TYPEOF(seed) == INTSXP ? Rf_duplicate(seed) : R_NilValue;
}

double draw() {
  GetRNGstate();
  const double number = unif_rand();
  PutRNGstate();
  return number;
}

void restore_seed(SEXP seed) {
  if (seed != R_NilValue) {
    Rf_defineVar(seed_symbol(), seed, R_GlobalEnv);
  } else {
    R_removeVarFromFrame(seed_symbol(), R_GlobalEnv);
  }
}

}  // namespace lomp
