// Side: parent.
/// \file
/// The parent's side of it all: forks workers when they are worth it, gathers their records, sees
/// to their deaths, and leaves nothing behind.
#ifndef LOMP_POOL_POOL_HPP
#define LOMP_POOL_POOL_HPP

#include <algorithm>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <vector>

#include "lomp/os/allocator.hpp"
#include "lomp/os/poll_set.hpp"
#include "lomp/os/stack_pages.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "lomp/pool/backlog.hpp"
#include "lomp/pool/event.hpp"
#include "lomp/pool/feeder.hpp"
#include "lomp/pool/head_watch.hpp"
#include "lomp/pool/item_ledger.hpp"
#include "lomp/pool/record_intake.hpp"
#include "lomp/pool/recovery.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/process/life_line.hpp"
#include "lomp/process/process_state.hpp"
#include "lomp/process/reaper.hpp"
#include "lomp/process/sever.hpp"
#include "lomp/schedule/fork_policy.hpp"
#include "lomp/schedule/schedule.hpp"
#include "lomp/worker/seal.hpp"
#include "lomp/worker/worker.hpp"

namespace lomp {

struct PoolOptions {
  std::uint64_t items = 0;   ///< below 2^32; none if they are streamed
  bool is_streamed = false;  ///< the items come from batch(), as many as there are
  int workers = 1;           ///< at most; fewer are forked if the work runs out before
  std::size_t staging_bytes = std::size_t{128} << 10;
  std::size_t pipe_bytes = std::size_t{1} << 20;
  std::size_t buffer_bytes =
      0;                   ///< what may be made and not released, all workers together; 0: all
  bool is_prompt = false;  ///< somebody waits for each record: none is kept to gather more
  bool is_watched = true;  ///< somebody wants to know how many items are done while others run
  /// Payloads are let go of one by one: each worker uses their files again.
  bool takes_returns = false;
  /// Of files that wait to be used again, so much may be kept: by each worker, and here for each
  /// worker that gets streamed items.
  std::size_t most_free_bytes = std::size_t{64} << 20;
  bool is_ordered = false;  ///< records are released in the order of their items, see set_head()
  std::size_t backlog_bytes = 0;      ///< so much of what hold() gets is kept in memory
  std::function<void()> before_fork;  ///< runs in the parent before each fork
  bool keeps_connections = false;     ///< workers share the parent's connections, see sever()
  /// Outlives the pool; takes over who is slow to end. Without one the pool has its own.
  Reaper* reaper = nullptr;
  int patience_ms = 100;  ///< how long the pool itself waits for their end, if it has one
};

/// Runs in the child, sealed: takes all items it can get from the worker and returns.
using WorkerMain = std::function<void(Worker&)>;

/// One call's workers. Not thread-safe; used by the process that made it, on the thread that forks.
/// The destructor ends every child, and reaps it if it can be reaped. Whatever a worker does,
/// nobody waits for its end without a limit: one that has been killed and doesn't end is held by
/// the system or by a debugger. None of its own code will ever run again, so that its place and
/// what it has staged are free, and the reaper has time.
class Pool final : public PayloadSource {
 public:
  /// Forks nobody yet. Throws SystemError if there is no shared memory.
  Pool(const PoolOptions& options, WorkerMain main)
      : options_(options),
        main_(std::move(main)),
        owner_(::getpid()),
        limit_(options.workers),
        page_(options.items, options.workers, std::max(options.staging_bytes, sizeof(RecordHeader)),
              options.is_streamed ? inbox_bytes : 0),
        schedule_(page_),
        flow_(page_.flow()),
        ledger_(options.items, options.is_streamed),
        feeder_(page_, workers_, ledger_, options.is_ordered, limit_),
        backlog_(options.backlog_bytes) {
    drop_payload();
    if (options.buffer_bytes > 0) {
      page_.flow().bound =
          std::max<std::uint64_t>(1, options.buffer_bytes / static_cast<unsigned>(limit_));
    }
    page_.flow().is_ordered = options.is_ordered;
    page_.parent_may_wait() = options.is_prompt || options.is_ordered;
    page_.is_watched() = options.is_watched;
    if (options.takes_returns) number_ = next_number();
    tie_forked_processes();
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
      return !options_.is_streamed && static_cast<std::uint64_t>(forks_) >= options_.items;
    };
    while (refused_ == 0 && forks_ < limit_ && !enough()) {
      fork_worker();
    }
  }

