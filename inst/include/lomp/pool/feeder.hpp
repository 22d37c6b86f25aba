// Side: parent.
/// \file
/// Gives produced items to workers.
#ifndef LOMP_POOL_FEEDER_HPP
#define LOMP_POOL_FEEDER_HPP

#include <cstdint>
#include <memory>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/pool/item_ledger.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/schedule/schedule.hpp"
#include "lomp/shared/shared_page.hpp"

namespace lomp {

/// Which worker gets the next item, and what is taken back from one that is held up for another one
/// that has nothing to do. Owns none of what it works with, which is the pool's. With numbered
/// items it has nothing to do.
class Feeder {
 public:
  /// `limit` is how many workers there may be, which may become fewer.
  Feeder(SharedPage& page, Workers& workers, ItemLedger& ledger, bool is_ordered, const int& limit)
      : page_(page), workers_(workers), ledger_(ledger), is_ordered_(is_ordered), limit_(limit) {}

  // ---- For the caller, which has the items

  /// After a `request` event: the batch for that worker, open for items until post().
  ItemBatch& batch(int worker) {
    WorkerHandle& m = at(worker);
    return m.supply.batch(page_, m.slot, m.control.get(), now_ns());
  }

  /// The item was added to the worker's batch.
  void note_given(int worker, std::uint64_t item) {
    ledger_.in_flight().give(item, at(worker).incarnation);
  }

  /// The worker may begin what was added so far: to make the next item may take long.
  void publish(int worker) {
    WorkerHandle& m = at(worker);
    if (m.supply.publish()) m.wake();
  }

  /// Is there anything in the batch?
  bool is_fed(int worker) const { return !at(worker).supply.is_empty(); }

  /// Has the batch been open for so long that another worker may need the next item more?
  bool is_overdue(int worker) const {
    const Supply& supply = at(worker).supply;
    return !supply.is_empty() && now_ns() - supply.opened() > batch_ns;
  }

  /// Has this worker's process ended already, though the pool hasn't noticed?
  bool has_left(int worker) const { return peer_is_gone(at(worker).control.get()); }

  /// The item couldn't be added after all, and has ended.
  void withdraw(std::uint64_t item) { ledger_.settle(item); }

  /// Hands the batch over. An empty one is kept back: the worker is still asking then.
  void post(int worker) {
    WorkerHandle& m = at(worker);
    const std::int64_t now = now_ns();
    is_supply_slow_ = now - asked_at_ > batch_ns;
    if (has_left(worker)) return m.supply.leave();  // its items come back when its death is noticed
    if (m.supply.is_empty()) return;
    if (m.supply.post(page_, m.slot, ++batches_, now)) m.wake();
  }

  /// The first item that must be given again, because its worker died or was held up; false if
  /// there is none for this worker. Where items are in order, a worker that has others in hand
  /// doesn't get it: these may have to wait for it.
  bool first_returned(int worker, std::uint64_t& item) const {
    const Supply& supply = at(worker).supply;
    if (is_ordered_ && !supply.is_idle()) return false;
    return ledger_.in_flight().first_returned(item);
  }

  /// No items will come but those that must be given again.
  void end_of_items() { ledger_.end(); }

  /// Has the caller new items now? Without, no worker asks for any, and one that is idle gets what
  /// others have in store.
  void set_stock(bool has_stock) { ledger_.set_stock(has_stock); }

  /// Takes back what no worker has begun, for somebody else. Calls take(item) for each one, which
  /// is over by that. Throws std::bad_alloc.
  template <class Take>
  void withdraw_rest(Take take) {
    for (const auto& handle : workers_) {
      Supply::Rest rest;
      if (!handle || handle->phase != Phase::alive) continue;
      while (handle->supply.find_rest(rest) && !rest.is_awaited && relieve(handle.get())) continue;
    }
    std::uint64_t item = 0;
    while (ledger_.in_flight().withdraw_returned(item)) take(item);
  }

  // ---- For the pool

