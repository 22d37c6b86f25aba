// The exports behind lomp_map() and lomp_iterate(): a call is opened, asked for its results until
// there are none, and closed.
#include <cstdio>
#include <vector>

#include "call/call_handle.h"
#include "call/refusal.h"
#include "lomp/os/fork_count.hpp"
#include "r/protected.h"
#include "r/unwind.h"

namespace {

using lomp::Call;
using lomp::call_of;
using lomp::living_call;
using lomp::refuse_foreign;
using lomp::unwind;
using lomp::Use;
using lomp::use_of;

// The list of the results is the caller's alone from now on, and can be changed without a copy.
void let_go_of_kept(SEXP handle) {
  SET_VECTOR_ELT(R_ExternalPtrProtected(handle), lomp::kept_results, R_NilValue);
  R_SetExternalPtrProtected(handle, R_NilValue);
}

void close_handle(SEXP handle) {
  Call* call = call_of(handle);
  if (call == nullptr) return;
  lomp::mark_closed(handle);
  delete call;
  let_go_of_kept(handle);
}

SEXP make_kept(SEXP settings, SEXP results) {
  SEXP list = PROTECT(Rf_allocVector(VECSXP, lomp::kept));
  SET_VECTOR_ELT(list, lomp::kept_settings, settings);
  SET_VECTOR_ELT(list, lomp::kept_handler, lomp::Settings(settings).get("on_event"));
  SET_VECTOR_ELT(list, lomp::kept_look, lomp::Settings(settings).get("look"));
  SET_VECTOR_ELT(list, lomp::kept_results, results);
  UNPROTECT(1);
  return list;
}

SEXP exhausted() { return Rf_install(".__exhausted__."); }

// Is there anything for this process to end?
bool is_own(SEXP handle) {
  const Call* call = call_of(handle);
  return call != nullptr && !call->is_foreign();
}

// May jump.
SEXP pids_of(const std::vector<lomp::RunningWorker>& workers) {
  const R_xlen_t n = static_cast<R_xlen_t>(workers.size());
  SEXP pids = PROTECT(Rf_allocVector(INTSXP, n));
  SEXP names = PROTECT(Rf_allocVector(STRSXP, n));
  for (R_xlen_t i = 0; i < n; ++i) {
    const lomp::RunningWorker& worker = workers[static_cast<std::size_t>(i)];
    char place[12];
    std::snprintf(place, sizeof place, "%d", worker.place + 1);
    INTEGER(pids)[i] = worker.pid;
    SET_STRING_ELT(names, i, Rf_mkChar(place));
  }
  Rf_setAttrib(pids, R_NamesSymbol, names);
  UNPROTECT(2);
  return pids;
}

SEXP next_single(Call& call) {
  const Use use(call);
  return call.next_single();
}

}  // namespace

// Opens a call. `settings` is the list that call_settings() makes in R. `results` is a new list
// with a place for each item, which is filled in place; it grows for items that are produced, and
// isn't looked at where results go into a queue. The handle is good for this process only.
// [[Rcpp::export(rng = false)]]
SEXP call_open(SEXP settings, SEXP results) {
  SEXP list = nullptr;
  SEXP handle = unwind([&] {
    lomp::drop_old_results();
    list = PROTECT(make_kept(settings, results));
    SEXP pointer = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, list));
    R_RegisterCFinalizerEx(pointer, close_handle, TRUE);
    UNPROTECT(2);
    return pointer;
  });
  lomp::Protected protect(handle);
  R_SetExternalPtrAddr(handle, new Call(list));
  try {
    call_of(handle)->begin();
  } catch (...) {
    close_handle(handle);  // workers may be there by now
    throw;
  }
  return handle;
}

// The next result, waiting for it if need be; the symbol .__exhausted__. at the end. What isn't a
// result goes to on_event(event), with list(kind = , item = , value = ), which returns NULL to go
// on, list(value) to give this value to the caller, FALSE to end. At the end it hears "ended".
// Interrupts, time limits and what on_event() throws jump from here; the next call goes on.
// [[Rcpp::export(rng = false)]]
SEXP call_next(SEXP handle) {
  Call* call = living_call(handle);
  if (call == nullptr) return exhausted();
  SEXP value = next_single(*call);
  if (value != nullptr) return value;
  call->tell_end();
  close_handle(handle);
  return exhausted();
}

// The next results, up to `most`, waiting for them: list(number, values, items). There are fewer
// only at the end, of which on_event() isn't told here. What jumps from here loses nothing.
// [[Rcpp::export(rng = false)]]
SEXP call_take(SEXP handle, int most) {
  Call* call = living_call(handle);
  if (call == nullptr) return unwind([] { return lomp::make_part(0); });
  const Use use(*call);
  return call->take(most);
}

// Would call_next() return or throw at once? Waits up to so many seconds for that, and sees to the
// workers meanwhile: what isn't a result or the end of an item goes to on_event().
// [[Rcpp::export(rng = false)]]
bool call_ready(SEXP handle, double seconds) {
  Call* call = living_call(handle);
  if (call == nullptr) return true;
  const Use use(*call);
  return call->is_ready(seconds);
}

