/// \file
/// Catches what an item's code throws.
#ifndef LOMP_SRC_GUARD_H
#define LOMP_SRC_GUARD_H

#include <Rcpp.h>

namespace lomp {

/// What to run and what to do if it fails. R's errors jump over run(), so it and what it calls hold
/// nothing that needs a destructor.
struct Guard {
  SEXP (*run)(void* data);                     ///< makes items, one after the other
  SEXP (*fail)(SEXP description, void* data);  ///< gets what describe() returned
  void* data;
  SEXP calls;     ///< R function(): the frames of the failing item, called while they are there
  SEXP describe;  ///< R function(condition, calls): called after they are gone
  SEXP notes;     ///< a pairlist cell that keeps the calls from the collector
};

/// Runs guard.run(); an R error in it, which no handler of the item's own has caught, ends it and
/// comes to guard.fail(). One guard serves many items: setting it up costs microseconds. Jumps that
/// are no errors go through. May jump.
void run_guarded(Guard& guard);

}  // namespace lomp

#endif
