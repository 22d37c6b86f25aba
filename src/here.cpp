// The exports for a call without workers: the same items in this process.
#include "call/events.h"
#include "r/catch_r_error.h"
#include "r/unwind.h"
#include "worker/item_call.h"
#include "worker/item_random.h"
#include "worker/outlet.h"

namespace {

// All items from `item` on.
struct LocalRun {
  lomp::ItemCall call;
  SEXP results;
  R_xlen_t item;
  SEXP failure;
  lomp::ItemRandom* random;
  double* progress;  // the item begun last, the one ended last (from 1); was there a draw?
  SEXP limit;        // what limits an item's time; NULL if nothing does
  SEXP told;         // what is to be called now and then; NULL if nothing is
  lomp::ProgressClock* clock;
};

void note_draws(LocalRun& run) {
  if (run.random->has_drawn()) run.progress[2] = 1;
}

SEXP run_items(void* data) {
  LocalRun& run = *static_cast<LocalRun*>(data);
  for (const R_xlen_t n = XLENGTH(run.results); run.item < n; ++run.item) {
    run.progress[0] = static_cast<double>(run.item) + 1;
    if (run.limit != R_NilValue) Rf_eval(run.limit, R_BaseEnv);
    run.random->begin(static_cast<std::uint64_t>(run.item));
    SEXP value = PROTECT(run.call.evaluate(static_cast<std::uint64_t>(run.item)));
    note_draws(run);
    SET_VECTOR_ELT(run.results, run.item, value);
    run.progress[1] = static_cast<double>(run.item) + 1;
    UNPROTECT(1);
    if (run.clock->is_due() && !Rf_asLogical(Rf_eval(run.told, R_BaseEnv))) break;
  }
  return R_NilValue;
}

// A call of a function without arguments; NULL if there is none.
SEXP call_of(SEXP function) { return function == R_NilValue ? R_NilValue : Rf_lang1(function); }

SEXP keep_failure(SEXP description, void* data) {
  LocalRun& run = *static_cast<LocalRun*>(data);
  note_draws(run);
  run.progress[1] = static_cast<double>(run.item) + 1;
  SETCAR(run.failure, description);
  return R_NilValue;
}

// One step of an iterator: an item, or one more value of a generator. Its cells are kept by R,
// which finds in them what was emitted even if the step is left by a jump.
enum Cell { cell_emitted, cell_failure, cells };

struct Step {
  lomp::ItemCall call;
  std::uint64_t item;
  SEXP generator;  // NULL for an item
  SEXP emitted;    // a pairlist cell: the value, and behind it what was emitted
  SEXP last;       // its last cell
  SEXP failure;    // a pairlist cell for the description
  bool failed;
};

SEXP make_step(void* data) {
  const Step& step = *static_cast<Step*>(data);
  if (step.generator == R_NilValue) return step.call.evaluate(step.item);
  SEXP call = PROTECT(Rf_lang1(step.generator));
  SEXP value = Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
  return value;
}

SEXP run_step(void* data) {
  Step& step = *static_cast<Step*>(data);
  SETCAR(step.emitted, make_step(data));
  return R_NilValue;
}

SEXP keep_step_failure(SEXP description, void* data) {
  Step& step = *static_cast<Step*>(data);
  SETCAR(step.failure, description);
  step.failed = true;
  return R_NilValue;
}

void append(SEXP value, void* data) {
  Step& step = *static_cast<Step*>(data);
  SEXP cell = PROTECT(Rf_cons(value, R_NilValue));
  SETCDR(step.last, cell);
  step.last = cell;
  UNPROTECT(1);
}

bool always(void*) { return true; }

// Whatever happens, the outlet points to nothing afterwards.
void run_step_with_outlet(Step& step, lomp::Attempt& attempt, SEXP outlet) {
  lomp::Outlet open = {append, always, &step, lomp::fork_depth()};
  R_SetExternalPtrAddr(outlet, &open);
  try {
    lomp::unwind([&] {
      lomp::catch_r_error(attempt);
      return R_NilValue;
    });
  } catch (...) {
    R_ClearExternalPtr(outlet);
    throw;
  }
  R_ClearExternalPtr(outlet);
}

// list(failed = , value = or the description of the failure). May jump.
SEXP describe_step(const Step& step) {
  const char* names[] = {"failed", "value", ""};
  SEXP result = PROTECT(Rf_mkNamed(VECSXP, names));
  SET_VECTOR_ELT(result, 0, Rf_ScalarLogical(step.failed));
  SET_VECTOR_ELT(result, 1, CAR(step.failed ? step.failure : step.emitted));
  UNPROTECT(1);
  return result;
}

}  // namespace

