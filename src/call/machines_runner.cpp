#include "call/machines_runner.h"

#include <algorithm>

#include "r/unwind.h"

namespace lomp {

namespace {

constexpr int wake_ms = 50;

// As what event R hears of such a row; nullptr for a result, or the end of an item without one.
const char* event_of(RowKind kind) {
  switch (kind) {
    case RowKind::value:
    case RowKind::end:
    case RowKind::ignored:
      return nullptr;
    case RowKind::failure:
      return "failure";
    case RowKind::condition:
    case RowKind::urgent:
      return "condition";
    case RowKind::output:
      return "output";
    case RowKind::lost:
      return "lost";
    case RowKind::unread:
      return "unread";
    case RowKind::unsent:
      return "unsent";
  }
  return nullptr;
}

// What comes of an item that ends with such a row.
Outcome outcome_of(const ReplyRow& row) {
  switch (row.kind) {
    case RowKind::failure:
    case RowKind::unread:
      return Outcome::error;
    case RowKind::lost:
      return field_of(row.value, "late") == 1 ? Outcome::timeout : Outcome::crash;
    case RowKind::unsent:
      return Outcome::not_run;
    default:
      return Outcome::ok;
  }
}

// A lost item has its time in the loss alone.
float run_of(const ReplyRow& row) {
  if (row.run_ns >= 0) return static_cast<float>(row.run_ns);
  const int ms = row.kind == RowKind::lost ? field_of(row.value, "ran") : NA_INTEGER;
  return ms == NA_INTEGER ? 0 : static_cast<float>(ms) * 1e6F;
}

}  // namespace

MachinesRunner::MachinesRunner(const Settings& settings, SEXP kept, Delivery& delivery,
                               Checkpoint& checkpoint, CallTrace* trace)
    : kept_(kept),
      delivery_(delivery),
      checkpoint_(checkpoint),
      trace_(trace),
      is_produced_(ISNAN(settings.number("items"))),
      is_said_in_order_(settings.number("backlog") > 0 && delivery.has_places()),
      over_(is_produced_ ? 0 : static_cast<std::size_t>(settings.number("items"))),
      said_(kept, kept_said) {}

// An interrupt may have ended all in between.
SEXP MachinesRunner::wait(int milliseconds) {
  if (has_unread()) {
    return unwind([this] {
      read_all();
      return R_NilValue;
    });
  }
  SEXP said = take_said();
  if (said != R_NilValue || has_ended_) return said;
  if (clock_.is_due()) look(VECTOR_ELT(kept_, kept_look));
  if (has_ended_) return R_NilValue;
  return unwind([=] { return make_wait_event(milliseconds); });
}

// May jump.
SEXP MachinesRunner::make_wait_event(int milliseconds) const {
  SEXP value = PROTECT(Rf_allocVector(REALSXP, 2));
  REAL(value)[0] = milliseconds;
  REAL(value)[1] = is_stopped_;
  SEXP event = make_event("machines", NA_REAL, value);
  UNPROTECT(1);
  return event;
}

// What R has of a machine's replies has no descriptor that could be watched: it looks now and then.
void MachinesRunner::wake_by(PollDescriptor& wake) {
  if (has_ended_ || !is_idle()) return wake.set();
  wake.watch({}, wake_ms);
}

// R hears that it is to come to the end. What jumps goes through, and the next one goes on.
void MachinesRunner::settle() {
  stop();
  while (!has_ended_) {
    unwind([this] {
      read_all();
      SEXP event = PROTECT(make_wait_event(tick_ms));
      SEXP call = PROTECT(Rf_lang2(VECTOR_ELT(kept_, kept_handler), event));
      Rf_eval(call, R_BaseEnv);
      UNPROTECT(2);
      return R_NilValue;
    });
  }
}

void MachinesRunner::release(const Record& record) {
  untaken_ -= std::min(untaken_, record.cost());
}

// ---- What R says --------------------------------------------------------------------------------

int MachinesRunner::note_machine(int pid) {
  const int machine = machines_++;
  if (trace_ != nullptr) trace_->note_process(machine, pid, now_ns());
  return machine;
}

void MachinesRunner::note_machine_end(int machine, ProcessEnd end) {
  if (trace_ == nullptr || machine < 0) return;
  trace_->note_process_end_elsewhere(static_cast<std::uint32_t>(machine), end);
}

void MachinesRunner::note_given(std::uint64_t items) {
  if (is_produced_ && items > over_.size()) over_.resize(items);
}

void MachinesRunner::strand(std::uint64_t item, int machine, SEXP value) {
  if (has_ended_ || item >= over_.size()) return;
  unwind([=] {
    read_all();
    if (is_done(item)) return R_NilValue;
    Record record{};
    record.item = item;
    delivery_.put_event(record, "stranded", value);
    note_over(item);
    if (trace_ != nullptr && machine >= 0) {
      trace_->note_loss(item, static_cast<std::uint32_t>(machine), false, -1);
    }
    return R_NilValue;
  });
}

void MachinesRunner::end() {
  if (has_ended_) return;
  unwind([this] {
    read_all();
    return R_NilValue;
  });
  has_ended_ = true;
  delivery_.end();
}

void MachinesRunner::receive(int machine, SEXP reply) {
  if (has_ended_) return;
  unwind([=] {
    const bool was_begun = reply != R_NilValue && VECTOR_ELT(kept_, kept_reply) == reply;
    read_all();
    if (was_begun) return R_NilValue;
    begin_reading(machine, reply);
    read_all();
    return R_NilValue;
  });
}

// ---- Rows ---------------------------------------------------------------------------------------

// A reply that is damaged is refused as a whole. May jump, and throws.
void MachinesRunner::begin_reading(int machine, SEXP reply) {
  const ReplyRows rows(reply, over_.size());
  SET_VECTOR_ELT(kept_, kept_reply, reply);
  rows_ = rows;
  next_row_ = 0;
  machine_ = machine;
  reply_ns_ = now_ns();
}

// Nothing is forked here, so a handler for errors copies no page, see PoolRunner::begin_reading().
// Where there is no memory to tell of an error either, the row is read again when there is. May
// jump.
void MachinesRunner::read_all() {
  if (is_half_kept_) skip_unread(R_NilValue, this);
  while (has_unread()) R_tryCatchError(read_rest, this, skip_unread, this);
  if (VECTOR_ELT(kept_, kept_reply) == R_NilValue) return;
  checkpoint_.flush();
  rows_ = ReplyRows();
  next_row_ = 0;
  SET_VECTOR_ELT(kept_, kept_reply, R_NilValue);
}

SEXP MachinesRunner::read_rest(void* data) {
  MachinesRunner& runner = *static_cast<MachinesRunner*>(data);
  return contain([&runner] {
    for (; runner.has_unread(); ++runner.next_row_) {
      const ReplyRow row = runner.rows_[runner.next_row_];
      PROTECT(row.value);
      runner.read(row);
      UNPROTECT(1);
    }
    return R_NilValue;
  });
}

// Its item is over by that, whatever else the machine has to say of it.
SEXP MachinesRunner::skip_unread(SEXP condition, void* data) {
  MachinesRunner& runner = *static_cast<MachinesRunner*>(data);
  return contain([&] {
    const ReplyRow row = runner.rows_[runner.next_row_];
    PROTECT(row.value);
    Record record = row.record;
    record.goes_on = false;
    if (!runner.is_done(record.item)) {
      runner.checkpoint_.spoil(record.item);
      runner.delivery_.put_event(record, "unread", condition);
      runner.note_over(record.item);
      runner.trace_end(row, Outcome::error);
    }
    runner.is_half_kept_ = false;
    ++runner.next_row_;
    UNPROTECT(1);
    return R_NilValue;
  });
}

// What comes of an item is noted when it has been delivered: up to then a jump leaves all as it
// was, but for what the checkpoint has.
void MachinesRunner::read(const ReplyRow& row) {
  if (is_done(row.record.item)) return;
  note_draws(row.record.has_drawn);
  untaken_ += deliver(row).cost();
  trace_row(row);
  if (!row.record.goes_on) note_over(row.record.item);
  is_half_kept_ = false;
}

// Gives the record that it was delivered with, which comes back by release() where there is a
// queue: there it has the bytes that are counted.
Record MachinesRunner::deliver(const ReplyRow& row) {
  Record record = row.record;
  if (!delivery_.has_places()) record.size = row.bytes;
  const char* event = event_of(row.kind);
  if (row.kind == RowKind::value) {
    put_value(record, row);
  } else if (event == nullptr) {
    delivery_.put_end(record, row.kind == RowKind::ignored);
  } else if (row.kind == RowKind::urgent) {
    delivery_.put_said(record, event, row.value);
  } else if (is_said(row.kind)) {
    put_said(record, event, row.value);
  } else {
    delivery_.put_event(record, event, row.value);
  }
  return record;
}

// What its place refuses isn't to be in the file; what can't be written to the file isn't given to
// an iterator's caller, to whom the item has failed then.
void MachinesRunner::put_value(const Record& record, const ReplyRow& row) {
  const bool has_place = delivery_.has_places();
  const int holder =
      row.holder == nullptr ? DeadReferences::harmless : delivery_.holder_of(row.holder);
  if (!has_place) keep(record, row.value);
  delivery_.put_value(record, row.value, holder);
  if (has_place) keep(record, row.value);
}

void MachinesRunner::keep(const Record& record, SEXP value) {
  is_half_kept_ = checkpoint_.is_open();
  checkpoint_.keep_value(record.item, record.goes_on, value);
}

void MachinesRunner::put_said(const Record& record, const char* kind, SEXP value) {
  if (!is_said_in_order_) return delivery_.put_said(record, kind, value);
  SEXP event = PROTECT(make_event(kind, as_item(record.item), value));
  held_.emplace(record.item, said_.put(event));
  UNPROTECT(1);
}

// The event of what is the next to be said, if it is its turn, or NULL; unprotected.
SEXP MachinesRunner::take_said() {
  if (!has_said()) return R_NilValue;
  const R_xlen_t place = held_.begin()->second;
  held_.erase(held_.begin());
  return said_.take(place);
}

void MachinesRunner::note_draws(bool has_drawn) {
  has_drawn_ = has_drawn_ || has_drawn;
  checkpoint_.note_drawn(has_drawn_);
}

void MachinesRunner::note_over(std::uint64_t item) {
  over_[item] = true;
  ++done_;
  while (head_ < over_.size() && over_[head_]) ++head_;
}

// ---- The trace ----------------------------------------------------------------------------------

void MachinesRunner::trace_row(const ReplyRow& row) {
  if (trace_ == nullptr) return;
  if (row.kind == RowKind::value) {
    Record part = row.record;
    part.goes_on = true;
    trace_->note_result(part, Way::pipe, row.bytes);
  } else if (row.kind == RowKind::condition || row.kind == RowKind::urgent) {
    trace_->note_condition(row.record.item);
  }
  if (!row.record.goes_on) trace_end(row, outcome_of(row));
}

// One that wasn't run has nothing to be told of.
void MachinesRunner::trace_end(const ReplyRow& row, Outcome outcome) {
  if (trace_ == nullptr || machine_ < 0 || outcome == Outcome::not_run) return;
  const std::int64_t end = reply_ns_ - std::max<std::int64_t>(0, row.ended_ns);
  const auto waited = static_cast<float>(std::max<std::int64_t>(0, row.waited_ns));
  trace_->note_end_elsewhere(row.record.item, static_cast<std::uint32_t>(machine_), outcome,
                             {end, run_of(row), waited});
}

}  // namespace lomp
