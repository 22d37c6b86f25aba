// Side: parent.
/// \file
/// Items on their way to a worker, gathered before they are handed over.
#ifndef LOMP_POOL_ITEM_BATCH_HPP
#define LOMP_POOL_ITEM_BATCH_HPP

#include <new>
#include <utility>
#include <vector>

#include "lomp/payload/payload_sender.hpp"
#include "lomp/payload/record_sink.hpp"
#include "lomp/payload/spill.hpp"
#include "lomp/pool/retained_item.hpp"
#include "lomp/shared/inbox.hpp"
#include "lomp/wire/buffer.hpp"

namespace lomp {

/// An item that is in a batch. Its files come after those of the one before it.
struct BatchItem {
  std::uint64_t item = 0;
  std::uint32_t files_end = 0;  ///< the number after its last file's
};

/// The parent's writer of items for one worker. An item is begun with begin(), written by put() and
/// put_payload(), ended with add(), and handed over with publish(). Small ones lie in the worker's
/// inbox, large ones in a file; large vectors of either travel in files of their own. Nothing here
/// ever waits for the worker: a batch is small enough for its socket to take all that announces
/// it.
class ItemBatch final : public RecordSink {
 public:
  /// How many files go with one batch at most; the socket takes some hundreds.
  static constexpr std::uint32_t max_files = 32;

  /// Beyond how many bytes in files a batch takes no more items: few large items are enough.
  static constexpr std::size_t enough_bytes = std::size_t{8} << 20;

  /// An item is worth holding if each of its payloads has so many bytes: so there are few.
  static constexpr std::size_t worth_holding = std::size_t{1} << 20;

  /// Starts an empty one. `control` is the parent's end of the worker's socket.
  void open(Inbox inbox, int control) {
    inbox_ = inbox;
    payloads_.use_socket(control);
    bytes_ = file_bytes_ = files_ = published_ = 0;
    items_.clear();
    first_file_ = payloads_.next_number();
    begin();
  }

  /// From now on a file is written again when the worker has said that it has let go of it. Free
  /// files are kept up to so many bytes. They need no protection: code that writes where it
  /// shouldn't spoils the items themselves as easily.
  void use_files_again(std::size_t most_free_bytes) {
    payloads_.use_files_again(most_free_bytes, Protection::none);
  }

  /// The worker has let go of the payload of this number.
  void set_free(std::uint32_t number) { payloads_.set_free(number); }

  /// The worker never gets to the items of these files: numbers first, ..., end - 1.
  void forget_files(std::uint32_t first, std::uint32_t end) { payloads_.forget(first, end); }

  /// Begins an item; one that was begun and not added is forgotten.
  void begin() {
    forget_files(files_end(), payloads_.next_number());
    pending_ = 0;
    pages_ = 0;
    has_failed_ = false;
    can_hold_ = true;
    held_files_.clear();
  }

  void put(const void* data, std::size_t bytes) override {
    if (has_failed_ || bytes == 0) return;
    try {
      buffer_.reserve(pending_ + bytes);
    } catch (const std::bad_alloc&) {
      has_failed_ = true;  // this is called from a host that knows no exceptions
      return;
    }
    std::memcpy(buffer_.data() + pending_, data, bytes);
    pending_ += bytes;
  }

  bool put_payload(const void* data, std::size_t bytes, std::uint32_t& number) override {
    if (files_ + 1 >= max_files) return false;  // the item itself may need the last one
    Fd copy;
    can_hold_ = can_hold_ && bytes >= worth_holding;
    if (!payloads_.send(data, bytes, can_hold_ ? &copy : nullptr)) return false;
    count_file(bytes);
    number = payloads_.last_number();
    hold(std::move(copy));
    pages_ += static_cast<std::uint32_t>((bytes + cost_page - 1) / cost_page);
    return true;
  }

  /// Ends the item. False if it can't be sent: there is no memory or no file for it.
  bool add(std::uint64_t item, unsigned kind) {
    kind_ = kind;
    if (has_failed_) return false;
    const RecordHeader header = make_record_header(item, {kind}, pending_, pages_);
    if (!note_item(item)) return false;
    const bool is_small = pending_ <= max_inline && fits(pending_);
    const bool is_added = is_small ? append(header, buffer_.data()) : add_in_file(item, kind);
    if (is_added) {
      items_.back().files_end = payloads_.next_number();
    } else {
      items_.pop_back();
    }
    return is_added;
  }

