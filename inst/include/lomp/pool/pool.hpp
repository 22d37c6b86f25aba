// Side: parent.
/// \file
/// The parent's side of it all: forks workers when they are worth it, gathers their records, sees
/// to their deaths, and leaves nothing behind.
#ifndef LOMP_POOL_POOL_HPP
#define LOMP_POOL_POOL_HPP

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <list>
#include <set>
#include <utility>
#include <vector>

#include "lomp/os/poll_set.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "lomp/pool/backlog.hpp"
#include "lomp/pool/death_watch.hpp"
#include "lomp/pool/event.hpp"
#include "lomp/pool/feeder.hpp"
#include "lomp/pool/head_watch.hpp"
#include "lomp/pool/item_ledger.hpp"
#include "lomp/pool/launcher.hpp"
#include "lomp/pool/memory_watch.hpp"
#include "lomp/pool/pool_options.hpp"
#include "lomp/pool/record_intake.hpp"
#include "lomp/pool/recovery.hpp"
#include "lomp/pool/shutdown.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/schedule/fork_policy.hpp"
#include "lomp/schedule/schedule.hpp"

namespace lomp {

/// One call's workers. Not thread-safe; used by the process that made it, on the thread that forks.
/// The destructor ends every child, and reaps it if it can be reaped. Whatever a worker does, its
/// end isn't waited for without a limit, see DeathWatch and Shutdown.
class Pool final : public PayloadSource {
 public:
  /// Forks no worker yet. Throws SystemError if there is no shared memory.
  Pool(const PoolOptions& options, WorkerMain main)
      : options_(options),
        owner_(::getpid()),
        page_(options.items, options.workers, std::max(options.staging_bytes, sizeof(RecordHeader)),
              options.is_streamed ? inbox_bytes : 0),
        schedule_(page_),
        flow_(page_.flow()),
        ledger_(options.items, options.is_streamed),
        launcher_(options_, std::move(main), disown_all, page_, workers_, policy_),
        feeder_(page_, workers_, ledger_, options.is_ordered, launcher_.limit()),
        backlog_(options.backlog_bytes),
        shutdown_(options.reaper, options.patience_ms) {
    payload_.fd = open_nothing();
    if (options.buffer_bytes > 0) {
      page_.flow().bound =
          std::max<std::uint64_t>(1, options.buffer_bytes / static_cast<unsigned>(options.workers));
    }
    page_.flow().is_ordered = options.is_ordered;
    page_.parent_may_wait() = options.is_prompt || options.is_ordered;
    page_.is_watched() = options.is_watched;
    page_.worker_budget() = options.worker_bytes;
    page_.may_be_replaced() = options.may_replace && !options.is_streamed;
    if (options.takes_returns) number_ = next_number();
    if (trace_ != nullptr) trace_->look_by([this] { note_usages(); });
    registry().push_back(this);
  }

  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;
  ~Pool() {
    close();
    registry().remove(this);
  }

  /// Forks all workers now, as long as there are items for them, whether they are worth it or not.
  /// If none can be had, next() says so.
  void fork_all() {
    const auto enough = [this] {
      return !options_.is_streamed && static_cast<std::uint64_t>(forks()) >= options_.items;
    };
    while (refused() == 0 && forks() < launcher_.limit() && !enough()) fork_worker();
  }

