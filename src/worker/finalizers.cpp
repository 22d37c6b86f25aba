#include "worker/finalizers.h"

#include "r/api.h"
#include "r/unwind.h"

namespace lomp {

namespace {

// A weak reference is a list to VECTOR_ELT(), with these elements. `next` is the one that was made
// before it: R's list of all begins with the youngest.
constexpr R_xlen_t key = 0, finalizer = 2, next = 3;

// The youngest one at the fork. An element, so that it lives until the next fork, and then goes.
SEXP mark = nullptr;

SEXP make_reference(SEXP object) { return R_MakeWeakRef(object, R_NilValue, R_NilValue, FALSE); }

// Whether references are what this file takes them for.
bool is_behind(SEXP older, SEXP younger, SEXP object) {
  return TYPEOF(younger) == WEAKREFSXP && VECTOR_ELT(younger, key) == object &&
         VECTOR_ELT(younger, next) == older;
}

// Not the case either where a collection between the two ran a finalizer that has made another one.
constexpr int most_tries = 10;

SEXP make_mark(void*) {
  if (mark == nullptr) {
    SEXP cell = PROTECT(Rf_allocVector(VECSXP, 2));
    R_PreserveObject(cell);
    mark = cell;
    UNPROTECT(1);
  }
  SEXP object = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
  SET_VECTOR_ELT(mark, 0, object);  // with it references stay in R's list
  SET_VECTOR_ELT(mark, 1, R_NilValue);
  UNPROTECT(1);
  for (int i = 0; i < most_tries && VECTOR_ELT(mark, 1) == R_NilValue; ++i) {
    SEXP older = PROTECT(make_reference(object));
    SEXP younger = PROTECT(make_reference(object));
    if (is_behind(older, younger, object)) SET_VECTOR_ELT(mark, 1, younger);
    UNPROTECT(2);
  }
  return R_NilValue;
}

// An R whose references are made in another way keeps its finalizers.
SEXP make_none(SEXP, void*) {
  if (mark != nullptr) SET_VECTOR_ELT(mark, 1, R_NilValue);
  return R_NilValue;
}

}  // namespace

void mark_finalizers() {
  unwind([] { return R_tryCatchError(make_mark, nullptr, make_none, nullptr); });
}

void drop_finalizers() {
  if (mark == nullptr) return;
  for (SEXP at = VECTOR_ELT(mark, 1); at != R_NilValue; at = VECTOR_ELT(at, next)) {
    if (VECTOR_ELT(at, finalizer) != R_NilValue) SET_VECTOR_ELT(at, finalizer, R_NilValue);
  }
}

}  // namespace lomp
