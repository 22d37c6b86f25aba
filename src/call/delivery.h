/// \file
/// Where what items give is kept until R takes it.
#ifndef LOMP_SRC_CALL_DELIVERY_H
#define LOMP_SRC_CALL_DELIVERY_H

#include <vector>

#include "call/arrivals.h"
#include "call/places.h"
#include "call/vector_places.h"
#include "codec/dead_references.h"
#include "r/preserve_list.h"

namespace lomp {

/// Takes results, and what else R has to hear of, from a call's runner. Results go into the places
/// of a list or of one vector, or like all the rest into a queue, from which the call takes them.
/// Its R objects are among the call's kept ones.
class Delivery {
 public:
  /// Throws.
  Delivery(SEXP kept, const Settings& settings)
      : has_places_(settings.flag("is_list")),
        places_(kept),
        vector_(kept, settings),
        waiting_(kept, kept_waiting),
        arrivals_(settings.flag("is_ordered")),
        dead_(settings.get("harmless")) {}
  Delivery(const Delivery&) = delete;
  Delivery& operator=(const Delivery&) = delete;

  /// Has each item a place for its result? Else there is a queue.
  bool has_places() const { return has_places_; }
  const VectorPlaces& vector() const { return vector_; }

  /// Before the first result, and before the forks, if there are any: makes room for so many. May
  /// jump.
  void expect(std::uint64_t results, bool forks) {
    if (vector_) return vector_.begin();
    if (has_places_) places_.expect(results, forks);
  }

  /// Young garbage was collected here, see HeapHeadroom. May jump.
  void note_collection(const HeapUse& cells) {
    if (has_places_) places_.note_collection(cells);
  }

  /// What has all places, of so many items. May jump.
  SEXP results(R_xlen_t n) { return vector_ ? vector_.vector() : places_.first(n); }

  // ---- For the runner

  /// A result of the record's item; the caller protects it. May jump.
  void put_value(const Record& record, SEXP value) { put_value(record, value, dead_.look(record)); }

  /// The same for one whose dead references were found where its record was made: `holder` is what
  /// holder_of() gives, or DeadReferences::harmless.
  void put_value(const Record& record, SEXP value, int holder) {
    has_value_ = true;
    if (!has_places_) return line_up(record, ArrivalKind::value, waiting_.put(value), holder);
    if (vector_) return vector_.put_value(record.item, value);
    places_.put(record.item, value);
    dead_.note(record.item, holder);
  }

  /// A result of a call whose results are taken by take_place() alone: no R object is made for it.
  void put_number(const Record& record, const BareNumber& number);

  /// The number of a class, "" if it isn't known, whose objects hold dead references. Throws
  /// std::bad_alloc.
  int holder_of(const char* name) { return dead_.number_of(name); }

  /// A result as the elements of a vector. May jump.
  void put_part(const Record& record) { vector_.put(record); }

  /// The item of the record ends without a value. `is_ignored`: it has given one that is no result.
  void put_end(const Record& record, bool is_ignored);

  /// An event for R with which the record's item ends; the caller protects the value. May jump.
  void put_event(const Record& record, const char* kind, SEXP value);

  /// The same for what an item has said that goes on. May jump.
  void put_said(const Record& record, const char* kind, SEXP value);

  /// An event with which an item ends that has no record. May jump.
  void put_event(std::uint64_t item, SEXP event);

  /// Nothing more will come.
  void end() { arrivals_.end(); }

  /// A list of values that are kept, too, for the runner's own.
  PreserveList& waiting() { return waiting_; }

  // ---- For the call

  bool has_next() const { return arrivals_.has_next(); }

  /// What take() will give; nullptr if there is nothing.
  const Arrival* next() const { return arrivals_.next(); }

  /// Is the next thing that has come one by which an iterator's caller gets something?
  bool has_outcome() const {
    const Arrival* next = arrivals_.next();
    return next != nullptr &&
           (next->kind == ArrivalKind::value || next->kind == ArrivalKind::event);
  }

  /// Takes the next thing that has come, which may be nothing but the end of an item. The value
  /// isn't protected any more. Never jumps.
  bool take(Arrival& arrival, SEXP& value);

  /// The same, and the value stays where it is, in waiting(): it is only known where that is. The
  /// result isn't noted as taken. Never jumps.
  bool take_place(Arrival& arrival) { return arrivals_.take(arrival); }

  /// In order: leaves items behind that have ended and of which all was taken. True if there were
  /// any.
  bool pass_ended() { return arrivals_.pass_ended(); }

  /// In order: the item whose turn it is.
  std::uint64_t head() const { return arrivals_.head(); }

  /// A value, or one that stands for a failure, was handed over.
  void note_taken(const Arrival& arrival);

  /// What has come and was not taken: list(number, values, items). May jump.
  SEXP peek() const;

  /// Values that were taken last, in their order, with their items (from 1) and whether these end
  /// with them: they come once more, before all others. May jump; then none of them has been put
  /// back.
  void put_back(SEXP values, const double* items, const std::vector<bool>& is_last);

  std::uint64_t item() const { return item_; }  ///< of the value that was taken last
  std::uint64_t taken() const { return taken_; }
  const DeadReferences& dead() const { return dead_; }

  /// Items whose function takes `emit` and never used it, but returned a value; 0 if any was used.
  std::uint64_t silent() const { return has_value_ ? 0 : silent_; }

 private:
  void line_up(const Record& record, ArrivalKind kind, R_xlen_t place,
               int holder = DeadReferences::harmless);
  void line_up_event(const Record& record, ArrivalKind kind, const char* event, SEXP value);

  bool has_places_;
  Places places_;
  VectorPlaces vector_;
  PreserveList waiting_;
  Arrivals arrivals_;
  DeadReferences dead_;
  std::vector<Arrival> putting_back_;  // a member, since what fills it may jump
  bool has_value_ = false;
  std::uint64_t silent_ = 0;
  std::uint64_t item_ = 0;
  std::uint64_t taken_ = 0;
};

/// list(number, values, items) with room for so many values, of which there are none yet. May jump.
SEXP make_part(R_xlen_t n);

}  // namespace lomp

#endif
