#include "worker/item_call.h"

#include <climits>

#include "r/binding.h"

namespace lomp {

namespace {

// What lapply's loop does: an index that only the frame refers to is written to, instead of made
// anew for each item. A function that an item leaves behind may hold the last one, though.
bool is_set_in_place(SEXP frame, SEXP index, int number) {
  SEXP old = value_in(frame, index);
  if (TYPEOF(old) != INTSXP || ALTREP(old) || Rf_isObject(old)) return false;
  if (XLENGTH(old) != 1 || !has_one_owner(old)) return false;
  INTEGER(old)[0] = number;
  return true;
}

}  // namespace

SEXP ItemCall::evaluate(std::uint64_t item) const {
  const bool is_small = item < INT_MAX;
  if (!is_small || !is_set_in_place(frame, index, static_cast<int>(item) + 1)) {
    SEXP number = PROTECT(is_small ? Rf_ScalarInteger(static_cast<int>(item) + 1)
                                   : Rf_ScalarReal(static_cast<double>(item) + 1));
    Rf_defineVar(index, number, frame);
    UNPROTECT(1);
  }
  return TYPEOF(call) == BCODESXP ? Rf_eval(call, frame) : R_forceAndCall(call, 1, frame);
}

}  // namespace lomp
