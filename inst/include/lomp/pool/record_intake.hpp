// Side: parent.
/// \file
/// What arrives of workers: frames and what they have staged, as records.
#ifndef LOMP_POOL_RECORD_INTAKE_HPP
#define LOMP_POOL_RECORD_INTAKE_HPP

#include <cstring>
#include <new>
#include <vector>

#include "lomp/payload/payload.hpp"
#include "lomp/payload/record_sink.hpp"
#include "lomp/payload/spill.hpp"
#include "lomp/pool/item_ledger.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/wire/frame.hpp"
#include "lomp/wire/record.hpp"

namespace lomp {

/// What came of a look at a worker.
enum class Intake {
  nothing,
  records,  ///< see RecordIntake::records()
  nonsense  ///< the worker is as good as dead
};

/// Has the records that came last, borrowed from the worker's buffers, from the shared memory or
/// from a file that it owns, until others come. Whatever it reads may have been overwritten by an
/// item's code.
class RecordIntake {
 public:
  RecordIntake(SharedPage& page, ItemLedger& ledger) : page_(page), ledger_(ledger) {}

  const std::vector<Record>& records() const { return records_; }

  /// A record that doesn't fit into this process's memory is its item's failure, not the call's.
  ReadStatus read(WorkerHandle& w) {
    if (!w.results) return ReadStatus::would_block;
    try {
      return w.reader.next(w.results.get());
    } catch (const std::bad_alloc&) {
      if (w.reader.header().kind != FrameKind::part) return ReadStatus::corrupt;
      w.unreadable = w.reader.header().item + std::uint64_t{1};
      page_.slot(w.slot).reason = ExitReason::too_large;
      return ReadStatus::corrupt;
    }
  }

  /// The records of the frame that was read. Payloads, and files of records, come from there.
  Intake take_frame(WorkerHandle& w, PayloadSource& payloads) {
    records_.clear();
    spilled_ = MappedPayload();
    if (!parse_frame(w, payloads) || !note(w)) return Intake::nonsense;
    return records_.empty() ? Intake::nothing : Intake::records;
  }

  /// Would take_ahead() give something?
  bool has_ahead(const WorkerHandle& w) const {
    return page_.staging(w.slot).has(w.reader.expected());
  }

  /// What a living worker has staged, if nothing from before is still on its way.
  Intake take_ahead(WorkerHandle& w) {
    Staging staging = page_.staging(w.slot);
    std::size_t size = 0;
    const auto copy = [&](const unsigned char* data, std::size_t bytes) {
      w.taken.reserve(bytes);
      std::memcpy(w.taken.data(), data, bytes);
      size = bytes;
    };
    if (!staging.take(w.reader.expected(), copy)) return Intake::nothing;
    records_.clear();
    const bool is_sound = parse_records(w.taken.data(), size, w.slot, records_) && note(w);
    return is_sound ? Intake::records : Intake::nonsense;
  }

  /// What a dead worker has left staged. Staged bytes whose frame came through, whole, are ours
  /// already.
  bool take_staged(WorkerHandle& w) {
    records_.clear();
    const Staging staging = page_.staging(w.slot);
    const std::size_t from = staging.taken(), to = staging.committed();
    return staging.sequence() == w.reader.expected() && from < to && to <= staging.capacity() &&
           parse_records(staging.data() + from, to - from, w.slot, records_) && note(w);
  }

 private:
  /// Settles the items whose last records these are; false if one can't be an item.
  bool note(WorkerHandle& w) {
    for (Record& record : records_) {
      record.incarnation = w.incarnation;
      if (!ledger_.is_item(record.item)) return false;
      if (record.goes_on) {
        w.begun.insert(record.item);
      } else {
        if (!w.begun.empty()) w.begun.erase(record.item);
        ledger_.settle(record.item);
      }
    }
    return true;
  }

  /// Adds a frame's records to the list; false if it makes no sense.
  bool parse_frame(WorkerHandle& w, PayloadSource& payloads) {
    const FrameHeader& header = w.reader.header();
    const unsigned char* body = w.reader.body();
    if (header.kind == FrameKind::records) {
      return parse_records(body, w.reader.size(), w.slot, records_);
    }
    if (header.kind == FrameKind::spilled) return fetch_spilled(w, payloads);
    if (header.end != PartEnd::last) return true;
    if (w.reader.size() < sizeof(RecordTime)) return false;
    const std::size_t bytes = w.reader.size() - sizeof(RecordTime);
    add_large(w, body, bytes, time_at(body + bytes), false);
    return true;
  }

  static RecordTime time_at(const unsigned char* data) {
    RecordTime time;
    std::memcpy(&time, data, sizeof time);
    return time;
  }

  void add_large(const WorkerHandle& w, const unsigned char* body, std::size_t bytes,
                 RecordTime time, bool was_spilled) {
    const FrameHeader& header = w.reader.header();
    const RecordKind kind = RecordKind::of(header.record_kind);
    records_.push_back({header.item, kind.kind, body, bytes, w.slot, kind.goes_on,
                        header.payload_pages, 0, was_spilled, time, kind.has_drawn});
  }

  /// A record in a file is read where it lies. One that there is no room for is too large.
  bool fetch_spilled(WorkerHandle& w, PayloadSource& payloads) {
    SpilledRecord spilled;
    if (w.reader.size() != sizeof spilled + sizeof(RecordTime)) return false;
    std::memcpy(&spilled, w.reader.body(), sizeof spilled);
    const RecordTime time = time_at(w.reader.body() + sizeof spilled);
    w.unreadable = w.reader.header().item + std::uint64_t{1};
    const int fd = payloads.take_payload(w.slot, spilled.number);
    if (fd < 0 || !holds_payload(fd, spilled.bytes)) return false;
    spilled_ = MappedPayload(fd, spilled.bytes);
    payloads.drop_payload();
    if (!spilled_) {
      page_.slot(w.slot).reason = ExitReason::too_large;
      return false;
    }
    w.unreadable = 0;
    add_large(w, spilled_.data(), spilled.bytes, time, true);
    return true;
  }

  SharedPage& page_;
  ItemLedger& ledger_;
  std::vector<Record> records_;
  MappedPayload spilled_;  // the record, if it came in a file
};

}  // namespace lomp

#endif
