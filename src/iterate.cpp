// The exports behind an iterator: workers that run ahead of the caller, and their results one by
// one.
#include <deque>
#include <utility>

#include "call/events.h"
#include "call/items_underway.h"
#include "codec/dead_references.h"
#include "codec/serialize.h"
#include "lomp/os/fork_count.hpp"
#include "lomp/pool/pool.hpp"
#include "lomp/pool/reorder.hpp"
#include "memory/external_memory.h"
#include "r/preserve_list.h"
#include "r/protected.h"
#include "r/unwind.h"
#include "worker/item_loop.h"
#include "worker/outlet.h"

namespace {

using lomp::Encoding;
using lomp::Event;
using lomp::EventKind;
using lomp::Record;
using lomp::unwind;

// What the handle keeps alive: the work, on_event, look, the outlet, and the values that wait to be
// asked for.
enum Kept { kept_work, kept_handler, kept_look, kept_outlet, kept_waiting, kept };

// A value that has come; or an event for R, such as a failure; or nothing but the end of an item.
enum class ArrivalKind { value, event, nothing };

struct Arrival {
  ArrivalKind kind = ArrivalKind::nothing;
  Record record{};  // what is to be released then
  bool has_record = false;
  R_xlen_t place = -1;  // among the preserved values
  int holder = lomp::DeadReferences::harmless;
};

// list(number, values, items) with room for so many values. May jump.
SEXP make_part(R_xlen_t n) {
  SEXP list = PROTECT(Rf_allocVector(VECSXP, 3));
  SET_VECTOR_ELT(list, 0, Rf_ScalarInteger(0));
  SET_VECTOR_ELT(list, 1, Rf_allocVector(VECSXP, n));
  SET_VECTOR_ELT(list, 2, Rf_allocVector(REALSXP, n));
  UNPROTECT(1);
  return list;
}

// What an iterator's handle points to. Its R objects are kept alive by the handle.
class Stream {
 public:
  Stream(const lomp::PoolOptions& options, const lomp::Task& task, SEXP kept, double tick)
      : progress_(tick),
        is_ordered_(options.is_ordered),
        is_said_in_order_(options.backlog_bytes > 0),
        owner_(lomp::fork_depth()),
        kept_(kept),
        preserved_(kept, kept_waiting),
        dead_(lomp::harmless_of(VECTOR_ELT(kept, kept_work))),
        pool_(options, [task](lomp::Worker& worker) { lomp::run_worker(worker, task); }) {}

  lomp::Pool& pool() { return pool_; }
  const lomp::Pool& pool() const { return pool_; }
  unsigned owner() const { return owner_; }
  std::uint64_t item() const { return item_; }
  std::uint64_t taken() const { return taken_; }
  std::uint64_t given() const { return pool_.items() > 0 ? pool_.items() : next_item_; }
  const lomp::DeadReferences& dead() const { return dead_; }

  // A stream can't be used by what runs while it is being used: an event handler of R's, say.
  bool is_busy() const { return is_busy_; }
  void set_busy(bool is_busy) { is_busy_ = is_busy; }

  // Whether progress is to be told now; and whether it was since this was last asked. Who has
  // waited gets what has come at once: what there is to tell can wait until the next time.
  bool is_tick_due(bool has_waited) {
    if (has_waited && has_next()) return false;
    const bool is_due = progress_.is_due();
    was_told_ = was_told_ || is_due;
    return is_due;
  }
  bool take_told() { return std::exchange(was_told_, false); }
  void hurry_tick() { progress_.hurry(); }

  // Will take() give something?
  bool has_next() const {
    if (!again_.empty()) return true;
    return is_ordered_ ? order_.has_next() : first_ != queue_.size();
  }

  // All has come. What came out of turn before a gap that nothing fills any more can be had now.
  bool has_ended() const { return has_ended_; }
  void end() {
    has_ended_ = true;
    if (is_ordered_) order_.skip_gaps();
  }

