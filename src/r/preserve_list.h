/// \file
/// R values that wait until they are asked for.
#ifndef LOMP_SRC_R_PRESERVE_LIST_H
#define LOMP_SRC_R_PRESERVE_LIST_H

#include <vector>

#include "r/api.h"

namespace lomp {

/// Places for values, in a list that grows. The list is an element of another one, `holder`, which
/// its owner keeps alive; it is NULL at first.
class PreserveList {
 public:
  PreserveList(SEXP holder, R_xlen_t element) : holder_(holder), element_(element) {}

  /// The next put() can't fail. May jump; nothing has changed then.
  void reserve() {
    if (free_.empty()) grow();
  }

  /// Keeps a value, which the caller protects, and tells where. May jump; nothing has changed then.
  R_xlen_t put(SEXP value) {
    reserve();
    const R_xlen_t place = free_.back();
    SET_VECTOR_ELT(list(), place, value);
    free_.pop_back();
    return place;
  }

  /// A value that stays where it is.
  SEXP look(R_xlen_t place) const { return VECTOR_ELT(list(), place); }

  /// Takes a value away; it isn't protected any more. Never jumps.
  SEXP take(R_xlen_t place) {
    SEXP value = VECTOR_ELT(list(), place);
    SET_VECTOR_ELT(list(), place, R_NilValue);
    free_.push_back(place);  // there is room, since the place was there before
    return value;
  }

 private:
  SEXP list() const { return VECTOR_ELT(holder_, element_); }
  R_xlen_t size() const { return list() == R_NilValue ? 0 : XLENGTH(list()); }

  void grow() {
    const R_xlen_t n = size(), all = n < 16 ? 32 : 2 * n;
    SEXP longer = PROTECT(Rf_allocVector(VECSXP, all));
    for (R_xlen_t i = 0; i < n; ++i) SET_VECTOR_ELT(longer, i, VECTOR_ELT(list(), i));
    free_.reserve(static_cast<std::size_t>(all));
    SET_VECTOR_ELT(holder_, element_, longer);
    UNPROTECT(1);
    for (R_xlen_t i = all; i > n; --i) free_.push_back(i - 1);
  }

  SEXP holder_;
  R_xlen_t element_;
  std::vector<R_xlen_t> free_;
};

}  // namespace lomp

#endif
