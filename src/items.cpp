// The exports that a worker's R code calls: they run its items and send what these signal.
#include "r/unwind.h"
#include "worker/item_loop.h"

namespace {

lomp::Run& run_of(SEXP pointer) { return *static_cast<lomp::Run*>(R_ExternalPtrAddr(pointer)); }

}  // namespace

// In a worker: runs all its items. `run` is what the hook `run` got. Errors jump from here.
// [[Rcpp::export(rng = false)]]
void child_items(SEXP run) {
  lomp::unwind([run] {
    lomp::run_items(run_of(run));
    return R_NilValue;
  });
}

// In a worker: sends a condition of the item in hand. FALSE if this process isn't the worker.
// [[Rcpp::export(rng = false)]]
bool child_relay(SEXP run, SEXP condition) {
  bool is_sent = false;
  lomp::unwind([&] {
    is_sent = lomp::send_condition(run_of(run), condition);
    return R_NilValue;
  });
  return is_sent;
}

// In a worker: how long the item in hand has run.
// [[Rcpp::export(rng = false)]]
double child_seconds(SEXP run) { return lomp::item_seconds(run_of(run)); }

// In a worker: the item in hand has failed. Sends the description, which describe_failure() made.
// [[Rcpp::export(rng = false)]]
void child_fail(SEXP run, SEXP description) {
  lomp::unwind([run, description] {
    lomp::send_failure(run_of(run), description);
    return R_NilValue;
  });
}