  // Ends the workers and takes in all that they had finished. What they want meanwhile, they don't
  // get. May jump.
  void settle() {
    if (!has_ended_) pool_.stop();
    while (!has_ended_) note(pool_.next(lomp::tick_ms));
    pool_.close();
  }

  // To R the iterator has ended already, though there may be values.
  bool was_left() const { return was_left_; }
  void leave() { was_left_ = true; }

  // Its user has closed it from within, and gets nothing more.
  bool is_closing() const { return is_closing_; }
  void begin_closing() {
    is_closing_ = true;
    pool_.stop();
  }

  // Items whose function takes `emit` and never used it, but returned a value; 0 if any was used.
  std::uint64_t silent() const { return has_value_ ? 0 : silent_; }

  // Where items are streamed: puts one more into the worker's batch and keeps it until it has
  // ended. May jump.
  enum class Given { more, full, refused };
  Given give(int worker, SEXP value) {
    const std::uint64_t item = next_item_;
    const Given given = send(worker, item, value);
    if (given == Given::refused) return given;
    underway_.keep(item, pool_.feeder().batch(worker).take_held(), value);
    pool_.feeder().publish(worker);
    return pool_.feeder().is_overdue(worker) ? Given::full : given;
  }

  // Puts the items that came back from other workers into this one's batch, as many as there is
  // room for. It needs no others then.
  Given give_returned(int worker) {
    std::uint64_t item = 0;
    Given given = Given::more;
    while (given != Given::full && pool_.feeder().first_returned(worker, item)) {
      given = send(worker, item, PROTECT(underway_.look(item)));
      UNPROTECT(1);
      pool_.feeder().publish(worker);
    }
    return pool_.feeder().is_fed(worker) ? Given::full : given;
  }

  // Takes the next thing that has come, if it has. Never jumps.
  bool take(Arrival& arrival, SEXP& value) {
    while (take_again(arrival) || (is_ordered_ ? take_in_turn(arrival) : take_first(arrival))) {
      if (arrival.has_record && !has_ended_) pool_.release(arrival.record);
      if (arrival.kind == ArrivalKind::nothing) continue;
      value = preserved_.take(arrival.place);
      if (arrival.kind == ArrivalKind::value) note_taken(arrival);
      return true;
    }
    return false;
  }

  // What has come and nobody has taken yet: list(number, values, items), as take_many() gives it.
  // May jump.
  SEXP peek() const {
    R_xlen_t n = 0;
    each_value([&n](const Arrival&) { ++n; });
    SEXP list = PROTECT(make_part(n));
    SEXP values = VECTOR_ELT(list, 1);
    double* items = REAL(VECTOR_ELT(list, 2));
    INTEGER(VECTOR_ELT(list, 0))[0] = static_cast<int>(n);
    R_xlen_t at = 0;
    each_value([&](const Arrival& arrival) {
      items[at] = lomp::as_item(arrival.record.item);
      SET_VECTOR_ELT(values, at++, preserved_.look(arrival.place));
    });
    UNPROTECT(1);
    return list;
  }

  // Values that take() gave last, in their order, with their items (from 1): they come once more,
  // before all others. May jump; then none of them has been put back.
  void put_back(SEXP values, const double* items, R_xlen_t n) {
    std::vector<Arrival>& arrivals = putting_back_;
    arrivals.clear();
    for (R_xlen_t i = 0; i < n; ++i) {
      Arrival arrival;
      arrival.kind = ArrivalKind::value;
      arrival.record.item = static_cast<std::uint64_t>(items[i]) - 1;
      arrival.place = preserved_.put(VECTOR_ELT(values, i));
      arrivals.push_back(arrival);
    }
    again_.insert(again_.begin(), arrivals.begin(), arrivals.end());
    taken_ -= static_cast<std::uint64_t>(n);
  }

  // A value, or one that stands for a failure, was handed over.
  void note_taken(const Arrival& arrival) {
    item_ = arrival.record.item;
    ++taken_;
    dead_.note(item_, arrival.holder);
  }

