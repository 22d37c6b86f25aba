/// \file
/// Catches what an item's code throws.
#ifndef LOMP_SRC_R_CATCH_R_ERROR_H
#define LOMP_SRC_R_CATCH_R_ERROR_H

#include "r/api.h"

namespace lomp {

/// What to run and what to do if it fails. R's errors jump over run(), so it and what it calls hold
/// nothing that needs a destructor.
struct Attempt {
  SEXP (*run)(void* data);                     ///< makes items, one after the other
  SEXP (*fail)(SEXP description, void* data);  ///< gets what describe() returned
  void* data;
  SEXP hear;  ///< R function(error): called where it is signalled; signals "lomp_thrown" to leave
  SEXP describe;  ///< R function(condition): called when the frames of the item are gone
};

/// Runs attempt.run(). An R error in it that no handler of the item's own has caught is shown to
/// attempt.hear(); if that leaves, and where R can't show it, the run ends and attempt.fail()
/// follows. One attempt serves many items, since it takes microseconds to set up. Other jumps go
/// through. May jump.
void catch_r_error(Attempt& attempt);

}  // namespace lomp

#endif
