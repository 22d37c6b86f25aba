#include "child.h"

#include <cstdio>

#include "guard.h"
#include "lomp/collection_policy.hpp"
#include "seal_r.h"
#include "serialize.h"

namespace lomp {

namespace {

// A block in progress.
struct BlockRun {
  Worker* worker;
  const ItemCall* call;
  bool is_over;
};

SEXP run_items(void* data) {
  BlockRun& run = *static_cast<BlockRun*>(data);
  std::uint32_t item;
  while (run.worker->take(item)) {
    SEXP value = PROTECT(run.call->evaluate(item));
    write_result(*run.worker, value);
    UNPROTECT(1);
  }
  run.is_over = true;
  return R_NilValue;
}

// Without an item in hand there is nobody to blame.
SEXP send_failure(SEXP description, void* data) {
  Worker& worker = *static_cast<BlockRun*>(data)->worker;
  if (worker.running() == 0) return R_NilValue;
  worker.abandon();
  put_stream(worker, description);
  worker.finish(static_cast<unsigned>(Encoding::failure));
  worker.flush();
  return R_NilValue;
}

void run_block(void* data) { run_guarded(*static_cast<Guard*>(data)); }

// The item left by a way that is no error: a restart, an interrupt, a jump to a frame of the
// parent's, stop() with a condition that isn't one of errors.
void report_jump(void* data) { describe_jump(*static_cast<Guard*>(data)); }

// The description itself could not be made or sent.
void report_bare_failure(void* data) { send_failure(R_NilValue, static_cast<Guard*>(data)->data); }

// Runs a block to its end; it goes on after an item that failed. An item that can't even be
// reported ends the worker, so that the parent reports its death.
void run_whole_block(Guard& guard) {
  BlockRun& run = *static_cast<BlockRun*>(guard.data);
  while (!run.is_over) {
    R_ToplevelExec(run_block, &guard);
    if (run.worker->running() != 0) R_ToplevelExec(report_jump, &guard);
    if (run.worker->running() != 0) R_ToplevelExec(report_bare_failure, &guard);
    if (run.worker->running() != 0) crash();
  }
}

// Calls an R function without arguments.
void call_hook(void* function) {
  SEXP call = PROTECT(Rf_lang1(static_cast<SEXP>(function)));
  Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
}

void collect(CollectionPolicy& policy, const ChildHooks& hooks) {
  policy.begin();
  R_ToplevelExec(call_hook, hooks.collect);
  policy.end();
}

// All of a worker's work.
struct WorkerRun {
  Worker* worker;
  const ItemCall* call;
  const ChildHooks* hooks;
};

void run_blocks(void* data) {
  const WorkerRun& run = *static_cast<WorkerRun*>(data);
  CollectionPolicy policy;
  R_ToplevelExec(call_hook, run.hooks->prepare);
  SEXP notes = PROTECT(Rf_cons(R_NilValue, R_NilValue));
  while (run.worker->next_block()) {
    BlockRun block = {run.worker, run.call, false};
    Guard guard = {run_items, send_failure, &block, run.hooks->calls, run.hooks->describe, notes};
    run_whole_block(guard);
    std::fflush(nullptr);
    if (policy.is_due()) collect(policy, *run.hooks);
  }
  UNPROTECT(1);
}

}  // namespace

void prepare_fork() {
  std::fflush(nullptr);
  prepare_seal();
}

void run_worker(Worker& worker, const ItemCall& call, const ChildHooks& hooks) {
  seal_r();
  use_one_thread();
  WorkerRun run = {&worker, &call, &hooks};
  // Without this, a jump from between the items (for want of memory, say) would land in the
  // parent's frames, and its script would go on in this process.
  if (!R_ToplevelExec(run_blocks, &run)) crash();
}

}  // namespace lomp