  // Waits for something to come. Gives an event for R that has no place in the order of results, or
  // NULL.
  SEXP wait() {
    if (pool_.holds_any()) {
      SEXP said = unwind([this] { return take_said(); });
      if (said != R_NilValue || has_ended_) return said;
    }
    if (clock_.is_due()) look();
    const Event event = pool_.next(lomp::tick_ms);
    if (event.kind == EventKind::idle) look();
    return unwind([&] { return note(event); });
  }

  // Calls R's on_event(event), which may jump; NULL if there is nothing to give to the caller.
  SEXP handle(SEXP event) {
    return unwind([&] {
      SEXP call = PROTECT(Rf_lang2(VECTOR_ELT(kept_, kept_handler), event));
      SEXP answer = Rf_eval(call, R_BaseEnv);
      UNPROTECT(1);
      return answer;
    });
  }

 private:
  static Encoding encoding_of(const Record& record) { return static_cast<Encoding>(record.kind); }

  void look() const { lomp::look(VECTOR_ELT(kept_, kept_look)); }

  SEXP note(const Event& event) {
    switch (event.kind) {
      case EventKind::idle:
        return R_NilValue;
      case EventKind::records:
        preserve_all(event);
        return R_NilValue;
      case EventKind::lost:
        preserve_loss(event);
        return R_NilValue;
      case EventKind::request:
        return lomp::make_event("request", event.worker, Rf_ScalarReal(event.wanted));
      case EventKind::failed:
        return lomp::make_loss_event("exhausted", event);
      case EventKind::finished:
        end();
        return R_NilValue;
    }
    return R_NilValue;
  }

  template <class Visit>
  void each_value(Visit visit) const {
    const auto look = [&visit](const Arrival& arrival) {
      if (arrival.kind == ArrivalKind::value) visit(arrival);
    };
    for (const Arrival& arrival : again_) look(arrival);
    for (std::size_t i = first_; i < queue_.size(); ++i) look(queue_[i]);
    order_.each(look);
  }

  // The event of what is the next to be said, if it is its turn, or NULL. May jump.
  SEXP take_said() {
    if (!pool_.take_held(said_)) return R_NilValue;
    return R_tryCatchError(read_said, this, tell_unread, this);
  }

  static SEXP read_said(void* data) {
    Stream& stream = *static_cast<Stream*>(data);
    return lomp::contain([&stream] {
      const Record& record = stream.said_;
      SEXP value = lomp::read_record(record, stream.pool_);
      return lomp::make_event(lomp::event_of(encoding_of(record)), lomp::as_item(record.item),
                              value);
    });
  }

  static SEXP tell_unread(SEXP condition, void* data) {
    const Stream& stream = *static_cast<Stream*>(data);
    return lomp::make_event("unread", lomp::as_item(stream.said_.item), condition);
  }

  // Records whose values are to be preserved.
  struct Batch {
    Stream* stream;
    const Record* next;
    const Record* end;
  };

  // Values are read as they come, since payloads can be had in this order only. To read all of a
  // frame's values at once is also cheaper than one by one. One that can't be read, since it is
  // damaged or too large for this process, is its item's failure; to be ready for that takes longer
  // than to read many a small one, of those that can't fail.
  void preserve_all(const Event& event) {
    Batch batch = {this, event.records, event.records + event.count};
    const bool is_safe = std::all_of(batch.next, batch.end, lomp::is_small);
    while (batch.next != batch.end) {
      if (is_safe) {
        preserve_rest(&batch);
      } else {
        R_tryCatchError(preserve_rest, &batch, preserve_unread, &batch);
      }
    }
  }

  static SEXP preserve_rest(void* data) {
    Batch& batch = *static_cast<Batch*>(data);
    return lomp::contain([&batch] {
      for (; batch.next != batch.end; ++batch.next) batch.stream->preserve(*batch.next);
      return R_NilValue;
    });
  }

