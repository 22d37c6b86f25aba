/// \file
/// An owner of R's protection of one object.
#ifndef LOMP_SRC_R_PROTECTED_H
#define LOMP_SRC_R_PROTECTED_H

#include "r/api.h"

namespace lomp {

/// Keeps an object from R's collector for as long as it lives. For C++ frames that exceptions go
/// through; those that R jumps over use PROTECT(), which R undoes itself. Owners end in the reverse
/// of the order in which they began.
class Protected {
 public:
  explicit Protected(SEXP object) : object_(PROTECT(object)) {}
  ~Protected() { UNPROTECT(1); }
  Protected(const Protected&) = delete;
  Protected& operator=(const Protected&) = delete;

  operator SEXP() const { return object_; }

 private:
  SEXP object_;
};

}  // namespace lomp

#endif
