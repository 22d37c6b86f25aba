// Side: parent.
/// \file
/// What a call did: its items, its processes, its memory.
#ifndef LOMP_TRACE_CALL_TRACE_HPP
#define LOMP_TRACE_CALL_TRACE_HPP

#include <algorithm>
#include <cstdint>
#include <functional>
#include <new>
#include <tuple>
#include <utility>
#include <vector>

#include "lomp/os/fork_count.hpp"
#include "lomp/shared/worker_usage.hpp"
#include "lomp/trace/call_totals.hpp"
#include "lomp/trace/item_end.hpp"
#include "lomp/trace/item_table.hpp"
#include "lomp/trace/memory_trace.hpp"
#include "lomp/trace/process_row.hpp"
#include "lomp/trace/slowest_items.hpp"
#include "lomp/trace/span_table.hpp"
#include "lomp/trace/trace_meter.hpp"
#include "lomp/wire/record.hpp"

namespace lomp {

/// Notes what it is told, at some hundred instructions for an item: sums are made when it is asked
/// for them. Outlives the call. Up to a number of items there is a row for each; of more, spans of
/// time. Totals are exact either way. Processes are numbered in the order of their forks, as
/// incarnations are; without workers there is one, the parent itself.
///
/// No call fails for want of memory for its trace, which ends there. What records tell of times may
/// be anything, since an item's code may have written there: it is kept within the call's time. In
/// a forked process nothing is noted, and there are no rows: it may do nothing but ask whose this
/// is, and destroy its copy.
class CallTrace {
 public:
  /// `items`: 0 if they are produced. `most_rows`: for so many items there are rows, if there is
  /// memory for them.
  CallTrace(std::uint64_t items, std::uint64_t most_rows, const TraceMeter& meter = {})
      : meter_(meter), most_rows_(most_rows), has_rows_(items <= most_rows) {
    if (has_rows_) expect(items);
  }

  // ---- Items

  /// A result, or a part of an item's. `bytes` are those that came by this way. If the record is
  /// its item's last one, that ends well.
  void note_result(const Record& record, Way way, std::uint64_t bytes) noexcept {
    try_to([&] {
      put_result(record.item, way, bytes);
      ++summed_.results;
      summed_.bytes[static_cast<std::size_t>(way)] += bytes;
      if (!record.goes_on) put_end(record, Outcome::ok);
    });
  }

  /// Records of one worker, each of which is the one and only result of its item. To note them
  /// together took what the parent does for a trivial item of many from 285 instructions more than
  /// without a trace to 105 (callgrind).
  void note_singles(const Record* first, const Record* last, Way way) noexcept {
    try_to([&] {
      const std::uint64_t bytes =
          has_rows_ ? put_in_rows(first, last, way) : put_in_one_span(first, last);
      summed_.results += static_cast<std::uint64_t>(last - first);
      summed_.bytes[static_cast<std::size_t>(way)] += bytes;
    });
  }

  /// A result of an item of this process's, which goes on.
  void note_result_here(std::uint64_t item) noexcept {
    try_to([&] {
      if (has_room_for(item)) ++items_.at(item).results;
      ++summed_.results;
    });
  }

  /// Whatever the item signals before its end.
  void note_condition(std::uint64_t item) noexcept {
    try_to([&] {
      if (has_room_for(item)) {
        ItemRow& row = items_.at(item);
        if (row.conditions < UINT16_MAX) ++row.conditions;
      } else {
        ++pending_.conditions;
      }
      ++summed_.conditions;
    });
  }

  /// The record is the item's last one.
  void note_end(const Record& record, Outcome outcome) noexcept {
    try_to([&] { put_end(record, outcome); });
  }