  /// The next thing that happened, waiting up to `tick_ms` for it. Throws std::bad_alloc where a
  /// result doesn't fit into memory, SystemError where the operating system fails.
  Event next(int tick_ms) {
    const std::int64_t deadline = now_ns() + std::int64_t{tick_ms} * 1000000;
    if (page_.flow().is_open) favour_head();  // it may have a worker by now
    do {
      const Event event = hear_all();
      if (event.kind != EventKind::idle) return event;
      if (has_news()) continue;  // more may be at hand than a wait would tell of
      if (const WorkerHandle* idle = stopping_ ? nullptr : feeder_.find_idle())
        return ask_for(*idle);
      if (is_complete()) return make(EventKind::finished);
      if (wants_worker()) {
        fork_worker();
        wait(0);
      } else if (live() == 0) {
        return make(EventKind::failed);
      } else if (const WorkerHandle* asking = stopping_ ? nullptr : feeder_.find_asking()) {
        if (!wait(0)) return ask_for(*asking);  // nobody has become idle meanwhile
      } else {
        bool ready = false;
        const Event staged = options_.is_prompt ? wait_promptly(patience(tick_ms), ready) : Event();
        if (staged.kind != EventKind::idle) return staged;
        if (!options_.is_prompt) ready = wait(patience(tick_ms));
        if (!ready && !is_seeing_off()) break;
      }
      // Over also where each wait finds the next piece of a large result at once.
    } while (now_ns() < deadline);
    return make(EventKind::idle);
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

  /// Changes is_prompt, for as long as somebody wants many records and no single one. A pool whose
  /// records come in the order of their items stays as it is: to see to that is part of it. So does
  /// one that never was prompt, whose workers don't look.
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

  /// Closes what take_payload() gave, and holds its place until the next one.
  void drop_payload() override { payload_.fd.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

  /// Ends all workers at once. What they had finished still comes from next(), then `finished`.
  void stop() {
    stopping_ = true;
    for (Place& handle : workers_) {
      if (!handle) continue;
      handle->readable = true;
      end(*handle, stop_patience_ms);
    }
  }

  /// Ends every child; all are killed before the first is waited for. Reaps them, too, but for
  /// those that the reaper takes over. Waits for a second at the most.
  void close() {
    if (::getpid() != owner_) return disown();
    for (Place& handle : workers_) {
      if (handle && handle->child.pid() > 0) leaving_.push_back(std::move(handle->child));
    }
    workers_.clear();
    for (Child& child : leaving_) child.kill_group();
    hand_over();
    leaving_.clear();
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
  int refused() const { return refused_; }
  int forks() const { return forks_; }
  int deaths() const { return deaths_; }

 private:
  using Place = Workers::value_type;

  Event make(EventKind kind) const {
    Event event;
    event.kind = kind;
    event.error = refused_;
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
        see_off(w);
        return {};
      case ReadStatus::unfinished:
        return {};
      case ReadStatus::corrupt:
      case ReadStatus::eof:
        break;
    }
    lose_pipe(w);
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

  /// A worker that sends what can't be is as good as dead.
  Event announce(Intake taken, WorkerHandle& w) {
    if (taken == Intake::nonsense) lose_pipe(w);
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
      const bool looks_again = head_watch_.is_watching() && !page_.flow().is_open;
      ready = wait(looks_again ? std::min(milliseconds, HeadWatch::lost_after_ms) : milliseconds);
    }
    page_.parent_waits().store(false, std::memory_order_relaxed);
    return event;
  }

  /// Nobody has the head's item in hand while all wait for its end: so it can be after a death.
  /// Then a new worker takes it over. Where none is to be had, the others must get on to it.
  bool is_head_idle() const { return options_.is_ordered && deaths_ > 0 && head_watch_.is_idle(); }

  void favour_head() {
    const bool is_stuck = head_watch_.is_lost(is_head_idle()) || (refused_ != 0 && is_head_idle());
    if (flow_.set_open(is_stuck)) wake_all();
  }

  /// Has the worker so much to read that what it can do without is better left unsaid? Its socket
  /// must have room for what it can't do without.
  bool is_behind(const WorkerHandle& w) const {
    return static_cast<std::int32_t>(w.told - page_.slot(w.slot).heard) >= most_unheard;
  }

  /// Tells workers which of their payloads nobody has any more.
  void return_payloads() {
    if (number_ == 0) return;
    payload_returns().take(number_, [this](const PayloadOrigin& origin) {
      const Place& handle = workers_[static_cast<std::size_t>(origin.slot)];
      if (!handle || handle->incarnation != origin.incarnation || is_behind(*handle)) return;
      handle->tell(origin.number | return_flag);
    });
  }

  /// Each pool of this process has another one.
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
  /// session is large: nobody waits for it here.
  Event note_exit(Place& handle) {
    handle->child.note_alone();
    leaving_.push_back(std::move(handle->child));
    handle.reset();
    return {};
  }

  /// Its pipe has ended, or makes no sense: nothing more is read from it.
  void lose_pipe(WorkerHandle& w) {
    w.results.reset();
    w.readable = false;
    if (stopping_ || w.ending.is_expected() || page_.slot(w.slot).reason != ExitReason::none) {
      return end(w, death_patience_ms);
    }
    const ProcessState state = look_at_child(w.child.pid());
    if (state.is_living()) return give_up_on(w);
    if (state.is_dying()) return end(w, death_patience_ms);
    note_lateness(w);
    w.ending.doubt_for(doubt_ms);
  }

  /// It goes on although its pipe has ended: it is ended here, and that is why it died.
  void give_up_on(WorkerHandle& w) {
    page_.slot(w.slot).reason = ExitReason::given_up;
    end(w, death_patience_ms);
  }

  /// Kills what may not be dead yet; its end is waited for, while other things are seen to.
  void end(WorkerHandle& w, int patience_ms) {
    w.child.kill_group();
    expect_end(w, patience_ms);
  }

  void expect_end(WorkerHandle& w, int patience_ms) {
    note_lateness(w);
    w.ending.expect_within(patience_ms);
  }

  /// Whether its item's time was over is decided when there is a first sign of its end.
  void note_lateness(WorkerHandle& w) const {
    if (!w.ending.is_awaited()) w.was_late = is_late(page_.slot(w.slot), 0);
  }

  /// All that came from it was read. If it has ended, or is late with that, it gets no more time.
  void see_off(WorkerHandle& w) {
    if (w.has_ended) return reap(w);
    if (!w.ending.is_overdue()) return;
    if (w.ending.is_doubtful()) return give_up_on(w);
    if (!makes_headway(w)) reap(w);
  }

  /// A large process takes its time to end, but it runs, or waits for a processor to do so.
  bool makes_headway(WorkerHandle& w) const {
    const int most = w.was_late ? death_patience_ms : huge_patience_ms;
    return !stopping_ && look_at_child(w.child.pid()).is_running() &&
           w.ending.prolong(look_every_ms, most);
  }

  /// The worker has ended without a bye, or was given all the time there is for that.
  void reap(WorkerHandle& w) {
    expect_end(w, 0);
    w.child.kill_group();
    note_time_out(w);
    if (!w.child.reap()) leave_behind(w);
    w.results.reset();
    w.phase = Phase::reaped;
  }

  void leave_behind(WorkerHandle& w) {
    WorkerSlot& slot = page_.slot(w.slot);
    // What is still there, for all that its time was over, was killed by its timer, too.
    if (slot.reason == ExitReason::none) {
      slot.reason = w.was_late ? ExitReason::timed_out : ExitReason::held;
    }
    std::vector<Child> held;
    held.push_back(std::move(w.child));
    reaper().adopt(held);
  }

  Reaper& reaper() { return options_.reaper != nullptr ? *options_.reaper : own_reaper_; }

  /// A worker that its timer has ended says so, unless it held the timer's signal off or had
  /// another handler for it. Who was killed in any other way wasn't late, however long nobody has
  /// looked. This must be seen before the worker is reaped.
  void note_time_out(const WorkerHandle& w) {
    WorkerSlot& slot = page_.slot(w.slot);
    if (stopping_ || slot.reason != ExitReason::none || !is_late(slot, 0)) return;
    if (w.child.was_ended_by(time_out_signal) || w.child.was_ended_by(alarm_signal) ||
        w.child.held_off(time_out_signal)) {
      slot.reason = ExitReason::timed_out;
    }
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
    if (stopping_) return {};
    WorkerSlot& slot = page_.slot(w.slot);
    ++deaths_;
    early_deaths_ = slot.begun == 0 ? early_deaths_ + 1 : 0;
    if (early_deaths_ >= max_early_deaths) {
      if (!is_anybody_at_work() && !is_complete()) return give_up(w, slot);
      policy_.hold_off(early_deaths_ - max_early_deaths);
    }
    return carry_out(judge(facts_of(w, slot)), w, slot);
  }

  DeathFacts facts_of(const WorkerHandle& w, const WorkerSlot& slot) const {
    DeathFacts facts;
    facts.running = slot.running;
    facts.last = slot.last;
    facts.unreadable = w.unreadable;
    facts.has_begun = slot.running != 0 && w.begun.count(slot.running - 1) != 0;
    facts.was_given_up = slot.reason == ExitReason::given_up;
    facts.was_spared = spared_.count(slot.running) != 0;
    return facts;
  }

  /// Of produced items the ledger knows which ones come back; a numbered one is the one before its
  /// worker's block.
  Event carry_out(const Verdict& verdict, const WorkerHandle& w, WorkerSlot& slot) {
    if (verdict.is_spared) spared_.insert(verdict.again);
    if (verdict.again != 0 && !options_.is_streamed) {
      put_back_first(slot.block, static_cast<std::uint32_t>(verdict.again - 1));
    }
    if (verdict.lost == 0 || !ledger_.settle(verdict.lost - 1)) return {};
    return with_loss(EventKind::lost, w, slot, verdict.lost);
  }

  /// Nor is an item run again of which something has come: it went on after its worker had damaged
  /// the pipe.
  Event report_begun(WorkerHandle& w) {
    const std::uint64_t item = *w.begun.begin();
    w.begun.erase(item);
    if (stopping_ || !ledger_.settle(item)) return {};
    return with_loss(EventKind::lost, w, page_.slot(w.slot), item + 1);
  }

  /// Has a worker begun an item? Then workers can be had in this session. One that is dying counts
  /// until its death has been told: the call must not end before its item is known to be lost.
  bool is_anybody_at_work() const {
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
    event.loss = {w.last_pid, w.child.status(), slot.reason, item - 1,
                  slot.reason == ExitReason::timed_out};
    return event;
  }

  static bool is_late(const WorkerSlot& slot, std::int64_t grace_ns) {
    const std::int64_t deadline = slot.deadline.load(std::memory_order_acquire);
    return deadline != 0 && now_ns() > deadline + grace_ns;
  }

  /// Ends workers whose timers should have ended them long ago, or have killed them in vain.
  void kill_late() {
    constexpr std::int64_t grace_ns = 1000000000;
    for (Place& handle : workers_) {
      if (!handle || handle->is_leaving()) continue;
      WorkerSlot& slot = page_.slot(handle->slot);
      if (!is_late(slot, 0)) continue;
      const bool is_dying = look_at_child(handle->child.pid()).is_dying();
      if (!is_dying && !is_late(slot, grace_ns)) continue;
      if (!is_dying && slot.reason == ExitReason::none) slot.reason = ExitReason::timed_out;
      end(*handle, stop_patience_ms);
    }
  }

  /// Nothing has happened for a while. A worker that was killed and is held has nothing to tell, so
  /// one after the other is looked at.
  void look_for_dying() {
    if (workers_.empty() || now_ns() < next_look_) return;
    next_look_ = now_ns() + std::int64_t{look_every_ms} * 1000000;
    looked_at_ = (looked_at_ + 1) % workers_.size();
    const Place& handle = workers_[looked_at_];
    if (!handle || handle->is_leaving()) return;
    if (look_at_child(handle->child.pid()).is_dying()) expect_end(*handle, death_patience_ms);
  }

  /// Gives the reaper those who take their time to end. Where they have been killed in the middle
  /// of something, some of them may be held.
  void hand_over() {
    wait_for_ends();
    for (Child& child : leaving_) (void)child.reap();
    const auto is_reaped = [](const Child& child) { return child.pid() < 0; };
    leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(), is_reaped), leaving_.end());
    if (has_ended_well()) {
      reaper().adopt(leaving_);
    } else {
      reaper().adopt_each(leaving_);
    }
  }

