// Side: parent.
/// \file
/// What memory a call's processes have, in the course of time.
#ifndef LOMP_TRACE_MEMORY_TRACE_HPP
#define LOMP_TRACE_MEMORY_TRACE_HPP

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lomp/trace/process_row.hpp"
#include "lomp/trace/trace_meter.hpp"

namespace lomp {

struct MemorySample {
  std::int64_t time_ns = 0;
  std::uint64_t session = 0;        ///< bytes that the parent has
  std::uint64_t shared = 0;         ///< the most that a worker shares
  std::uint64_t private_bytes = 0;  ///< what workers have of their own, all together
  int workers = 0;
  std::uint64_t budget = 0;  ///< of all workers together; 0: not known
};

/// What a process has of its own can't be had without a walk through its page tables, in which the
/// kernel is at work for milliseconds where it is large. So samples are taken in a small part of
/// the time, each of a few workers in turn; short calls have none. They are so many at the most: of
/// more, each second one is dropped.
class MemoryTrace {
 public:
  explicit MemoryTrace(std::int64_t begin_ns, const TraceMeter& meter = {})
      : meter_(meter), next_ns_(begin_ns + first_ns) {}

  bool is_due(std::int64_t now) const { return now >= next_ns_; }

  /// `budget`: of one worker; 0 if there is none.
  void sample(std::int64_t now, std::vector<ProcessRow>& processes, std::uint64_t budget) {
    const std::int64_t began = meter_.cpu_ns();
    MemorySample sample;
    sample.time_ns = now;
    sample.session = meter_.resident_memory();
    look_at_some(processes);
    for (const ProcessRow& row : processes) {
      if (!row.is_running()) continue;
      ++sample.workers;
      sample.private_bytes += row.private_now;
    }
    sample.shared = shared_;
    sample.budget = budget * static_cast<std::uint64_t>(sample.workers);
    keep(sample);
    next_ns_ = now + std::max(interval_ns_, times * (meter_.cpu_ns() - began));
  }

  const std::vector<MemorySample>& samples() const { return samples_; }

  static constexpr std::int64_t first_ns = 100000000;
  static constexpr std::int64_t first_interval_ns = 50000000;
  static constexpr std::int64_t times = 100;  ///< a sample takes one part of so many of the time
  static constexpr std::size_t most = 512;
  static constexpr std::size_t at_once = 8;  ///< workers

 private:
  void look_at_some(std::vector<ProcessRow>& processes) {
    const std::size_t n = processes.size();
    std::size_t looked_at = 0;
    for (std::size_t i = 0; i < n && looked_at < at_once; ++i) {
      ProcessRow& row = processes[(turn_ + i) % n];
      if (!row.is_running()) continue;
      look_at(row);
      if (++looked_at == at_once) turn_ = (turn_ + i + 1) % n;
    }
  }

  /// One that is about to end has nothing any more.
  void look_at(ProcessRow& row) {
    const MemoryUse use = meter_.memory_use(row.pid);
    if (use.resident == 0) return;
    row.private_now = use.own;
    row.private_bytes = std::max(row.private_bytes, use.own);
    shared_ = std::max(shared_, use.resident - std::min(use.resident, use.own));
  }

  void keep(const MemorySample& sample) {
    if (samples_.size() == most) {
      for (std::size_t i = 0; i < most / 2; ++i) samples_[i] = samples_[2 * i + 1];
      samples_.resize(most / 2);
      interval_ns_ *= 2;
    }
    samples_.push_back(sample);
  }

  TraceMeter meter_;
  std::vector<MemorySample> samples_;
  std::int64_t interval_ns_ = first_interval_ns;
  std::int64_t next_ns_;
  std::uint64_t shared_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace lomp

#endif
