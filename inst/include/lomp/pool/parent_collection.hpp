// Side: parent.
/// \file
/// Whether the parent should collect its young garbage before a fork.
#ifndef LOMP_POOL_PARENT_COLLECTION_HPP
#define LOMP_POOL_PARENT_COLLECTION_HPP

#include <cstdint>

#include "lomp/os/time_share.hpp"

namespace lomp {

/// A worker's first collection writes to all that its parent has made since its own last one, and
/// so copies it. A collection in the parent saves that, and tells how many are left to workers, see
/// CollectorFacts. It isn't worth while for few items, unless there is work for more than one
/// worker; nor where it is known to take long, unless the workers that were there have done so much
/// that they are worn. Where workers die one after the other it takes a tenth of the time at most.
class ParentCollection {
 public:
  ParentCollection(std::uint64_t items, bool is_streamed, int workers)
      : has_many_(is_streamed || items >= many_items), workers_(workers) {}

  /// After so many forks; `cost_ns`: what one took when there was one last, 0 if there was none.
  bool is_worth(int forks, std::int64_t cost_ns) const {
    if (forks >= workers_) return time_.is_due();
    if (cost_ns > long_ns) return false;
    return forks == 0 ? has_many_ : forks == 1;
  }

  /// Around each of them.
  void begin() { time_.begin(); }
  void end() { time_.end(); }

  static constexpr std::uint64_t many_items = 20000;
  static constexpr std::int64_t long_ns = 10000000;
  static constexpr std::int64_t share = 9;

 private:
  bool has_many_;
  int workers_;
  TimeShare time_{share};
};

}  // namespace lomp

#endif