  /// The next thing that happened, waiting up to `tick_ms` for it. Throws std::bad_alloc where a
  /// result doesn't fit into memory, SystemError where the operating system fails.
  Event next(int tick_ms) {
    const std::int64_t now = now_ns(), deadline = now + std::int64_t{tick_ms} * 1000000;
    if (trace_ != nullptr) trace_->sample_memory(now, page_.worker_budget());
    if (page_.flow().is_open) favour_head();  // it may have a worker by now
    end_absence();
    do {
      const Event event = hear_all();
      if (event.kind != EventKind::idle) return event;
      if (has_news()) continue;  // more may be at hand than a wait would tell of
      if (const WorkerHandle* idle = is_stopping() ? nullptr : feeder_.find_idle())
        return ask_for(*idle);
      if (is_complete()) return make(EventKind::finished);
      if (wants_worker()) {
        fork_worker();
        wait(0);
      } else if (count_live(workers_) == 0) {
        return make(EventKind::failed);
      } else if (const WorkerHandle* asking = is_stopping() ? nullptr : feeder_.find_asking()) {
        if (!wait(0)) return ask_for(*asking);  // no other has become idle meanwhile
      } else {
        bool ready = false;
        const Event staged = options_.is_prompt ? wait_promptly(patience(tick_ms), ready) : Event();
        if (staged.kind != EventKind::idle) return staged;
        if (!options_.is_prompt) ready = wait(patience(tick_ms));
        if (!ready && !death_watch_.is_waiting()) break;
      }
      // Over also where each wait finds the next piece of a large result at once.
    } while (now_ns() < deadline);
    return make(EventKind::idle);
  }

  /// May next() have something to do without waiting?
  bool may_have_work() { return has_news() || has_work(); }

  /// For a caller that waits for other things as well, until it calls next() again: from now on the
  /// descriptor is readable as soon as next() has something to do, and workers send at once what
  /// they finish. What no descriptor tells is looked for now and then. Throws std::bad_alloc.
  void wake_by(PollDescriptor& wake) {
    page_.parent_waits().store(true, std::memory_order_seq_cst);
    favour_head();
    if (has_work()) return wake.set();
    awaited_.clear();
    int milliseconds = std::max(std::min(patience(look_every_ms), look_every_ms), least_look_ms);
    if (looks_for_head()) milliseconds = std::min(milliseconds, HeadWatch::lost_after_ms);
    for (const Place& handle : workers_) {
      if (!handle) continue;
      awaited_.emplace_back(handle->results.get(), handle->incarnation);
      awaited_.emplace_back(handle->child.pidfd(), handle->incarnation);
      milliseconds = std::min(milliseconds, DeathWatch::patience_with(*handle, milliseconds));
    }
    wake.watch(awaited_, std::max(milliseconds, 1));
  }

  /// Calls visit(place, pid) for each worker that runs.
  template <class Visit>
  void visit_running(Visit visit) const {
    for (const Place& handle : workers_) {
      if (handle && handle->phase == Phase::alive && !handle->child.has_ended()) {
        visit(handle->slot, handle->child.pid());
      }
    }
  }

  /// Takes the payload that a worker's record in the last event names by its number: a descriptor,
  /// valid until the next call or drop_payload(); -1 if it was lost. A place for it is kept free at
  /// all times.
  int take_payload(int worker, std::uint32_t number) override {
    const Place& handle = workers_[static_cast<std::size_t>(worker)];
    payload_.fd.reset();
    return_payloads();
    while (handle && receive_descriptor(handle->control.get(), payload_)) {
      page_.slot(worker).credits.fetch_add(1, std::memory_order_acq_rel);
      if (payload_.number == number) return payload_.fd.get();
    }
    return -1;
  }

  PayloadOrigin origin_of(int worker, std::uint32_t incarnation,
                          std::uint32_t number) const override {
    return {number_, incarnation, number, worker};
  }

  /// The record isn't needed any more: its worker may make others, if there is a bound.
  void release(const Record& record) {
    const Place& handle = workers_[static_cast<std::size_t>(record.worker)];
    if (!handle || handle->incarnation != record.incarnation) return;
    FlowLine& line = page_.slot(record.worker).flow;
    if (flow_.release(line, record.item, record.cost())) handle->wake();
  }

  /// Changes is_prompt, for as long as the caller wants many records and no single one. A pool
  /// whose records come in the order of their items stays as it is: to see to that is part of it.
  /// So does one that never was prompt, whose workers don't look.
  void set_prompt(bool is_prompt) {
    options_.is_prompt = options_.is_ordered || (is_prompt && page_.parent_may_wait());
  }

  /// With is_ordered: from now on the records of this item are released.
  void set_head(std::uint64_t item) {
    flow_.set_head(item);
    wake_all();
  }

