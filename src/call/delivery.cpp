#include "call/delivery.h"

#include "call/events.h"
#include "codec/serialize.h"

namespace lomp {

void Delivery::put_end(const Record& record, bool is_ignored) {
  silent_ += is_ignored;
  if (has_places_) return;
  Record ended = record;
  ended.kind = static_cast<unsigned>(is_ignored ? Encoding::ignored : Encoding::nothing);
  line_up(ended, ArrivalKind::nothing, -1);
}

void Delivery::put_number(const Record& record, const BareNumber& number) {
  has_value_ = true;
  Arrival arrival;
  arrival.kind = ArrivalKind::value;
  arrival.record = record;
  arrival.has_record = true;
  arrival.number = number;
  arrivals_.put(arrival, !record.goes_on);
}

void Delivery::put_event(const Record& record, const char* kind, SEXP value) {
  line_up_event(record, ArrivalKind::event, kind, value);
}

void Delivery::put_said(const Record& record, const char* kind, SEXP value) {
  line_up_event(record, ArrivalKind::said, kind, value);
}

void Delivery::line_up_event(const Record& record, ArrivalKind kind, const char* event,
                             SEXP value) {
  SEXP made = PROTECT(make_event(event, as_item(record.item), value));
  line_up(record, kind, waiting_.put(made));
  UNPROTECT(1);
}

void Delivery::put_event(std::uint64_t item, SEXP event) {
  PROTECT(event);
  Arrival arrival;
  arrival.kind = ArrivalKind::event;
  arrival.record.item = item;
  arrival.place = waiting_.put(event);
  arrivals_.put(arrival, true);
  UNPROTECT(1);
}

void Delivery::line_up(const Record& record, ArrivalKind kind, R_xlen_t place, int holder) {
  Arrival arrival;
  arrival.kind = kind;
  arrival.record = record;
  arrival.has_record = true;
  arrival.place = place;
  arrival.holder = holder;
  arrivals_.put(arrival, !record.goes_on);
}

bool Delivery::take(Arrival& arrival, SEXP& value) {
  if (!arrivals_.take(arrival)) return false;
  if (arrival.place >= 0) value = waiting_.take(arrival.place);
  if (arrival.kind == ArrivalKind::value) note_taken(arrival);
  return true;
}

void Delivery::note_taken(const Arrival& arrival) {
  item_ = arrival.record.item;
  ++taken_;
  dead_.note(item_, arrival.holder);
}

SEXP Delivery::peek() const {
  R_xlen_t n = 0;
  arrivals_.each_value([&n](const Arrival&) { ++n; });
  SEXP list = PROTECT(make_part(n));
  SEXP values = VECTOR_ELT(list, 1);
  double* items = REAL(VECTOR_ELT(list, 2));
  INTEGER(VECTOR_ELT(list, 0))[0] = static_cast<int>(n);
  R_xlen_t at = 0;
  arrivals_.each_value([&](const Arrival& arrival) {
    items[at] = as_item(arrival.record.item);
    SEXP value = arrival.number ? make_number(arrival.number) : waiting_.look(arrival.place);
    SET_VECTOR_ELT(values, at++, value);
  });
  UNPROTECT(1);
  return list;
}

void Delivery::put_back(SEXP values, const double* items, const std::vector<bool>& is_last) {
  putting_back_.clear();
  for (std::size_t i = 0; i < is_last.size(); ++i) {
    Arrival arrival;
    arrival.kind = ArrivalKind::value;
    arrival.record.item = static_cast<std::uint64_t>(items[i]) - 1;
    arrival.record.goes_on = !is_last[i];
    arrival.place = waiting_.put(VECTOR_ELT(values, static_cast<R_xlen_t>(i)));
    putting_back_.push_back(arrival);
  }
  arrivals_.put_back(putting_back_);
  taken_ -= is_last.size();
}

SEXP make_part(R_xlen_t n) {
  SEXP list = PROTECT(Rf_allocVector(VECSXP, 3));
  SET_VECTOR_ELT(list, 0, Rf_ScalarInteger(0));
  SET_VECTOR_ELT(list, 1, Rf_allocVector(VECSXP, n));
  SET_VECTOR_ELT(list, 2, Rf_allocVector(REALSXP, n));
  UNPROTECT(1);
  return list;
}

}  // namespace lomp
