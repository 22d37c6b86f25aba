#include "call/reply_rows.h"

#include <algorithm>
#include <cstring>

#include "r/attributes.h"
#include "r/elements.h"
#include "r/unwind.h"

namespace lomp {

namespace {

[[noreturn]] void refuse_reply() { throw_error("a machine's reply arrived damaged"); }

R_xlen_t place_of(SEXP vector, const char* name) {
  SEXP names = Rf_getAttrib(vector, R_NamesSymbol);
  for (R_xlen_t i = 0; i < Rf_xlength(names); ++i) {
    if (std::strcmp(CHAR(STRING_ELT(names, i)), name) == 0) return i;
  }
  return -1;
}

SEXP column(SEXP list, const char* name) {
  const R_xlen_t place = TYPEOF(list) == VECSXP ? place_of(list, name) : -1;
  if (place < 0) refuse_reply();
  return VECTOR_ELT(list, place);
}

SEXP column(SEXP list, const char* name, SEXPTYPE type, R_xlen_t size) {
  SEXP found = column(list, name);
  if (TYPEOF(found) != static_cast<int>(type) || XLENGTH(found) != size) refuse_reply();
  return found;
}

// Attributes would tell something of elements that values that travel in a list have themselves.
SEXP values_of(SEXP list, R_xlen_t size) {
  SEXP found = column(list, "value");
  const bool is_list = TYPEOF(found) == VECSXP;
  const bool is_bare =
      Rf_isVectorAtomic(found) && every_attribute(found, [](SEXP, SEXP) { return false; });
  if ((!is_list && !is_bare) || XLENGTH(found) != size) refuse_reply();
  return found;
}

SEXP holders_of(SEXP list, R_xlen_t size) {
  SEXP found = column(list, "holder");
  return found == R_NilValue ? found : column(list, "holder", STRSXP, size);
}

const double* numbers(SEXP list, const char* name, R_xlen_t size) {
  return REAL_RO(column(list, name, REALSXP, size));
}

R_xlen_t rows_of(SEXP list) { return Rf_xlength(column(list, "kind")); }

bool is_kind(int kind) {
  return kind >= static_cast<int>(RowKind::value) && kind <= static_cast<int>(RowKind::unsent);
}

bool is_item(double item, std::uint64_t items) {
  return item >= 1 && item <= static_cast<double>(items);
}

// What isn't known is -1; more than a year is none of a call's.
std::int64_t nanoseconds(double seconds) {
  constexpr double most = 3e7;
  if (!(seconds >= 0)) return -1;
  return static_cast<std::int64_t>(std::min(seconds, most) * 1e9);
}

}  // namespace

ReplyRows::ReplyRows(SEXP list, std::uint64_t items)
    : size_(rows_of(list)),
      kinds_(INTEGER_RO(column(list, "kind", INTSXP, size_))),
      items_(numbers(list, "item", size_)),
      goes_on_(LOGICAL_RO(column(list, "goes_on", LGLSXP, size_))),
      drawn_(LOGICAL_RO(column(list, "drawn", LGLSXP, size_))),
      values_(values_of(list, size_)),
      run_(numbers(list, "run", size_)),
      waited_(numbers(list, "waited", size_)),
      ended_(numbers(list, "ended", size_)),
      bytes_(numbers(list, "bytes", size_)),
      holders_(holders_of(list, size_)) {
  for (R_xlen_t i = 0; i < size_; ++i) {
    if (!is_kind(kinds_[i]) || !is_item(items_[i], items)) refuse_reply();
  }
}

// An item goes on after what it says, and perhaps after a result, be it one that couldn't be read.
ReplyRow ReplyRows::operator[](R_xlen_t row) const {
  const auto kind = static_cast<RowKind>(kinds_[row]);
  SEXP holder = holders_ == R_NilValue ? NA_STRING : STRING_ELT(holders_, row);
  Record record{};
  record.item = static_cast<std::uint64_t>(items_[row]) - 1;
  const bool is_result = kind == RowKind::value || kind == RowKind::unread;
  record.goes_on = is_said(kind) || (is_result && goes_on_[row] == TRUE);
  record.has_drawn = drawn_[row] == TRUE;
  return {kind,
          record,
          element(values_, row),
          bytes_[row] > 0 ? static_cast<std::uint64_t>(std::min(bytes_[row], 1e18)) : 0,
          nanoseconds(run_[row]),
          nanoseconds(waited_[row]),
          nanoseconds(ended_[row]),
          holder == NA_STRING ? nullptr : CHAR(holder)};
}

int field_of(SEXP vector, const char* name) {
  const R_xlen_t place = TYPEOF(vector) == INTSXP ? place_of(vector, name) : -1;
  return place < 0 ? NA_INTEGER : INTEGER_ELT(vector, place);
}

}  // namespace lomp
