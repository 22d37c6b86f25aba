#include "worker/finalizers.h"

#include "r/api.h"
#include "r/unwind.h"

namespace lomp {

namespace {

// A weak reference is a list to VECTOR_ELT(), with these elements. `next` is the one that was made
// before it: R's list of all begins with the youngest, and so does a run of finalizers.
constexpr R_xlen_t key = 0, finalizer = 2, next = 3;

// What the guard's finalizer is for, and the guard: the youngest reference at the fork. Elements,
// so that they live until the next fork, and then go.
constexpr R_xlen_t guarded = 0, guard = 1;
SEXP cell = nullptr;

// Only a worker lets go of what is guarded while its own guard is still there.
bool is_dropping = false;

void disarm(SEXP) {
  if (!is_dropping) return;
  is_dropping = false;
  for (SEXP at = VECTOR_ELT(cell, guard); at != R_NilValue; at = VECTOR_ELT(at, next)) {
    if (VECTOR_ELT(at, finalizer) != R_NilValue) SET_VECTOR_ELT(at, finalizer, R_NilValue);
  }
}

// Whether references are what this file takes them for.
bool is_behind(SEXP older, SEXP younger, SEXP object) {
  return TYPEOF(younger) == WEAKREFSXP && VECTOR_ELT(younger, key) == object &&
         VECTOR_ELT(younger, next) == older;
}

void make_cell() {
  SEXP made = PROTECT(Rf_allocVector(VECSXP, 2));
  R_PreserveObject(made);
  cell = made;
  UNPROTECT(1);
}

// Not the case either where a collection between the two ran a finalizer that has made another one.
constexpr int most_tries = 10;

// What is guarded is younger than all else, so that a collection of the young, too, finds it.
SEXP make_guard(void*) {
  if (cell == nullptr) make_cell();
  SET_VECTOR_ELT(cell, guard, R_NilValue);
  for (int i = 0; i < most_tries && VECTOR_ELT(cell, guard) == R_NilValue; ++i) {
    SEXP object = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
    SEXP older = PROTECT(R_MakeWeakRef(object, R_NilValue, R_NilValue, FALSE));
    SEXP younger = PROTECT(R_MakeWeakRefC(object, R_NilValue, disarm, FALSE));
    SET_VECTOR_ELT(cell, guarded, object);
    if (is_behind(older, younger, object)) SET_VECTOR_ELT(cell, guard, younger);
    UNPROTECT(3);
  }
  return R_NilValue;
}

// An R whose references are made in another way keeps its finalizers.
SEXP make_none(SEXP, void*) {
  if (cell != nullptr) SET_VECTOR_ELT(cell, guard, R_NilValue);
  return R_NilValue;
}

}  // namespace

void guard_finalizers() {
  disarm(R_NilValue);  // a worker that forks has another guard from here on
  unwind([] { return R_tryCatchError(make_guard, nullptr, make_none, nullptr); });
}

void drop_finalizers() {
  if (cell == nullptr || VECTOR_ELT(cell, guard) == R_NilValue) return;
  is_dropping = true;
  SET_VECTOR_ELT(cell, guarded, R_NilValue);
}

}  // namespace lomp
