// The exports behind a daemon's part of a call: it gives its workers the items that it gets, with
// the numbers that they have in the whole call, and hands on all that comes of them.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "call/call_handle.h"
#include "r/unwind.h"

namespace {

using lomp::Call;
using lomp::unwind;

void check_items(SEXP values, SEXP numbers) {
  if (!Rf_isVector(values)) lomp::throw_error("items must be elements of a list or a plain vector");
  if (TYPEOF(numbers) != REALSXP || XLENGTH(numbers) != XLENGTH(values)) {
    lomp::throw_error("each item must have a number");
  }
}

}  // namespace

// All that comes of the call's items, in the order of coming: list(kind, item, goes_on, drawn,
// value, run, waited, ended, bytes, holder, undone, is_over). Each of the first ten has an element
// for each row, see CollectedRows; items are counted as they were given, from 1; `undone` of these
// aren't over. It waits until so many seconds are over, the rows take so many bytes, fewer than
// `low` items are underway and there are no more for now, or the call has ended. What isn't a row
// goes to on_event(); on a "request" that says FALSE if there are no more items for now. What jumps
// from here loses nothing: the next time begins with it.
// [[Rcpp::export(rng = false)]]
SEXP call_collect(SEXP handle, double seconds, double most_bytes, double low) {
  Call* call = lomp::living_call(handle);
  if (call == nullptr) return unwind([] { return lomp::make_no_rows(); });
  const lomp::Use use(*call);
  return call->collect({seconds, most_bytes, low});
}

// On the event "request": gives this worker items, the elements of `values` and their `numbers`
// from the element `from` on, up to `most`, or as many as it takes: that is how many were given. An
// item that can't be made or written is an error when it is the first one.
// [[Rcpp::export(rng = false)]]
double call_give_some(SEXP handle, int worker, SEXP values, SEXP numbers, double from,
                      double most) {
  Call* call = lomp::call_of(handle);
  if (call == nullptr) return 0;
  check_items(values, numbers);
  const double end = std::min(from - 1 + most, static_cast<double>(XLENGTH(values)));
  return static_cast<double>(call->runner().give_row(
      worker, values, numbers, static_cast<R_xlen_t>(from) - 1, static_cast<R_xlen_t>(end)));
}

// Takes back the items that were given and that no worker has begun, by their numbers as they were
// given, from 1. Nothing comes of them any more.
// [[Rcpp::export(rng = false)]]
SEXP call_take_back(SEXP handle) {
  Call* call = lomp::call_of(handle);
  if (call == nullptr) return unwind([] { return Rf_allocVector(REALSXP, 0); });
  const std::vector<std::uint64_t> items = call->runner().take_back();
  return unwind([&items] {
    SEXP numbers = Rf_allocVector(REALSXP, static_cast<R_xlen_t>(items.size()));
    const auto number = [](std::uint64_t item) { return static_cast<double>(item) + 1; };
    std::transform(items.begin(), items.end(), REAL(numbers), number);
    return numbers;
  });
}
