#include "call/collected_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "call/events.h"
#include "codec/serialize.h"

namespace lomp {

namespace {

enum Column {
  column_kind,
  column_item,
  column_goes_on,
  column_drawn,
  column_value,
  column_run,
  column_waited,
  column_ended,
  column_bytes,
  column_holder,
  column_undone,
  column_is_over
};

bool is_event(const Arrival& arrival) {
  return arrival.kind == ArrivalKind::event || arrival.kind == ArrivalKind::said;
}

Encoding encoding_of(const Arrival& arrival) { return static_cast<Encoding>(arrival.record.kind); }

RowKind kind_of_event(const char* name) {
  constexpr std::pair<const char*, RowKind> kinds[] = {
      {"condition", RowKind::condition}, {"output", RowKind::output}, {"failure", RowKind::failure},
      {"lost", RowKind::lost},           {"unread", RowKind::unread}, {"unsent", RowKind::unsent}};
  for (const auto& kind : kinds) {
    if (std::strcmp(kind.first, name) == 0) return kind.second;
  }
  return RowKind::failure;
}

// Of rows without R objects in them. May jump.
SEXP make_columns(R_xlen_t n) {
  const char* names[] = {"kind",  "item",  "goes_on", "drawn",  "value",   "run", "waited",
                         "ended", "bytes", "holder",  "undone", "is_over", ""};
  SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(list, column_kind, Rf_allocVector(INTSXP, n));
  for (const Column at : {column_goes_on, column_drawn}) {
    SET_VECTOR_ELT(list, at, Rf_allocVector(LGLSXP, n));
  }
  for (const Column at : {column_item, column_run, column_waited, column_ended, column_bytes}) {
    SET_VECTOR_ELT(list, at, Rf_allocVector(REALSXP, n));
  }
  SET_VECTOR_ELT(list, column_value, Rf_allocVector(VECSXP, n));
  SET_VECTOR_ELT(list, column_holder, Rf_allocVector(STRSXP, n));
  UNPROTECT(1);
  return list;
}

}  // namespace

bool CollectedRows::take(Arrival& arrival) {
  rows_.emplace_back();  // before anything is taken: it may throw
  if (!delivery_.take_place(arrival)) {
    rows_.pop_back();
    return false;
  }
  rows_.back() = {arrival, kind_of(arrival)};
  bytes_ += row_bytes + (arrival.has_record ? arrival.record.cost() : 0);
  return true;
}

RowKind CollectedRows::kind_of(const Arrival& arrival) const {
  if (arrival.kind == ArrivalKind::value) return RowKind::value;
  const Encoding encoding = encoding_of(arrival);
  if (arrival.kind == ArrivalKind::nothing) {
    return encoding == Encoding::ignored ? RowKind::ignored : RowKind::end;
  }
  SEXP event = delivery_.waiting().look(arrival.place);
  const RowKind kind = kind_of_event(CHAR(STRING_ELT(VECTOR_ELT(event, 0), 0)));
  const bool is_urgent = kind == RowKind::condition && encoding == Encoding::urgent;
  return is_urgent ? RowKind::urgent : kind;
}

SEXP make_no_rows() {
  SEXP list = PROTECT(make_columns(0));
  SET_VECTOR_ELT(list, column_undone, Rf_ScalarReal(0));
  SET_VECTOR_ELT(list, column_is_over, Rf_ScalarLogical(TRUE));
  UNPROTECT(1);
  return list;
}

SEXP CollectedRows::release(double undone, bool is_over) {
  SEXP list = PROTECT(make_columns(static_cast<R_xlen_t>(rows_.size())));
  SET_VECTOR_ELT(list, column_undone, Rf_ScalarReal(undone));
  SET_VECTOR_ELT(list, column_is_over, Rf_ScalarLogical(is_over));
  put_facts(list, now_ns());
  put_values(VECTOR_ELT(list, column_value));
  rows_.clear();
  bytes_ = 0;
  UNPROTECT(1);
  return list;
}

// May jump.
void CollectedRows::put_facts(SEXP list, std::int64_t now) const {
  int* kinds = INTEGER(VECTOR_ELT(list, column_kind));
  double* items = REAL(VECTOR_ELT(list, column_item));
  int* goes_on = LOGICAL(VECTOR_ELT(list, column_goes_on));
  int* drawn = LOGICAL(VECTOR_ELT(list, column_drawn));
  double* bytes = REAL(VECTOR_ELT(list, column_bytes));
  SEXP holders = VECTOR_ELT(list, column_holder);
  R_xlen_t at = 0;
  for (const Row& row : rows_) {
    const Arrival& arrival = row.arrival;
    kinds[at] = static_cast<int>(row.kind);
    items[at] = as_item(arrival.record.item);
    goes_on[at] = arrival.record.goes_on;
    drawn[at] = arrival.record.has_drawn;
    bytes[at] = arrival.has_record ? static_cast<double>(arrival.record.cost()) : 0;
    const bool is_dead = arrival.holder != DeadReferences::harmless;
    SET_STRING_ELT(holders, at,
                   is_dead ? Rf_mkChar(delivery_.dead().name(arrival.holder).c_str()) : NA_STRING);
    put_times(list, at++, arrival, now);
  }
}

// Only an item's last record knows.
void CollectedRows::put_times(SEXP list, R_xlen_t at, const Arrival& arrival,
                              std::int64_t now) const {
  const bool is_known = arrival.has_record && !arrival.record.goes_on;
  const RecordTime& time = arrival.record.time;
  const std::int64_t ended = std::min(now, is_known ? time.end_after(began_) : now);
  REAL(VECTOR_ELT(list, column_run))[at] = is_known ? time.run_ns() / 1e9 : NA_REAL;
  REAL(VECTOR_ELT(list, column_waited))[at] = is_known ? time.waited_ns() / 1e9 : NA_REAL;
  REAL(VECTOR_ELT(list, column_ended))
  [at] = is_known ? static_cast<double>(now - ended) / 1e9 : NA_REAL;
}

// Never jumps. Of an event what R has to hear is its value.
void CollectedRows::put_values(SEXP values) {
  R_xlen_t at = 0;
  for (const Row& row : rows_) {
    const Arrival& arrival = row.arrival;
    if (arrival.place >= 0) {
      SEXP value = delivery_.waiting().take(arrival.place);
      SET_VECTOR_ELT(values, at, is_event(arrival) ? VECTOR_ELT(value, 2) : value);
    }
    ++at;
  }
}

}  // namespace lomp
