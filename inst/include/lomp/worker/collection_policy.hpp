// Side: worker.
/// \file
/// When a worker should collect its garbage, and when it had better end.
#ifndef LOMP_WORKER_COLLECTION_POLICY_HPP
#define LOMP_WORKER_COLLECTION_POLICY_HPP

#include <algorithm>
#include <cstdint>

#include "lomp/os/clock.hpp"
#include "lomp/os/page_faults.hpp"
#include "lomp/os/time_share.hpp"
#include "lomp/shared/collector_facts.hpp"

namespace lomp {

/// What a policy asks of its process; a test answers instead.
struct CollectionMeter {
  std::int64_t (*cpu_ns)() = lomp::cpu_ns;
  PageCount (*pages)() = PageCount::now;
  std::int64_t (*page_price)() = lomp::page_price;
  long (*faults)() = page_faults;  ///< of these alone: where huge pages aren't in question
};

/// A worker inherits its parent's allowance, garbage that it may pile up before a collection, and
/// with it the parent's free memory, of which it copies page by page what it writes to. So it
/// collects when it has written to a few hundred pages, its nursery. From then on its items go over
/// the same pages again, without a fault, if it collects each time that these are full. No fault
/// tells when that is, so it goes by the number of items that filled them. The nursery grows while
/// collections have taken more time than faults, so that neither takes much more than need be; and
/// where they don't save pages there are few of them.
///
/// It took two workers' faults of 1e5 items of three numbers from 17,800 to about 7,000, of 200
/// lists of a matrix and 2000 strings from 34,100 to 14,600 (faults.R, 2026-11).
///
/// A collection that looks at old objects, too, copies what it shares with its parent. When the
/// next one would be such, and might copy twice what a successor would take for its own nursery,
/// the worker is worn: it leaves its place to a clean one, where that can be, and else collects
/// seldom.
class CollectionPolicy {
 public:
  enum class Need {
    nothing,
    collection,
    successor  ///< this worker should end
  };

  /// What is known after a collection.
  struct Collected {
    int others = 0;             ///< so many the process is thought to have made since the last one
    bool is_tight = false;      ///< the next one will be of old objects
    std::uint64_t results = 0;  ///< of the whole call, for which the parent has a list
    long shared_pages = 0;      ///< what one of old objects would copy, at the most
  };

  explicit CollectionPolicy(const CollectionMeter& meter = {})
      : meter_(meter), pages_(meter.pages()), first_pages_(pages_) {}

  /// An item has been run. True where look() should be asked before the end of the block.
  bool note_item() { return ++items_ >= next_look_; }

  /// What is to be done between two items. Costs two system calls.
  Need look(const CollectorFacts& facts, bool may_leave) {
    young_left_ = facts.young_left;
    if (!time_.is_due(std::int64_t{1} << futile_)) return postpone();
    const long taken = meter_.faults() - pages_.faults;
    if (taken < first_nursery(facts) && items_ < items_of_nursery_) return postpone();
    if (!is_worn()) return Need::collection;
    if (may_leave && collections_ > 0) return Need::successor;
    return taken >= largest_nursery ? Need::collection : postpone();
  }

  /// Around each collection.
  void begin() {
    if (price_ns_ == 0) price_ns_ = std::max<std::int64_t>(1, meter_.page_price());
    before_ = meter_.pages();
    time_.begin();
  }
  void end(const Collected& what) {
    time_.end();
    const PageCount now = meter_.pages();
    taken_ = now.since(first_pages_);
    is_copied_ = is_copied_ || (collections_ > 0 && now.since(before_) >= dear);
    collections_ += 1 + what.others;
    last_ = what;
    spent_ns_ += time_.last();
    judge(before_.since(pages_));
    learn(before_.since(pages_));
    items_ = 0;
    next_look_ = items_of_nursery_;
    pages_ = now;
  }

  /// How long the last collection took.
  std::int64_t last_ns() const { return time_.last(); }

  static constexpr long smallest_nursery = 256;   ///< pages
  static constexpr long largest_nursery = 16384;  ///< pages: 64 MB
  /// A page costs more than its fault: it is copied, taken from the caches and freed again, and the
  /// memory is there for others if it isn't taken.
  static constexpr std::int64_t page_value = 8;
  static constexpr std::int64_t share = 4;                ///< at most a fifth of the time
  static constexpr std::uint64_t results_per_page = 200;  ///< some 5,000 pages for 1e6 results
  static constexpr int few = 5;  ///< collections that are made where R's own count isn't known
  static constexpr int most_futile = 5;
  static constexpr long dear = 1024;  ///< pages that a collection of young objects doesn't copy

 private:
  /// Pages to be taken before a collection is worth while.
  long first_nursery(const CollectorFacts& facts) const {
    if (facts.cost_ns == 0 || price_ns_ == 0) return smallest_nursery;
    const std::int64_t worth = facts.cost_ns / (page_value * price_ns_);
    return std::clamp<long>(static_cast<long>(worth), smallest_nursery, largest_nursery);
  }

  /// Where R's own count isn't known, the parent finds it out for the successor.
  int left() const {
    const int all = young_left_ == CollectorFacts::unknown ? few : young_left_;
    return all - collections_ - last_.others;
  }
  bool is_worn() const {
    return (last_.is_tight || left() <= 0) && !is_copied_ &&
           last_.shared_pages > 2 * successor_pages();
  }

  /// As many as this worker has taken, and more where there is a long list of results: that is
  /// looked at in each collection, which makes them dear, and the nursery larger.
  long successor_pages() const {
    return taken_ + static_cast<long>(last_.results / results_per_page);
  }

  Need postpone() {
    if (items_ >= next_look_) next_look_ = items_ + items_ / 8 + 1;
    return Need::nothing;
  }

  /// Was the collection before this one of no use? Items may write to pages for other reasons than
  /// garbage, to what they share with the parent above all: then as many are taken as before the
  /// first one. Each time that this is so collections take half as much of the time, down to a
  /// hundredth.
  void judge(long taken) {
    const double pages = static_cast<double>(taken), items = static_cast<double>(items_);
    const bool is_first = pages_per_item_ == 0;
    if (is_first) pages_per_item_ = pages / std::max(items, 1.0);
    const bool is_futile = !is_first && pages > 0.9 * items * pages_per_item_;
    futile_ = is_futile ? std::min(futile_ + 1, most_futile) : 0;
  }

  void learn(long taken) {
    if (taken >= smallest_nursery) {
      items_of_nursery_ = std::max<std::uint64_t>(items_, 1);
    } else if (last_.others == 0 && spent_ns_ > page_value * price_ns_ * taken_) {
      items_of_nursery_ += items_of_nursery_ / 2 + 1;
    }
  }

  CollectionMeter meter_;
  PageCount pages_;          // after the last collection
  PageCount first_pages_;    // when the worker began
  PageCount before_;         // the collection that is going on
  long taken_ = 0;           // by the worker until the end of the last collection
  std::uint64_t items_ = 0;  // since the last collection
  std::uint64_t items_of_nursery_ = UINT64_MAX;
  std::uint64_t next_look_ = UINT64_MAX;
  std::int64_t price_ns_ = 0;
  std::int64_t spent_ns_ = 0;
  int collections_ = 0;
  Collected last_;
  int young_left_ = CollectorFacts::unknown;
  int futile_ = 0;             // collections in a row
  double pages_per_item_ = 0;  // before the first one
  bool is_copied_ = false;     // what was shared, by a collection of old objects
  TimeShare time_{share, meter_.cpu_ns};
};

}  // namespace lomp

#endif
