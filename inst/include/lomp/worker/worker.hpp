// Side: worker.
/// \file
/// The child's side: takes items, stages what comes of them, sends it.
#ifndef LOMP_WORKER_WORKER_HPP
#define LOMP_WORKER_WORKER_HPP

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/os/fresh_memory.hpp"
#include "lomp/os/page_faults.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "lomp/payload/record_sink.hpp"
#include "lomp/process/strays.hpp"
#include "lomp/schedule/schedule.hpp"
#include "lomp/wire/frame.hpp"
#include "lomp/wire/record.hpp"
#include "lomp/worker/batch_reader.hpp"
#include "lomp/worker/control_reader.hpp"
#include "lomp/worker/item_timer.hpp"
#include "lomp/worker/memory_budget.hpp"
#include "lomp/worker/record_writer.hpp"
#include "lomp/worker/seal.hpp"

namespace lomp {

/// One worker, in its own process. A record is begun with put(), in any number of pieces, and ended
/// with finish() or abandon(). It may be abandoned by a longjmp at any point: nothing here needs a
/// destructor, and the state is sound between any two statements of the caller.
class Worker final : public RecordSink, public PayloadSource {
 public:
  Worker(SharedPage& page, int slot, int results, int control)
      : page_(page),
        slot_(page.slot(slot)),
        schedule_(page),
        parent_waits_(page.parent_waits()),
        parent_may_wait_(page.parent_may_wait()),
        flow_(page.flow(), slot_.flow),
        timer_(slot_.deadline),
        index_(slot),
        writer_(page, slot, results, control, timer_),
        control_(control, slot_, writer_.payloads()),
        batches_(page, slot, parent_, writer_, control_) {
    seal_state().timer = &timer_;
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Gets a block of items, by claiming or stealing; false when there is no more work to begin. Of
  /// a stream it gets the next batch, waiting for it: there the worker goes on until its parent
  /// ends it.
  bool next_block() {
    end_block();
    if (page_.has_inboxes()) {
      batches_.next(static_cast<std::uint32_t>(size_.items()));
      slot_.usage.items.add(batches_.take_batch_waited_ns());
      return begin_block();
    }
    if (has_items()) return begin_block();  // a dead predecessor's
    Block block = schedule_.claim(size_.items());
    if (block.empty()) block = schedule_.steal(index_);
    if (block.empty()) return false;
    slot_.block.store(block.word(), std::memory_order_release);
    return begin_block();
  }

  /// Takes the next item of the block and marks it as running; false at the block's end.
  bool take(std::uint32_t& item) {
    if (page_.has_inboxes()) {
      const bool has_item = batches_.take(item);
      note_item_wait(batches_.take_waited_ns());
      if (!has_item) return false;
    } else if (!take_first(slot_.block, item)) {
      return false;
    }
    slot_.last.store(std::uint64_t{item} + 1, std::memory_order_relaxed);
    slot_.running.store(std::uint64_t{item} + 1, std::memory_order_release);
    slot_.begun.store(slot_.begun.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    flow_.begin_item(item);
    ++taken_;
    return true;
  }

  /// Of the whole call; 0 where they are streamed.
  std::uint64_t items() const { return page_.items(); }

  /// Items that no worker has begun.
  std::uint64_t waiting() const { return schedule_.waiting(); }

  MemoryBudget memory_budget() const { return MemoryBudget(page_); }

  /// There must be room for several regions of each worker.
  FreshMemory fresh_memory() const {
    return FreshMemory(4 * FreshMemory::region_bytes * static_cast<std::uint64_t>(page_.slots()));
  }

  /// What the parent knows of its collector, by now.
  CollectorFacts collector_facts() const {
    return {slot_.young_left.load(std::memory_order_relaxed),
            page_.collection_ns().load(std::memory_order_relaxed)};
  }

  /// See SharedPage. Of others it isn't asked what memory they have.
  bool may_be_replaced() const { return page_.may_be_replaced(); }

  /// Between two blocks: may this worker end, and leave the rest to another one? Not before what it
  /// took to get going, its first block, is little beside what it has done since.
  bool may_leave() const {
    return page_.may_be_replaced() && first_block_ > 0 && !has_items() && waiting() > 0 &&
           now_ns() - born_ >= times_first_block * first_block_;
  }

  /// What the parent has sent of the item in hand, where items are streamed: valid until the next
  /// one is taken. Without data if its file was lost or can't be mapped.
  const Record& streamed() const { return batches_.record(); }

  int take_payload(int, std::uint32_t number) override { return control_.take_payload(number); }
  void drop_payload() override { control_.drop_payload(); }

  PayloadOrigin origin_of(int, std::uint32_t, std::uint32_t number) const override {
    return {parent_, 0, number, 0};
  }

  /// Before a record is begun: waits as long as too many are made and not yet taken, if there is a
  /// bound to that. The parent's death ends this process then.
  void await_room() {
    flow_.await([this] {
      flush();
      const std::int64_t since = now_ns();
      slot_.usage.delivery.begin(since);
      timer_.pause_during([this] { control_.await_wake(); });
      slot_.usage.delivery.end();
      waited_ns_ += now_ns() - since;
    });
  }

  /// Between two items the host has collected garbage for so long. No item's time counts that, nor
  /// what was before.
  void note_collection(std::int64_t ns) {
    add_time(slot_.usage.collecting_ns, ns);
    begin_item(now_ns());
    note_waits();
  }

  /// Why this worker will say bye, if there is work left.
  void note_leaving(Leaving why) { slot_.usage.leaving = why; }

  /// From now on the item in hand has so much time, or else this process is killed. What it waits
  /// for its parent doesn't count.
  void start_timer(std::int64_t ns) { timer_.start(ns); }
  void stop_timer() { timer_.stop(); }

  /// How long the item in hand has run.
  std::int64_t item_ns() const { return now_ns() - slot_.item_began; }

  /// The item in hand, plus 1; 0 if there is none.
  std::uint64_t running() const { return slot_.running.load(std::memory_order_relaxed); }

  /// From now on the parent tells which payloads the session has let go of. As many bytes of their
  /// files may be kept for the next ones.
  void use_files_again(std::size_t most_free_bytes) {
    writer_.payloads().use_files_again(most_free_bytes);
  }

  void put(const void* data, std::size_t bytes) override { writer_.put(data, bytes); }

  bool put_payload(const void* data, std::size_t bytes, std::uint32_t& number) override {
    if (!writer_.has_credit()) return false;
    while (writer_.payloads().reuses_files() && control_.receive()) continue;
    return writer_.put_payload(data, bytes, number);
  }

  /// The item in hand has drawn random numbers: the parent knows it before it has the record.
  void note_drawn() {
    std::atomic<bool>& has_drawn = page_.has_drawn();
    if (!has_drawn.load(std::memory_order_relaxed)) has_drawn = true;
    has_item_drawn_ = true;
  }

  /// Was that said of it?
  bool has_item_drawn() const { return has_item_drawn_; }

  /// Completes the record in hand, which is its item's last one: from now on it outlives this
  /// process.
  void finish(unsigned kind) {
    flow_.sent(writer_.complete({kind, false, has_item_drawn_}, end_item()));
    has_item_drawn_ = false;
    slot_.running.store(0, std::memory_order_release);
    serve_waiting_parent();
  }

  /// Completes the record in hand in the same way; its item goes on.
  void emit(unsigned kind) {
    flow_.sent(writer_.complete({kind, true, has_item_drawn_}));
    serve_waiting_parent();
  }

  /// Forgets the record in hand, not the item.
  void abandon() { writer_.abandon(); }

  /// Sends what is staged.
  void flush() { writer_.flush(); }

  /// The same if that was long ago.
  void flush_if_stale() { writer_.flush_if_stale(); }

  /// Is the item in hand the last one that this worker has for now?
  bool is_at_end() const { return page_.has_inboxes() ? batches_.is_at_end() : !has_items(); }

  /// Tells the parent that this worker has no more to say. What it has started ends with it.
  void bye() {
    end_block();
    end_what_worker_started();
    flush();
    note_usage();
    FrameHeader header;
    header.kind = FrameKind::bye;
    writer_.send(header, nullptr, 0);
  }

 private:
  bool has_items() const { return !Block::of(slot_.block.load(std::memory_order_acquire)).empty(); }

  bool begin_block() {
    taken_ = 0;
    block_began_ = now_ns();
    begin_item(block_began_);
    note_waits();
    return true;
  }

  /// That time is none of the items', nor of the block's.
  void note_item_wait(std::int64_t ns) {
    if (ns == 0) return;
    slot_.usage.items.add(ns);
    block_began_ += ns;
    begin_item(item_began() + ns);
  }

  /// Waits that no item has to bear, and of items that have ended.
  void note_waits() {
    const std::int64_t ns = waited_ns_ + writer_.take_waited_ns();
    waited_ns_ = 0;
    slot_.usage.delivery.add(ns);
  }

  /// The item in hand is over: one look at the clock is its end, and the begin of the next one.
  RecordTime end_item() {
    const std::int64_t now = now_ns();
    const std::int64_t waited = waited_ns_ + writer_.waited_ns();
    const RecordTime time(now, now - item_began() - waited, waited);
    if (waited != 0) note_waits();
    begin_item(now);
    return time;
  }

  /// An item begins where the one before it has ended: the parent knows by then how long one has
  /// run with which this process dies.
  std::int64_t item_began() const { return slot_.item_began.load(std::memory_order_relaxed); }
  void begin_item(std::int64_t now) { slot_.item_began.store(now, std::memory_order_relaxed); }

  /// What this worker took. Its own memory can't be had without a walk through its page tables,
  /// some ten nanoseconds for each page: only one that has been at work for long looks.
  void note_usage() {
    WorkerUsage& usage = slot_.usage;
    note_waits();
    usage.faults = page_faults();
    const std::int64_t life = now_ns() - born_;
    if (life < least_life_ns || life < 2000 * std::int64_t{anonymous_pages()}) return;
    usage.private_bytes = private_memory(::getpid());
  }

  void end_block() {
    if (taken_ == 0) return;
    const std::int64_t now = now_ns();
    const std::int64_t took = now - block_began_;
    const std::int64_t per_item = took / static_cast<std::int64_t>(taken_);
    size_.learn(taken_, took);
    if (first_block_ == 0) first_block_ = now - born_;
    slot_.busy_ns += static_cast<std::uint64_t>(took);
    slot_.finished += taken_;
    taken_ = 0;
    const bool is_due = writer_.last_flush() == 0 ? is_news(per_item) : writer_.is_stale(now);
    if (is_due) flush();
    strays_.look(now);
  }

  /// The parent decides by a worker's first block whether more workers are worth their fork, so it
  /// hears of that at once; but to wake it takes time, and what is left may be over before.
  bool is_news(std::int64_t item_ns) const {
    constexpr double any_fork_ns = 500000;
    if (page_.is_watched() || page_.has_inboxes()) return true;
    return static_cast<double>(item_ns) * static_cast<double>(schedule_.waiting()) >= any_fork_ns;
  }

  /// The parent says that it waits, then looks at what is staged, then sleeps; a worker stages,
  /// then looks whether the parent waits. So at least one of the two sees what the other has done.
  void serve_waiting_parent() {
    if (!parent_may_wait_) return;  // the fence takes as long as much else of a small item
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (parent_waits_.load(std::memory_order_relaxed)) flush();
  }

  static constexpr std::int64_t times_first_block = 20;
  static constexpr std::int64_t least_life_ns = 20000000;

  SharedPage& page_;
  WorkerSlot& slot_;
  Schedule schedule_;
  std::atomic<bool>& parent_waits_;
  const bool parent_may_wait_;
  FlowSender flow_;
  ItemTimer timer_;
  BlockSize size_;
  Strays strays_;
  int index_;
  std::uint32_t parent_ = parent_as_pool();
  RecordWriter writer_;
  ControlReader control_;
  BatchReader batches_;
  std::uint64_t taken_ = 0;
  bool has_item_drawn_ = false;
  std::int64_t block_began_ = 0;
  std::int64_t waited_ns_ = 0;  // for room to deliver, since the last item's end
  std::int64_t born_ = now_ns();
  std::int64_t first_block_ = 0;  // with all that was before
};

}  // namespace lomp

#endif