  /// Keeps a copy of a record of the last event until its item's turn has come. It has no payloads.
  void hold(const Record& record) { backlog_.put(record); }

  bool holds_any() const { return !backlog_.empty(); }

  /// Takes the first record that is held, by its item, if all items before that are over; valid
  /// until the next one is taken. All records of the last event must have been seen.
  bool take_held(Record& record) {
    return backlog_.take(is_complete() ? UINT64_MAX : ledger_.first_open(), record);
  }

  /// Closes what take_payload() gave, and holds its place until the next one: by one system call,
  /// where to open a file and to close two took three of a payload's ten.
  void drop_payload() override {
    if (!nothing_) nothing_ = open_nothing();
    if (payload_.fd && replace_descriptor(payload_.fd.get(), nothing_.get())) return;
    payload_.fd = open_nothing();
  }

  /// Ends all workers at once. What they had finished still comes from next(), then `finished`.
  void stop() {
    for (Place& handle : workers_) {
      if (handle) handle->readable = true;
    }
    death_watch_.stop();
  }

  /// Ends every child; all are killed before the first is waited for. Reaps them, too, but for
  /// those that the reaper takes over. Waits for a second at the most.
  void close() {
    if (::getpid() != owner_) return disown();
    if (trace_ != nullptr) trace_->look_by({});
    note_budget();
    const bool has_all = ledger_.is_complete() && !is_stopping();
    for (Place& handle : workers_) {
      if (handle) note_end_of(*handle, has_all ? ProcessEnd::finished : ProcessEnd::stopped);
      if (handle && handle->child.pid() > 0) shutdown_.add(std::move(handle->child));
    }
    workers_.clear();
    shutdown_.run({has_all, policy_.fork_ns()});
  }

  std::uint64_t items() const { return options_.items; }
  std::uint64_t done() const { return ledger_.settled(); }
  bool is_done(std::uint64_t item) const { return ledger_.is_settled(item); }

  /// Where items are streamed: gives them to workers.
  Feeder& feeder() { return feeder_; }
  const Feeder& feeder() const { return feeder_; }

  /// Has any worker noted that an item drew random numbers?
  bool has_drawn() const { return page_.has_drawn(); }

  /// errno of a fork that was refused while others had been had; 0 if none was.
  int refused() const { return launcher_.refused(); }
  int forks() const { return launcher_.forks(); }
  int deaths() const { return deaths_; }

 private:
  using Place = Workers::value_type;

  Event make(EventKind kind) const {
    Event event;
    event.kind = kind;
    event.error = refused();
    return event;
  }

  static bool has_news(const WorkerHandle& w) {
    return w.readable || w.has_ended || w.phase != Phase::alive || w.ending.is_overdue();
  }

  bool has_news() const {
    for (const Place& handle : workers_) {
      if (handle && has_news(*handle)) return true;
    }
    return false;
  }

  /// Has next() something to do, whatever is in the pipes?
  bool has_work() {
    if (has_tidings() || has_staged() || is_complete() || count_live(workers_) == 0) return true;
    if (is_stopping()) return false;
    return feeder_.find_idle() != nullptr || feeder_.find_asking() != nullptr || wants_worker();
  }

  /// As has_news(), but of pipes only what was read of them and not heard.
  bool has_tidings() const {
    return std::any_of(workers_.begin(), workers_.end(), [](const Place& handle) {
      if (!handle) return false;
      const WorkerHandle& w = *handle;
      const bool has_read = w.readable && w.results && w.reader.has_more();
      return has_read || w.has_ended || w.phase != Phase::alive || w.ending.is_overdue();
    });
  }

  bool has_staged() const {
    if (!options_.is_prompt) return false;
    return std::any_of(workers_.begin(), workers_.end(), [this](const Place& handle) {
      return handle && handle->results && intake_.has_ahead(*handle);
    });
  }

