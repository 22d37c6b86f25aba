#include "call/local_runner.h"

#include <cstring>

#include "call/scoped_flag.h"
#include "r/catch_r_error.h"
#include "r/random_seed.h"
#include "r/unwind.h"
#include "worker/outlet.h"

namespace lomp {

namespace {

bool always(void*) { return true; }

// While one of these lives the handle behind `emit` leads to an outlet.
class OpenOutlet {
 public:
  OpenOutlet(SEXP handle, Outlet& outlet) : handle_(handle) {
    if (handle_ != nullptr) R_SetExternalPtrAddr(handle_, &outlet);
  }
  ~OpenOutlet() {
    if (handle_ != nullptr) R_ClearExternalPtr(handle_);
  }
  OpenOutlet(const OpenOutlet&) = delete;
  OpenOutlet& operator=(const OpenOutlet&) = delete;

 private:
  SEXP handle_;
};

bool are_same_words(SEXP x, SEXP y) {
  if (x == y) return true;
  if (TYPEOF(x) != INTSXP || TYPEOF(y) != INTSXP || XLENGTH(x) != XLENGTH(y)) return false;
  const std::size_t size = static_cast<std::size_t>(XLENGTH(x)) * sizeof(int);
  return std::memcmp(INTEGER_RO(x), INTEGER_RO(y), size) == 0;
}

}  // namespace

LocalRunner::LocalRunner(const Settings& settings, SEXP kept, Delivery& delivery,
                         Checkpoint& checkpoint, const ProgressClock& clock, CallTrace* trace)
    : kept_(kept),
      delivery_(delivery),
      checkpoint_(checkpoint),
      clock_(clock),
      trace_(trace),
      task_(make_task(settings)),
      limit_(settings.get("limit")),
      hear_(Settings(settings.get("hooks")).get("hear")),
      describe_(Settings(settings.get("hooks")).get("describe_here")),
      is_produced_(task_.is_streamed),
      items_(is_produced_ ? 0 : static_cast<std::uint64_t>(settings.number("items"))) {
  if (trace_ != nullptr) trace_->note_process(0, ::getpid(), now_ns());
}

SEXP LocalRunner::wait(int) {
  return unwind([this] {
    leave_item();
    const bool has_one = has_generator() || (is_produced_ ? is_given_ : !has_all());
    if (is_stopped_ || (!has_one && has_all())) {
      end();
      return R_NilValue;
    }
    if (has_one) return make_event("step", NA_REAL, R_NilValue);
    return make_request(0, 1);
  });
}

// As in a worker, an item that is produced is the one element of a list of its own.
bool LocalRunner::give(int, SEXP value) {
  if (is_stopped_) return false;
  unwind([&] {
    SEXP items = PROTECT(Rf_allocVector(VECSXP, 1));
    SET_VECTOR_ELT(items, 0, value);
    Rf_defineVar(Rf_install("X"), items, task_.call.frame);
    UNPROTECT(1);
    return R_NilValue;
  });
  is_given_ = true;
  return false;
}

void LocalRunner::post(int, bool is_end) { has_all_ = has_all_ || is_end; }

// In the middle of an item its data stay where they are.
void LocalRunner::settle() {
  is_stopped_ = true;
  if (is_stepping_) return;
  forget_generator();
  end();
}

Record LocalRunner::record(bool goes_on) const {
  Record record{};
  record.item = item_;
  record.goes_on = goes_on;
  record.has_drawn = has_item_drawn_;
  return record;
}

// If the one in hand was left by a jump.
void LocalRunner::leave_item() {
  if (!is_underway_) return;
  forget_generator();
  checkpoint_.spoil(item_);
  delivery_.put_end(record(false), false);
  is_underway_ = false;
  if (trace_ != nullptr) trace_->note_in_hand(item_, 0, since_ - before_ns_);
  before_ns_ = 0;
}

void LocalRunner::forget_generator() {
  SET_VECTOR_ELT(kept_, kept_generator, R_NilValue);
  SET_VECTOR_ELT(kept_, kept_stream, R_NilValue);
}

void LocalRunner::end() {
  has_ended_ = true;
  const WorkerUsage none;
  const ProcessEnd end = has_all() ? ProcessEnd::finished : ProcessEnd::stopped;
  if (trace_ != nullptr) trace_->note_end_of(0, end, none);
  delivery_.end();
}

// ---- A step -------------------------------------------------------------------------------------

// Whatever happens, the outlet leads nowhere afterwards.
void LocalRunner::step() {
  Outlet outlet = {emit, always, this, fork_depth()};
  const OpenOutlet open(task_.outlet, outlet);
  const ScopedFlag step(is_stepping_);
  unwind([this] {
    run();
    return R_NilValue;
  });
}

// May jump.
void LocalRunner::run() {
  ItemRandom random(task_.seed, task_.numbers);
  random_ = &random;
  since_ = now_ns();
  Attempt attempt = {run_items, keep_failure, this, hear_, describe_};
  catch_r_error(attempt);
  UNPROTECT(1);
}

SEXP LocalRunner::run_items(void* data) {
  LocalRunner& runner = *static_cast<LocalRunner*>(data);
  do {
    runner.run_one();
  } while (runner.goes_on());
  return R_NilValue;
}

bool LocalRunner::goes_on() const {
  return delivery_.has_places() && !is_produced_ && !is_stopped_ && !has_all() && !clock_.is_over();
}

// The limit of the item before may be met when the next one is set: that is the next one's.
void LocalRunner::run_one() {
  const bool is_new = !has_generator();
  if (is_new) take_item();
  is_underway_ = true;
  if (limit_ != R_NilValue) Rf_eval(limit_, R_BaseEnv);
  if (is_new) {
    SEXP value = PROTECT(begin_item());
    check_value(task_, item_, value);
    note_draws(random_->has_drawn());
    deliver(value);
  } else {
    deliver_next(PROTECT(go_on_with_generator()));
  }
  UNPROTECT(1);
}

void LocalRunner::take_item() {
  item_ = next_item_++;
  has_item_drawn_ = false;
  is_given_ = false;
}

SEXP LocalRunner::begin_item() {
  random_->begin(item_);
  return task_.call.evaluate(is_produced_ ? 0 : item_);
}

// The next item may take hours.
void LocalRunner::put(SEXP value, bool goes_on) {
  checkpoint_.keep_value(item_, goes_on, value);
  checkpoint_.flush();
  delivery_.put_value(record(goes_on), value);
  if (trace_ != nullptr) trace_->note_result_here(item_);
}

void LocalRunner::deliver(SEXP value) {
  if (task_.results == Task::Results::by_emission) {
    delivery_.put_end(record(false), value != R_NilValue);
  } else if (task_.results == Task::Results::any && is_generator(value)) {
    SET_VECTOR_ELT(kept_, kept_generator, value);
    keep_stream();
    pause_item();
    return;
  } else {
    if (task_.results == Task::Results::any) refuse_end_marker(value);
    put(value, false);
  }
  end_item(Outcome::ok);
}

// A generator goes on drawing where it stopped.
SEXP LocalRunner::go_on_with_generator() {
  SEXP begin = VECTOR_ELT(kept_, kept_stream);
  restore_seed(begin);
  SEXP call = PROTECT(Rf_lang1(generator()));
  SEXP value = PROTECT(Rf_eval(call, R_BaseEnv));
  note_draws(!are_same_words(begin, current_seed()));
  UNPROTECT(2);
  return value;
}

// For what the vector was made from may be another call's then.
void LocalRunner::keep_stream() {
  SEXP seed = copy_of_current_seed();
  SET_VECTOR_ELT(kept_, kept_stream, seed);
}

void LocalRunner::deliver_next(SEXP value) {
  if (is_exhausted(value)) {
    forget_generator();
    delivery_.put_end(record(false), false);
    return end_item(Outcome::ok);
  }
  put(value, true);
  keep_stream();
  pause_item();
}

// What the caller does meanwhile is none of the item's time.
void LocalRunner::pause_item() {
  is_underway_ = false;
  before_ns_ += now_ns() - since_;
}

void LocalRunner::end_item(Outcome outcome) {
  is_underway_ = false;
  ++done_;
  note_end(outcome);
}

// One look at the clock is the end of an item, and the begin of the next one.
void LocalRunner::note_end(Outcome outcome) {
  const std::int64_t now = now_ns();
  if (trace_ != nullptr) {
    trace_->note_end_here(item_, outcome, before_ns_ + now - since_, now);
  }
  before_ns_ = 0;
  since_ = now;
}

SEXP LocalRunner::keep_failure(SEXP description, void* data) {
  LocalRunner& runner = *static_cast<LocalRunner*>(data);
  runner.note_draws(runner.has_generator()
                        ? !are_same_words(VECTOR_ELT(runner.kept_, kept_stream), current_seed())
                        : runner.random_->has_drawn());
  runner.forget_generator();
  runner.delivery_.put_event(runner.record(false), "failure", description);
  runner.end_item(Outcome::error);
  return R_NilValue;
}

void LocalRunner::emit(SEXP value, void* data) {
  LocalRunner& runner = *static_cast<LocalRunner*>(data);
  if (!runner.has_item_drawn_) runner.note_draws(runner.random_->has_drawn());
  runner.put(value, true);
}

void LocalRunner::note_draws(bool has_drawn) {
  has_item_drawn_ = has_item_drawn_ || has_drawn;
  has_drawn_ = has_drawn_ || has_drawn;
  checkpoint_.note_drawn(has_drawn_);
}

}  // namespace lomp
