/// \file
/// What each value of a call has to be, as vapply's FUN.VALUE says it.
#ifndef LOMP_SRC_CODEC_PROTOTYPE_H
#define LOMP_SRC_CODEC_PROTOTYPE_H

#include <cstddef>
#include <cstdint>

#include "r/api.h"

namespace lomp {

/// A type and a number of elements, by vapply's rules. Of a call whose values may be anything it is
/// false. Owns nothing.
class Prototype {
 public:
  Prototype() = default;

  /// From vapply's FUN.VALUE. `takes_names`: the result's names of elements are those of the first
  /// item's value.
  Prototype(SEXP value, bool takes_names);

  explicit operator bool() const { return type_ != NILSXP; }
  SEXPTYPE type() const { return type_; }
  R_xlen_t length() const { return length_; }

  /// What the elements of one value take, if they are plain; else 0.
  std::size_t bytes() const { return bytes_; }

  /// Is this a value for the item, as it is or once it is promoted? May jump.
  bool fits(std::uint64_t item, SEXP value) const;

  /// Is it a value whose names, or those of its extents, the result takes? May jump.
  bool gives_names(std::uint64_t item, SEXP value) const;

  /// The bytes of a value that fits, if it is the single number that most are, without an object on
  /// the way; false if it is anything else. There is room for a double.
  bool copy_number(SEXP value, void* to) const;

  /// A value that fits, as one of the type: logical values as numbers, integer ones as doubles, all
  /// of them as complex ones. May jump; unprotected.
  SEXP promoted(SEXP value) const {
    const SEXPTYPE type = TYPEOF(value);
    return type == type_ ? value : Rf_coerceVector(value, type_);
  }

 private:
  bool is_promoted(SEXPTYPE from) const;
  SEXP names_of(SEXP value) const;

  SEXPTYPE type_ = NILSXP;
  R_xlen_t length_ = 0;
  std::size_t bytes_ = 0;
  int rank_ = 0;  // of an array, else 0
  bool takes_names_ = false;
};

/// Writes the value for a place without one, which is 0 if it is raw, into these elements of a
/// vector that nothing else has.
void set_missing(SEXP vector, R_xlen_t begin, R_xlen_t length);

}  // namespace lomp

#endif
