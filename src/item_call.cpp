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

SEXP make_item_expression() {
  SEXP element = PROTECT(Rf_lang3(R_Bracket2Symbol, Rf_install("X"), Rf_install("i")));
  SEXP call = Rf_lang3(Rf_install("FUN"), element, R_DotsSymbol);
  UNPROTECT(1);
  return call;
}

}  // namespace lomp
