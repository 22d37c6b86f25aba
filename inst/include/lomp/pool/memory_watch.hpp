// Side: parent.
/// \file
/// Whether there is memory for one more worker.
#ifndef LOMP_POOL_MEMORY_WATCH_HPP
#define LOMP_POOL_MEMORY_WATCH_HPP

#include <algorithm>
#include <cstdint>

#include "lomp/pool/worker_handle.hpp"
#include "lomp/process/memory_meter.hpp"
#include "lomp/shared/shared_page.hpp"

namespace lomp {

/// What an item will take isn't known before one has been run. Where there is plenty for each
/// worker, or until then a good deal, workers are forked as they are worth it. Else those that are
/// there show what they take, and one more is forked only if so much is left beside what these may
/// still come to: fewer workers rather than a session that the system ends.
class MemoryWatch {
 public:
  MemoryWatch(const SharedPage& page, const Workers& workers, const MemoryMeter& meter = {})
      : page_(page), workers_(workers), meter_(meter) {
    is_plenty_ = meter_.is_plainly_available(all(plenty));
    if (is_plenty_) retry_at_ = meter_.now_ns() + long_ns;
  }

  /// May one more worker be forked? One may in any case.
  bool has_room() {
    if (count_live(workers_) == 0) return true;
    const std::int64_t now = meter_.now_ns();
    if (now < retry_at_) return has_room_;
    const std::uint64_t room = meter_.available();
    is_plenty_ = room >= all(plenty);
    if (!is_plenty_) look_at_workers(now);
    has_room_ = is_plenty_ || room >= (has_seen_enough(now) ? needed() : good_deal());
    retry_at_ = now + (is_plenty_ ? long_ns : interval_ns);
    return has_room_;
  }

  /// A worker was forked.
  void note_fork() {
    if (first_fork_ == 0) first_fork_ = meter_.now_ns();
    if (!is_plenty_) retry_at_ = 0;
  }

  /// So many milliseconds it is of no use to ask again; 0 if there was room.
  int holds_ms() const { return has_room_ ? 0 : interval_ms; }

  static constexpr std::uint64_t plenty = std::uint64_t{1} << 30;  ///< for each worker
  static constexpr std::uint64_t modest = std::uint64_t{100} << 20;
  static constexpr int interval_ms = 50;

 private:
  static constexpr std::int64_t interval_ns = std::int64_t{interval_ms} * 1000000;
  static constexpr std::int64_t long_ns = 1000000000;
  static constexpr std::int64_t some_ns = 5 * interval_ns;
  static constexpr std::uint64_t margin = std::uint64_t{16} << 20;

  std::uint64_t all(std::uint64_t each) const {
    return each * static_cast<std::uint64_t>(page_.slots());
  }

  /// Twice what workers keep to beside what their items need.
  std::uint64_t good_deal() const {
    return 2 * modest * (static_cast<std::uint64_t>(count_live(workers_)) + 1);
  }

  /// An item has been run, or the call has gone on for long; and workers take no more than they did
  /// a while ago.
  bool has_seen_enough(std::int64_t now) const {
    if (now - grew_at_ < some_ns) return false;
    for (int i = 0; i < page_.slots(); ++i) {
      if (page_.slot(i).finished > 0) return true;
    }
    return now - first_fork_ >= long_ns;
  }

  void look_at_workers(std::int64_t now) {
    live_ = taken_ = 0;
    std::uint64_t most = page_.most_private();
    for (const auto& handle : workers_) {
      if (!handle) continue;
      const std::uint64_t own = meter_.private_memory(handle->last_pid);
      most = std::max(most, own);
      taken_ += own;
      ++live_;
    }
    if (most > most_ + most_ / 16) grew_at_ = now;
    most_ = std::max(most_, most);
  }

  /// What the next one and those that are there may still take, each of them twice what one was
  /// seen to have: nobody looks all the time, and a collection of old objects copies the session's.
  std::uint64_t needed() const { return (live_ + 1) * 2 * most_ - taken_ + margin; }

  const SharedPage& page_;
  const Workers& workers_;
  MemoryMeter meter_;
  std::int64_t retry_at_ = 0;
  std::int64_t first_fork_ = 0;
  std::int64_t grew_at_ = 0;
  std::uint64_t most_ = 0;   // that a worker was seen to have
  std::uint64_t live_ = 0;   // workers, when they were looked at last
  std::uint64_t taken_ = 0;  // by all of these
  bool has_room_ = true;
  bool is_plenty_ = false;
};

}  // namespace lomp

#endif