  static SEXP preserve_unread(SEXP condition, void* data) {
    Batch& batch = *static_cast<Batch*>(data);
    return lomp::contain([&] {
      const Record& record = *batch.next++;
      batch.stream->preserve_event("unread", record, condition);
      return R_NilValue;
    });
  }

  void preserve(const Record& record) {
    const Encoding encoding = encoding_of(record);
    if (is_said_in_order_ && lomp::is_said(encoding)) return pool_.hold(record);
    if (encoding == Encoding::ignored) ++silent_;
    if (encoding == Encoding::nothing || encoding == Encoding::ignored) {
      return line_up(record, ArrivalKind::nothing, -1);
    }
    SEXP value = PROTECT(lomp::read_record(record, pool_));
    const char* event = lomp::event_of(encoding);
    if (event == nullptr) {
      has_value_ = true;
      line_up(record, ArrivalKind::value, preserved_.put(value));
    } else {
      preserve_event(event, record, value);
    }
    UNPROTECT(1);
  }

  // The caller protects the value.
  void preserve_event(const char* kind, const Record& record, SEXP value) {
    SEXP event = PROTECT(lomp::make_event(kind, lomp::as_item(record.item), value));
    line_up(record, ArrivalKind::event, preserved_.put(event));
    UNPROTECT(1);
  }

  void line_up(const Record& record, ArrivalKind kind, R_xlen_t place) {
    Arrival arrival;
    arrival.kind = kind;
    arrival.record = record;
    arrival.has_record = true;
    arrival.place = place;
    arrival.holder = dead_.look(record);
    line_up(arrival, record.item, !record.goes_on);
  }

  // A loss has its place in the order, too.
  void preserve_loss(const Event& event) {
    Arrival arrival;
    arrival.kind = ArrivalKind::event;
    SEXP loss = PROTECT(lomp::make_loss_event("lost", event));
    arrival.place = preserved_.put(loss);
    UNPROTECT(1);
    arrival.record.item = event.loss.item;
    line_up(arrival, event.loss.item, true);
  }

  // An item that can't be sent is as good as lost.
  Given send(int worker, std::uint64_t item, SEXP value) {
    lomp::ItemBatch& batch = pool_.feeder().batch(worker);
    batch.begin();
    const unsigned kind = lomp::put_value(batch, value);
    pool_.feeder().note_given(worker, item);
    next_item_ = std::max(next_item_, item + 1);  // not before: one that can't be written is none
    if (batch.add(item, kind)) return batch.has_room() ? Given::more : Given::full;
    if (pool_.feeder().has_left(worker)) return Given::full;  // the item will come back
    pool_.feeder().withdraw(item);
    Arrival arrival;
    arrival.kind = ArrivalKind::event;
    SEXP event = PROTECT(lomp::make_event("unsent", lomp::as_item(item), R_NilValue));
    arrival.place = preserved_.put(event);
    UNPROTECT(1);
    arrival.record.item = item;
    line_up(arrival, item, true);
    return Given::refused;
  }

  void line_up(const Arrival& arrival, std::uint64_t item, bool is_last) {
    if (is_last) underway_.let_go(item);
    if (!is_ordered_) return queue_.push_back(arrival);
    order_.put(item, arrival);
    if (is_last) order_.end(item);
  }

  bool take_again(Arrival& arrival) {
    if (again_.empty()) return false;
    arrival = again_.front();
    again_.pop_front();
    return true;
  }

  bool take_first(Arrival& arrival) {
    if (first_ == queue_.size()) return false;
    arrival = queue_[first_++];
    if (first_ == queue_.size()) {
      queue_.clear();
      first_ = 0;
    }
    return true;
  }

  bool take_in_turn(Arrival& arrival) {
    const std::uint64_t head = order_.head();
    const bool has_one = order_.take(arrival);
    if (order_.head() != head) pool_.set_head(order_.head());
    return has_one;
  }