  bool has_ended_well() const { return is_complete() && !stopping_; }

  /// When all is done, nobody needs to wait for workers that have nothing to do any more. Else they
  /// have been killed in the middle of it, and are waited for; but a process takes about as long to
  /// end as it took to fork, and where that is a good part of the patience, they aren't either.
  /// Where no reaper is at hand that outlives the pool, all are waited for.
  void wait_for_ends() const {
    const bool has_reaper = options_.reaper != nullptr;
    const std::int64_t patience =
        std::int64_t{has_reaper ? options_.patience_ms : death_patience_ms} * 1000000;
    if (has_reaper && (has_ended_well() || policy_.fork_ns() > patience / 4)) return;
    const std::int64_t deadline = now_ns() + patience;
    for (const Child& child : leaving_) {
      const std::int64_t left = std::max<std::int64_t>(0, deadline - now_ns());
      child.ends_within(static_cast<int>(left / 1000000));
    }
  }

  bool is_complete() const { return ledger_.is_complete() || (stopping_ && live() == 0); }

  int live() const {
    int n = 0;
    for (const Place& handle : workers_) n += handle != nullptr;
    return n;
  }

  Progress progress() const {
    Progress sum;
    sum.waiting = schedule_.waiting();
    for (int i = 0; i < page_.slots(); ++i) {
      sum.finished += page_.slot(i).finished;
      sum.busy_ns += page_.slot(i).busy_ns;
    }
    return sum;
  }

