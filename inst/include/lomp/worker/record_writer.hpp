// Side: worker.
/// \file
/// How a worker's records get to its parent.
#ifndef LOMP_WORKER_RECORD_WRITER_HPP
#define LOMP_WORKER_RECORD_WRITER_HPP

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <utility>

#include "lomp/os/clock.hpp"
#include "lomp/os/pipe.hpp"
#include "lomp/payload/payload_sender.hpp"
#include "lomp/payload/spill.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/wire/frame.hpp"
#include "lomp/wire/record.hpp"
#include "lomp/worker/item_timer.hpp"
#include "lomp/worker/seal.hpp"

namespace lomp {

/// The record in hand is begun with put(), in any number of pieces, and ended with complete() or
/// abandon(). It lies behind those that are staged, which leave in one frame. One that is too large
/// for that goes into a file of its own, or out in parts. A longjmp may leave it at any point:
/// nothing here needs a destructor, and the state is sound between any two statements of the
/// caller.
class RecordWriter {
 public:
  /// `results` is the pipe's end, `control` the socket. While it writes the item's timer stands
  /// still.
  RecordWriter(SharedPage& page, int slot, int results, int control, ItemTimer& timer)
      : slot_(page.slot(slot)),
        staging_(page.staging(slot)),
        timer_(timer),
        results_(results),
        payloads_(control) {}
  RecordWriter(const RecordWriter&) = delete;
  RecordWriter& operator=(const RecordWriter&) = delete;

  void put(const void* data, std::size_t bytes) {
    if (bytes == 0) return;  // `data` may be null then
    if (bytes <= room()) {
      std::memcpy(staging_.data() + committed() + header_room() + pending_, data, bytes);
      pending_ += bytes;
    } else {
      put_large(data, bytes);
    }
  }

  /// Sends a vector's bytes in a file beside the record; false if that can't be done now.
  bool put_payload(const void* data, std::size_t bytes, std::uint32_t& number) {
    if (!payloads_.send(data, bytes)) return false;
    spend_credit();
    number = payloads_.last_number();
    payload_pages_ += static_cast<std::uint32_t>((bytes + cost_page - 1) / cost_page);
    return true;
  }

  /// May a descriptor be sent? The kernel destroys what it can't queue.
  bool has_credit() const { return slot_.credits.load(std::memory_order_acquire) > 0; }

  /// The payloads' files, which can be written again when the parent lets go of them.
  PayloadSender& payloads() { return payloads_; }

  /// Completes the record in hand: from now on it outlives this process. Returns what it costs
  /// until it is released.
  std::uint64_t complete(RecordKind kind, RecordTime time = {}) {
    const std::uint64_t pages = payload_pages_;
    const std::uint64_t size = is_large_ ? send_last(kind, time) : stage(kind, time);
    payload_pages_ = 0;
    return size + pages * cost_page;
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
    if (is_stale(now_ns())) flush();
  }

  /// How long it has been writing to its pipe since that was taken last: it waits there if its
  /// parent is slow to read.
  std::int64_t waited_ns() const { return waited_ns_; }
  std::int64_t take_waited_ns() { return std::exchange(waited_ns_, 0); }

  /// When something was sent last; 0 if nothing was.
  std::int64_t last_flush() const { return last_flush_; }

  /// Was that long ago?
  bool is_stale(std::int64_t now) const { return now - last_flush_ > flush_after_ns; }

  /// Writes one frame. A parent that reads no more is dead or has given this worker up.
  void send(FrameHeader header, const void* first, std::size_t first_bytes,
            const void* second = nullptr, std::size_t second_bytes = 0) {
    header.sequence = staging_.sequence();
    header = sealed(header);
    iovec parts[] = {{&header, sizeof header},
                     {const_cast<void*>(first), first_bytes},
                     {const_cast<void*>(second), second_bytes}};
    const std::int64_t began = now_ns();
    timer_.pause_during([&] { write_parts(parts, 3); });
    waited_ns_ += now_ns() - began;
    // After a goodbye the slot may have a new process already.
    if (header.kind != FrameKind::bye) staging_.sent();
  }

 private:
  static constexpr std::int64_t flush_after_ns = 20000000;

  std::uint64_t running() const { return slot_.running.load(std::memory_order_relaxed); }

  std::size_t committed() const { return staging_.committed(); }
  static constexpr std::size_t header_room() { return sizeof(RecordHeader); }

  /// How many more bytes of the record in hand fit behind what is staged.
  std::size_t room() const {
    const std::size_t used = committed() + header_room() + pending_;
    return used < staging_.capacity() ? staging_.capacity() - used : 0;
  }

  /// Returns the record's size, and so does send_last().
  std::uint64_t stage(RecordKind kind, RecordTime time) {
    if (room() == 0 && pending_ == 0) flush();
    const std::size_t size = pending_;
    const RecordHeader header = make_record_header(running() - 1, kind, size, payload_pages_, time);
    std::memcpy(staging_.data() + committed(), &header, sizeof header);
    staging_.commit(committed() + sizeof header + size);
    pending_ = 0;
    return size;
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

  /// Behind the record comes the time of its item.
  std::uint64_t send_last(RecordKind kind, RecordTime time) {
    if (!spill(nullptr, 0)) {
      send_part(PartEnd::last, kind, &time, sizeof time);
      return part_bytes_ - sizeof time;
    }
    const SpilledRecord spilled{spill_.bytes(), spill_number_, 0};
    FrameHeader header = part_header(PartEnd::last, kind, sizeof spilled + sizeof time);
    header.kind = FrameKind::spilled;
    seal_file(spill_.file().get());
    spill_ = Spill();
    is_large_ = false;
    send(header, &spilled, sizeof spilled, &time, sizeof time);
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

  void write_parts(iovec* parts, int count) {
    try {
      write_all(results_, parts, count);
    } catch (const SystemError&) {
      leave(ExitReason::lost_pipe, EXIT_FAILURE);
    }
  }

  WorkerSlot& slot_;
  Staging staging_;
  ItemTimer& timer_;
  int results_;
  PayloadSender payloads_;
  std::uint32_t payload_pages_ = 0;  // of those that the record in hand has named
  Spill spill_;                      // the record in hand, if it is large
  std::uint32_t spill_number_ = 0;
  std::uint64_t part_bytes_ = 0;  // of the record in hand that have left in parts
  std::size_t pending_ = 0;       // bytes of the record in hand that lie behind the committed ones
  bool is_large_ = false;         // the record in hand has begun to leave the staging buffer
  std::int64_t last_flush_ = 0;
  std::int64_t waited_ns_ = 0;
};

}  // namespace lomp

#endif
