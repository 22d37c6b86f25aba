#include "worker/item_loop.h"

#include <cstring>

#include "codec/serialize.h"
#include "lomp/os/open_files.hpp"
#include "lomp/worker/collection_policy.hpp"
#include "lomp/worker/memory_budget.hpp"
#include "memory/collector.h"
#include "memory/mapped_vector.h"
#include "r/binding.h"
#include "r/elements.h"
#include "r/unwind.h"
#include "worker/devices.h"
#include "worker/finalizers.h"
#include "worker/item_random.h"
#include "worker/outlet.h"
#include "worker/output.h"
#include "worker/seal_r.h"

namespace lomp {

// All of a worker's work.
struct Run {
  Worker* worker;
  const Task* task;
  Outlet outlet;
  CollectionPolicy policy;
  FreshMemory memory;
  MemoryBudget budget;
  SEXP witness;  // of the last collection, in a list; see new_witness()
  ItemRandom* random;
  bool is_over;
  bool is_writing;  // see write_record()
};

namespace {

// A process that an item has forked has this run, and its handlers, and isn't the worker.
bool is_of_this_process(const Run& run) { return run.outlet.owner == fork_depth(); }

// Such a process has come to the end of its item, where R would end a script.
void end_if_forked(const Run& run) {
  if (!is_of_this_process(run)) end_process(EXIT_FAILURE);
}

// Calls an R function without arguments.
void call_hook(void* function) {
  SEXP call = PROTECT(Rf_lang1(static_cast<SEXP>(function)));
  Rf_eval(call, R_BaseEnv);
  UNPROTECT(1);
}

// Calls `write`, which begins a record and completes it. Meanwhile what the item signals or prints
// can have no record, since that one is begun; and whatever way `write` is left, by an error of a
// value that can't be serialized, say, the item may go on, and can say something again.
template <class Write>
void write_record(Run& run, Write write) {
  struct Call {
    Run* run;
    Write* write;
  } call = {&run, &write};
  const auto make = [](void* data) {
    const Call& to_make = *static_cast<Call*>(data);
    return contain([&] {
      to_make.run->is_writing = true;
      (*to_make.write)();
      return R_NilValue;
    });
  };
  const auto clean_up = [](void* data) { static_cast<Call*>(data)->run->is_writing = false; };
  R_ExecWithCleanup(make, &call, clean_up, &call);
}

void complete(Worker& worker, unsigned kind, bool goes_on) {
  if (goes_on) {
    worker.emit(kind);
  } else {
    worker.finish(kind);
  }
}

// A record of the item in hand, its last one unless it goes on. A few bare numbers can't fail.
void write_value(Run& run, SEXP value, bool goes_on) {
  Worker& worker = *run.worker;
  worker.abandon();
  if (put_small(worker, value)) {
    return complete(worker, static_cast<unsigned>(Encoding::plain), goes_on);
  }
  write_record(run, [&] { complete(worker, put_value(worker, value), goes_on); });
}

void finish_part(Worker& worker, const void* data, std::size_t bytes) {
  worker.abandon();
  worker.put(data, bytes);
  worker.finish(static_cast<unsigned>(Encoding::elements));
}

// Where the elements lie is asked before a record is begun, since a value of a class of its own may
// run code then. What finds no room in the file, or gives names as well, goes as a value.
void write_part(Run& run, SEXP value) {
  const Prototype& prototype = run.task->prototype;
  Worker& worker = *run.worker;
  const std::uint64_t item = worker.running() - 1;
  double number;
  if (prototype.copy_number(value, &number)) return finish_part(worker, &number, prototype.bytes());
  if (prototype.gives_names(item, value)) return write_value(run, value, false);
  SEXP promoted = PROTECT(prototype.promoted(value));
  const void* const data = elements(promoted);
  const std::size_t bytes = prototype.bytes();
  if (bytes < payload_threshold) {
    finish_part(worker, data, bytes);
  } else if (run.task->file->write(data, bytes, static_cast<std::size_t>(item) * bytes)) {
    worker.abandon();
    worker.finish(static_cast<unsigned>(Encoding::written));
  } else {
    write_value(run, promoted, false);
  }
  UNPROTECT(1);
}

void note_draws(Run& run) {
  if (!run.worker->has_item_drawn() && run.random->has_drawn()) run.worker->note_drawn();
}

// A value that is being written may run code of the item's, when R asks for its elements.
void emit_value(SEXP value, void* data) {
  Run& run = *static_cast<Run*>(data);
  if (run.is_writing) Rf_error("emit() can't be called by a value that is being sent");
  note_draws(run);
  Output::send(false);
  run.worker->await_room();
  write_value(run, value, true);
}

bool has_item(void* data) { return static_cast<Run*>(data)->worker->running() != 0; }

// What relay_condition() in R sends is list(condition, muffles). A progress step, say, waits for
// nothing: its class is known by the package future, too.
Encoding encoding_of(SEXP sent) {
  const bool is_urgent = Rf_inherits(VECTOR_ELT(sent, 0), "immediateCondition");
  return is_urgent ? Encoding::urgent : Encoding::condition;
}

}  // namespace

// A condition comes before whatever its item sends later. What writing a result itself signals
// would have no place; under lapply results are not written. False in a process that an item has
// forked: what it says isn't the worker's.
bool send_condition(Run& run, SEXP condition) {
  if (!is_of_this_process(run)) return false;
  if (run.is_writing || run.worker->running() == 0) return true;
  Output::send(true);
  run.worker->abandon();
  run.worker->await_room();
  write_record(run, [&] {
    put_stream(*run.worker, condition);
    run.worker->emit(static_cast<unsigned>(encoding_of(condition)));
    run.worker->flush();  // the item may go on for hours
  });
  return true;
}

namespace {

// What an item that emits returns isn't looked at, but whether it is something is told.
void finish_without_value(Worker& worker, bool is_ignored) {
  worker.abandon();
  worker.finish(static_cast<unsigned>(is_ignored ? Encoding::ignored : Encoding::nothing));
}

// A generator whose values are the item's results: it has yet to do the item's work.
bool is_generator_of(const Run& run, SEXP value) {
  return run.task->results == Task::Results::any && is_generator(value);
}

void deliver(Run& run, SEXP value) {
  end_if_forked(run);
  const Task::Results results = run.task->results;
  note_draws(run);
  Output::send(run.worker->is_at_end());
  if (results == Task::Results::one) {
    run.worker->await_room();
    return write_value(run, value, false);
  }
  if (results == Task::Results::elements) return write_part(run, value);
  if (results == Task::Results::any && !is_generator_of(run, value)) {
    refuse_end_marker(value);
    run.worker->await_room();
    return write_value(run, value, false);
  }
  if (results == Task::Results::any) {
    drain_generator(value, run.outlet);
    run.worker->stop_timer();
    note_draws(run);
    Output::send(run.worker->is_at_end());
  }
  finish_without_value(*run.worker, results == Task::Results::by_emission && value != R_NilValue);
}

// Gives back the payloads of an item that has ended, if nothing refers to it but what sent it. The
// value that it gave may be a part of it.
void give_back(SEXP item, SEXP value) {
  if (item == value || !has_one_owner(item)) return;
  if (TYPEOF(item) != VECSXP) return give_back_payload(item);
  if (ALTREP(item)) return;
  for (R_xlen_t i = 0; i < XLENGTH(item); ++i) give_back(VECTOR_ELT(item, i), value);
}

const Record& streamed(const Run& run) {
  const Record& record = run.worker->streamed();
  if (record.data == nullptr) Rf_error("the item can't be read: its file is lost");
  return record;
}

// What was sent of a numbered item is its number and then its value.
SEXP read_numbered(Run& run, std::uint64_t& item) {
  Record record = streamed(run);
  double number = NA_REAL;
  if (record.size >= sizeof number) std::memcpy(&number, record.data, sizeof number);
  if (!(number >= 1 && number <= 4294967296.0)) Rf_error("the item can't be read: it is damaged");
  item = static_cast<std::uint64_t>(number) - 1;
  record.data += sizeof number;
  record.size -= sizeof number;
  return read_record(record, *run.worker);
}

SEXP evaluate_only_one(Run& run, SEXP items) {
  const ItemCall& call = run.task->call;
  Rf_defineVar(Rf_install("X"), items, call.frame);
  SEXP value = PROTECT(call.evaluate(0));
  Rf_defineVar(Rf_install("X"), R_NilValue, call.frame);
  give_back(VECTOR_ELT(items, 0), value);
  UNPROTECT(1);
  return value;
}

// An item that was sent here is the one element of a list of its own.
SEXP evaluate_streamed(Run& run) {
  SEXP items = PROTECT(Rf_allocVector(VECSXP, 1));
  SET_VECTOR_ELT(items, 0, read_record(streamed(run), *run.worker));
  SEXP value = evaluate_only_one(run, items);
  UNPROTECT(1);
  return value;
}

void start_timer(Run& run) {
  if (run.task->timeout_ns > 0) run.worker->start_timer(run.task->timeout_ns);
}

// The item says which state its random numbers begin with, and by which number it is known.
SEXP evaluate_numbered(Run& run, std::uint64_t& item) {
  start_timer(run);
  SEXP items = PROTECT(Rf_allocVector(VECSXP, 1));
  SET_VECTOR_ELT(items, 0, read_numbered(run, item));
  run.random->begin(item);
  SEXP value = evaluate_only_one(run, items);
  UNPROTECT(1);
  return value;
}

SEXP evaluate(Run& run, std::uint64_t& item) {
  if (run.task->is_numbered) return evaluate_numbered(run, item);
  run.random->begin(item);
  start_timer(run);
  return run.task->is_streamed ? evaluate_streamed(run) : run.task->call.evaluate(item);
}

// R may have collected by itself, if it needed room: that it was once is known, and that it was
// more than twice isn't likely.
int others_since(SEXP witness) { return witness != R_NilValue && has_collected(witness) ? 2 : 0; }

// Recent garbage only: a full collection would rewrite, and so copy, all that the workers share.
void collect_young(void* data) {
  const HeapUse use = collect(Collection::young);
  auto& collected = *static_cast<CollectionPolicy::Collected*>(data);
  collected.is_tight = use.is_tight;
  collected.shared_pages = static_cast<long>(use.used * size_of_object / page_size());
}

void collect_garbage(Run& run) {
  CollectionPolicy::Collected collected;
  collected.others = others_since(VECTOR_ELT(run.witness, 0));
  collected.results = run.worker->items();
  run.memory.take();
  run.policy.begin();
  R_ToplevelExec(collect_young, &collected);
  run.policy.end(collected);
  run.worker->note_collection(run.policy.last_ns());
  SET_VECTOR_ELT(run.witness, 0, new_witness());
}

using Need = CollectionPolicy::Need;

// Between two items. False if the worker should end.
bool tidy_up(Run& run, bool may_leave) {
  const Need need = run.policy.look(run.worker->collector_facts(), may_leave);
  if (need == Need::collection) collect_garbage(run);
  return need != Need::successor;
}

bool leave(Run& run, Leaving why) {
  run.worker->note_leaving(why);
  return false;
}

// Between two blocks. False if the worker should end.
bool tidy_up_block(Run& run) {
  flush_open_files(true);
  const bool may_leave = run.worker->may_leave();
  if (!tidy_up(run, may_leave)) return leave(run, Leaving::worn);
  const bool is_over_budget = run.worker->may_be_replaced() && run.budget.is_exceeded(may_leave);
  return is_over_budget ? leave(run, Leaving::memory) : true;
}

void run_block(Run& run) {
  std::uint32_t taken;
  while (run.worker->take(taken)) {
    std::uint64_t item = taken;
    SEXP value = PROTECT(evaluate(run, item));
    check_value(*run.task, item, value);
    if (!is_generator_of(run, value)) run.worker->stop_timer();
    deliver(run, value);
    UNPROTECT(1);
    if (run.policy.note_item()) tidy_up(run, false);
  }
}

}  // namespace

// Goes on with the block in hand, if an item of it has failed, and then with all others. To guard
// each block for itself would cost as much as a good many items.
void run_items(Run& run) {
  do {
    run_block(run);
  } while (tidy_up_block(run) && run.worker->next_block());
  run.is_over = true;
}

namespace {

// Runs the items below R's frame of the handler for what they signal.
void run_below_handler(void* data) {
  Run& run = *static_cast<Run*>(data);
  SEXP pointer = PROTECT(R_MakeExternalPtr(&run, R_NilValue, R_NilValue));
  SEXP call = PROTECT(Rf_lang2(run.task->hooks.run, pointer));
  Rf_eval(call, R_BaseEnv);
  UNPROTECT(2);
}

}  // namespace

double item_seconds(const Run& run) { return static_cast<double>(run.worker->item_ns()) / 1e9; }

// Without an item in hand there is none to blame.
void send_failure(Run& run, SEXP description) {
  end_if_forked(run);
  Worker& worker = *run.worker;
  if (worker.running() == 0) return;
  worker.stop_timer();
  note_draws(run);
  Output::send(true);
  worker.abandon();
  worker.await_room();
  write_record(run, [&] {
    put_stream(worker, description);
    worker.finish(static_cast<unsigned>(Encoding::failure));
  });
  worker.flush();
}

namespace {

// The item left by a way that is no error: a restart, an interrupt, a jump to a frame of the
// parent's, stop() with a condition that isn't one of errors.
void report_jump(void* data) {
  Run& run = *static_cast<Run*>(data);
  SEXP seconds = PROTECT(Rf_ScalarReal(item_seconds(run)));
  SEXP call = PROTECT(Rf_lang4(run.task->hooks.describe, R_NilValue, R_NilValue, seconds));
  SEXP description = PROTECT(Rf_eval(call, R_BaseEnv));
  contain([&] { send_failure(run, description); });
  UNPROTECT(3);
}

// The description itself could not be made or sent.
void report_bare_failure(void* data) {
  contain([data] { send_failure(*static_cast<Run*>(data), R_NilValue); });
}

// Runs all blocks to their end; it goes on after an item that failed. An item that can't even be
// reported ends the worker, so that the parent reports its death.
void run_to_end(Run& run) {
  while (!run.is_over) {
    R_ToplevelExec(run_below_handler, &run);
    end_if_forked(run);
    if (run.worker->running() != 0) R_ToplevelExec(report_jump, &run);
    if (run.worker->running() != 0) R_ToplevelExec(report_bare_failure, &run);
    if (run.worker->running() != 0) crash();
  }
}

void run_all(void* data) {
  Run& run = *static_cast<Run*>(data);
  const ChildHooks& hooks = run.task->hooks;
  R_ToplevelExec(call_hook, hooks.prepare);
  ItemRandom random(run.task->seed, run.task->numbers);
  run.random = &random;
  run.witness = PROTECT(Rf_allocVector(VECSXP, 1));
  run_to_end(run);
  UNPROTECT(2);
}

ChildHooks hooks_of(const Settings& hooks) {
  return {hooks.get("prepare"), hooks.get("run"), hooks.get("describe"), hooks.get("refuse")};
}

// At least one; 0 if there is no limit, or one of a century.
std::int64_t as_nanoseconds(double seconds) {
  constexpr double century = 3e9;
  return seconds >= century ? 0 : 1 + static_cast<std::int64_t>(seconds * 1e9);
}

// A list has one result for each item, whatever that is; and so has a queue whose results are to go
// into a list elsewhere.
Task::Results results_of(const Settings& settings) {
  if (settings.flag("is_vector")) return Task::Results::elements;
  if (settings.flag("is_list") || settings.flag("is_single")) return Task::Results::one;
  return settings.get("outlet") == R_NilValue ? Task::Results::any : Task::Results::by_emission;
}

}  // namespace

void refuse_value(const Task& task, std::uint64_t item, SEXP value) {
  SEXP length = PROTECT(Rf_ScalarReal(static_cast<double>(Rf_xlength(value))));
  SEXP number = PROTECT(Rf_ScalarReal(static_cast<double>(item) + 1));
  SEXP quoted = PROTECT(Rf_lang2(R_QuoteSymbol, value));
  Rf_eval(PROTECT(Rf_lang4(task.hooks.refuse, quoted, length, number)), R_BaseEnv);
  UNPROTECT(4);
}

Task make_task(const Settings& settings) {
  unwind([] {
    ItemSeed::prepare();
    prepare_mapped_vectors();
    return R_NilValue;
  });
  Task task;
  task.call = make_item_call(settings.get("item_call"), settings.get("frame"));
  task.hooks = hooks_of(Settings(settings.get("hooks")));
  task.results = results_of(settings);
  task.prototype = prototype_of(settings);
  task.is_streamed = ISNAN(settings.number("items"));
  task.is_numbered = settings.flag("is_numbered");
  if (settings.get("outlet") != R_NilValue) task.outlet = settings.get("outlet");
  task.seed = settings.get("seed");
  task.numbers = settings.get("numbers");
  task.timeout_ns = as_nanoseconds(settings.number("timeout"));
  return task;
}

void prepare_fork() {
  guard_finalizers();  // first: R may collect there, and run finalizers
  flush_open_files(false);
  prepare_seal();
  Output::prepare();
}

void run_worker(Worker& worker, const Task& task) {
  forget_inherited_output();
  drop_finalizers();
  seal_r();
  silence_devices();
  use_one_thread();
  if (task.file->is_open()) task.file->hide_from_forks();
  Run run = {&worker,
             &task,
             {},
             CollectionPolicy(),
             worker.fresh_memory(),
             worker.memory_budget(),
             R_NilValue,
             nullptr,
             false,
             false};
  run.outlet = {emit_value, has_item, &run, fork_depth()};
  Output::begin(worker, run.is_writing);
  if (task.outlet != nullptr) R_SetExternalPtrAddr(task.outlet, &run.outlet);
  // Without this, a jump from between the items (for want of memory, say) would land in the
  // parent's frames, and its script would go on in this process.
  if (!R_ToplevelExec(run_all, &run)) crash();
}

}  // namespace lomp
