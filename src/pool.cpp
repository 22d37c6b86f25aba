// The exports: a pool is opened, asked for its next event until it has finished, and closed.
#include "lomp/pool.hpp"

#include "child.h"
#include "serialize.h"
#include "unwind.h"

namespace {

using lomp::Encoding;
using lomp::Event;
using lomp::EventKind;
using lomp::Record;
using lomp::unwind;

constexpr int tick_ms = 100;  // between looks at interrupts and time limits
constexpr std::int64_t interrupt_check_ns = 50000000;  // the same, while records keep coming

/// What an R pool handle points to. Its R objects are kept alive by the handle.
class Engine {
 public:
  Engine(const lomp::PoolOptions& options, lomp::ItemCall call, lomp::ChildHooks hooks,
         SEXP results)
      : results_(results), pool_(options, [call, hooks](lomp::Worker& worker) {
          lomp::run_worker(worker, call, hooks);
        }) {}

  lomp::Pool& pool() { return pool_; }
  const std::vector<double>& dead_references() const { return dead_references_; }

  Event wait() {
    const Event event = pool_.next(tick_ms);
    if (event.kind == EventKind::records) {
      record_ = event.records;
      end_ = event.records + event.count;
    }
    return event;
  }

  /// Puts results into their places, up to the first failure, which it returns; NULL if there is
  /// none. May jump.
  SEXP place_results() {
    while (record_ != end_) {
      const Record& record = *record_++;
      reading_ = record.item + 1;
      SEXP value = lomp::read_record(record, pool_);
      reading_ = 0;
      if (static_cast<Encoding>(record.kind) == Encoding::failure) {
        failed_item_ = record.item;
        return value;
      }
      SET_VECTOR_ELT(results_, static_cast<R_xlen_t>(record.item), value);
      if (static_cast<Encoding>(record.kind) == Encoding::dead_stream) note_dead(record.item);
    }
    return nullptr;
  }

  bool has_records() const { return record_ != end_; }
  std::uint64_t failed_item() const { return failed_item_; }

  /// After a jump out of place_results(): the item whose record could not be read, plus 1; 0 if the
  /// jump had another cause.
  std::uint64_t take_reading() { return std::exchange(reading_, 0); }

  /// Is it time to look at interrupts although there is work to do?
  bool is_due() {
    const std::int64_t now = lomp::now_ns();
    if (now - last_check_ < interrupt_check_ns) return false;
    last_check_ = now;
    return true;
  }

 private:
  void note_dead(std::uint64_t item) { dead_references_.push_back(static_cast<double>(item) + 1); }

  SEXP results_;
  lomp::Pool pool_;
  const Record* record_ = nullptr;
  const Record* end_ = nullptr;
  std::uint64_t failed_item_ = 0;
  std::uint64_t reading_ = 0;
  std::int64_t last_check_ = 0;
  std::vector<double> dead_references_;
};

// For the whole process; waits for its children when the package is unloaded, or R ends.
lomp::Reaper& reaper() {
  static lomp::Reaper one;
  return one;
}

Engine& engine_of(SEXP handle) {
  Engine* engine = static_cast<Engine*>(R_ExternalPtrAddr(handle));
  if (engine == nullptr) throw Rcpp::exception("the pool is closed", false);
  return *engine;
}

void close_handle(SEXP handle) {
  Engine* engine = static_cast<Engine*>(R_ExternalPtrAddr(handle));
  R_ClearExternalPtr(handle);
  R_SetExternalPtrProtected(handle, R_NilValue);
  delete engine;
}

SEXP check_interrupt() {
  R_CheckUserInterrupt();
  return R_NilValue;
}

double as_item(std::uint64_t item) { return static_cast<double>(item) + 1; }

/// list(kind = , item = , value = ). May jump.
SEXP make_event(const char* kind, double item, SEXP value) {
  PROTECT(value);
  const char* names[] = {"kind", "item", "value", ""};
  SEXP event = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(event, 0, Rf_mkString(kind));
  SET_VECTOR_ELT(event, 1, Rf_ScalarReal(item));
  SET_VECTOR_ELT(event, 2, value);
  UNPROTECT(2);
  return event;
}

/// c(pid = , signal = , status = , note = , errno = ): how a worker died, or why none can be had.
SEXP describe_loss(const Event& event) {
  const lomp::Loss& loss = event.loss;
  const char* names[] = {"pid", "signal", "status", "note", "errno", ""};
  SEXP value = PROTECT(Rf_mkNamed(INTSXP, names));
  int* fields = INTEGER(value);
  fields[0] = loss.pid;
  const bool is_known = loss.status >= 0;
  fields[1] = is_known && WIFSIGNALED(loss.status) ? WTERMSIG(loss.status) : 0;
  fields[2] = is_known && WIFEXITED(loss.status) ? WEXITSTATUS(loss.status) : NA_INTEGER;
  fields[3] = static_cast<int>(loss.note);
  fields[4] = event.error;
  UNPROTECT(1);
  return value;
}

SEXP make_loss_event(const char* kind, const Event& event) {
  return make_event(kind, as_item(event.loss.item), describe_loss(event));
}

/// Places what has arrived; the event if one of the items failed, else NULL.
SEXP take_records(Engine& engine) {
  return unwind([&engine] {
    SEXP failure = engine.place_results();
    if (failure == nullptr) return R_NilValue;
    return make_event("failure", as_item(engine.failed_item()), failure);
  });
}

SEXP report(const Event& event) {
  return unwind([&event] {
    switch (event.kind) {
      case EventKind::lost:
        return make_loss_event("lost", event);
      case EventKind::failed:
        return make_loss_event("exhausted", event);
      default:
        return make_event("finished", NA_REAL, R_NilValue);
    }
  });
}

lomp::ChildHooks hooks_of(SEXP list) {
  return {VECTOR_ELT(list, 0), VECTOR_ELT(list, 1), VECTOR_ELT(list, 2), VECTOR_ELT(list, 3)};
}

}  // namespace

