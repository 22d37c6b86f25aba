// The exports: a pool is opened, asked for its next event until it has finished, and closed.
#include "call/events.h"
#include "codec/dead_references.h"
#include "codec/serialize.h"
#include "lomp/pool/pool.hpp"
#include "memory/external_memory.h"
#include "memory/heap_headroom.h"
#include "r/protected.h"
#include "r/unwind.h"
#include "worker/item_loop.h"

namespace {

using lomp::Encoding;
using lomp::Event;
using lomp::EventKind;
using lomp::Record;
using lomp::unwind;

/// What the handle keeps alive.
enum Kept { kept_results, kept_work, kept_witness, kept };

/// What an R pool handle points to. Its R objects are kept alive by the handle.
class Engine {
 public:
  Engine(const lomp::PoolOptions& options, const lomp::Task& task, SEXP kept, double tick)
      : results_(VECTOR_ELT(kept, kept_results)),
        room_(kept, kept_witness),
        dead_(lomp::harmless_of(VECTOR_ELT(kept, kept_work))),
        is_in_order_(options.backlog_bytes > 0),
        pool_(options, [task](lomp::Worker& worker) { lomp::run_worker(worker, task); }),
        progress_(tick) {}

  lomp::Pool& pool() { return pool_; }
  const lomp::Pool& pool() const { return pool_; }
  const lomp::DeadReferences& dead() const { return dead_; }

  /// Before the first result. May jump.
  void make_room() { room_.expect(pool_.items()); }

  Event wait() {
    const Event event = pool_.next(lomp::tick_ms);
    if (event.kind == EventKind::records) {
      record_ = event.records;
      end_ = event.records + event.count;
    }
    return event;
  }

  /// Puts results into their places, up to the first failure, condition or output, which it
  /// returns; NULL if there is none. What is to be said in its turn is held: whose turn it is is
  /// known when all records of the event have been seen. May jump.
  SEXP place_results() {
    while (record_ != end_) {
      const Record& record = *record_++;
      const Encoding encoding = static_cast<Encoding>(record.kind);
      if (is_in_order_ && lomp::is_said(encoding)) {
        pool_.hold(record);
        continue;
      }
      SEXP value = read(record);
      if (told_ != nullptr) return value;
      SET_VECTOR_ELT(results_, static_cast<R_xlen_t>(record.item), value);
      room_.note(value);
      dead_.note(record.item, dead_.look(record));
    }
    return nullptr;
  }

  /// What is the next to be said, if it is its turn: its value, or NULL. May jump.
  SEXP take_said() {
    Record record{};
    return pool_.take_held(record) ? read(record) : nullptr;
  }

  /// Now and then; at once if nothing else is to be done. May jump.
  void look(bool is_idle) {
    if (is_idle || clock_.is_due()) unwind(lomp::let_interrupts_through);
  }
  lomp::ProgressClock& progress() { return progress_; }
  bool has_records() const { return record_ != end_; }

  /// What place_results() or take_said() returned: its event.
  const char* told() const { return told_; }
  std::uint64_t told_item() const { return told_item_; }

  /// After a jump out of one of them: the item whose record could not be read, plus 1; 0 if the
  /// jump had another cause.
  std::uint64_t take_reading() { return std::exchange(reading_, 0); }

 private:
  SEXP read(const Record& record) {
    reading_ = record.item + 1;
    SEXP value = lomp::read_record(record, pool_);
    reading_ = 0;
    told_ = lomp::event_of(static_cast<Encoding>(record.kind));
    told_item_ = record.item;
    return value;
  }

  SEXP results_;
  lomp::HeapHeadroom room_;
  lomp::DeadReferences dead_;
  bool is_in_order_;
  lomp::Pool pool_;
  lomp::ExternalMemoryUse external_memory_use_;
  const Record* record_ = nullptr;
  const Record* end_ = nullptr;
  const char* told_ = nullptr;
  std::uint64_t told_item_ = 0;
  std::uint64_t reading_ = 0;
  lomp::InterruptClock clock_;
  lomp::ProgressClock progress_;
};

Engine& engine_of(SEXP handle) {
  Engine* engine = static_cast<Engine*>(R_ExternalPtrAddr(handle));
  if (engine == nullptr) lomp::throw_error("the pool is closed");
  return *engine;
}

void close_handle(SEXP handle) {
  Engine* engine = static_cast<Engine*>(R_ExternalPtrAddr(handle));
  R_ClearExternalPtr(handle);
  R_SetExternalPtrProtected(handle, R_NilValue);
  delete engine;
}

/// Of what such a function returned for an item, NULL if that was nothing.
template <class Take>
SEXP take_event(Engine& engine, Take take) {
  return unwind([&engine, take] {
    SEXP value = (engine.*take)();
    if (value == nullptr) return R_NilValue;
    return lomp::make_event(engine.told(), lomp::as_item(engine.told_item()), value);
  });
}

/// Places what has arrived; the event if one of the items failed or said something that comes at
/// once, or if the turn of something has come that was said before; else NULL.
SEXP take_records(Engine& engine) {
  if (engine.has_records()) {
    lomp::Protected event(take_event(engine, &Engine::place_results));
    if (event != R_NilValue) return event;
  }
  return engine.pool().holds_any() ? take_event(engine, &Engine::take_said) : R_NilValue;
}

// list(done = , dead_references = , refused = , forks = ): how many items have a result or a
// failure; which results hold dead references (from 1, named by class); errno of a refused fork, or
// 0; how many forks there were. May jump.
SEXP summary_of(const Engine& engine) {
  const char* names[] = {"done", "dead_references", "refused", "forks", ""};
  SEXP summary = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(summary, 0, Rf_ScalarReal(static_cast<double>(engine.pool().done())));
  SET_VECTOR_ELT(summary, 1, engine.dead().items());
  SET_VECTOR_ELT(summary, 2, Rf_ScalarInteger(engine.pool().refused()));
  SET_VECTOR_ELT(summary, 3, Rf_ScalarInteger(engine.pool().forks()));
  UNPROTECT(1);
  return summary;
}

SEXP report(const Event& event, const Engine& engine) {
  return unwind([&] {
    switch (event.kind) {
      case EventKind::lost:
        return lomp::make_loss_event("lost", event);
      case EventKind::failed:
        return lomp::make_loss_event("exhausted", event);
      default:
        return lomp::make_event("finished", NA_REAL, summary_of(engine));
    }
  });
}

SEXP report_tick() {
  return unwind([] { return lomp::make_event("tick", NA_REAL, R_NilValue); });
}

}  // namespace