  /// Goes one step on with each worker that has news, up to the first event for the caller.
  Event hear_all() {
    for (Place& handle : workers_) {
      if (!handle || !has_news(*handle)) continue;
      const Event event = hear(handle);
      if (event.kind != EventKind::idle) return event;
    }
    return {};
  }

  /// Goes one step on with a worker that has news; `idle` if nothing of it is for the caller.
  Event hear(Place& handle) {
    WorkerHandle& w = *handle;
    if (w.phase != Phase::alive) return drain(handle);
    switch (intake_.read(w)) {
      case ReadStatus::frame:
        return hear_frame(handle);
      case ReadStatus::would_block:
        w.readable = false;
        death_watch_.see_off(w);
        return {};
      case ReadStatus::unfinished:
        return {};
      case ReadStatus::corrupt:
      case ReadStatus::eof:
        break;
    }
    death_watch_.lose_pipe(w);
    return {};
  }

  Event hear_frame(Place& handle) {
    const FrameHeader& header = handle->reader.header();
    policy_.heard();
    const bool asks = header.kind == FrameKind::request || header.kind == FrameKind::idle;
    if (!asks) early_deaths_ = 0;
    if (header.kind == FrameKind::bye) return note_exit(handle);
    if (!asks) return announce(intake_.take_frame(*handle, *this), *handle);
    handle->supply.ask(header.payload_pages, header.item, header.kind == FrameKind::idle);
    take_returns(*handle);
    return {};
  }

  /// Of payloads that the worker got with its items, those that it has let go of.
  static void take_returns(WorkerHandle& w) {
    std::uint32_t number = 0;
    for (std::size_t at = 0; at + sizeof number <= w.reader.size(); at += sizeof number) {
      std::memcpy(&number, w.reader.body() + at, sizeof number);
      w.supply.set_free(number);
    }
  }

  Event ask_for(const WorkerHandle& w) {
    feeder_.note_asked();
    Event event = make(EventKind::request);
    event.worker = w.slot;
    event.wanted = w.supply.wanted();
    return event;
  }

  /// What was taken of a worker, as an event. A worker that has sent nonsense is given up.
  Event announce(Intake taken, WorkerHandle& w) {
    if (taken == Intake::nonsense) death_watch_.lose_pipe(w);
    if (taken != Intake::records) return {};
    Event event = make(EventKind::records);
    event.records = intake_.records().data();
    event.count = intake_.records().size();
    return event;
  }

  /// What a worker has staged while the parent was busy, if nothing from before is still on its
  /// way.
  Event take_from_living() {
    for (Place& handle : workers_) {
      if (!handle || !handle->results) continue;
      const Intake taken = intake_.take_ahead(*handle);
      if (taken == Intake::nothing) continue;
      policy_.heard();
      early_deaths_ = 0;
      return announce(taken, *handle);
    }
    return {};
  }

  /// Waits, and tells the workers so: one that finishes something sends it at once. What was
  /// finished before they could know is taken from them.
  Event wait_promptly(int milliseconds, bool& ready) {
    page_.parent_waits().store(true, std::memory_order_seq_cst);
    const Event event = take_from_living();
    if (event.kind == EventKind::idle) {
      favour_head();
      ready =
          wait(looks_for_head() ? std::min(milliseconds, HeadWatch::lost_after_ms) : milliseconds);
    }
    page_.parent_waits().store(false, std::memory_order_relaxed);
    return event;
  }

  /// Who waited by a descriptor has come: while what is there is taken nobody waits, and workers
  /// needn't send each result by itself (as.list() of 2e5 took 2.5 times as long).
  void end_absence() {
    auto& parent_waits = page_.parent_waits();
    if (parent_waits.load(std::memory_order_relaxed)) {
      parent_waits.store(false, std::memory_order_relaxed);
    }
  }

  bool looks_for_head() const { return head_watch_.is_watching() && !page_.flow().is_open; }

  /// No worker has the head's item in hand while all wait for its end, which can be so after a
  /// death. Then a new worker takes the item over. Where none is to be had, the others must get on
  /// to it.
  bool is_head_idle() const { return options_.is_ordered && deaths_ > 0 && head_watch_.is_idle(); }

