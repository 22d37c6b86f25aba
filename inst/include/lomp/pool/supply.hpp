// Side: parent.
/// \file
/// The parent's side of one worker's items, where items are streamed.
#ifndef LOMP_POOL_SUPPLY_HPP
#define LOMP_POOL_SUPPLY_HPP

#include <array>
#include <cstdint>
#include <utility>
#include <vector>

#include "lomp/pool/item_batch.hpp"
#include "lomp/shared/shared_page.hpp"

namespace lomp {

/// What the worker has asked for, what it was sent, and what of that can be taken back. A worker
/// has one batch in hand and one in store. It asks for the next one when it begins one, and again,
/// as an idle one, when it finds none in store; batches are numbered from 0, so that a question
/// that crossed its answer is known for what it is.
class Supply {
 public:
  /// Free files are kept up to so many bytes.
  void use_files_again(std::size_t most_free_bytes) { batch_.use_files_again(most_free_bytes); }
  void set_free(std::uint32_t number) { batch_.set_free(number); }

  /// The worker asks for the batch of this number.
  void ask(std::uint32_t number, std::uint32_t items, bool is_idle) {
    asked_ = number;
    wanted_ = items > 0 ? items : 1;
    is_idle_ = is_idle;
    is_passed_over_ = false;
    has_asked_ = true;
  }

  /// It has been started and is on its way to its first question.
  bool is_starting() const { return !has_asked_; }

  /// Does it wait for a batch, to begin or to store it?
  bool is_asking() const {
    return has_asked_ && !has_left_ && asked_ == posted_ && (is_idle_ || !is_passed_over_);
  }

  /// Has it nothing in hand, either?
  bool is_idle() const { return is_asking() && is_idle_; }
  std::uint32_t wanted() const { return wanted_; }

  /// The batch that it is asking for, open for items until it is posted.
  ItemBatch& batch(const SharedPage& page, int slot, int control, std::int64_t now) {
    if (!is_open_) {
      batch_.open(page.inbox(slot, static_cast<int>(half())), control);
      opened_ = now;
    }
    is_open_ = true;
    return batch_;
  }

  /// Hands over what was added; returns whether the worker must be woken, as post() does.
  bool publish() { return batch_.publish(); }

  bool is_empty() const { return !is_open_ || batch_.empty(); }

  /// Since when there have been items in the open batch.
  std::int64_t opened() const { return opened_; }

  /// Hands the batch over, which isn't empty.
  bool post(const SharedPage& page, int slot, std::uint64_t serial, std::int64_t now) {
    Sent& sent = sent_[half()];
    const bool must_wake = batch_.post();
    sent = {page.inbox(slot, static_cast<int>(half())), std::move(sent.items), batch_.first_file(),
            serial, now};
    batch_.give_items(sent.items);
    is_open_ = false;
    last_serial_ = serial;
    ++posted_;
    return must_wake;
  }

  /// Its process has ended: nothing is sent any more.
  void leave() { has_left_ = true; }

  /// A batch of which something could be taken back.
  struct Rest {
    std::uint64_t item = 0;  ///< the first one
    std::uint32_t items = 0;
    std::uint64_t serial = 0;
    std::int64_t since = 0;
    bool is_awaited = false;  ///< its worker is idle and about to begin it
  };

  /// The earliest one; false if there is none.
  bool find_rest(Rest& rest) const {
    const Sent* sent = oldest_rest();
    if (sent == nullptr) return false;
    const BatchState state = sent->inbox.state();
    if (!sent->has_rest(state)) return false;  // it has just been taken
    const bool is_awaited = is_idle_ && asked_ + 1 == posted_ && !state.has_begun;
    rest = {sent->items[state.cursor].item, state.end - state.cursor, sent->serial, sent->since,
            is_awaited};
    return true;
  }

  /// Takes back the first half of that, and calls take(item) for each item. The worker drops the
  /// descriptors that it was sent for them.
  template <class Take>
  void take_back(Take take) {
    const Sent* sent = oldest_rest();
    if (sent == nullptr) return;
    const Inbox::Loot loot = sent->inbox.take_back();
    if (loot.first == loot.end || loot.end > sent->items.size()) return;
    for (std::uint32_t i = loot.first; i < loot.end; ++i) take(sent->items[i].item);
    batch_.forget_files(sent->files_before(loot.first), sent->files_before(loot.end));
    if (loot.is_all) withdraw();
  }

  /// Of the batch that was posted last.
  std::uint64_t last_serial() const { return last_serial_; }

 private:
  struct Sent {
    Inbox inbox;
    std::vector<BatchItem> items;
    std::uint32_t first_file = 0;
    std::uint64_t serial = 0;
    std::int64_t since = 0;

    /// What is open at the place of an earlier batch isn't that batch's. Nor does anything that a
    /// worker may have written there make this process look beyond the list.
    bool has_rest(const BatchState& state) const {
      return state.is_closed && !state.is_empty() && state.end <= items.size();
    }

    /// The number of the first file that isn't of the items before this one.
    std::uint32_t files_before(std::uint32_t place) const {
      return place == 0 ? first_file : items[place - 1].files_end;
    }
  };

  std::uint32_t half() const { return posted_ % 2; }

  /// Of the two batches that were posted last and not withdrawn, unless the worker has taken all.
  const Sent* oldest_rest() const {
    for (std::uint32_t back : {2, 1}) {
      if (posted_ < back) continue;
      const Sent& sent = sent_[(posted_ - back) % 2];
      if (sent.has_rest(sent.inbox.state())) return &sent;
    }
    return nullptr;
  }

  /// The worker never gets to see the batch that was posted last, so its number is that of the
  /// next one. The worker isn't sent that before it is idle: what it has in hand takes long, and
  /// descriptors that it doesn't read would pile up.
  void withdraw() {
    --posted_;
    is_passed_over_ = true;
  }

  ItemBatch batch_;
  std::array<Sent, 2> sent_;
  std::uint32_t asked_ = 0;
  std::uint32_t posted_ = 0;  // the number of the next batch
  std::uint32_t wanted_ = 0;
  std::uint64_t last_serial_ = 0;
  std::int64_t opened_ = 0;
  bool has_asked_ = false;
  bool is_idle_ = false;
  bool is_open_ = false;
  bool is_passed_over_ = false;
  bool has_left_ = false;
};

}  // namespace lomp

#endif
