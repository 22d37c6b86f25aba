/// \file
/// A vector of one number, as a few bytes.
#ifndef LOMP_SRC_CODEC_BARE_NUMBER_H
#define LOMP_SRC_CODEC_BARE_NUMBER_H

#include <cstdint>

#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

/// A logical, integer, double or raw vector of one element without attributes, or none.
struct BareNumber {
  SEXPTYPE type = NILSXP;   ///< NILSXP: none
  std::uint64_t bytes = 0;  ///< of them the first are the element

  explicit operator bool() const { return type != NILSXP; }
};

/// Of a record that holds such a number, and else none.
BareNumber bare_number_in(const Record& record);

/// Puts it into a vector of its type. Never jumps.
void put_number(SEXP vector, R_xlen_t at, const BareNumber& number);

/// As a vector of its own. May jump.
SEXP make_number(const BareNumber& number);

}  // namespace lomp

#endif