  void favour_head() {
    const bool is_stuck = head_watch_.is_lost(is_head_idle()) || (refused() != 0 && is_head_idle());
    if (flow_.set_open(is_stuck)) wake_all();
  }

  /// Has the worker left so many messages unread that those it can do without are better not sent?
  /// Its socket must have room for those that it needs.
  bool is_behind(const WorkerHandle& w) const {
    return static_cast<std::int32_t>(w.told - page_.slot(w.slot).heard) >= most_unheard;
  }

  /// Tells workers which of their payloads this process has let go of.
  void return_payloads() {
    if (number_ == 0) return;
    payload_returns().take(number_, [this](const PayloadOrigin& origin) {
      const Place& handle = workers_[static_cast<std::size_t>(origin.slot)];
      if (!handle || handle->incarnation != origin.incarnation || is_behind(*handle)) return;
      handle->tell(origin.number | return_flag);
    });
  }

  static Fd open_nothing() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  /// A number that no other pool of this process has.
  static std::uint32_t next_number() {
    static std::uint32_t last = 0;
    return ++last;
  }

  void wake_all() {
    for (const Place& handle : workers_) {
      if (handle && flow_.must_wake(page_.slot(handle->slot).flow)) handle->wake();
    }
  }

  /// The worker has said bye. Its process is ending, which takes as long as its fork did where the
  /// session is large: it isn't waited for here.
  Event note_exit(Place& handle) {
    if (trace_ != nullptr) {
      trace_->note_goodbye(handle->incarnation, page_.slot(handle->slot).usage);
    }
    handle->child.note_alone();
    shutdown_.add(std::move(handle->child));
    handle.reset();
    return {};
  }

  /// First what the dead worker had staged, then the news of its death.
  Event drain(Place& handle) {
    WorkerHandle& w = *handle;
    if (w.phase == Phase::reaped) {
      w.phase = Phase::drained;
      if (intake_.take_staged(w)) return announce(Intake::records, w);
      return {};
    }
    const Event event = w.phase == Phase::drained ? report_loss(w) : Event();
    w.phase = Phase::told;
    if (event.kind != EventKind::idle) return event;
    if (!w.begun.empty()) return report_begun(w);
    ledger_.in_flight().take_back(w.incarnation);
    handle.reset();
    return {};
  }

  Event report_loss(const WorkerHandle& w) {
    if (is_stopping()) {
      note_end_of(w, ProcessEnd::stopped);
      return {};
    }
    WorkerSlot& slot = page_.slot(w.slot);
    const bool was_late = slot.reason == ExitReason::timed_out;
    note_end_of(w, was_late ? ProcessEnd::timeout : ProcessEnd::crash);
    ++deaths_;
    early_deaths_ = slot.begun == 0 ? early_deaths_ + 1 : 0;
    if (early_deaths_ >= max_early_deaths) {
      if (!is_any_at_work() && !is_complete()) return give_up(w, slot);
      policy_.hold_off(early_deaths_ - max_early_deaths);
    }
    return carry_out(judge(facts_of(w, slot)), w, slot);
  }

  /// An item whose last record has come is in hand no more, though its worker hadn't marked that.
  DeathFacts facts_of(const WorkerHandle& w, const WorkerSlot& slot) const {
    DeathFacts facts;
    facts.running = slot.running;
    if (facts.running != 0 && ledger_.is_settled(facts.running - 1)) facts.running = 0;
    facts.last = slot.last;
    facts.unreadable = w.unreadable;
    facts.has_begun = facts.running != 0 && w.begun.count(facts.running - 1) != 0;
    facts.was_given_up = slot.reason == ExitReason::given_up;
    facts.was_spared = spared_.count(facts.running) != 0;
    return facts;
  }

