/// \file
/// What has come from another machine.
#ifndef LOMP_SRC_CALL_REPLY_ROWS_H
#define LOMP_SRC_CALL_REPLY_ROWS_H

#include <cstdint>

#include "call/row_kind.h"
#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

struct ReplyRow {
  RowKind kind;
  Record record;           ///< its item, from 0; whether that goes on, and has drawn random numbers
  SEXP value;              ///< which the caller protects
  std::uint64_t bytes;     ///< what the row's record had
  std::int64_t run_ns;     ///< of an item's last row, or -1
  std::int64_t waited_ns;  ///< the same
  std::int64_t ended_ns;   ///< how long before the reply the item has ended, or -1
  const char* holder;      ///< the class that holds dead references, or nullptr
};

/// A view of a reply, a list of parallel vectors with a row for each thing that has come: kind,
/// item (from 1), goes_on, drawn, value, run, waited, ended, bytes, holder. Times are in seconds.
/// Values are a list, or an atomic vector without attributes; holders are NULL if there are none.
class ReplyRows {
 public:
  ReplyRows() = default;

  /// Doesn't own the list, which outlives it and stays as it is. It is an error if that is none of
  /// a reply, or has an item that isn't one of the first so many. May jump, and throws.
  ReplyRows(SEXP list, std::uint64_t items);

  R_xlen_t size() const { return size_; }

  /// May jump.
  ReplyRow operator[](R_xlen_t row) const;

 private:
  R_xlen_t size_ = 0;
  const int* kinds_ = nullptr;
  const double* items_ = nullptr;
  const int* goes_on_ = nullptr;
  const int* drawn_ = nullptr;
  SEXP values_ = nullptr;
  const double* run_ = nullptr;
  const double* waited_ = nullptr;
  const double* ended_ = nullptr;
  const double* bytes_ = nullptr;
  SEXP holders_ = nullptr;
};

/// Does a row of this kind say something while its item goes on?
inline bool is_said(RowKind kind) {
  return kind == RowKind::condition || kind == RowKind::output || kind == RowKind::urgent;
}

/// Of an integer vector with names; NA_INTEGER if it isn't there. Never jumps.
int field_of(SEXP vector, const char* name);

}  // namespace lomp

#endif