  lomp::ProgressClock progress_;
  bool is_ordered_;
  bool is_said_in_order_;
  bool is_busy_ = false;
  bool has_ended_ = false;
  bool was_left_ = false;
  bool is_closing_ = false;
  bool was_told_ = false;
  bool has_value_ = false;
  std::uint64_t silent_ = 0;
  unsigned owner_;
  SEXP kept_;
  lomp::PreserveList preserved_;
  lomp::DeadReferences dead_;
  lomp::ItemsUnderway underway_{preserved_};
  lomp::Reorder<Arrival> order_;
  Record said_{};  // what was held and taken last
  std::vector<Arrival> queue_;
  std::size_t first_ = 0;
  std::deque<Arrival> again_;
  std::vector<Arrival> putting_back_;  // a member, since what fills it may jump
  lomp::Pool pool_;
  lomp::ExternalMemoryUse external_memory_use_;
  std::uint64_t next_item_ = 0;
  std::uint64_t item_ = 0;
  std::uint64_t taken_ = 0;
  lomp::InterruptClock clock_;
};

Stream* stream_of(SEXP handle) { return static_cast<Stream*>(R_ExternalPtrAddr(handle)); }

// The tag of a closed handle: it tells that from one that was saved while it was open, and read
// again.
SEXP closed() { return Rf_install(".closed"); }

bool was_closed(SEXP handle) { return R_ExternalPtrTag(handle) == closed(); }

void close_stream(SEXP handle) {
  Stream* stream = stream_of(handle);
  R_ClearExternalPtr(handle);
  R_SetExternalPtrTag(handle, closed());
  R_SetExternalPtrProtected(handle, R_NilValue);
  delete stream;
}

SEXP make_kept(SEXP work, SEXP handler, SEXP look, SEXP outlet) {
  SEXP list = PROTECT(Rf_allocVector(VECSXP, kept));
  SET_VECTOR_ELT(list, kept_work, work);
  SET_VECTOR_ELT(list, kept_handler, handler);
  SET_VECTOR_ELT(list, kept_look, look);
  SET_VECTOR_ELT(list, kept_outlet, outlet);
  SET_VECTOR_ELT(list, kept_waiting, Rf_allocVector(VECSXP, 0));
  UNPROTECT(1);
  return list;
}

lomp::Task make_stream_task(SEXP list, bool is_streamed, bool is_map) {
  SEXP outlet = VECTOR_ELT(list, kept_outlet);
  lomp::Task task = lomp::make_task(VECTOR_ELT(list, kept_work));
  task.delivery = is_map                 ? lomp::Delivery::one
                  : outlet != R_NilValue ? lomp::Delivery::by_emission
                                         : lomp::Delivery::any;
  task.is_streamed = is_streamed;
  if (outlet != R_NilValue) task.outlet = outlet;
  return task;
}

lomp::PoolOptions make_options(double items, int workers, bool is_map, bool ordered,
                               double buffer) {
  lomp::PoolOptions options;
  options.is_streamed = ISNA(items);
  options.items = options.is_streamed ? 0 : static_cast<std::uint64_t>(items);
  options.workers = workers;
  options.before_fork = lomp::prepare_fork;
  options.reaper = &lomp::reaper();
  options.is_prompt = !is_map;
  options.takes_returns = !is_map;
  options.is_ordered = ordered;
  options.most_free_bytes = static_cast<std::size_t>(buffer);
  options.buffer_bytes = is_map ? 0 : options.most_free_bytes;
  return options;
}

SEXP exhausted() { return Rf_install(".__exhausted__."); }

void tell_tick(Stream& stream) {
  lomp::Protected tick(unwind([&stream] {
    return lomp::make_event("tick", NA_REAL, Rf_ScalarLogical(!stream.has_next()));
  }));
  lomp::Protected nothing(stream.handle(tick));
}

// The consumer goes on, after a jump, too. If what R has shown since it came is gone by that, it is
// shown again soon.
void tell_rest(Stream& stream) {
  if (!stream.take_told()) return;
  lomp::Protected rest(unwind([] { return lomp::make_event("rest", NA_REAL, R_NilValue); }));
  lomp::Protected was_shown(stream.handle(rest));
  if (Rf_asLogical(was_shown) == TRUE) stream.hurry_tick();
}

// The next value, or what on_event() made of an event; nullptr at the end.
SEXP take_next(Stream& stream) {
  bool has_waited = false;
  while (!stream.is_closing()) {
    if (stream.is_tick_due(has_waited)) tell_tick(stream);
    Arrival arrival;
    SEXP value = R_NilValue;
    const bool has_come = stream.take(arrival, value);
    if (has_come && arrival.kind == ArrivalKind::value) return value;
    if (!has_come && stream.has_ended() && !stream.pool().holds_any()) return nullptr;
    lomp::Protected event(has_come ? value : stream.wait());
    has_waited = has_waited || !has_come;
    if (event == R_NilValue) continue;
    lomp::Protected answer(stream.handle(event));
    if (answer == R_NilValue) continue;
    if (TYPEOF(answer) != VECSXP) return nullptr;
    if (has_come) stream.note_taken(arrival);
    return VECTOR_ELT(answer, 0);
  }
  return nullptr;
}

// list(number, values, items): up to so many values; fewer at the end. What jumps on the way leaves
// them where they came from.
SEXP take_many(Stream& stream, int most) {
  lomp::Protected taken(unwind([most] { return make_part(most); }));
  int& number = INTEGER(VECTOR_ELT(taken, 0))[0];
  SEXP values = VECTOR_ELT(taken, 1);
  double* items = REAL(VECTOR_ELT(taken, 2));
  try {
    for (; number < most; ++number) {
      SEXP value = take_next(stream);
      if (value == nullptr) break;
      SET_VECTOR_ELT(values, number, value);
      items[number] = lomp::as_item(stream.item());
    }
  } catch (...) {
    unwind([&] {
      stream.put_back(values, items, number);
      return R_NilValue;
    });
    throw;
  }
  return taken;
}

// While one of these lives nobody waits for a single record.
class PatientPool {
 public:
  explicit PatientPool(lomp::Pool& pool) : pool_(pool) { pool_.set_prompt(false); }
  ~PatientPool() { pool_.set_prompt(true); }
  PatientPool(const PatientPool&) = delete;
  PatientPool& operator=(const PatientPool&) = delete;

