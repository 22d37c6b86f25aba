#include "call/pool_runner.h"

#include <algorithm>

#include "call/trace_record.h"
#include "r/protected.h"
#include "r/unwind.h"
#include "worker/item_loop.h"

namespace lomp {

namespace {

// An iterator's caller waits for each result, and lets go of one after the other. Of a list there
// is no bound to what has been made.
PoolOptions make_options(const Settings& settings, PoolRunner& runner, CallTrace* trace) {
  const bool is_list = settings.flag("is_list");
  const double items = settings.number("items");
  PoolOptions options;
  options.is_streamed = ISNAN(items);
  options.may_replace = is_list;
  options.worker_bytes = settings.bytes("worker_memory");
  options.items = options.is_streamed ? 0 : static_cast<std::uint64_t>(items);
  options.workers = static_cast<int>(settings.number("workers"));
  options.before_fork = [&runner](int forks) { return runner.prepare_fork(forks); };
  options.reaper = &reaper();
  options.trace = trace;
  options.is_prompt = !is_list;
  options.takes_returns = !is_list;
  options.is_watched = !is_list || settings.number("tick") > 0;
  options.is_ordered = settings.flag("is_ordered");
  options.most_free_bytes = settings.bytes("buffer");
  options.buffer_bytes = is_list ? 0 : options.most_free_bytes;
  options.backlog_bytes = settings.bytes("backlog");
  options.keeps_connections = settings.flag("keep_connections");
  return options;
}

Encoding encoding_of(const Record& record) { return static_cast<Encoding>(record.kind); }

WorkerMain make_main(const Settings& settings, const Delivery& delivery) {
  Task task = make_task(settings);
  task.file = &delivery.vector().file();
  return [task](Worker& worker) { run_worker(worker, task); };
}

}  // namespace

PoolRunner::PoolRunner(const Settings& settings, SEXP kept, Delivery& delivery,
                       Checkpoint& checkpoint, CallTrace* trace)
    : kept_(kept),
      delivery_(delivery),
      checkpoint_(checkpoint),
      trace_(trace),
      is_produced_(ISNAN(settings.number("items"))),
      is_numbered_(settings.flag("is_numbered")),
      is_said_in_order_(settings.number("backlog") > 0),
      underway_(delivery.waiting()),
      collection_(is_produced_ ? 0 : static_cast<std::uint64_t>(settings.number("items")),
                  is_produced_, static_cast<int>(settings.number("workers"))),
      observe_(Settings(settings.get("hooks")).get("observe")),
      pool_(make_options(settings, *this, trace), make_main(settings, delivery)) {}

// What R runs meanwhile, finalizers among it, is over before the rest is prepared.
CollectorFacts PoolRunner::prepare_fork(int forks) {
  CollectorFacts facts;
  facts.cost_ns = collection_cost();
  if (collection_.is_worth(forks, facts.cost_ns)) facts = collect_before_fork();
  lomp::prepare_fork();
  return facts;
}

CollectorFacts PoolRunner::collect_before_fork() {
  CollectorFacts facts;
  unwind([&] {
    collection_.begin();
    const Observed observed = prepare_collector(observe_);
    collection_.end();
    delivery_.note_collection(observed.use);
    facts = observed.facts;
    return R_NilValue;
  });
  return facts;
}

SEXP PoolRunner::wait(int milliseconds) {
  if (pool_.holds_any()) {
    SEXP said = unwind([this] { return take_said(); });
    if (said != R_NilValue || has_ended_) return said;
  }
  if (has_unread()) return unwind([this] { return read_all(); });
  if (clock_.is_due()) look();
  const Event event = pool_.next(milliseconds);
  if (event.kind == EventKind::idle) look();
  if (event.kind == EventKind::request) return request(event);
  return unwind([&] { return note(event); });
}

std::vector<RunningWorker> PoolRunner::running() const {
  std::vector<RunningWorker> workers;
  pool_.visit_running([&workers](int place, pid_t pid) { workers.push_back({place, pid}); });
  return workers;
}

// What workers want meanwhile, they don't get.
void PoolRunner::settle() {
  if (!has_ended_) pool_.stop();
  while (!has_ended_) {
    if (has_unread()) unwind([this] { return read_all(); });
    const Event event = pool_.next(tick_ms);
    unwind([&] { return note(event); });
  }
  pool_.close();
}

void PoolRunner::end() {
  has_ended_ = true;
  delivery_.end();
}

// May jump.
SEXP PoolRunner::note(const Event& event) {
  switch (event.kind) {
    case EventKind::idle:
    case EventKind::request:
      return R_NilValue;
    case EventKind::records:
      return begin_reading(event);
    case EventKind::lost:
      let_go(event.loss.item);
      if (trace_ != nullptr) {
        trace_->note_loss(event.loss.item, event.loss.incarnation, event.loss.was_late,
                          event.loss.ran_ns);
      }
      delivery_.put_event(event.loss.item, make_loss_event("lost", event));
      return R_NilValue;
    case EventKind::failed:
      return make_loss_event("exhausted", event);
    case EventKind::finished:
      end();
      return R_NilValue;
  }
  return R_NilValue;
}

// ---- Produced items -----------------------------------------------------------------------------

// Items that came back from other workers go first: new ones would have to wait for them.
SEXP PoolRunner::request(const Event& event) {
  try {
    unwind([&] {
      give_returned(event.worker);
      return R_NilValue;
    });
  } catch (...) {
    post(event.worker, false);
    throw;
  }
  if (pool_.feeder().is_fed(event.worker)) {
    post(event.worker, false);
    return R_NilValue;
  }
  return unwind([&] { return make_request(event.worker, event.wanted); });
}

// As many as there is room for. May jump.
void PoolRunner::give_returned(int worker) {
  std::uint64_t item = 0;
  Given given = Given::more;
  while (given != Given::full && pool_.feeder().first_returned(worker, item)) {
    if (is_numbered_) {
      given = send_numbered(worker, item, underway_.look_in_row(item));
    } else {
      given = send(worker, item, PROTECT(underway_.look(item)));
      UNPROTECT(1);
    }
    if (given == Given::refused) let_go(item);
    pool_.feeder().publish(worker);
  }
}

// The item is kept until it has ended. There is a place for it before it is sent, so that nothing
// fails once it has its number.
bool PoolRunner::give(int worker, SEXP value) {
  if (has_ended_) return false;
  Given given = Given::more;
  unwind([&] {
    underway_.expect();
    const std::uint64_t item = next_item_;
    given = send(worker, item, value);
    if (given == Given::refused) return R_NilValue;
    underway_.keep(item, pool_.feeder().batch(worker).take_held(), value);
    pool_.feeder().publish(worker);
    return R_NilValue;
  });
  return given == Given::refused || (given == Given::more && !pool_.feeder().is_overdue(worker));
}

// Of a row that is left by a jump the caller hears how many were given, and comes to the next one
// again. Their numbers follow one another, so these tell it.
R_xlen_t PoolRunner::give_row(int worker, SEXP values, SEXP numbers, R_xlen_t from, R_xlen_t end) {
  if (has_ended_ || from >= end) return 0;
  const std::uint64_t first = next_item_;
  try {
    unwind([&] {
      send_row(worker, values, numbers, from, end);
      return R_NilValue;
    });
  } catch (...) {
    underway_.end_row();
    if (next_item_ == first) throw;
    forget_jump();
  }
  underway_.end_row();
  return static_cast<R_xlen_t>(next_item_ - first);
}

// An idle worker may begin with the first item at once; what follows is handed over, and the clock
// is looked at, with each sixteenth. May jump.
void PoolRunner::send_row(int worker, SEXP values, SEXP numbers, R_xlen_t from, R_xlen_t end) {
  constexpr R_xlen_t stride = 16;
  Feeder& feeder = pool_.feeder();
  underway_.begin_row(next_item_, values, numbers, from);
  Given given = Given::more;
  for (R_xlen_t at = from; at < end && given != Given::full; ++at) {
    const std::uint64_t item = next_item_;
    given = send_numbered(worker, item, {values, numbers, at});
    underway_.extend_row();
    if (given == Given::refused) let_go(item);
    if ((at - from) % stride != 0) continue;
    feeder.publish(worker);
    if (feeder.is_overdue(worker)) return;
  }
}

std::vector<std::uint64_t> PoolRunner::take_back() {
  std::vector<std::uint64_t> items;
  if (!is_produced_ || has_ended_) return items;
  pool_.feeder().withdraw_rest([&](std::uint64_t item) {
    items.push_back(item);
    let_go(item);
  });
  return items;
}

// An interrupt may have ended all in between.
void PoolRunner::post(int worker, bool is_end) {
  if (has_ended_) return;
  if (is_end) pool_.feeder().end_of_items();
  pool_.feeder().post(worker);
}

// May jump.
PoolRunner::Given PoolRunner::send(int worker, std::uint64_t item, SEXP value) {
  ItemBatch& batch = pool_.feeder().batch(worker);
  batch.begin();
  return add(worker, item, put_value(batch, value));
}

// What is sent of it is its number and then its value. May jump.
PoolRunner::Given PoolRunner::send_numbered(int worker, std::uint64_t item,
                                            const ItemsUnderway::Element& element) {
  ItemBatch& batch = pool_.feeder().batch(worker);
  batch.begin();
  const double number = REAL_ELT(element.numbers, element.at);
  batch.put(&number, sizeof number);
  const Given given = add(worker, item, put_element(batch, element.values, element.at));
  batch.take_held();  // it is its row that keeps the item
  return given;
}

// The item that has been written. One that can't be sent is as good as lost: it is refused. May
// jump.
PoolRunner::Given PoolRunner::add(int worker, std::uint64_t item, unsigned kind) {
  ItemBatch& batch = pool_.feeder().batch(worker);
  pool_.feeder().note_given(worker, item);
  next_item_ = std::max(next_item_, item + 1);  // not before: one that can't be written is none
  if (batch.add(item, kind)) return batch.has_room() ? Given::more : Given::full;
  if (pool_.feeder().has_left(worker)) return Given::full;  // the item will come back
  pool_.feeder().withdraw(item);
  delivery_.put_event(item, make_event("unsent", as_item(item), R_NilValue));
  return Given::refused;
}

// ---- Records ------------------------------------------------------------------------------------

// The event of what is the next to be said, if it is its turn, or NULL. May jump.
SEXP PoolRunner::take_said() {
  if (!pool_.take_held(said_)) return R_NilValue;
  return R_tryCatchError(read_said, this, tell_unread, this);
}

SEXP PoolRunner::read_said(void* data) {
  PoolRunner& runner = *static_cast<PoolRunner*>(data);
  return contain([&runner] {
    const Record& record = runner.said_;
    SEXP value = read_record(record, runner.pool_);
    return make_event(event_of(encoding_of(record)), as_item(record.item), value);
  });
}

SEXP PoolRunner::tell_unread(SEXP condition, void* data) {
  const PoolRunner& runner = *static_cast<PoolRunner*>(data);
  return make_event("unread", as_item(runner.said_.item), condition);
}

// A value that can't be read, since it is damaged or too large for this process, is its item's
// failure. Where results go into a list R has a handler for that, see note_unread(): it was there
// before the fork; to set one up after it copies pages (50 in a call of 20 serialized results, by
// ru_minflt). Here none
// is set up for small values, which can't fail. To read all of a frame's values at once is cheaper
// than one by one. May jump.
SEXP PoolRunner::begin_reading(const Event& event) {
  next_record_ = event.records;
  last_record_ = event.records + event.count;
  if (trace_ != nullptr) trace_records(*trace_, next_record_, last_record_, delivery_.vector());
  return read_all();
}

SEXP PoolRunner::read_all() {
  if (is_reading_) skip_unread(R_NilValue, this);
  if (delivery_.has_places() || std::all_of(next_record_, last_record_, is_small)) {
    return read_rest(this);
  }
  while (has_unread()) R_tryCatchError(read_rest, this, skip_unread, this);
  return R_NilValue;
}

SEXP PoolRunner::read_rest(void* data) {
  PoolRunner& runner = *static_cast<PoolRunner*>(data);
  return contain([&runner] {
    for (; runner.has_unread(); ++runner.next_record_) runner.read(*runner.next_record_);
    runner.checkpoint_.flush();
    return R_NilValue;
  });
}

SEXP PoolRunner::skip_unread(SEXP condition, void* data) {
  PoolRunner& runner = *static_cast<PoolRunner*>(data);
  return contain([&] {
    runner.is_reading_ = false;
    const Record& record = *runner.next_record_++;
    runner.let_go_after(record);
    runner.checkpoint_.spoil(record.item);
    runner.delivery_.put_event(record, "unread", condition);
    return R_NilValue;
  });
}

bool PoolRunner::note_unread(SEXP condition) {
  if (!is_reading_) return false;
  unwind([&] { return skip_unread(condition, this); });
  return true;
}

// An item is let go of when its last record has been taken in, and so once: one that was left by a
// jump is read again, or skipped.
void PoolRunner::read(const Record& record) {
  const Encoding encoding = encoding_of(record);
  if (is_said_in_order_ && is_said(encoding)) return pool_.hold(record);
  checkpoint_.note_drawn(pool_.has_drawn());
  if (encoding == Encoding::nothing || encoding == Encoding::ignored) {
    delivery_.put_end(record, encoding == Encoding::ignored);
    return let_go_after(record);
  }
  const BareNumber number = is_numbered_ ? bare_number_in(record) : BareNumber();
  if (number) {
    delivery_.put_number(record, number);
    return let_go_after(record);
  }
  is_reading_ = true;
  if (is_part(encoding)) {
    delivery_.put_part(record);
    checkpoint_.keep_part(record, delivery_.vector());
    is_reading_ = false;
    return;
  }
  const char* event = event_of(encoding);
  PayloadSource& source = event == nullptr ? checkpoint_.beside(pool_) : pool_;
  SEXP value = PROTECT(read_record(record, source));
  if (event == nullptr) {
    checkpoint_.keep(record);
    delivery_.put_value(record, value);
  } else if (encoding == Encoding::failure) {
    delivery_.put_event(record, event, value);
  } else {
    delivery_.put_said(record, event, value);
  }
  let_go_after(record);
  is_reading_ = false;
  UNPROTECT(1);
}

}  // namespace lomp
