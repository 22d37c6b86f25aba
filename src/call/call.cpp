#include "call/call.h"

#include <algorithm>
#include <cstring>

#include "call/local_runner.h"
#include "call/machines_runner.h"
#include "call/pool_runner.h"
#include "lomp/os/fork_count.hpp"
#include "r/protected.h"
#include "r/unwind.h"

namespace lomp {

namespace {

Settings settings_of(SEXP kept) { return Settings(VECTOR_ELT(kept, kept_settings)); }

std::shared_ptr<CallTrace> make_trace(const Settings& settings) {
  const double rows = settings.number("trace_rows"), items = settings.number("items");
  if (ISNAN(rows)) return nullptr;
  return std::make_shared<CallTrace>(ISNAN(items) ? 0 : static_cast<std::uint64_t>(items),
                                     static_cast<std::uint64_t>(rows));
}

std::int64_t deadline_in(double seconds) {
  constexpr double most = 1e9;
  return now_ns() + static_cast<std::int64_t>(std::min(seconds, most) * 1e9);
}

}  // namespace

Call::Call(SEXP kept)
    : kept_(kept),
      owner_(fork_depth()),
      has_workers_(settings_of(kept).number("workers") > 0),
      is_remote_(settings_of(kept).flag("is_remote")),
      trace_(make_trace(settings_of(kept))),
      progress_(settings_of(kept).number("tick")),
      delivery_(kept, settings_of(kept)),
      checkpoint_(checkpoint_of(settings_of(kept))) {
  const Settings settings = settings_of(kept);
  if (is_remote_) {
    runner_ =
        std::make_unique<MachinesRunner>(settings, kept, delivery_, *checkpoint_, trace_.get());
  } else if (has_workers_) {
    runner_ = std::make_unique<PoolRunner>(settings, kept, delivery_, *checkpoint_, trace_.get());
  } else {
    runner_ = std::make_unique<LocalRunner>(settings, kept, delivery_, *checkpoint_, progress_,
                                            trace_.get());
  }
}

// The runner tells the trace of its processes' ends.
Call::~Call() {
  runner_.reset();
  checkpoint_->close();
  if (wake_ && !is_foreign()) wake_->set();
  if (trace_ && !is_foreign()) trace_->note_over();
}

void Call::begin() {
  unwind([this] {
    delivery_.expect(runner_->given(), has_workers_ && !is_remote_);
    return R_NilValue;
  });
  runner_->begin();
}

SEXP Call::next() {
  bool has_waited = false;
  while (!is_closing_) {
    if (is_tick_due(has_waited)) tell("tick", !delivery_.has_next());
    Arrival arrival;
    SEXP value = R_NilValue;
    const bool has_come = take_arrival(arrival, value);
    if (has_come && arrival.kind == ArrivalKind::value) return value;
    if (!has_come && runner_->is_over()) return nullptr;
    Protected event(has_come ? value : runner_->wait(tick_ms));
    has_waited = has_waited || !has_come;
    if (event == R_NilValue) continue;
    Protected answer(handle(event));
    if (answer == R_NilValue) continue;
    if (TYPEOF(answer) != VECSXP) return nullptr;
    if (has_come) delivery_.note_taken(arrival);
    return VECTOR_ELT(answer, 0);
  }
  return nullptr;
}

// A single end of an item isn't worth a turn.
bool Call::take_arrival(Arrival& arrival, SEXP& value) {
  bool has_come = false;
  while (!has_come) {
    tell_draws();
    if (!take_next(arrival, value)) break;
    has_come = arrival.kind != ArrivalKind::nothing;
  }
  return has_come;
}

// The head is told first: what is let go of behind it counts as the head's, and one whose first
// record didn't count would never be favoured again.
bool Call::take_next(Arrival& arrival, SEXP& value) {
  const std::uint64_t head = delivery_.head();
  if (delivery_.take(arrival, value)) {
    let_go_of(arrival, head);
    return true;
  }
  if (delivery_.head() != head) runner_->set_head(delivery_.head());
  return false;
}

void Call::let_go_of(const Arrival& arrival, std::uint64_t head) {
  if (delivery_.head() != head) runner_->set_head(delivery_.head());
  if (arrival.has_record && !runner_->has_ended()) runner_->release(arrival.record);
  note_taken(arrival);
}

// Before the first result, failure or end of an item that has drawn is taken: a jump leaves it
// where it is. Where results have places R looks by itself, at the end.
void Call::tell_draws() {
  if (has_told_draws_ || delivery_.has_places()) return;
  const Arrival* next = delivery_.next();
  const bool is_of_drawn = next != nullptr && next->record.has_drawn;
  if (!has_taken_drawn_ && (!is_of_drawn || next->kind == ArrivalKind::said)) return;
  has_told_draws_ = true;
  tell("drawn", true);
}

void Call::note_taken(const Arrival& arrival) {
  has_taken_drawn_ =
      has_taken_drawn_ || (arrival.record.has_drawn && arrival.kind != ArrivalKind::said);
  const std::uint64_t item = arrival.record.item;
  if (arrival.kind == ArrivalKind::value) checkpoint_->note_taken(item, !arrival.record.goes_on);
  if (arrival.kind == ArrivalKind::nothing) checkpoint_->note_end(item);
}

SEXP Call::next_single() {
  if (was_left_) return nullptr;
  checkpoint_->settle();
  SEXP value = nullptr;
  try {
    value = next();
  } catch (...) {
    tell_rest();
    throw;
  }
  if (value == nullptr) {
    was_left_ = true;
    return nullptr;
  }
  Protected protect(value);
  checkpoint_->flush();
  tell_rest();
  return value;
}

bool Call::is_ready(double seconds) {
  const std::int64_t deadline = deadline_in(seconds);
  bool is_ready = false;
  try {
    is_ready = look_ahead(deadline);
  } catch (...) {
    tell_rest();
    throw;
  }
  checkpoint_->flush();
  tell_rest();
  return is_ready;
}

// What items say without an end may take for ever: then the caller gets on, and comes back.
bool Call::look_ahead(std::int64_t deadline) {
  constexpr std::int64_t least_ns = 20000000;
  const std::int64_t end = std::max(deadline, now_ns() + least_ns);
  while (!has_outcome()) {
    const std::int64_t left = std::max<std::int64_t>(0, deadline - now_ns());
    if (is_tick_due(false)) tell("tick", left > 0);
    if (!hear_next()) wait_for(static_cast<int>(std::min<std::int64_t>(tick_ms, left / 1000000)));
    const std::int64_t now = now_ns();
    if (now < deadline || has_outcome()) continue;
    if (now >= end || (!delivery_.has_next() && runner_->is_idle())) return false;
  }
  return true;
}

bool Call::has_outcome() const {
  return was_left_ || is_closing_ || delivery_.has_outcome() ||
         (!delivery_.has_next() && runner_->is_over());
}

// Takes what isn't an outcome.
bool Call::hear_next() {
  Arrival arrival;
  SEXP value = R_NilValue;
  const bool has_come = take_next(arrival, value);
  if (!has_come || arrival.kind == ArrivalKind::nothing) return has_come;
  Protected event(value);
  Protected answer(handle(event));
  return true;
}

void Call::wait_for(int milliseconds) {
  Protected event(runner_->wait(milliseconds));
  if (event == R_NilValue) return;
  Protected answer(handle(event));
}

// Where an item's last result was taken it is the next one's turn: no worker is to wait for the
// caller's return to know of it.
void Call::leave() noexcept {
  if (!wake_) return;
  try {
    if (delivery_.pass_ended()) runner_->set_head(delivery_.head());
    if (has_outcome() || delivery_.has_next()) return wake_->set();
    runner_->wake_by(*wake_);
  } catch (...) {
    wake_->set();
  }
}

namespace {

// While one of these lives no single record is waited for.
class Patience {
 public:
  explicit Patience(Runner& runner) : runner_(runner) { runner_.set_prompt(false); }
  ~Patience() { runner_.set_prompt(true); }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  Runner& runner_;
};

}  // namespace

SEXP Call::take(int most) {
  const Patience patience(*runner_);
  Protected part(unwind([most] { return make_part(most); }));
  return take_some(part, most);
}

SEXP Call::take_some(SEXP part, int most) {
  int& number = INTEGER(VECTOR_ELT(part, 0))[0];
  SEXP values = VECTOR_ELT(part, 1);
  double* items = REAL(VECTOR_ELT(part, 2));
  try {
    for (; number < most; ++number) {
      SEXP value = next();
      if (value == nullptr) break;
      SET_VECTOR_ELT(values, number, value);
      items[number] = as_item(delivery_.item());
    }
  } catch (...) {
    put_back(values, items, number);
    throw;
  }
  return part;
}

// ---- All that comes -----------------------------------------------------------------------------

namespace {

const char* kind_of(SEXP event) { return CHAR(STRING_ELT(VECTOR_ELT(event, 0), 0)); }

bool is_of_kind(SEXP event, const char* kind) { return std::strcmp(kind_of(event), kind) == 0; }

bool is_no(SEXP answer) { return TYPEOF(answer) == LGLSXP && Rf_asLogical(answer) == FALSE; }

// Whole milliseconds, lest the last part of one is waited for in turns.
int milliseconds_until(std::int64_t then, std::int64_t now, int most) {
  const std::int64_t left = (then - now + 999999) / 1000000;
  return static_cast<int>(std::min<std::int64_t>(most, std::max<std::int64_t>(left, 0)));
}

}  // namespace

SEXP Call::collect(const CollectBounds& bounds) {
  const Patience patience(*runner_);
  try {
    gather(bounds);
  } catch (...) {
    set_stock(true);
    tell_rest();
    throw;
  }
  set_stock(true);
  tell_rest();
  return unwind([this] {
    const bool is_over = runner_->is_over() && !delivery_.has_next();
    return rows_.release(static_cast<double>(runner_->undone()), is_over);
  });
}

// As long as things come one after the other no single one is waited for: workers send them
// together. Where nothing has come for a while, nor at the end, no finished item may be held back
// by one that its worker has begun since, so the pool takes what is staged.
void Call::gather(const CollectBounds& bounds) {
  constexpr std::int64_t sweep_ns = 10000000;
  constexpr int calm_ms = 20;
  const std::int64_t deadline = deadline_in(bounds.seconds);
  std::int64_t end = 0;  // of a last look, once there is nothing to wait for
  Heard heard = Heard::something;
  while (!is_closing_ && heard != Heard::end) {
    if (is_tick_due(false)) tell("tick", true);
    if (!take_rows(bounds.bytes) || runner_->is_over()) return;
    const std::int64_t now = now_ns();
    if (end == 0 && (now >= deadline || is_low(bounds))) end = now + sweep_ns;
    if (end != 0 && now >= end) return;
    if (end != 0 && heard == Heard::nothing && runner_->is_idle()) return;
    const bool is_prompt = end != 0 || heard == Heard::nothing;
    runner_->set_prompt(is_prompt);
    heard = hear(end != 0 ? 0 : milliseconds_until(deadline, now, is_prompt ? tick_ms : calm_ms));
  }
}

// False if there are rows enough.
bool Call::take_rows(double most_bytes) {
  for (;;) {
    if (static_cast<double>(rows_.bytes()) >= most_bytes) return false;
    tell_draws();
    const std::uint64_t head = delivery_.head();
    Arrival arrival;
    if (!rows_.take(arrival)) return true;
    let_go_of(arrival, head);
  }
}

// Where nothing at all is underway nothing can come.
bool Call::is_low(const CollectBounds& bounds) const {
  return !has_stock_ && static_cast<double>(runner_->undone()) < std::max(bounds.low, 1.0);
}

// Where no worker can be had R is told once, and decides.
Call::Heard Call::hear(int milliseconds) {
  Protected event(runner_->wait(milliseconds));
  if (event == R_NilValue) return delivery_.has_next() ? Heard::something : Heard::nothing;
  const std::uint64_t before = runner_->given() + runner_->undone();
  Protected answer(handle(event));
  if (is_of_kind(event, "request")) {
    if (is_no(answer) || runner_->given() + runner_->undone() == before) set_stock(false);
    return Heard::something;
  }
  return is_no(answer) || is_of_kind(event, "exhausted") ? Heard::end : Heard::something;
}

void Call::set_stock(bool has_stock) {
  has_stock_ = has_stock;
  runner_->set_stock(has_stock);
}

void Call::put_back(SEXP values, const double* items, R_xlen_t n) {
  const std::vector<bool> is_last = checkpoint_->put_back(static_cast<std::size_t>(n));
  unwind([&] {
    delivery_.put_back(values, items, is_last);
    return R_NilValue;
  });
}

void Call::tell_end() { tell("ended", true); }

void Call::settle() {
  runner_->settle();
  if (trace_) trace_->note_over();
  if (runner_->has_ended()) SET_VECTOR_ELT(kept_, kept_settings, R_NilValue);
}

void Call::begin_closing() {
  is_closing_ = true;
  runner_->stop();
}

// Calls R's on_event(event); NULL if there is nothing to give to the caller.
SEXP Call::handle(SEXP event) {
  return unwind([&] {
    SEXP call = PROTECT(Rf_lang2(VECTOR_ELT(kept_, kept_handler), event));
    SEXP answer = Rf_eval(call, R_BaseEnv);
    UNPROTECT(1);
    return answer;
  });
}

// A caller that has waited gets what has come at once: what there is to tell can wait until the
// next time.
bool Call::is_tick_due(bool has_waited) {
  if (!delivery_.has_places() && has_waited && delivery_.has_next()) return false;
  const bool is_due = progress_.is_due();
  was_told_ = was_told_ || is_due;
  return is_due;
}

void Call::tell(const char* kind, bool value) {
  Protected event(unwind([=] { return make_event(kind, NA_REAL, Rf_ScalarLogical(value)); }));
  Protected nothing(handle(event));
}

// The consumer goes on, after a jump, too. If what R has shown since it came is gone by that, it is
// shown again soon.
void Call::tell_rest() {
  if (!std::exchange(was_told_, false)) return;
  Protected rest(unwind([] { return make_event("rest", NA_REAL, R_NilValue); }));
  Protected was_shown(handle(rest));
  if (Rf_asLogical(was_shown) == TRUE) progress_.hurry();
}

// ---- What there is to be known ------------------------------------------------------------------

SEXP Call::summary() const {
  const char* names[] = {"item",  "taken",   "given",           "done",
                         "drawn", "silent",  "dead_references", "refused",
                         "forks", "in_hand", "item_seconds",    ""};
  SEXP summary = PROTECT(Rf_mkNamed(VECSXP, names));
  const auto put_count = [summary](R_xlen_t at, double n) {
    SET_VECTOR_ELT(summary, at, Rf_ScalarReal(n));
  };
  put_count(0, as_item(delivery_.item()));
  put_count(1, static_cast<double>(delivery_.taken()));
  put_count(2, static_cast<double>(runner_->given()));
  put_count(3, static_cast<double>(runner_->done()));
  SET_VECTOR_ELT(summary, 4, Rf_ScalarLogical(runner_->has_drawn()));
  put_count(5, static_cast<double>(delivery_.silent()));
  SET_VECTOR_ELT(summary, 6, delivery_.dead().items());
  SET_VECTOR_ELT(summary, 7, Rf_ScalarInteger(runner_->refused()));
  SET_VECTOR_ELT(summary, 8, Rf_ScalarInteger(runner_->forks()));
  put_count(9, as_item(runner_->in_hand()));
  put_count(10, runner_->item_seconds());
  UNPROTECT(1);
  return summary;
}

SEXP Call::results() { return delivery_.results(static_cast<R_xlen_t>(runner_->given())); }

SEXP Call::not_done() const {
  const std::uint64_t n = runner_->given();
  R_xlen_t missing = 0;
  for (std::uint64_t i = 0; i < n; ++i) missing += !runner_->is_done(i);
  SEXP positions = Rf_allocVector(REALSXP, missing);
  double* at = REAL(positions);
  for (std::uint64_t i = 0; i < n; ++i) {
    if (!runner_->is_done(i)) *at++ = as_item(i);
  }
  return positions;
}

}  // namespace lomp