  bool may_fork() const {
    return !stopping_ && live() < limit_ && !(live() > 0 && policy_.holds_off());
  }

  bool wants_worker() {
    if (!may_fork() || is_complete()) return false;
    if (options_.is_streamed) return feeder_.has_items_to_give();
    if (live() == 0 && schedule_.waiting() == 0) requeue_gap();
    if (schedule_.waiting() > 0 && is_head_idle()) return true;
    return policy_.is_worth(progress(), live());
  }

  /// A worker that dies between claiming items and writing them down takes them out of everybody's
  /// sight. When all others have left, what isn't done is exactly what was lost in that way.
  void requeue_gap() { page_.slot(free_slot()).block = ledger_.first_gap().word(); }

  int free_slot() {
    workers_.resize(static_cast<std::size_t>(page_.slots()));
    int i = 0;
    while (workers_[static_cast<std::size_t>(i)]) ++i;
    return i;
  }

  /// One more worker, or, if it is refused, one fewer for the rest of the call.
  void fork_worker() {
    try {
      policy_.before_fork();
      if (options_.before_fork) options_.before_fork();
      fork_into(free_slot());
      policy_.after_fork();
      populate_stack_above();
      ++forks_;
    } catch (const SystemError& error) {
      limit_ = live();
      refused_ = error.code().value();
    }
  }