  /// A worker that has nothing in hand, if there is anything for it: what came back, what another
  /// one that is held up has in store, or a new item.
  const WorkerHandle* find_idle() {
    if (!ledger_.is_produced()) return nullptr;
    const WorkerHandle* idle =
        find_worker([](const WorkerHandle& m) { return m.supply.is_idle(); });
    if (idle == nullptr) return nullptr;
    if (!ledger_.in_flight().has_returned()) relieve_for_idle();
    return ledger_.has_more() ? idle : nullptr;
  }

  /// A worker that wants something in store. None gets that while another one is about to ask for
  /// its first item.
  const WorkerHandle* find_asking() {
    if (!ledger_.is_produced()) return nullptr;
    if (find_worker([](const WorkerHandle& m) { return m.supply.is_starting(); })) return nullptr;
    const WorkerHandle* asking =
        find_worker([](const WorkerHandle& m) { return m.supply.is_asking(); });
    if (asking == nullptr || is_ordered_) return ledger_.lacks_new() ? nullptr : asking;
    if (!ledger_.in_flight().has_returned()) relieve_overtaken(*asking);
    return ledger_.has_more() ? asking : nullptr;
  }

  /// The pool has told its caller that a worker wants items.
  void note_asked() { asked_at_ = now_ns(); }

  /// Is there anything that one more worker could do? How many items there are isn't known.
  bool has_items_to_give() const {
    return !ledger_.has_all() || ledger_.in_flight().has_returned() ||
           find_rest([](const Supply::Rest&) { return true; }) != nullptr;
  }

 private:
  WorkerHandle& at(int worker) { return *workers_[static_cast<std::size_t>(worker)]; }
  const WorkerHandle& at(int worker) const { return *workers_[static_cast<std::size_t>(worker)]; }

  template <class Is>
  const WorkerHandle* find_worker(Is is) const {
    for (const auto& handle : workers_) {
      if (handle && !handle->is_leaving() && is(*handle)) return handle.get();
    }
    return nullptr;
  }

  /// The worker that has the earliest item of those that haven't been begun and may be taken back.
  template <class May>
  WorkerHandle* find_rest(May may) const {
    WorkerHandle* first = nullptr;
    std::uint64_t first_item = UINT64_MAX;
    for (const auto& handle : workers_) {
      Supply::Rest rest;
      if (!handle || handle->phase != Phase::alive || !handle->supply.find_rest(rest)) continue;
      if (rest.item >= first_item || !may(rest)) continue;
      first = handle.get();
      first_item = rest.item;
    }
    return first;
  }

  /// An idle worker gets what another one has in store: at once if that is a single item, or if
  /// there are no new ones or they take their time; many cheap ones, which cost more to be sent
  /// again than to be run, if they have been there for longer than a batch should take.
  void relieve_for_idle() {
    const std::int64_t now = now_ns();
    const bool is_scarce = ledger_.lacks_new() || is_supply_slow_;
    relieve(find_rest([=](const Supply::Rest& rest) {
      return ((is_scarce || rest.items == 1) && !rest.is_awaited) || now - rest.since > batch_ns;
    }));
  }

  /// Nor is an item left behind for ever: a worker that has begun much later ones takes it next.
  void relieve_overtaken(const WorkerHandle& m) {
    const std::uint64_t begun = m.supply.last_serial();
    const auto lead = 2 * static_cast<std::uint64_t>(limit_);
    relieve(find_rest([=](const Supply::Rest& rest) { return rest.serial + lead <= begun; }));
  }

  /// False if there was nothing to be had any more.
  bool relieve(WorkerHandle* held_up) {
    if (held_up == nullptr) return false;
    bool has_taken = false;
    held_up->supply.take_back([&](std::uint64_t item) {
      ledger_.in_flight().take_back_item(item);
      has_taken = true;
    });
    return has_taken;
  }

  static constexpr std::int64_t batch_ns = BlockSize::target_ns;

  SharedPage& page_;
  Workers& workers_;
  ItemLedger& ledger_;
  bool is_ordered_;
  const int& limit_;
  std::uint64_t batches_ = 0;  // that were posted
  std::int64_t asked_at_ = 0;  // when the caller was told last of a request
  bool is_supply_slow_ = false;
};

}  // namespace lomp

#endif