// Opens a pool that makes one call for each element of `results`; forks nobody yet. `results` is a
// new list, which is changed in place. `work` is list(frame, call, hooks, seed, numbers, timeout,
// keep_connections, harmless), see make_task() and ItemRandom; `frame` holds X, FUN and the dots.
// Each `tick` seconds pool_next() gives the event "tick", never if that is 0. What items say comes
// in their order, and about `backlog` bytes of it wait for that in memory, the rest on disk; if
// that is 0 it comes at once.
// [[Rcpp::export(rng = false)]]
SEXP pool_open(SEXP work, SEXP results, int workers, double tick, double backlog) {
  SEXP handle = nullptr, list = nullptr;
  unwind([&] {
    lomp::drop_old_results();
    list = PROTECT(Rf_allocVector(VECSXP, kept));
    SET_VECTOR_ELT(list, kept_results, results);
    SET_VECTOR_ELT(list, kept_work, work);
    handle = R_MakeExternalPtr(nullptr, R_NilValue, list);
    UNPROTECT(1);
    return R_NilValue;
  });
  lomp::Protected protect(handle);
  unwind([&] {
    R_RegisterCFinalizerEx(handle, close_handle, FALSE);
    return R_NilValue;
  });
  lomp::PoolOptions options;
  options.items = static_cast<std::uint64_t>(XLENGTH(results));
  options.workers = workers;
  options.is_watched = tick > 0;
  options.backlog_bytes = static_cast<std::size_t>(backlog);
  options.before_fork = lomp::prepare_fork;
  options.reaper = &lomp::reaper();
  const lomp::Task task = lomp::make_task(work);
  options.keeps_connections = task.keeps_connections;
  R_SetExternalPtrAddr(handle, new Engine(options, task, list, tick));
  unwind([handle] {
    engine_of(handle).make_room();
    return R_NilValue;
  });
  return handle;
}

// The next event: list(kind = "failure" | "condition" | "output" | "lost" | "exhausted" |
// "finished" | "tick", item = , value = ). The value of "finished" is what summary_of() gives.
// Results are put into their places on the way. Interrupts and time limits jump from here, and cost
// nothing that has come; workers are forked here, in whose code they are let through as here.
// [[Rcpp::export(rng = false)]]
SEXP pool_next(SEXP handle) {
  Engine& engine = engine_of(handle);
  for (;;) {
    lomp::Protected told(take_records(engine));
    if (told != R_NilValue) return told;
    engine.look(false);
    const Event event = engine.wait();
    const bool is_over = event.kind == EventKind::finished;
    if (is_over && engine.pool().holds_any()) continue;
    if (is_over || event.kind == EventKind::idle) engine.look(true);
    const bool is_quiet = event.kind == EventKind::idle || event.kind == EventKind::records;
    if (is_quiet && engine.progress().is_due()) return report_tick();
    if (event.kind != EventKind::idle && event.kind != EventKind::records) {
      return report(event, engine);
    }
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

// Ends and reaps all workers. Tells whether an item has drawn random numbers.
// [[Rcpp::export(rng = false)]]
bool pool_close(SEXP handle) {
  const bool has_drawn = engine_of(handle).pool().has_drawn();
  close_handle(handle);
  return has_drawn;
}

// How many items have a result or a failure.
// [[Rcpp::export(rng = false)]]
double pool_done(SEXP handle) { return static_cast<double>(engine_of(handle).pool().done()); }

// The positions of the items that have neither a result nor a failure.
// [[Rcpp::export(rng = false)]]
SEXP pool_not_done(SEXP handle) {
  const lomp::Pool& pool = engine_of(handle).pool();
  const std::uint64_t n = pool.items();
  R_xlen_t missing = 0;
  for (std::uint64_t i = 0; i < n; ++i) missing += !pool.is_done(i);
  return unwind([&pool, n, missing] {
    SEXP positions = Rf_allocVector(REALSXP, missing);
    double* at = REAL(positions);
    for (std::uint64_t i = 0; i < n; ++i) {
      if (!pool.is_done(i)) *at++ = lomp::as_item(i);
    }
    return positions;
  });
}
