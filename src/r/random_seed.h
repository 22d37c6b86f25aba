/// \file
/// The state of R's generator, as its variable `.Random.seed` has it.
#ifndef LOMP_SRC_R_RANDOM_SEED_H
#define LOMP_SRC_R_RANDOM_SEED_H

#include "r/api.h"
#include "r/binding.h"

namespace lomp {

/// The variable's name. Never allocates, since R has made this symbol when it started.
inline SEXP seed_symbol() {
  static const SEXP name = Rf_install(".Random.seed");
  return name;
}

/// What the variable is in the global environment; anything that is no integer vector if it isn't.
inline SEXP current_seed() { return value_in(R_GlobalEnv, seed_symbol()); }

/// A copy, since R >= 4.4 writes a generator's state into that vector where nothing else refers to
/// it. NULL if there is none. May jump.
SEXP copy_of_current_seed();

/// A number of the session's generator. May jump.
double draw();

/// Makes the variable what it was; removes it if that is NULL. May jump.
void restore_seed(SEXP seed);

}  // namespace lomp

#endif