  void fork_into(int slot) {
    page_.renew(slot);
    leaving_.reserve(leaving_.size() + workers_.size());  // close() allocates nothing
    std::vector<int> sockets;
    if (!options_.keeps_connections) sockets = open_sockets();
    Pipe pipe = make_pipe(options_.pipe_bytes);
    ControlPair control = make_control_pair();
    auto handle = std::make_unique<WorkerHandle>();
    handle->slot = slot;
    handle->incarnation = static_cast<std::uint32_t>(forks_);
    const pid_t parent = ::getpid();
    life_line_.open();
    handle->child = spawn([&] {
      populate_stack_below();
      seal_process(parent, control.worker.get(), page_.slot(slot), life_line_);
      pipe.reader.reset();
      control.parent.reset();
      for (Pool* pool : registry()) pool->disown();
      sever(sockets, control.worker.get());
      work(slot, pipe.writer.get(), control.worker.get());
    });
    handle->last_pid = handle->child.pid();
    handle->results = std::move(pipe.reader);
    handle->control = std::move(control.parent);
    if (options_.is_streamed) handle->supply.use_files_again(options_.most_free_bytes);
    workers_[static_cast<std::size_t>(slot)] = std::move(handle);
  }

  void work(int slot, int results, int control) {
    keep_freed_memory();
    Worker worker(page_, slot, results, control);
    if (number_ != 0) worker.use_files_again(options_.most_free_bytes);
    main_(worker);
    worker.bye();
  }