  /// The item that add() got last, as it was sent; empty if it isn't worth holding or can't be
  /// held.
  RetainedItem take_held() {
    if (has_failed_ || !can_hold_ || held_files_.empty() || pending_ > max_inline) return {};
    const auto files = static_cast<std::uint32_t>(held_files_.size());
    return {kind_,
            {buffer_.data(), buffer_.data() + pending_},
            std::move(held_files_),
            payloads_.last_number() + 1 - files};
  }

  /// Is there room for one more item, whatever its size?
  bool has_room() const {
    return files_ + 1 < max_files && file_bytes_ < enough_bytes && fits(max_inline) &&
           items_.size() < BatchState::max_items;
  }

  bool empty() const { return items_.empty(); }

  /// What is in it, after it was posted. In return the batch gets `items`, whose memory it uses
  /// again.
  void give_items(std::vector<BatchItem>& items) { items_.swap(items); }
  std::uint32_t first_file() const { return first_file_; }

  /// Hands over what was added so far: the worker may take it, although more is to come. Returns
  /// whether the worker must be woken.
  bool publish() {
    if (published_ == items_.size()) return false;
    const bool is_new = published_ == 0;
    published_ = items_.size();
    return inbox_.publish(static_cast<std::uint32_t>(published_), files_end(), is_new);
  }

  /// Hands over all of it; nothing more comes. Returns whether the worker must be woken.
  bool post() {
    const bool is_first = publish();
    if (buffer_.capacity() > kept_capacity) buffer_.release();
    return inbox_.close() || is_first;
  }

 private:
  static constexpr std::size_t max_inline = 4096;
  static constexpr std::size_t kept_capacity = std::size_t{1} << 20;

  bool fits(std::size_t size) const {
    return bytes_ + sizeof(RecordHeader) + size <= inbox_.capacity();
  }

  /// The number after the last file of the items that were added.
  std::uint32_t files_end() const { return empty() ? first_file_ : items_.back().files_end; }

  bool note_item(std::uint64_t item) {
    try {
      items_.push_back({item, 0});
    } catch (const std::bad_alloc&) {
      return false;
    }
    return true;
  }

  bool append(const RecordHeader& header, const void* body) {
    std::memcpy(inbox_.data() + bytes_, &header, sizeof header);
    if (header.size() > 0) std::memcpy(inbox_.data() + bytes_ + sizeof header, body, header.size());
    bytes_ += sizeof header + header.size();
    return true;
  }

  /// The record then says where its bytes are; its kind's flag tells so.
  bool add_in_file(std::uint64_t item, unsigned kind) {
    if (!payloads_.give(buffer_.data(), pending_)) return false;
    count_file(pending_);
    const SpilledRecord spilled{pending_, payloads_.last_number(), 0};
    return append(make_record_header(item, {kind, true}, sizeof spilled, pages_), &spilled);
  }

  /// Without a descriptor of all its files an item can't be held.
  void hold(Fd file) {
    can_hold_ = can_hold_ && file;
    if (!can_hold_) return;
    try {
      held_files_.push_back(std::move(file));
    } catch (const std::bad_alloc&) {
      can_hold_ = false;
    }
  }

  void count_file(std::size_t bytes) {
    file_bytes_ += bytes;
    ++files_;
  }

  Inbox inbox_;
  PayloadSender payloads_;
  Buffer buffer_;
  std::size_t pending_ = 0;
  std::vector<BatchItem> items_;
  std::size_t published_ = 0;  // of these
  std::uint32_t first_file_ = 0;
  std::size_t bytes_ = 0;       // of the inbox that are filled
  std::size_t file_bytes_ = 0;  // in its files
  std::uint32_t files_ = 0;     // of this batch
  std::uint32_t pages_ = 0;
  unsigned kind_ = 0;  // of the item in hand
  bool has_failed_ = false;
  bool can_hold_ = true;
  std::vector<Fd> held_files_;  // of the item in hand
};

}  // namespace lomp

#endif
