#include "call/settings.h"

#include <cstring>
#include <string>

#include "r/unwind.h"

namespace lomp {

SEXP Settings::get(const char* name) const {
  SEXP names = Rf_getAttrib(list_, R_NamesSymbol);
  for (R_xlen_t i = 0; i < XLENGTH(list_); ++i) {
    if (std::strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return VECTOR_ELT(list_, i);
  }
  throw_error((std::string("a call has no setting `") + name + "`").c_str());
}

bool Settings::flag(const char* name) const { return Rf_asLogical(get(name)) == TRUE; }

double Settings::number(const char* name) const { return Rf_asReal(get(name)); }

std::size_t Settings::bytes(const char* name) const {
  return static_cast<std::size_t>(number(name));
}

Prototype prototype_of(const Settings& settings) {
  SEXP value = settings.get("value");
  return value == R_NilValue ? Prototype() : Prototype(value, settings.flag("takes_names"));
}

}  // namespace lomp