  /// The same of an item of this process's.
  void note_end_here(std::uint64_t item, Outcome outcome, std::int64_t run_ns,
                     std::int64_t end) noexcept {
    const auto run = static_cast<float>(std::max<std::int64_t>(0, run_ns));
    if (has_rows_ || outcome != Outcome::ok) {
      return try_to([&] { put_end(item, 0, outcome, {end, run, 0}); });
    }
    here_.add({end, run, 0}, false, 0, 0);
    if (slowest_.is_slow(run)) slowest_.add({item, run, 0});
    if (end - here_.begin_ns > together_ns) try_to([&] { put_here(); });
  }

  /// The same of one that another machine has run, whose clock isn't this one's: `end` is reckoned
  /// by this one's, and may be anything.
  void note_end_elsewhere(std::uint64_t item, std::uint32_t process, Outcome outcome,
                          const ItemEnd& end) noexcept {
    try_to([&] { put_end(item, process, outcome, within_call(end)); });
  }

  /// The item was lost with its worker just now, and had run for so long; negative if that isn't
  /// known.
  void note_loss(std::uint64_t item, std::uint32_t process, bool was_late,
                 std::int64_t ran_ns) noexcept {
    const Outcome outcome = was_late ? Outcome::timeout : Outcome::crash;
    const std::int64_t now = meter_.now_ns();
    const std::int64_t ran = std::max<std::int64_t>(0, std::min(ran_ns, now - begin_ns_));
    try_to([&] { put_end(item, process, outcome, {now, static_cast<float>(ran), 0}); });
  }

  /// A process has the item in hand, since then. There is no more to it where there are spans.
  void note_in_hand(std::uint64_t item, std::uint32_t process, std::int64_t since) noexcept {
    if (!is_own() || !has_rows_ || item >= items_.size() || items_[item].has_ended()) return;
    const std::int64_t now = meter_.now_ns();
    const std::int64_t ran = std::max<std::int64_t>(0, now - std::max(since, begin_ns_));
    set_end(items_.at(item), process, Outcome::unfinished, {now, static_cast<float>(ran), 0});
  }

  // ---- Processes

  /// In the order of their incarnations. The fork took from `began` until now.
  void note_fork(int slot, pid_t pid, std::int64_t began) noexcept {
    const std::int64_t now = meter_.now_ns();
    note_process(slot, pid, now);
    ++forks_;
    fork_ns_ += now - began;
  }

  /// Without workers: this process; or one of another machine's.
  void note_process(int slot, pid_t pid, std::int64_t begin) noexcept {
    ProcessRow row;
    row.pid = pid;
    row.slot = slot;
    row.begin_ns = begin;
    try_to([&] { processes_.push_back(row); });
  }

  /// It has said goodbye, and why.
  void note_goodbye(std::uint32_t process, const WorkerUsage& usage) noexcept {
    static constexpr ProcessEnd ends[] = {ProcessEnd::finished, ProcessEnd::worn,
                                          ProcessEnd::memory};
    const auto why = std::min<std::size_t>(static_cast<std::size_t>(usage.leaving.load()), 2);
    note_end_of(process, ends[why], usage);
  }

  /// The first end of a process that is told of is the one that counts.
  void note_end_of(std::uint32_t process, ProcessEnd end, const WorkerUsage& usage) noexcept {
    if (!is_own() || process >= processes_.size() || !processes_[process].is_running()) return;
    note_usage(process, usage);
    ProcessRow& row = processes_[process];
    row.end = end;
    row.faults = usage.faults;
    if (row.faults < 0) row.faults = ask_for_faults(row.pid);
    row.private_bytes = std::max(row.private_bytes, usage.private_bytes.load());
    row.private_now = 0;
  }

  /// The same of another machine's process, of which this one's system knows nothing.
  void note_process_end_elsewhere(std::uint32_t process, ProcessEnd end) noexcept {
    if (!is_own() || process >= processes_.size() || !processes_[process].is_running()) return;
    processes_[process].end_ns = meter_.now_ns();
    processes_[process].end = end;
  }

