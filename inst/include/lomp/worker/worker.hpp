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
#include "lomp/os/pipe.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "lomp/payload/payload_sender.hpp"
#include "lomp/payload/record_sink.hpp"
#include "lomp/payload/spill.hpp"
#include "lomp/process/strays.hpp"
#include "lomp/schedule/schedule.hpp"
#include "lomp/wire/frame.hpp"
#include "lomp/wire/record.hpp"
#include "lomp/worker/item_timer.hpp"
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
        staging_(page.staging(slot)),
        schedule_(page),
        parent_waits_(page.parent_waits()),
        parent_may_wait_(page.parent_may_wait()),
        flow_(page.flow(), slot_.flow),
        timer_(slot_.deadline),
        index_(slot),
        results_(results),
        control_(control) {
    seal_state().timer = &timer_;
  }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  /// Gets a block of items, by claiming or stealing; false when there is no more work to begin. Of
  /// a stream it gets the next batch, waiting for it: who streams ends the process some time.
  bool next_block() {
    end_block();
    if (page_.has_inboxes()) return next_batch();
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
      if (!take_streamed(item)) return false;
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

  /// What the parent has sent of the item in hand, where items are streamed: valid until the next
  /// one is taken. Without data if its file was lost or can't be mapped.
  const Record& streamed() const { return streamed_; }

  int take_payload(int, std::uint32_t number) override {
    payload_.reset();
    for (;;) {
      for (NumberedFd& one : received_) {
        if (!one.fd || one.number != number) continue;
        payload_ = std::move(one.fd);
        return payload_.get();
      }
      if (!receive()) return -1;
    }
  }

  void drop_payload() override { payload_.reset(); }

  PayloadOrigin origin_of(int, std::uint32_t, std::uint32_t number) const override {
    return {parent_, 0, number, 0};
  }

  /// Before a record is begun: waits as long as too many are made and not yet taken, if there is a
  /// bound to that. The parent's death ends this process then.
  void await_room() {
    flow_.await([this] {
      flush();
      timer_.pause_during([this] { await_wake(); });
    });
  }

  /// From now on the item in hand has so much time, or else this process is killed. What it waits
  /// for its parent doesn't count.
  void start_timer(std::int64_t ns) { timer_.start(ns); }
  void stop_timer() { timer_.stop(); }

  /// The item in hand, plus 1; 0 if there is none.
  std::uint64_t running() const { return slot_.running.load(std::memory_order_relaxed); }

  void put(const void* data, std::size_t bytes) override {
    if (bytes == 0) return;  // `data` may be null then
    if (bytes <= room()) {
      std::memcpy(staging_.data() + committed() + header_room() + pending_, data, bytes);
      pending_ += bytes;
    } else {
      put_large(data, bytes);
    }
  }

  /// From now on the parent tells which payloads nobody has any more. As many bytes as that may be
  /// kept for the next ones.
  void use_files_again(std::size_t most_free_bytes) { payloads_.use_files_again(most_free_bytes); }

  bool put_payload(const void* data, std::size_t bytes, std::uint32_t& number) override {
    if (!has_credit()) return false;
    while (payloads_.reuses_files() && receive()) continue;
    if (!payloads_.send(data, bytes)) return false;
    spend_credit();
    number = payloads_.last_number();
    payload_pages_ += static_cast<std::uint32_t>((bytes + cost_page - 1) / cost_page);
    return true;
  }

  /// The item in hand has drawn random numbers: the parent knows it before it has the record.
  void note_drawn() {
    std::atomic<bool>& has_drawn = page_.has_drawn();
    if (!has_drawn.load(std::memory_order_relaxed)) has_drawn = true;
  }

  /// Completes the record in hand, which is its item's last one: from now on it outlives this
  /// process.
  void finish(unsigned kind) {
    complete({kind, false});
    slot_.running.store(0, std::memory_order_release);
    serve_waiting_parent();
  }

  /// Completes the record in hand in the same way; its item goes on.
  void emit(unsigned kind) {
    complete({kind, true});
    serve_waiting_parent();
  }

  /// Forgets the record in hand, not the item.
  void abandon() {
    pending_ = 0;
    payload_pages_ = 0;
    if (spill_.is_open()) {
      spill_ = Spill();
      is_large_ = false;
    }
    if (is_large_) send_part(PartEnd::abandoned, {}, nullptr, 0);
  }

  /// Sends what is staged.
  void flush() {
    if (committed() > 0) {
      const std::size_t from = staging_.begin_sending();
      FrameHeader header;
      header.kind = FrameKind::records;
      header.bytes = committed() - from;
      send(header, staging_.data() + from, committed() - from);
    }
    last_flush_ = now_ns();
  }

  /// The same if that was long ago.
  void flush_if_stale() {
    if (now_ns() - last_flush_ > flush_after_ns) flush();
  }

  /// Is the item in hand the last one that this worker has for now?
  bool is_at_end() const {
    return page_.has_inboxes() ? in_hand().state().is_empty() : !has_items();
  }

  /// Tells the parent that this worker has no more to say. What it has started ends with it.
  void bye() {
    end_block();
    end_what_worker_started();
    flush();
    FrameHeader header;
    header.kind = FrameKind::bye;
    send(header, nullptr, 0);
  }

 private:
  static constexpr std::int64_t flush_after_ns = 20000000;
  static constexpr int moment_ms = 1;

  bool has_items() const { return !Block::of(slot_.block.load(std::memory_order_acquire)).empty(); }

  bool begin_block() {
    taken_ = 0;
    block_began_ = now_ns();
    return true;
  }

  void end_block() {
    if (taken_ == 0) return;
    const std::int64_t now = now_ns();
    const std::int64_t took = now - block_began_;
    const std::int64_t per_item = took / static_cast<std::int64_t>(taken_);
    size_.learn(taken_, took);
    slot_.busy_ns += static_cast<std::uint64_t>(took);
    slot_.finished += taken_;
    taken_ = 0;
    const bool is_due = last_flush_ == 0 ? is_news(per_item) : now - last_flush_ > flush_after_ns;
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

  std::size_t committed() const { return staging_.committed(); }
  static constexpr std::size_t header_room() { return sizeof(RecordHeader); }

  /// How many more bytes of the record in hand fit behind what is staged.
  std::size_t room() const {
    const std::size_t used = committed() + header_room() + pending_;
    return used < staging_.capacity() ? staging_.capacity() - used : 0;
  }

  void complete(RecordKind kind) {
    const std::uint64_t pages = payload_pages_;
    const std::uint64_t size = is_large_ ? send_last(kind) : stage(kind);
    flow_.sent(size + pages * cost_page);
    payload_pages_ = 0;
  }

  /// Returns the record's size, and so does send_last().
  std::uint64_t stage(RecordKind kind) {
    if (room() == 0 && pending_ == 0) flush();
    const std::size_t size = pending_;
    const RecordHeader header = make_record_header(running() - 1, kind, size, payload_pages_);
    std::memcpy(staging_.data() + committed(), &header, sizeof header);
    staging_.commit(committed() + sizeof header + size);
    pending_ = 0;
    return size;
  }

  /// The parent says that it waits, then looks at what is staged, then sleeps; here it is the other
  /// way round. So at least one of the two sees what the other has done.
  void serve_waiting_parent() {
    if (!parent_may_wait_) return;  // the fence takes as long as much else of a small item
    std::atomic_thread_fence(std::memory_order_seq_cst);
    if (parent_waits_.load(std::memory_order_relaxed)) flush();
  }

  /// Sleeps until the parent has sent something, if only a wake-up, or for so long.
  void await_wake(int milliseconds = -1) {
    pollfd socket{control_, POLLIN, 0};
    if (retry_eintr([&] { return kernel().poll(&socket, 1, milliseconds); }) == -1) return;
    while (receive()) continue;
    if (peer_is_gone(control_)) leave(ExitReason::lost_pipe, EXIT_FAILURE);
  }

  /// Takes the next message from the parent if there is one. Descriptors are kept until somebody
  /// asks for their numbers.
  bool receive() {
    NumberedFd message;
    if (!receive_descriptor(control_, message)) return false;
    if (message.fd) {
      received_.push_back(std::move(message));
      return true;
    }
    if ((message.number & return_flag) != 0) payloads_.set_free(message.number & ~return_flag);
    slot_.heard.store(slot_.heard.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    return true;
  }

  /// While one batch is worked through the next one is made: the parent is asked for it as soon
  /// as there is a place for it.
  bool next_batch() {
    leave_batch();
    flush();
    if (!next_inbox().begin()) await_batch();
    ++batches_;
    batch_at_ = batch_item_ = 0;
    has_batch_ = true;
    ask_for_items(FrameKind::request);
    return begin_block();
  }

  Inbox in_hand() const { return page_.inbox(index_, static_cast<int>((batches_ + 1) % 2)); }
  Inbox next_inbox() const { return page_.inbox(index_, static_cast<int>(batches_ % 2)); }

  /// What was sent for the batch in hand isn't needed any more, nor what was sent for items of it
  /// that the parent has taken back.
  void leave_batch() {
    if (!has_batch_) return;
    has_batch_ = false;
    drop_received(in_hand().state().files_end);
    in_hand().clear();
  }

  /// The parent may have made a batch and taken it back: then its files are here for nothing.
  void await_batch() {
    ask_for_items(FrameKind::idle);
    const Inbox inbox = next_inbox();
    while (!inbox.begin()) {
      const BatchState state = inbox.state();
      if (state.is_empty()) drop_received(state.files_end);
      if (inbox.fall_asleep()) await_wake();
    }
  }

  /// Tells at the same time which files the parent can use again.
  void ask_for_items(FrameKind kind) {
    std::array<std::uint32_t, PayloadReturns::capacity> numbers;
    std::size_t count = 0;
    payload_returns().take(parent_,
                           [&](const PayloadOrigin& one) { numbers[count++] = one.number; });
    FrameHeader header;
    header.kind = kind;
    header.item = static_cast<std::uint32_t>(size_.items());
    header.payload_pages = batches_;
    header.bytes = count * sizeof numbers[0];
    send(header, numbers.data(), header.bytes);
  }

  /// Closes the descriptors with smaller numbers, and forgets the places of those that were asked
  /// for.
  void drop_received(std::uint32_t end) {
    received_.erase(
        std::remove_if(received_.begin(), received_.end(),
                       [end](const NumberedFd& one) { return !one.fd || one.number < end; }),
        received_.end());
  }

  /// The parent may be at work on the batch still: then this waits for the next item.
  bool take_streamed(std::uint32_t& item) {
    if (!has_batch_) return false;
    const Inbox inbox = in_hand();
    std::uint32_t place = 0;
    while (!inbox.take(place)) {
      if (inbox.state().is_over()) return false;
      await_item(inbox);
    }
    find_item(place);
    const RecordHeader header = header_at(batch_at_);
    const unsigned char* at = inbox.data() + batch_at_ + sizeof header;
    item = header.item;
    streamed_ = {header.item, header.kind().kind, at, header.size(), index_};
    streamed_file_ = MappedPayload();
    if (header.kind().goes_on) map_streamed(at);
    return true;
  }

  /// Those between the last item and this one were taken back.
  void find_item(std::uint32_t place) {
    for (; batch_item_ < place; ++batch_item_) {
      batch_at_ += sizeof(RecordHeader) + header_at(batch_at_).size();
    }
  }

  /// Of the record at that place of the batch in hand. One that makes no sense was written to by
  /// code of this process, which can't go on then.
  RecordHeader header_at(std::size_t at) const {
    const Inbox inbox = in_hand();
    RecordHeader header;
    if (at > inbox.capacity() || inbox.capacity() - at < sizeof header) crash();
    std::memcpy(&header, inbox.data() + at, sizeof header);
    const std::size_t least = header.kind().goes_on ? sizeof(SpilledRecord) : 0;
    const std::size_t left = inbox.capacity() - at - sizeof header;
    if (header.size() < least || header.size() > left) crash();
    return header;
  }

  /// Who makes many items in a short time isn't asked to wake anybody for each: before this process
  /// sleeps it looks once more after a moment. That time is none of the items'.
  void await_item(const Inbox& inbox) {
    flush();
    const std::int64_t since = now_ns();
    await_wake(moment_ms);
    if (inbox.fall_asleep()) await_wake();
    block_began_ += now_ns() - since;
  }

  /// The item itself is in a file.
  void map_streamed(const unsigned char* at) {
    SpilledRecord spilled;
    std::memcpy(&spilled, at, sizeof spilled);
    const int fd = take_payload(index_, spilled.number);
    const bool is_there = fd >= 0 && holds_payload(fd, spilled.bytes);
    if (is_there) streamed_file_ = MappedPayload(fd, spilled.bytes);
    drop_payload();
    streamed_.data = streamed_file_ ? streamed_file_.data() : nullptr;
    streamed_.size = streamed_file_ ? spilled.bytes : 0;
  }

  /// Makes room by sending what is staged; what doesn't fit even then is a large record, which goes
  /// into a file of its own or out in parts.
  void put_large(const void* data, std::size_t bytes) {
    const std::size_t begun = pending_;
    const unsigned char* begun_at = staging_.data() + committed() + header_room();
    if (committed() > 0) {
      flush();
      std::memmove(staging_.data() + header_room(), begun_at, begun);
    }
    if (bytes <= room()) return put(data, bytes);
    if (!is_large_) begin_large();
    if (!spill(data, bytes)) send_part(PartEnd::more, {}, data, bytes);
  }

  bool has_credit() const { return slot_.credits.load(std::memory_order_acquire) > 0; }

  /// A file of the record in hand.
  bool send_file(const Fd& file) { return payloads_.send_file(file) && spend_credit(); }

  bool spend_credit() {
    slot_.credits.fetch_sub(1, std::memory_order_acq_rel);
    return true;
  }

  /// Files are taken in the order of their numbers, the record's own before those that it names: so
  /// one that has named some already goes out in parts.
  void begin_large() {
    is_large_ = true;
    part_bytes_ = 0;
    if (payload_pages_ > 0 || !has_credit()) return;
    spill_ = Spill::open();
    if (!spill_.is_open() || !send_file(spill_.file())) {
      spill_ = Spill();
    } else {
      spill_number_ = payloads_.last_number();
    }
  }

  /// Moves what is pending, and `bytes` more, to the record's file. False if it has none, or no
  /// more: then all that it held has been sent in parts.
  bool spill(const void* data, std::size_t bytes) {
    if (!spill_.is_open()) return false;
    if (spill_.append(staging_.data() + header_room(), pending_, data, bytes)) {
      pending_ = 0;
      return true;
    }
    spill_.read_back([this](const unsigned char* piece, std::size_t n) {
      part_bytes_ += n;
      send(part_header(PartEnd::more, {}, n), piece, n);
    });
    spill_ = Spill();
    return false;
  }

  std::uint64_t send_last(RecordKind kind) {
    if (!spill(nullptr, 0)) {
      send_part(PartEnd::last, kind, nullptr, 0);
      return part_bytes_;
    }
    const SpilledRecord spilled{spill_.bytes(), spill_number_, 0};
    FrameHeader header = part_header(PartEnd::last, kind, sizeof spilled);
    header.kind = FrameKind::spilled;
    seal_file(spill_.file().get());
    spill_ = Spill();
    is_large_ = false;
    send(header, &spilled, sizeof spilled);
    return spilled.bytes;
  }

  FrameHeader part_header(PartEnd end, RecordKind kind, std::size_t bytes) const {
    FrameHeader header;
    header.kind = FrameKind::part;
    header.end = end;
    header.record_kind = static_cast<std::uint16_t>(kind.word());
    header.payload_pages = payload_pages_;
    header.item = static_cast<std::uint32_t>(running() - 1);
    header.bytes = bytes;
    return header;
  }

  /// Sends what is pending of the record in hand and `bytes` more.
  void send_part(PartEnd end, RecordKind kind, const void* data, std::size_t bytes) {
    is_large_ = end == PartEnd::more;
    part_bytes_ += pending_ + bytes;
    send(part_header(end, kind, pending_ + bytes), staging_.data() + header_room(), pending_, data,
         bytes);
    pending_ = 0;
  }

  /// Writes one frame. A parent that reads no more is dead or has given this worker up.
  void send(FrameHeader header, const void* first, std::size_t first_bytes,
            const void* second = nullptr, std::size_t second_bytes = 0) {
    header.sequence = staging_.sequence();
    header = sealed(header);
    iovec parts[] = {{&header, sizeof header},
                     {const_cast<void*>(first), first_bytes},
                     {const_cast<void*>(second), second_bytes}};
    timer_.pause_during([&] { write_parts(parts, 3); });
    // After a goodbye the slot may have a new process already.
    if (header.kind != FrameKind::bye) staging_.sent();
  }

  void write_parts(iovec* parts, int count) {
    try {
      write_all(results_, parts, count);
    } catch (const SystemError&) {
      leave(ExitReason::lost_pipe, EXIT_FAILURE);
    }
  }

  SharedPage& page_;
  WorkerSlot& slot_;
  Staging staging_;
  Schedule schedule_;
  std::atomic<bool>& parent_waits_;
  const bool parent_may_wait_;
  FlowSender flow_;
  ItemTimer timer_;
  BlockSize size_;
  Strays strays_;
  int index_;
  int results_;
  int control_;
  std::uint32_t parent_ = parent_as_pool();
  PayloadSender payloads_{control_};
  std::uint32_t payload_pages_ = 0;  // of those that the record in hand has named
  Spill spill_;                      // the record in hand, if it is large
  std::uint32_t spill_number_ = 0;
  std::uint64_t part_bytes_ = 0;  // of the record in hand that have left in parts
  std::size_t pending_ = 0;       // bytes of the record in hand that lie behind the committed ones
  bool is_large_ = false;         // the record in hand has begun to leave the staging buffer
  Record streamed_{};             // the item in hand, where items are streamed
  MappedPayload streamed_file_;   // its file, if it has one
  std::vector<NumberedFd> received_;  // what the parent has sent and nobody asked for yet
  Fd payload_;                        // what take_payload() gave
  std::uint32_t batches_ = 0;         // that were begun
  bool has_batch_ = false;            // one is in hand
  std::uint32_t batch_item_ = 0;      // of it: the item taken last,
  std::size_t batch_at_ = 0;          // and where that is
  std::uint64_t taken_ = 0;
  std::int64_t block_began_ = 0;
  std::int64_t last_flush_ = 0;
};

}  // namespace lomp

#endif