// Makes the items first, first + 1, ... (from 1), by evaluating `call` in `frame`, which holds X,
// FUN and the dots, and puts their values into `results`, which is changed in place. NULL when all
// are made; else the event of the first one that failed, as pool_next() gives it. Interrupts and
// other jumps go through. `seed` and `numbers` are as in pool_open(). `progress` has three numbers,
// which are changed in place: the item begun last and the one ended last (from 1), and 1 if an item
// has drawn random numbers. `hooks` is list(hear, describe, tell, limit): the first two as in
// attempt.h, a function() to call each `tick` seconds (0 for never), which tells whether to go on,
// and one to call before each item, or NULL.
// [[Rcpp::export(rng = false)]]
SEXP inprocess_run(SEXP frame, SEXP call, SEXP results, double first, SEXP hooks, SEXP seed,
                   SEXP numbers, SEXP progress, double tick) {
  return lomp::unwind([&] {
    SEXP failure = PROTECT(Rf_cons(R_NilValue, R_NilValue));
    SEXP told = PROTECT(call_of(VECTOR_ELT(hooks, 2)));
    SEXP limit = PROTECT(call_of(VECTOR_ELT(hooks, 3)));
    lomp::ItemRandom random(seed, numbers);
    lomp::ProgressClock clock(tick);
    LocalRun run = {lomp::make_item_call(call, frame),
                    results,
                    static_cast<R_xlen_t>(first) - 1,
                    failure,
                    &random,
                    REAL(progress),
                    limit,
                    told,
                    &clock};
    lomp::Attempt attempt = {run_items, keep_failure, &run, VECTOR_ELT(hooks, 0),
                             VECTOR_ELT(hooks, 1)};
    lomp::catch_r_error(attempt);
    SEXP value = R_NilValue;
    if (CAR(failure) != R_NilValue) {
      value = lomp::make_event("failure", static_cast<double>(run.item) + 1, CAR(failure));
    }
    UNPROTECT(4);
    return value;
  });
}

// What inprocess_step() writes to. The first one is a pairlist: the item's value and, behind it,
// what it has emitted.
// [[Rcpp::export(rng = false)]]
SEXP inprocess_cells() {
  return lomp::unwind([] {
    SEXP list = PROTECT(Rf_allocVector(VECSXP, cells));
    for (int i = 0; i < cells; ++i) SET_VECTOR_ELT(list, i, Rf_cons(R_NilValue, R_NilValue));
    UNPROTECT(1);
    return list;
  });
}

// Makes one item (from 1) as inprocess_run() does, or takes one more value of a generator if that
// isn't NULL. `cells` are new ones of inprocess_cells(). Gives list(failed = , value = or the
// description of a failure).
// [[Rcpp::export(rng = false)]]
SEXP inprocess_step(SEXP frame, SEXP call, double item, SEXP generator, SEXP outlet, SEXP cells,
                    SEXP hear, SEXP describe) {
  SEXP emitted = VECTOR_ELT(cells, cell_emitted);
  Step step = {lomp::make_item_call(call, frame),
               static_cast<std::uint64_t>(item) - 1,
               generator,
               emitted,
               emitted,
               VECTOR_ELT(cells, cell_failure),
               false};
  lomp::Attempt attempt = {run_step, keep_step_failure, &step, hear, describe};
  run_step_with_outlet(step, attempt, outlet);
  return lomp::unwind([&] { return describe_step(step); });
}
