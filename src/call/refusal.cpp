#include "call/refusal.h"

#include "r/unwind.h"

namespace lomp {

void refuse(const char* why) {
  unwind([why] {
    SEXP text = PROTECT(Rf_mkString(why));
    SEXP name = Rf_install("stop_iterator");
    SEXP function = PROTECT(Rf_lang3(Rf_install(":::"), Rf_install("lomp"), name));
    SEXP call = PROTECT(Rf_lang2(function, text));
    Rf_eval(call, R_BaseEnv);
    UNPROTECT(3);
    return R_NilValue;
  });
}

void refuse_foreign(const Call& call) {
  if (call.is_foreign()) refuse("it belongs to the process that made it");
}

}  // namespace lomp
