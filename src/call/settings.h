/// \file
/// What R says of a call, by names.
#ifndef LOMP_SRC_CALL_SETTINGS_H
#define LOMP_SRC_CALL_SETTINGS_H

#include <cstddef>

#include "codec/prototype.h"
#include "r/api.h"

namespace lomp {

/// A view of a list with names, that of call_settings() in R or one in it. A name that isn't there
/// is an error of lomp's own, which is thrown.
class Settings {
 public:
  explicit Settings(SEXP list) : list_(list) {}

  SEXP get(const char* name) const;
  bool flag(const char* name) const;
  double number(const char* name) const;
  std::size_t bytes(const char* name) const;

 private:
  SEXP list_;
};

/// What the call's values have to be. Throws.
Prototype prototype_of(const Settings& settings);

}  // namespace lomp

#endif