 private:
  lomp::Pool& pool_;
};

// Jumps with R's error of an iterator that can't be used.
void refuse(const char* why) {
  unwind([why] {
    SEXP text = PROTECT(Rf_mkString(why));
    SEXP name = Rf_install("stop_iterator");
    SEXP function = PROTECT(Rf_lang3(Rf_install(":::"), Rf_install("lomp"), name));
    SEXP call = PROTECT(Rf_lang2(function, text));
    Rf_eval(call, R_BaseEnv);
    UNPROTECT(3);
    return R_NilValue;
  });
}

// The handle's stream; nullptr if it has ended. Jumps if it never was this process's.
Stream* living_stream(SEXP handle) {
  Stream* stream = stream_of(handle);
  if (stream == nullptr && !was_closed(handle)) {
    refuse("it isn't alive in this process: it was saved and read again, or made by another one");
  }
  return stream;
}

// While one of these lives the stream can't be used by what it calls.
class Use {
 public:
  explicit Use(Stream& stream) : stream_(stream) {
    if (stream.owner() != lomp::fork_depth()) refuse("it belongs to the process that made it");
    if (stream.is_busy()) refuse("it is being used already");
    stream_.set_busy(true);
  }
  ~Use() { stream_.set_busy(false); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  Stream& stream_;
};

SEXP take_one(Stream& stream) {
  const Use use(stream);
  if (stream.was_left()) return nullptr;
  SEXP value = nullptr;
  try {
    value = take_next(stream);
  } catch (...) {
    tell_rest(stream);
    throw;
  }
  if (value == nullptr) {
    stream.leave();
    return nullptr;
  }
  lomp::Protected protect(value);
  tell_rest(stream);
  return value;
}

// What iterator_summary() tells. May jump.
SEXP summary_of(const Stream& stream) {
  const char* names[] = {"item",   "taken",           "given",   "done",  "drawn",
                         "silent", "dead_references", "refused", "forks", ""};
  SEXP summary = PROTECT(Rf_mkNamed(VECSXP, names));
  const auto put_count = [summary](R_xlen_t at, double n) {
    SET_VECTOR_ELT(summary, at, Rf_ScalarReal(n));
  };
  put_count(0, lomp::as_item(stream.item()));
  put_count(1, static_cast<double>(stream.taken()));
  put_count(2, static_cast<double>(stream.given()));
  put_count(3, static_cast<double>(stream.pool().done()));
  SET_VECTOR_ELT(summary, 4, Rf_ScalarLogical(stream.pool().has_drawn()));
  put_count(5, static_cast<double>(stream.silent()));
  SET_VECTOR_ELT(summary, 6, stream.dead().items());
  SET_VECTOR_ELT(summary, 7, Rf_ScalarInteger(stream.pool().refused()));
  SET_VECTOR_ELT(summary, 8, Rf_ScalarInteger(stream.pool().forks()));
  UNPROTECT(1);
  return summary;
}

// To the caller the iterator has ended: R says what there is to be said of that, which may jump.
SEXP tell_end(SEXP handle) {
  Stream& stream = *stream_of(handle);
  lomp::Protected event(unwind([] { return lomp::make_event("ended", NA_REAL, R_NilValue); }));
  lomp::Protected nothing(stream.handle(event));
  if (stream_of(handle) != nullptr) close_stream(handle);
  return exhausted();
}

}  // namespace

// Opens a stream of the results of `items` calls, whose frame also holds `emit` if there is an
// outlet; all workers are forked when it returns. `items` is NA where they come from
// iterator_give(). With `is_map` each item has one result, whatever it is, and there is no bound to
// what is made and not taken yet; else that is `buffer`, a number of bytes. `work`, `tick` and
// `backlog` are as for pool_open(). `on_event` is an R function: it gets what isn't a result, a
// list as pool_next() gives it, and returns NULL to go on, or list(value) to give this value to
// whoever asked; or it throws.
// [[Rcpp::export(rng = false)]]
SEXP iterator_open(SEXP work, double items, int workers, SEXP on_event, SEXP look, SEXP outlet,
                   bool is_map, bool ordered, double buffer, double tick, double backlog) {
  SEXP kept_list = nullptr;
  SEXP handle = unwind([&] {
    lomp::drop_old_results();
    kept_list = PROTECT(make_kept(work, on_event, look, outlet));
    SEXP pointer = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, kept_list));
    R_RegisterCFinalizerEx(pointer, close_stream, TRUE);
    UNPROTECT(2);
    return pointer;
  });
  lomp::Protected protect(handle);
  const lomp::Task task = make_stream_task(kept_list, ISNA(items), is_map);
  lomp::PoolOptions options = make_options(items, workers, is_map, ordered, buffer);
  options.keeps_connections = task.keeps_connections;
  options.backlog_bytes = static_cast<std::size_t>(backlog);
  R_SetExternalPtrAddr(handle, new Stream(options, task, kept_list, tick));
  stream_of(handle)->pool().fork_all();
  return handle;
}