  /// Of produced items the ledger knows which ones come back. A numbered one that is to be run
  /// again is the one just before its worker's block, and is put back there.
  Event carry_out(const Verdict& verdict, const WorkerHandle& w, WorkerSlot& slot) {
    if (verdict.is_spared) spared_.insert(verdict.again);
    if (verdict.again != 0 && !options_.is_streamed) {
      put_back_first(slot.block, static_cast<std::uint32_t>(verdict.again - 1));
    }
    if (verdict.lost == 0 || !ledger_.settle(verdict.lost - 1)) return {};
    return with_loss(EventKind::lost, w, slot, verdict.lost);
  }

  /// Tells that an item is lost of which records have come, but not the last one. It isn't run
  /// again: the caller has seen these records.
  Event report_begun(WorkerHandle& w) {
    const std::uint64_t item = *w.begun.begin();
    w.begun.erase(item);
    if (is_stopping() || !ledger_.settle(item)) return {};
    return with_loss(EventKind::lost, w, page_.slot(w.slot), item + 1);
  }

  /// Has a worker begun an item? Then workers can be had in this session. One that is dying counts
  /// until its death has been told: the call must not end before its item is known to be lost.
  bool is_any_at_work() const {
    for (const Place& handle : workers_) {
      if (handle && page_.slot(handle->slot).begun > 0) return true;
    }
    return false;
  }

  Event give_up(const WorkerHandle& w, WorkerSlot& slot) {
    stop();
    Event event = with_loss(EventKind::failed, w, slot, 0);
    event.error = 0;
    return event;
  }

  Event with_loss(EventKind kind, const WorkerHandle& w, const WorkerSlot& slot,
                  std::uint64_t item) const {
    Event event = make(kind);
    event.loss = {w.last_pid,
                  w.child.status(),
                  slot.reason,
                  item - 1,
                  slot.reason == ExitReason::timed_out,
                  w.incarnation,
                  slot.running == item ? ran_ns(slot) : -1};
    return event;
  }

  /// How long the item in hand has run, if there is a time at which it can have been begun.
  static std::int64_t ran_ns(const WorkerSlot& slot) {
    const std::int64_t began = slot.item_began, now = now_ns();
    return began <= 0 || began > now ? -1 : now - began;
  }

  bool is_complete() const {
    return ledger_.is_complete() || (is_stopping() && count_live(workers_) == 0);
  }

  bool is_stopping() const { return death_watch_.is_stopping(); }

  Progress progress() const {
    Progress sum;
    sum.waiting = schedule_.waiting();
    for (int i = 0; i < page_.slots(); ++i) {
      sum.finished += page_.slot(i).finished;
      sum.busy_ns += page_.slot(i).busy_ns;
    }
    return sum;
  }

  bool may_fork() const { return !is_stopping() && launcher_.has_room(); }

  bool wants_worker() {
    if (!may_fork() || is_complete()) return false;
    if (options_.is_streamed) return feeder_.has_items_to_give();
    const int live = count_live(workers_);
    if (live == 0 && schedule_.waiting() == 0) requeue_gap();
    if (schedule_.waiting() > 0 && is_head_idle()) return true;
    if (!policy_.is_worth(progress(), live)) return false;
    const bool has_room = memory_watch_.has_room();
    if (!has_room && trace_ != nullptr) trace_->note_held_back();
    return has_room;
  }

  void note_end_of(const WorkerHandle& w, ProcessEnd end) {
    if (trace_ == nullptr) return;
    if (end == ProcessEnd::stopped) note_in_hand(w);
    trace_->note_end_of(w.incarnation, end, page_.slot(w.slot).usage);
  }

  void note_in_hand(const WorkerHandle& w) {
    const WorkerSlot& slot = page_.slot(w.slot);
    const std::uint64_t running = slot.running;
    if (running == 0 || !ledger_.is_item(running - 1) || ledger_.is_settled(running - 1)) return;
    trace_->note_in_hand(running - 1, w.incarnation, slot.item_began);
  }

  void note_usages() {
    for (const Place& handle : workers_) {
      if (!handle) continue;
      trace_->note_usage(handle->incarnation, page_.slot(handle->slot).usage);
      note_in_hand(*handle);
    }
  }

