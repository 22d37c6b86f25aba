/// \file
/// What a worker does between its fork and its end.
#ifndef LOMP_SRC_WORKER_ITEM_LOOP_H
#define LOMP_SRC_WORKER_ITEM_LOOP_H

#include "call/settings.h"
#include "codec/prototype.h"
#include "lomp/payload/parts_file.hpp"
#include "lomp/worker/worker.hpp"
#include "worker/item_call.h"

namespace lomp {

/// R functions that a worker calls. Doesn't own them.
struct ChildHooks {
  SEXP prepare;  ///< function(): once, before the first item
  SEXP run;      ///< function(run): calls child_items(run) below a handler for what items signal,
                 ///< which calls child_relay() and child_fail(); again after an item that failed
  /// function(NULL, NULL, seconds): what child_fail() gets of an item that left by a jump
  SEXP describe;
  SEXP refuse;  ///< function(value, length, item): the error of a value that doesn't fit
};

/// The call that is made for each item, and what becomes of its value. Doesn't own what it points
/// to.
struct Task {
  enum class Results {
    one,         ///< each value is its item's one result
    elements,    ///< the same, and what is sent of it is its elements
    any,         ///< the same, but a generator's values are results of their own
    by_emission  ///< values are ignored: results are what the items emit
  };

  ItemCall call;
  ChildHooks hooks;
  Results results = Results::one;
  Prototype prototype;              ///< what values have to be
  const PartsFile* file = nullptr;  ///< in a worker: see VectorPlaces
  bool is_streamed = false;         ///< the items come from the parent, one by one
  bool is_numbered = false;         ///< each of them behind its number, from 1, a double
  SEXP outlet = nullptr;            ///< the handle behind the frame's `emit`, if there is one
  SEXP seed = nullptr;              ///< see ItemRandom
  std::int64_t timeout_ns = 0;      ///< for each item; 0 for no limit
  SEXP numbers = R_NilValue;        ///< see ItemRandom
};

/// From a call's settings, which the caller keeps alive. Throws.
Task make_task(const Settings& settings);

/// For check_value().
void refuse_value(const Task& task, std::uint64_t item, SEXP value);

/// Jumps with the hook's error if the value, which the caller protects, isn't what the call's
/// values have to be.
inline void check_value(const Task& task, std::uint64_t item, SEXP value) {
  if (!task.prototype.fits(item, value)) refuse_value(task, item, value);
}

/// In the parent, before each fork: empties those output buffers that no thread is using, and
/// prepares its seal.
void prepare_fork();

/// A worker's run of its items, to which R's hook `run` gets an external pointer.
struct Run;

/// Runs all items that are left. Errors of items jump from here.
void run_items(Run& run);

/// Sends a condition of the item in hand. False in a process that the item has forked: what that
/// says isn't the worker's. May jump.
bool send_condition(Run& run, SEXP condition);

/// The item in hand has failed: sends the description. May jump.
void send_failure(Run& run, SEXP description);

/// How long the item in hand has run.
double item_seconds(const Run& run);

/// Runs a sealed worker to the end of its work. Nothing that an item does leaves this function
/// but by ending the process: errors, restarts and jumps of any kind are that item's failure.
void run_worker(Worker& worker, const Task& task);

}  // namespace lomp

#endif