// The next result, waiting for it if need be; the symbol .__exhausted__. at the end. Interrupts,
// time limits and what on_event() throws jump from here; the next call goes on.
// [[Rcpp::export(rng = false)]]
SEXP iterator_next(SEXP handle) {
  Stream* stream = living_stream(handle);
  if (stream == nullptr) return exhausted();
  SEXP value = take_one(*stream);
  return value == nullptr ? tell_end(handle) : value;
}

// The next results, up to `most`, waiting for them: list(number, values, items). There are fewer
// only at the end, of which on_event() isn't told here. What jumps from here loses nothing.
// [[Rcpp::export(rng = false)]]
SEXP iterator_take(SEXP handle, int most) {
  Stream* stream = living_stream(handle);
  if (stream == nullptr) return unwind([] { return make_part(0); });
  const Use use(*stream);
  const PatientPool patient(stream->pool());
  return take_many(*stream, most);
}

// All that has come and nobody has taken, in the same form; it stays where it is.
// [[Rcpp::export(rng = false)]]
SEXP iterator_peek(SEXP handle) {
  return unwind([handle] { return stream_of(handle)->peek(); });
}

// Puts back the first `number` results that iterator_take() gave last: they come first, from now
// on.
// [[Rcpp::export(rng = false)]]
void iterator_put_back(SEXP handle, SEXP values, SEXP items, double number) {
  unwind([&] {
    stream_of(handle)->put_back(values, REAL(items), static_cast<R_xlen_t>(number));
    return R_NilValue;
  });
}