  /// In a child: closes the siblings' descriptors and forgets their processes.
  void disown() {
    for (Place& handle : workers_) {
      if (handle) handle->child.disown();
    }
    for (Child& child : leaving_) child.disown();
    workers_.clear();
    leaving_.clear();
    life_line_.close();
    payload_.fd.reset();
    backlog_.disown();
  }

  int patience(int tick_ms) const {
    return may_fork() && schedule_.waiting() > 0 ? std::min(tick_ms, policy_.patience_ms())
                                                 : tick_ms;
  }

  bool wait(int milliseconds) {
    kill_late();
    poll_set_.clear();
    for (Place& handle : workers_) {
      if (!handle) continue;
      poll_set_.watch(handle->results.get());
      poll_set_.watch(handle->child.pidfd());
      milliseconds = std::min(milliseconds, patience_with(*handle, milliseconds));
    }
    const bool ready = poll_set_.wait(milliseconds);
    std::size_t place = 0;
    for (Place& handle : workers_) {
      if (!handle) continue;
      handle->readable = poll_set_.is_ready(place++);
      look_for_end(*handle, poll_set_.is_ready(place++));
    }
    if (!ready) look_for_dying();
    return ready;
  }

  /// One that is about to end is looked at when its time is over, and ever so often if no
  /// descriptor tells of its end.
  static int patience_with(const WorkerHandle& w, int milliseconds) {
    if (w.phase != Phase::alive || !w.ending.is_awaited()) return milliseconds;
    const int left = w.ending.milliseconds_left();
    return w.child.pidfd() >= 0 ? left : std::min(left, 1);
  }

  /// Is the end of somebody awaited, so that a wait may be shorter than the caller wants?
  bool is_seeing_off() const {
    for (const Place& handle : workers_) {
      if (handle && handle->ending.is_awaited()) return true;
    }
    return false;
  }

  /// Without a pidfd the process is asked for directly; that is once a tick at the least. One that
  /// is dead and can't be reaped is in the hands of a debugger.
  void look_for_end(WorkerHandle& w, bool pidfd_ready) {
    if (w.child.pidfd() >= 0 && !pidfd_ready) return;
    w.has_ended = w.child.has_ended();
    if (w.has_ended || !pidfd_ready) return;
    w.child.close_pidfd();
    expect_end(w, death_patience_ms);
  }

  /// All pools of this process: a worker of one lets go of all.
  static std::list<Pool*>& registry() {
    static std::list<Pool*> pools;
    return pools;
  }

  static constexpr int max_early_deaths = 2;
  static constexpr std::size_t inbox_bytes = std::size_t{32} << 10;  // each of two
  static constexpr int stop_patience_ms = 500;    // somebody waits for the end of the call
  static constexpr int death_patience_ms = 1000;  // the others go on meanwhile
  static constexpr int huge_patience_ms = 30000;  // it is busy with its end
  static constexpr int doubt_ms = 2000;           // nobody can tell whether it is dying
  static constexpr int look_every_ms = 100;
  static constexpr std::int32_t most_unheard = 64;

  PoolOptions options_;
  std::uint32_t number_ = 0;  // 0: takes no payloads back
  WorkerMain main_;
  pid_t owner_;
  int limit_;
  SharedPage page_;
  Schedule schedule_;
  FlowReceiver flow_;
  Workers workers_;
  ItemLedger ledger_;
  Feeder feeder_;
  RecordIntake intake_{page_, ledger_};
  HeadWatch head_watch_{page_, workers_};
  Backlog backlog_;
  ForkPolicy policy_;
  PollSet poll_set_;
  LifeLine life_line_;
  std::vector<Child> leaving_;
  int refused_ = 0;
  int forks_ = 0;
  int deaths_ = 0;
  int early_deaths_ = 0;
  std::set<std::uint64_t> spared_;  // items that have had their second chance, plus 1
  bool stopping_ = false;
  Reaper own_reaper_;  // without one of the caller's
  std::size_t looked_at_ = 0;
  std::int64_t next_look_ = 0;
  NumberedFd payload_;  // the one that was taken last, or a place kept for the next one
};

}  // namespace lomp

#endif