  /// What a process that runs has done so far.
  void note_usage(std::uint32_t process, const WorkerUsage& usage) noexcept {
    if (!is_own() || process >= processes_.size() || !processes_[process].is_running()) return;
    ProcessRow& row = processes_[process];
    row.end_ns = meter_.now_ns();
    row.wait_items_ns = within_life(row, usage.items.until(row.end_ns));
    row.wait_delivery_ns = within_life(row, usage.delivery.until(row.end_ns));
    row.collecting_ns = within_life(row, usage.collecting_ns);
  }

  /// What brings the rows of those that run up to date, by note_usage(); none if it is empty.
  void look_by(std::function<void()> look) { look_ = std::move(look); }
  void look() {
    try_to([&] { put_here(); });
    if (is_own() && look_) look_();
  }

  /// The system refused a fork, with this errno.
  void note_refused(int error) { refused_ = error; }

  /// A worker that was worth its fork wasn't forked, for want of memory.
  void note_held_back() { was_held_back_ = true; }

  /// Takes a sample of what memory there is, if it is time for one. See MemoryTrace.
  void sample_memory(std::int64_t now, std::uint64_t budget) noexcept {
    if (!memory_.is_due(now)) return;
    try_to([&] { memory_.sample(now, processes_, budget); });
  }

  /// What workers were allowed to have of their own at the end; and was that raised for their
  /// sake?
  void note_budget(std::uint64_t bytes, bool was_raised) {
    budget_ = bytes;
    was_raised_ = was_raised;
  }

  /// The call is over.
  void note_over() {
    if (over_ns_ != 0 || !is_own()) return;
    over_ns_ = meter_.now_ns();
    over_cpu_ns_ = meter_.cpu_ns();
  }

  // ---- What there is

  /// Is this the process that made it?
  bool is_own() const { return owner_ == fork_depth(); }

  /// Has there been no memory for something that was to be noted? Items and processes that came
  /// later aren't there.
  bool is_incomplete() const { return is_incomplete_; }

  bool has_rows() const { return has_rows_; }
  const ItemTable& items() const { return items_; }
  const SpanTable& spans() const { return spans_; }
  const std::vector<MemorySample>& memory() const { return memory_.samples(); }
  std::int64_t begin_ns() const { return begin_ns_; }
  std::int64_t over_ns() const { return over_ns_; }  ///< 0: it goes on
  std::uint64_t resident() const { return resident_; }
  std::uint64_t budget() const { return budget_; }
  bool was_raised() const { return was_raised_; }
  bool was_held_back() const { return was_held_back_; }
  int refused() const { return refused_; }

  /// Throws std::bad_alloc.
  std::vector<ProcessRow> processes() const {
    std::vector<ProcessRow> rows = processes_;
    each_span([&rows](std::uint32_t process, const Span& span) {
      if (process >= rows.size()) return;
      rows[process].items += span.items;
      rows[process].run_ns += span.run_ns;
    });
    return rows;
  }

  CallTotals totals() const {
    CallTotals totals = summed_;
    each_span([&totals](std::uint32_t, const Span& span) {
      totals.done += span.items;
      totals.run_ns += span.run_ns;
      totals.wait_ns += span.wait_ns;
    });
    totals.forks = forks_;
    totals.fork_ns = fork_ns_;
    totals.cpu_ns = (over_ns_ == 0 ? meter_.cpu_ns() : over_cpu_ns_) - begin_cpu_ns_;
    return totals;
  }

  SlowestItems slowest() const {
    SlowestItems slowest = slowest_;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const ItemRow& row = items_[i];
      if (row.has_ended()) slowest.add({i, row.run_ns, row.process});
    }
    return slowest;
  }

 private:
  /// Notes something, if there is memory for it.
  template <class Note>
  void try_to(Note note) noexcept {
    if (is_incomplete_ || !is_own()) return;
    try {
      note();
    } catch (const std::bad_alloc&) {
      is_incomplete_ = true;
    }
  }

  void expect(std::uint64_t items) {
    try {
      items_.expect(items);
    } catch (const std::bad_alloc&) {
      has_rows_ = false;
    }
  }