// Within on_event() of an event "request": adds an item to what this worker will get. FALSE if it
// can take no more.
// [[Rcpp::export(rng = false)]]
bool iterator_give(SEXP handle, int worker, SEXP value) {
  Stream& stream = *stream_of(handle);
  Stream::Given given = Stream::Given::more;
  unwind([&] {
    given = stream.give(worker, value);
    return R_NilValue;
  });
  return given != Stream::Given::full;
}

// The same with the items that came back from workers that died or were held up. FALSE, too, if
// there were any: more would have to wait for them.
// [[Rcpp::export(rng = false)]]
bool iterator_give_returned(SEXP handle, int worker) {
  Stream& stream = *stream_of(handle);
  Stream::Given given = Stream::Given::more;
  unwind([&] {
    given = stream.give_returned(worker);
    return R_NilValue;
  });
  return given != Stream::Given::full;
}

// Sends the worker what was added. With `is_end`, no more items will come.
// [[Rcpp::export(rng = false)]]
void iterator_post(SEXP handle, int worker, bool is_end) {
  if (stream_of(handle)->has_ended()) return;  // an interrupt has come in between
  lomp::Pool& pool = stream_of(handle)->pool();
  if (is_end) pool.feeder().end_of_items();
  pool.feeder().post(worker);
}

// Ends the workers; iterator_next() still gives what they had finished, then the event "finished".
// [[Rcpp::export(rng = false)]]
void iterator_stop(SEXP handle) {
  if (stream_of(handle) != nullptr) stream_of(handle)->pool().stop();
}

// The same, and all that they had finished is here when it returns, and they have ended.
// [[Rcpp::export(rng = false)]]
void iterator_settle(SEXP handle) {
  if (stream_of(handle) == nullptr) return;
  unwind([handle] {
    stream_of(handle)->settle();
    return R_NilValue;
  });
}

// Ends and reaps all workers. May be called again. A stream that is being used ends when its user
// asks again.
// [[Rcpp::export(rng = false)]]
void iterator_close(SEXP handle) {
  Stream* stream = stream_of(handle);
  if (stream == nullptr) return;
  if (!stream->is_busy()) return close_stream(handle);
  stream->begin_closing();
}

// The item (from 1) of the result that iterator_next() gave last.
// [[Rcpp::export(rng = false)]]
double iterator_item(SEXP handle) { return lomp::as_item(stream_of(handle)->item()); }

// Is the handle open, or was it closed in this process? FALSE for one that was read from a file.
// [[Rcpp::export(rng = false)]]
bool iterator_is_known(SEXP handle) { return stream_of(handle) != nullptr || was_closed(handle); }

// Where the stream stands: the item of the last result, how many results were taken and how many
// items are done, and what pool_summary() tells. NULL if it is closed.
// [[Rcpp::export(rng = false)]]
SEXP iterator_summary(SEXP handle) {
  Stream* stream = stream_of(handle);
  if (stream == nullptr) return R_NilValue;
  return unwind([stream] { return summary_of(*stream); });
}
