// Side: worker.
/// \file
/// Where a worker gets its items from, if they are streamed.
#ifndef LOMP_WORKER_BATCH_READER_HPP
#define LOMP_WORKER_BATCH_READER_HPP

#include <array>
#include <cstring>
#include <utility>

#include "lomp/os/clock.hpp"
#include "lomp/payload/payload.hpp"
#include "lomp/payload/payload_returns.hpp"
#include "lomp/payload/spill.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/worker/control_reader.hpp"
#include "lomp/worker/record_writer.hpp"

namespace lomp {

/// Asks the parent for batches of items, and takes them one by one out of the two inboxes. Owns the
/// file of the item in hand.
class BatchReader {
 public:
  /// `parent` is the parent's number as the origin of payloads.
  BatchReader(SharedPage& page, int slot, std::uint32_t parent, RecordWriter& writer,
              ControlReader& control)
      : page_(page), index_(slot), parent_(parent), writer_(writer), control_(control) {}
  BatchReader(const BatchReader&) = delete;
  BatchReader& operator=(const BatchReader&) = delete;

  /// While one batch is worked through the next one is made: the parent is asked for it as soon
  /// as there is a place for it.
  void next(std::uint32_t wanted) {
    leave_batch();
    writer_.flush();
    if (!next_inbox().begin()) await_batch(wanted);
    ++batches_;
    batch_at_ = batch_item_ = 0;
    is_in_hand_ = true;
    ask_for_items(FrameKind::request, wanted);
  }

  /// The parent may be at work on the batch still: then this waits for the next item.
  bool take(std::uint32_t& item) {
    if (!is_in_hand_) return false;
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
    record_ = {header.item, header.kind().kind, at, header.size(), index_};
    file_ = MappedPayload();
    if (header.kind().goes_on) map_item(at);
    return true;
  }

  /// What was sent of the item in hand: valid until the next one is taken. Without data if its file
  /// was lost or can't be mapped.
  const Record& record() const { return record_; }

  /// Has the batch in hand no more items, for now?
  bool is_at_end() const { return in_hand().state().is_empty(); }

  /// How long it has waited for items since this was asked last.
  std::int64_t take_waited_ns() { return std::exchange(waited_ns_, 0); }

  /// The same of whole batches.
  std::int64_t take_batch_waited_ns() { return std::exchange(batch_waited_ns_, 0); }

 private:
  static constexpr int moment_ms = 1;

  Inbox in_hand() const { return page_.inbox(index_, static_cast<int>((batches_ + 1) % 2)); }
  Inbox next_inbox() const { return page_.inbox(index_, static_cast<int>(batches_ % 2)); }

  /// What was sent for the batch in hand isn't needed any more, nor what was sent for items of it
  /// that the parent has taken back.
  void leave_batch() {
    if (!is_in_hand_) return;
    is_in_hand_ = false;
    control_.drop(in_hand().state().files_end);
    in_hand().clear();
  }

  /// The parent may have made a batch and taken it back: then its files are here for nothing.
  void await_batch(std::uint32_t wanted) {
    ask_for_items(FrameKind::idle, wanted);
    const Inbox inbox = next_inbox();
    const std::int64_t since = begin_wait();
    while (!inbox.begin()) {
      const BatchState state = inbox.state();
      if (state.is_empty()) control_.drop(state.files_end);
      if (inbox.fall_asleep()) control_.await_wake();
    }
    batch_waited_ns_ += end_wait(since);
  }

  std::int64_t begin_wait() {
    const std::int64_t now = now_ns();
    page_.slot(index_).usage.items.begin(now);
    return now;
  }

  std::int64_t end_wait(std::int64_t since) {
    page_.slot(index_).usage.items.end();
    return now_ns() - since;
  }

  /// Tells at the same time which files the parent can use again.
  void ask_for_items(FrameKind kind, std::uint32_t wanted) {
    std::array<std::uint32_t, PayloadReturns::capacity> numbers;
    std::size_t count = 0;
    payload_returns().take(parent_,
                           [&](const PayloadOrigin& one) { numbers[count++] = one.number; });
    FrameHeader header;
    header.kind = kind;
    header.item = wanted;
    header.payload_pages = batches_;
    header.bytes = count * sizeof numbers[0];
    writer_.send(header, numbers.data(), header.bytes);
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

  /// Before this worker sleeps it looks once more after a moment: a parent that makes many items in
  /// a short time needn't wake it for each. No item's time counts that moment.
  void await_item(const Inbox& inbox) {
    writer_.flush();
    const std::int64_t since = begin_wait();
    control_.await_wake(moment_ms);
    if (inbox.fall_asleep()) control_.await_wake();
    waited_ns_ += end_wait(since);
  }

  /// The item itself is in a file.
  void map_item(const unsigned char* at) {
    SpilledRecord spilled;
    std::memcpy(&spilled, at, sizeof spilled);
    const int fd = control_.take_payload(spilled.number);
    const bool is_there = fd >= 0 && holds_payload(fd, spilled.bytes);
    if (is_there) file_ = MappedPayload(fd, spilled.bytes);
    control_.drop_payload();
    record_.data = file_ ? file_.data() : nullptr;
    record_.size = file_ ? spilled.bytes : 0;
  }

  SharedPage& page_;
  int index_;
  std::uint32_t parent_;
  RecordWriter& writer_;
  ControlReader& control_;
  Record record_{};
  MappedPayload file_;            // the record's, if it has one
  std::uint32_t batches_ = 0;     // that were begun
  bool is_in_hand_ = false;       // one is
  std::uint32_t batch_item_ = 0;  // of it: the item taken last,
  std::size_t batch_at_ = 0;      // and where that is
  std::int64_t waited_ns_ = 0;
  std::int64_t batch_waited_ns_ = 0;
};

}  // namespace lomp

#endif