  ItemEnd end_of(const RecordTime& time) {
    const std::int64_t end =
        time.end_after(std::max(begin_ns_, seen_ns_ - RecordTime::period_ns / 2));
    return within_call(ItemEnd{end, time.run_ns(), time.waited_ns()});
  }

  ItemEnd within_call(const ItemEnd& end) {
    const std::int64_t sound = within_call(end.end_ns);
    const auto most = static_cast<float>(sound - begin_ns_);
    const float run = std::max(0.0F, std::min(end.run_ns, most));
    return {sound, run, std::max(0.0F, std::min(end.wait_ns, most - run))};
  }

  /// Nothing has ended that is yet to come. The clock is looked at if the time is later than that
  /// was before, which many records that have come at once need once.
  std::int64_t within_call(std::int64_t ns) {
    if (ns > seen_ns_) seen_ns_ = meter_.now_ns();
    return std::max(begin_ns_, std::min(ns, seen_ns_));
  }

  /// A worker's memory may have been written to by an item's code.
  static std::int64_t within_life(const ProcessRow& row, std::int64_t ns) {
    return std::max<std::int64_t>(0, std::min(ns, row.end_ns - row.begin_ns));
  }

  std::int64_t ask_for_faults(pid_t pid) const noexcept {
    try {
      return meter_.faults_of(pid);
    } catch (const std::bad_alloc&) {
      return -1;
    }
  }

  /// Or, where there are none any more, in spans. Gives the records' bytes.
  std::uint64_t put_in_rows(const Record* first, const Record* last, Way way) {
    std::uint64_t bytes = 0;
    for (const Record* record = first; record != last; ++record) {
      put_result(record->item, way, record->size);
      put_end(*record, Outcome::ok);
      bytes += record->size;
    }
    return bytes;
  }

  /// By the last one's end: they have come together, within a few milliseconds. Gives their bytes.
  std::uint64_t put_in_one_span(const Record* first, const Record* last) {
    const ItemEnd begin = end_of(first->time), end = end_of((last - 1)->time);
    const auto most = static_cast<float>(end.end_ns - begin_ns_);
    Span sum;
    sum.begin_ns = begin.begin_ns();
    sum.end_ns = end.end_ns;
    sum.items = static_cast<std::uint64_t>(last - first);
    for (const Record* record = first; record != last; ++record) {
      const float run = std::min(record->time.run_ns(), most);
      sum.run_ns += static_cast<double>(run);
      sum.wait_ns += static_cast<double>(std::min(record->time.waited_ns(), most - run));
      sum.bytes += record->size;
      if (slowest_.is_slow(run)) slowest_.add({record->item, run, record->incarnation});
    }
    put_in_span(first->incarnation, sum);
    return sum.bytes;
  }

  void put_in_span(std::uint32_t process, const Span& sum) {
    Span& span = spans_.at(process, sum.end_ns);
    if (span.items == 0) span.begin_ns = sum.begin_ns;
    span.join(sum);
  }

  /// What items of this process's have come to since that was noted last.
  void put_here() {
    if (here_.items > 0) put_in_span(0, here_);
    here_ = Span();
  }

  bool has_room_for(std::uint64_t item) {
    if (has_rows_ && item >= most_rows_) sum_up_rows();
    return has_rows_;
  }

  void put_result(std::uint64_t item, Way way, std::uint64_t bytes) {
    if (!has_room_for(item)) {
      pending_.bytes += bytes;
      return;
    }
    ItemRow& row = items_.at(item);
    ++row.results;
    row.bytes += bytes;
    row.way = way;
  }

  void put_end(const Record& record, Outcome outcome) {
    put_end(record.item, record.incarnation, outcome, end_of(record.time));
  }

  void put_end(std::uint64_t item, std::uint32_t process, Outcome outcome, const ItemEnd& end) {
    if (has_room_for(item)) {
      set_end(items_.at(item), process, outcome, end);
    } else {
      add_to_span(process, outcome, end);
      if (slowest_.is_slow(end.run_ns)) slowest_.add({item, end.run_ns, process});
    }
    if (outcome != Outcome::ok) count_failure(outcome);
  }

