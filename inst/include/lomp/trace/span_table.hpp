// Side: parent.
/// \file
/// What processes did, by spans of time.
#ifndef LOMP_TRACE_SPAN_TABLE_HPP
#define LOMP_TRACE_SPAN_TABLE_HPP

#include <algorithm>
#include <cstdint>
#include <vector>

#include "lomp/trace/span.hpp"

namespace lomp {

/// For items that are too many for a row each. Spans are as long as it takes for their number to
/// stay below a bound: when it is reached they become longer, and neighbours are joined, until half
/// of them are left. The bound itself gives way to a few spans of each process.
class SpanTable {
 public:
  /// `most`: about as many spans as there may be, of all processes.
  explicit SpanTable(std::size_t most = 4096) : most_(most) {}

  /// The span of a process in which an item belongs that has ended then, by now_ns(); valid until
  /// the next call, and to be added to. Those of one process come in the order of their ends: one
  /// that comes late belongs in the last span. Throws std::bad_alloc.
  Span& at(std::uint32_t process, std::int64_t end_ns) {
    if (process >= lanes_.size()) lanes_.resize(process + std::size_t{1});
    Lane& lane = lanes_[process];
    if (lane.spans.empty() || end_ns >= lane.until_ns) open(lane, end_ns);
    return lane.spans.back();
  }

  std::size_t processes() const { return lanes_.size(); }
  const std::vector<Span>& of(std::size_t process) const { return lanes_[process].spans; }
  std::size_t size() const { return count_; }

 private:
  struct Lane {
    std::vector<Span> spans;
    std::int64_t until_ns = 0;  // the last span's end, by its length
  };

  void open(Lane& lane, std::int64_t end_ns) {
    if (count_ >= most_) lengthen();
    if (!lane.spans.empty() && end_ns < lane.until_ns) return;  // the last one has become longer
    lane.spans.emplace_back();
    lane.until_ns = (end_ns / length_ns_ + 1) * length_ns_;
    ++count_;
  }

  /// In the end each process has one span.
  void lengthen() {
    const std::size_t goal = std::max(most_ / 2, 2 * lanes_.size());
    while (count_ > goal) {
      length_ns_ *= 2;
      count_ = 0;
      for (Lane& lane : lanes_) join(lane);
    }
    most_ = std::max(most_, 2 * goal);
  }

  void join(Lane& lane) {
    std::vector<Span>& spans = lane.spans;
    std::size_t last = 0;
    for (std::size_t i = 1; i < spans.size(); ++i) {
      if (number_of(spans[last]) == number_of(spans[i])) {
        spans[last].join(spans[i]);
      } else {
        spans[++last] = spans[i];
      }
    }
    if (spans.empty()) return;
    spans.resize(last + 1);
    lane.until_ns = (number_of(spans.back()) + 1) * length_ns_;
    count_ += spans.size();
  }

  std::int64_t number_of(const Span& span) const { return span.end_ns / length_ns_; }

  std::size_t most_;
  std::size_t count_ = 0;
  std::int64_t length_ns_ = 1000000;
  std::vector<Lane> lanes_;  // of each process
};

}  // namespace lomp

#endif