// The processes of the call's workers that run now, as an integer vector named by their places.
// [[Rcpp::export(rng = false)]]
SEXP call_pids(SEXP handle) {
  Call* call = living_call(handle);
  std::vector<lomp::RunningWorker> workers;
  if (call != nullptr) {
    refuse_foreign(*call);
    workers = call->runner().running();
  }
  return unwind([&workers] { return pids_of(workers); });
}

// Where results go into a list: waits for the end. TRUE if all items are done and call_summary()
// has nothing that the caller must know. A jump from here loses nothing, and the next call goes on.
// [[Rcpp::export(rng = false)]]
bool call_run(SEXP handle) {
  Call& call = *call_of(handle);
  const lomp::ScopedFlag use(use_of(call));
  call.next();
  unwind(lomp::let_interrupts_through);
  return call.has_ended_well();
}

// After an error that has left call_run(): if a result couldn't be read, that is its item's failure
// from now on, and TRUE is returned: the call goes on.
// [[Rcpp::export(rng = false)]]
bool call_note_unread(SEXP handle, SEXP condition) {
  return call_of(handle)->runner().note_unread(condition);
}

// Of a call whose results have places: the list, or the vector, that has them. Of a vector, places
// of items that aren't done hold anything, and attributes come last, see vector_set_shape().
// [[Rcpp::export(rng = false)]]
SEXP call_results(SEXP handle) {
  return unwind([handle] { return call_of(handle)->results(); });
}

// Of a call whose results go into a vector: the first item's value, if it gives names to that, or
// NULL.
// [[Rcpp::export(rng = false)]]
SEXP call_first(SEXP handle) { return call_of(handle)->delivery().vector().first(); }

// The positions of the items that have neither a result nor a failure.
// [[Rcpp::export(rng = false)]]
SEXP call_not_done(SEXP handle) {
  return unwind([handle] { return call_of(handle)->not_done(); });
}

// All that has come and was not taken, as call_take() gives it; it stays where it is.
// [[Rcpp::export(rng = false)]]
SEXP call_peek(SEXP handle) {
  Call* call = call_of(handle);
  return unwind([call] { return call == nullptr ? lomp::make_part(0) : call->delivery().peek(); });
}

// Puts back the first `number` results that call_take() gave last: they come first, from now on.
// [[Rcpp::export(rng = false)]]
void call_put_back(SEXP handle, SEXP values, SEXP items, double number) {
  if (call_of(handle) == nullptr) return;
  call_of(handle)->put_back(values, REAL(items), static_cast<R_xlen_t>(number));
  call_of(handle)->leave();
}

// Of a call with a checkpoint: its caller goes on, and needs what it has taken until now never
// again.
// [[Rcpp::export(rng = false)]]
void call_settle_taken(SEXP handle) {
  if (is_own(handle)) call_of(handle)->checkpoint().settle();
}

// On the event "request": adds an item to what this worker will get. FALSE if it takes no more.
// [[Rcpp::export(rng = false)]]
bool call_give(SEXP handle, int worker, SEXP value) {
  return call_of(handle)->runner().give(worker, value);
}

// Sends the worker what was added. With `is_end`, no more items will come.
// [[Rcpp::export(rng = false)]]
void call_post(SEXP handle, int worker, bool is_end) {
  if (call_of(handle) != nullptr) call_of(handle)->runner().post(worker, is_end);
}

// On the event "step", which there is without workers: runs what is next, in this process. Jumps of
// the item's go through.
// [[Rcpp::export(rng = false)]]
void call_step(SEXP handle) { call_of(handle)->runner().step(); }

// Ends the items; what they had finished still comes. In another process than the one that forked
// the workers, neither this nor call_settle() does anything.
// [[Rcpp::export(rng = false)]]
void call_stop(SEXP handle) {
  if (!is_own(handle)) return;
  call_of(handle)->runner().stop();
  call_of(handle)->leave();
}

// The same, and all that they had finished is here when it returns, and workers have ended.
// [[Rcpp::export(rng = false)]]
void call_settle(SEXP handle) {
  if (!is_own(handle)) return;
  call_of(handle)->settle();
  call_of(handle)->leave();
}

// Ends and reaps all workers. Tells whether an item has drawn random numbers. May be called again.
// A call that is being used ends when its user asks again.
// [[Rcpp::export(rng = false)]]
bool call_close(SEXP handle) {
  Call* call = call_of(handle);
  if (call == nullptr) return false;
  const bool has_drawn = call->runner().has_drawn();
  if (call->is_busy()) {
    call->begin_closing();
  } else {
    close_handle(handle);
  }
  return has_drawn;
}

// Is the handle open, or was it closed in this process? FALSE for one that was read from a file.
// [[Rcpp::export(rng = false)]]
bool call_is_known(SEXP handle) { return call_of(handle) != nullptr || lomp::was_closed(handle); }

// Where the call stands: list(item, taken, given, done, drawn, silent, dead_references, refused,
// forks, in_hand, item_seconds). The item of the last result, and how many were taken; how many
// items there are, as far as that is known, and how many are over; whether one has drawn random
// numbers; how many gave values that are no results; which results hold dead references (from 1,
// named by class); errno of a refused fork, or 0, and how many forks there were; without workers,
// the item that runs, or ran last, and how long it has run. NULL if the call is closed.
// [[Rcpp::export(rng = false)]]
SEXP call_summary(SEXP handle) {
  Call* call = call_of(handle);
  if (call == nullptr) return R_NilValue;
  return unwind([call] { return call->summary(); });
}