  void note_budget() {
    if (trace_ != nullptr) trace_->note_budget(page_.worker_budget(), page_.is_budget_raised());
  }

  /// Items whose worker dies between claiming them and writing them down are in no worker's block.
  /// When all others have left, what isn't done is exactly what was lost in that way.
  void requeue_gap() { page_.slot(launcher_.free_slot()).block = ledger_.first_gap().word(); }

  /// One more worker, or, if it is refused, one fewer for the rest of the call.
  void fork_worker() {
    shutdown_.reap_ended();
    shutdown_.reserve(static_cast<std::size_t>(page_.slots()));  // close() allocates nothing
    launcher_.launch();
    // The last one may have left for a successor, and takes its place in the system until it ends.
    if (forks() > 0 && count_live(workers_) == 0 && shutdown_.await_end()) launcher_.launch();
    memory_watch_.note_fork();
    if (is_stopping()) stop();  // what the caller runs before a fork may have asked for that
  }

  /// In a worker of any pool.
  static void disown_all() {
    for (Pool* pool : registry()) pool->disown();
  }

  /// In a child: closes the siblings' descriptors and forgets their processes.
  void disown() {
    for (Place& handle : workers_) {
      if (handle) handle->child.disown();
    }
    workers_.clear();
    shutdown_.disown();
    launcher_.close_life_line();
    payload_.fd.reset();
    nothing_.reset();
    backlog_.disown();
  }

  int patience(int tick_ms) const {
    if (!may_fork() || schedule_.waiting() == 0) return tick_ms;
    return std::min(tick_ms, std::max(policy_.patience_ms(), memory_watch_.holds_ms()));
  }

  bool wait(int milliseconds) {
    death_watch_.kill_late();
    poll_set_.clear();
    for (Place& handle : workers_) {
      if (!handle) continue;
      poll_set_.watch(handle->results.get());
      poll_set_.watch(handle->child.pidfd());
      milliseconds = std::min(milliseconds, DeathWatch::patience_with(*handle, milliseconds));
    }
    const bool ready = poll_set_.wait(milliseconds);
    std::size_t place = 0;
    for (Place& handle : workers_) {
      if (!handle) continue;
      handle->readable = poll_set_.is_ready(place++);
      death_watch_.look_for_end(*handle, poll_set_.is_ready(place++));
    }
    if (!ready) death_watch_.look_for_dying();
    return ready;
  }

  /// All pools of this process: a worker of one lets go of all.
  static std::list<Pool*>& registry() {
    static std::list<Pool*> pools;
    return pools;
  }

  static constexpr int max_early_deaths = 2;
  static constexpr int look_every_ms = 1000;  // for what no descriptor tells
  static constexpr int least_look_ms = 20;
  static constexpr std::size_t inbox_bytes = std::size_t{32} << 10;  // each of two
  static constexpr std::int32_t most_unheard = 64;

  PoolOptions options_;
  CallTrace* const trace_ = options_.trace;
  std::uint32_t number_ = 0;  // 0: takes no payloads back
  pid_t owner_;
  SharedPage page_;
  Schedule schedule_;
  FlowReceiver flow_;
  Workers workers_;
  ItemLedger ledger_;
  ForkPolicy policy_;
  MemoryWatch memory_watch_{page_, workers_};
  Launcher launcher_;
  Feeder feeder_;
  RecordIntake intake_{page_, ledger_};
  HeadWatch head_watch_{page_, workers_};
  Backlog backlog_;
  Shutdown shutdown_;
  DeathWatch death_watch_{page_, workers_, shutdown_.reaper()};
  PollSet poll_set_;
  std::vector<NumberedDescriptor> awaited_;
  int deaths_ = 0;
  int early_deaths_ = 0;
  std::set<std::uint64_t> spared_;  // items that have had their second chance, plus 1
  NumberedFd payload_;              // the one that was taken last, or a place kept for the next one
  Fd nothing_;                      // what holds a place, from the first payload on
};

}  // namespace lomp

#endif
