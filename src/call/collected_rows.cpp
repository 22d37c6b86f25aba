#include "call/collected_rows.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "call/events.h"
#include "codec/serialize.h"
#include "r/attributes.h"
#include "r/elements.h"

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

// Of so many rows, with values of that type. May jump.
SEXP make_columns(R_xlen_t n, SEXPTYPE type, bool has_holder) {
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
  SET_VECTOR_ELT(list, column_value, Rf_allocVector(type, n));
  if (has_holder) SET_VECTOR_ELT(list, column_holder, Rf_allocVector(STRSXP, n));
  UNPROTECT(1);
  return list;
}

// Can it be an element of an atomic vector, and be had from that as it was?
bool is_bare_element(SEXP value) {
  const bool is_atomic = element_size(TYPEOF(value)) > 0 || TYPEOF(value) == STRSXP;
  return is_atomic && XLENGTH(value) == 1 && !ALTREP(value) && !Rf_isS4(value) &&
         every_attribute(value, [](SEXP, SEXP) { return false; });
}

// `from` is a bare element of the same type. Never jumps.
void put_element_at(SEXP to, R_xlen_t at, SEXP from) {
  if (TYPEOF(to) == STRSXP) return SET_STRING_ELT(to, at, STRING_ELT(from, 0));
  const std::size_t size = element_size(TYPEOF(to));
  auto* bytes = static_cast<unsigned char*>(writable_elements(to));
  std::memcpy(bytes + static_cast<std::size_t>(at) * size, elements(from), size);
}

}  // namespace

bool CollectedRows::take(Arrival& arrival) {
  rows_.emplace_back();  // before anything is taken: it may throw
  if (!delivery_.take_place(arrival)) {
    rows_.pop_back();
    return false;
  }
  const Record& record = arrival.record;
  const std::uint64_t cost = arrival.has_record ? record.cost() : 0;
  rows_.back() = {record.item,      cost,
                  arrival.place,    arrival.number,
                  arrival.holder,   record.time,
                  kind_of(arrival), record.goes_on,
                  record.has_drawn, arrival.has_record && !record.goes_on,
                  is_event(arrival)};
  bytes_ += row_bytes + cost;
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
  SEXP list = PROTECT(make_columns(0, VECSXP, false));
  SET_VECTOR_ELT(list, column_undone, Rf_ScalarReal(0));
  SET_VECTOR_ELT(list, column_is_over, Rf_ScalarLogical(TRUE));
  UNPROTECT(1);
  return list;
}

SEXP CollectedRows::release(double undone, bool is_over) {
  const R_xlen_t n = static_cast<R_xlen_t>(rows_.size());
  SEXP list = PROTECT(make_columns(n, type_of_values(), has_holder()));
  SET_VECTOR_ELT(list, column_undone, Rf_ScalarReal(undone));
  SET_VECTOR_ELT(list, column_is_over, Rf_ScalarLogical(is_over));
  put_facts(list);
  put_times(list, now_ns());
  put_holders(VECTOR_ELT(list, column_holder));
  put_numbers(VECTOR_ELT(list, column_value));
  put_values(VECTOR_ELT(list, column_value));
  rows_.clear();
  bytes_ = 0;
  UNPROTECT(1);
  return list;
}

// That of an atomic vector if each row is an element of it, else that of a list.
SEXPTYPE CollectedRows::type_of_values() const {
  SEXPTYPE type = VECSXP;
  for (const Row& row : rows_) {
    const SEXPTYPE its_type = type_of(row);
    if (its_type == VECSXP || (type != VECSXP && type != its_type)) return VECSXP;
    type = its_type;
  }
  return type;
}

// Of the vector that its value could be an element of.
SEXPTYPE CollectedRows::type_of(const Row& row) const {
  if (row.number) return row.number.type;
  if (row.kind != RowKind::value || row.place < 0) return VECSXP;
  SEXP value = look(row);
  return is_bare_element(value) ? TYPEOF(value) : VECSXP;
}

bool CollectedRows::has_holder() const {
  return std::any_of(rows_.begin(), rows_.end(),
                     [](const Row& row) { return row.holder != DeadReferences::harmless; });
}

void CollectedRows::put_facts(SEXP list) const {
  int* kinds = INTEGER(VECTOR_ELT(list, column_kind));
  double* items = REAL(VECTOR_ELT(list, column_item));
  int* goes_on = LOGICAL(VECTOR_ELT(list, column_goes_on));
  int* drawn = LOGICAL(VECTOR_ELT(list, column_drawn));
  double* bytes = REAL(VECTOR_ELT(list, column_bytes));
  for (const Row& row : rows_) {
    *kinds++ = static_cast<int>(row.kind);
    *items++ = as_item(row.item);
    *goes_on++ = row.goes_on;
    *drawn++ = row.has_drawn;
    *bytes++ = static_cast<double>(row.bytes);
  }
}

void CollectedRows::put_times(SEXP list, std::int64_t now) const {
  double* run = REAL(VECTOR_ELT(list, column_run));
  double* waited = REAL(VECTOR_ELT(list, column_waited));
  double* ended = REAL(VECTOR_ELT(list, column_ended));
  for (const Row& row : rows_) {
    const std::int64_t end = std::min(now, row.time.end_after(began_));
    *run++ = row.is_last ? row.time.run_ns() / 1e9 : NA_REAL;
    *waited++ = row.is_last ? row.time.waited_ns() / 1e9 : NA_REAL;
    *ended++ = row.is_last ? static_cast<double>(now - end) / 1e9 : NA_REAL;
  }
}

// May jump.
void CollectedRows::put_holders(SEXP holders) const {
  if (holders == R_NilValue) return;
  R_xlen_t at = 0;
  for (const Row& row : rows_) {
    const bool is_dead = row.holder != DeadReferences::harmless;
    SET_STRING_ELT(holders, at++,
                   is_dead ? Rf_mkChar(delivery_.dead().name(row.holder).c_str()) : NA_STRING);
  }
}

// Those that aren't R objects yet. May jump.
void CollectedRows::put_numbers(SEXP values) const {
  const bool is_list = TYPEOF(values) == VECSXP;
  R_xlen_t at = 0;
  for (const Row& row : rows_) {
    if (row.number && is_list) SET_VECTOR_ELT(values, at, make_number(row.number));
    if (row.number && !is_list) put_number(values, at, row.number);
    ++at;
  }
}

// Never jumps.
void CollectedRows::put_values(SEXP values) {
  const bool is_list = TYPEOF(values) == VECSXP;
  R_xlen_t at = 0;
  for (const Row& row : rows_) {
    if (row.place >= 0) {
      SEXP value = delivery_.waiting().take(row.place);
      if (is_list) {
        SET_VECTOR_ELT(values, at, row.is_event ? VECTOR_ELT(value, 2) : value);
      } else {
        put_element_at(values, at, value);
      }
    }
    ++at;
  }
}

}  // namespace lomp
