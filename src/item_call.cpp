#include "item_call.h"

#include <climits>

namespace lomp {

SEXP ItemCall::evaluate(std::uint64_t item) const {
  // A new index each time: a closure that an item leaves behind may still hold the last one.
  SEXP number = PROTECT(item < INT_MAX ? Rf_ScalarInteger(static_cast<int>(item) + 1)
                                       : Rf_ScalarReal(static_cast<double>(item) + 1));
  Rf_defineVar(index, number, frame);
  UNPROTECT(1);
  return R_forceAndCall(call, 1, frame);
}

SEXP make_item_expression(bool emits) {
  SEXP element = PROTECT(Rf_lang3(R_Bracket2Symbol, Rf_install("X"), Rf_install("i")));
  SEXP emit = emits ? Rf_install("emit") : R_NilValue;
  SEXP rest = PROTECT(emits ? Rf_list1(emit) : R_NilValue);
  if (emits) SET_TAG(rest, emit);
  SEXP arguments = PROTECT(Rf_cons(element, Rf_cons(R_DotsSymbol, rest)));
  SEXP call = Rf_lcons(Rf_install("FUN"), arguments);
  UNPROTECT(3);
  return call;
}

}  // namespace lomp