  static void set_end(ItemRow& row, std::uint32_t process, Outcome outcome, const ItemEnd& end) {
    row.end_ns = end.end_ns;
    row.run_ns = end.run_ns;
    row.wait_ns = end.wait_ns;
    row.process = process;
    row.outcome = outcome;
  }

  void count_failure(Outcome outcome) {
    summed_.errors += outcome == Outcome::error;
    summed_.crashes += outcome == Outcome::crash;
    summed_.timeouts += outcome == Outcome::timeout;
  }

  void add_to_span(std::uint32_t process, Outcome outcome, const ItemEnd& end) {
    Span& span = spans_.at(process, end.end_ns);
    span.add(end, outcome != Outcome::ok, std::exchange(pending_.bytes, 0),
             std::exchange(pending_.conditions, 0));
  }

  /// More items were produced than there may be rows. If there is no memory for that the rows stay.
  void sum_up_rows() {
    SpanTable spans;
    for (const std::size_t item : ended_items()) {
      const ItemRow& row = items_[item];
      spans.at(row.process, row.end_ns)
          .add(row.time(), row.outcome != Outcome::ok, row.bytes, row.conditions);
    }
    pending_ = sum_of_open_rows();
    slowest_ = slowest();
    spans_ = std::move(spans);
    has_rows_ = false;
    items_.clear();
  }

  /// By process, and in the order of their ends.
  std::vector<std::size_t> ended_items() const {
    std::vector<std::size_t> ended;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].has_ended()) ended.push_back(i);
    }
    std::sort(ended.begin(), ended.end(), [this](std::size_t a, std::size_t b) {
      const ItemRow &one = items_[a], &other = items_[b];
      return std::tie(one.process, one.end_ns, a) < std::tie(other.process, other.end_ns, b);
    });
    return ended;
  }

  /// What has come of items that go on.
  Span sum_of_open_rows() const {
    Span sum;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      if (items_[i].has_ended()) continue;
      sum.bytes += items_[i].bytes;
      sum.conditions += items_[i].conditions;
    }
    return sum;
  }

  /// An item that was run is a span of its own.
  template <class Visit>
  void each_span(Visit visit) const {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const ItemRow& row = items_[i];
      if (!row.has_ended()) continue;
      Span span;
      span.add(row.time(), row.outcome != Outcome::ok, row.bytes, row.conditions);
      visit(row.process, span);
    }
    visit(0, here_);
    for (std::size_t process = 0; process < spans_.processes(); ++process) {
      for (const Span& span : spans_.of(process)) visit(static_cast<std::uint32_t>(process), span);
    }
  }

  static constexpr std::int64_t together_ns = 1000000;

  TraceMeter meter_;
  std::function<void()> look_;
  unsigned owner_ = fork_depth();
  bool is_incomplete_ = false;
  std::uint64_t most_rows_;
  bool has_rows_;
  std::int64_t begin_ns_ = meter_.now_ns();
  std::int64_t begin_cpu_ns_ = meter_.cpu_ns();
  std::int64_t over_ns_ = 0;
  std::int64_t over_cpu_ns_ = 0;
  std::int64_t seen_ns_ = begin_ns_;  // when an item's end was compared with the clock last
  std::uint64_t resident_ = meter_.resident_memory();
  ItemTable items_;
  SpanTable spans_;
  Span pending_;          // bytes and conditions of items whose end isn't noted yet
  CallTotals summed_;     // what items and spans don't have by ways, outcomes or at all
  Span here_;             // of this process's items: what isn't in a span yet
  SlowestItems slowest_;  // where there are spans
  std::vector<ProcessRow> processes_;
  MemoryTrace memory_{begin_ns_, meter_};
  int forks_ = 0;
  std::int64_t fork_ns_ = 0;
  std::uint64_t budget_ = 0;
  bool was_raised_ = false;
  bool was_held_back_ = false;
  int refused_ = 0;
};

}  // namespace lomp

#endif