// Opens a pool that makes one call in `frame`, which holds X, FUN and the dots, for each element of
// `results`; forks nobody yet. `results` is a new list, which is changed in place. `hooks` is
// list(prepare, calls, describe, collect), see child.h.
// [[Rcpp::export(rng = false)]]
SEXP pool_open(SEXP frame, SEXP results, int workers, SEXP hooks) {
  SEXP handle = nullptr, kept = nullptr;
  unwind([&] {
    kept = PROTECT(Rf_allocVector(VECSXP, 4));
    SET_VECTOR_ELT(kept, 0, results);
    SET_VECTOR_ELT(kept, 1, lomp::make_item_expression());
    SET_VECTOR_ELT(kept, 2, frame);
    SET_VECTOR_ELT(kept, 3, hooks);
    handle = R_MakeExternalPtr(nullptr, R_NilValue, kept);
    UNPROTECT(1);
    return R_NilValue;
  });
  Rcpp::Shield<SEXP> protect(handle);
  unwind([&] {
    R_RegisterCFinalizerEx(handle, close_handle, FALSE);
    return R_NilValue;
  });
  lomp::PoolOptions options;
  options.items = static_cast<std::uint64_t>(XLENGTH(results));
  options.workers = workers;
  options.before_fork = lomp::prepare_fork;
  options.reaper = &reaper();
  const lomp::ItemCall call = lomp::make_item_call(VECTOR_ELT(kept, 1), frame);
  R_SetExternalPtrAddr(handle, new Engine(options, call, hooks_of(hooks), results));
  return handle;
}

// The next event: list(kind = "failure" | "lost" | "exhausted" | "finished", item = , value = ).
// Results are put into their places on the way; interrupts and time limits jump from here.
// [[Rcpp::export(rng = false)]]
SEXP pool_next(SEXP handle) {
  Engine& engine = engine_of(handle);
  for (;;) {
    if (engine.has_records()) {
      Rcpp::Shield<SEXP> failure(take_records(engine));
      if (failure != R_NilValue) return failure;
    }
    const Event event = engine.wait();
    if (event.kind == EventKind::idle || engine.is_due()) unwind(check_interrupt);
    if (event.kind != EventKind::idle && event.kind != EventKind::records) return report(event);
  }
}

// After an error in pool_next(): the item (from 1) whose result could not be read, for lack of
// memory most likely; 0 if the error has nothing to do with a result.
// [[Rcpp::export(rng = false)]]
double pool_unread_item(SEXP handle) {
  return static_cast<double>(engine_of(handle).take_reading());
}

// Ends the workers; pool_next() still gives what they had finished, then "finished".
// [[Rcpp::export(rng = false)]]
void pool_stop(SEXP handle) { engine_of(handle).pool().stop(); }

// Ends and reaps all workers. May be called again.
// [[Rcpp::export(rng = false)]]
void pool_close(SEXP handle) { close_handle(handle); }

// What the pool has to tell about the call: which items are done (as positions that are not), which
// results hold dead references, and errno of a refused fork.
// [[Rcpp::export(rng = false)]]
Rcpp::List pool_summary(SEXP handle) {
  Engine& engine = engine_of(handle);
  return Rcpp::List::create(Rcpp::Named("done") = static_cast<double>(engine.pool().done()),
                            Rcpp::Named("dead_references") = engine.dead_references(),
                            Rcpp::Named("refused") = engine.pool().refused(),
                            Rcpp::Named("forks") = engine.pool().forks());
}

// The positions of the items that have neither a result nor a failure.
// [[Rcpp::export(rng = false)]]
Rcpp::NumericVector pool_not_done(SEXP handle) {
  Engine& engine = engine_of(handle);
  const std::uint64_t n = engine.pool().items();
  std::vector<double> missing;
  for (std::uint64_t i = 0; i < n; ++i) {
    if (!engine.pool().is_done(i)) missing.push_back(as_item(i));
  }
  return Rcpp::wrap(missing);
}
