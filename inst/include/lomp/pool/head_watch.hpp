// Side: parent.
/// \file
/// Where results come in the order of their items: whether any worker has the first open one.
#ifndef LOMP_POOL_HEAD_WATCH_HPP
#define LOMP_POOL_HEAD_WATCH_HPP

#include <cstdint>

#include "lomp/os/clock.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/shared/shared_page.hpp"

namespace lomp {

/// All wait for the head's records. After a death it may be in no worker's hands: in a block, from
/// which another worker takes it, or nowhere, since its worker died between claiming the item and
/// writing that down.
class HeadWatch {
 public:
  static constexpr int lost_after_ms = 50;

  HeadWatch(const SharedPage& page, const Workers& workers) : page_(page), workers_(workers) {}

  /// Has no worker the head's item in hand?
  bool is_idle() const { return !is_running(page_.flow().head); }

  /// Has the head been in no worker's hand, and in no block, for long? A living worker writes a
  /// claim down at once, unless it waits for a processor. To be asked now and then, with whether
  /// the head is idle.
  bool is_lost(bool is_head_idle) {
    const std::uint64_t head = page_.flow().head;
    if (!is_head_idle || !is_out_of_sight(head)) {
      watched_ = none;
    } else if (watched_ != head) {
      watched_ = head;
      since_ = now_ns();
    }
    return is_watching() && now_ns() - since_ >= std::int64_t{lost_after_ms} * 1000000;
  }

  /// Was it out of sight when that was asked last?
  bool is_watching() const { return watched_ != none; }

 private:
  static constexpr std::uint64_t none = UINT64_MAX;

  bool is_out_of_sight(std::uint64_t head) const {
    if (head >= page_.next()) return false;
    for (int i = 0; i < page_.slots(); ++i) {
      const Block block = Block::of(page_.slot(i).block);
      if (block.cursor <= head && head < block.end) return false;
    }
    return true;
  }

  bool is_running(std::uint64_t item) const {
    for (const auto& handle : workers_) {
      if (handle && page_.slot(handle->slot).running == item + 1) return true;
    }
    return false;
  }

  const SharedPage& page_;
  const Workers& workers_;
  std::uint64_t watched_ = none;
  std::int64_t since_ = 0;
};

}  // namespace lomp

#endif
