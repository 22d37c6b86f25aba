// Side: parent.
/// \file
/// What a call did: its items, its processes, its memory.
#ifndef LOMP_TRACE_CALL_TRACE_HPP
#define LOMP_TRACE_CALL_TRACE_HPP

#include <algorithm>
#include <cstdint>
#include <tuple>
#include <utility>
#include <vector>

#include "lomp/os/clock.hpp"
#include "lomp/os/fork_count.hpp"
#include "lomp/process/process_faults.hpp"
#include "lomp/shared/worker_usage.hpp"
#include "lomp/trace/call_totals.hpp"
#include "lomp/trace/item_end.hpp"
#include "lomp/trace/item_table.hpp"
#include "lomp/trace/memory_trace.hpp"
#include "lomp/trace/process_row.hpp"
#include "lomp/trace/slowest_items.hpp"
#include "lomp/trace/span_table.hpp"
#include "lomp/wire/record.hpp"

namespace lomp {

/// Notes what it is told, at a few dozen instructions for an item: sums are made when it is asked
/// for them. Outlives the call. Up to a number of items there is a row for each; of more, spans of
/// time. Totals are exact either way. Processes are numbered in the order of their forks, as
/// incarnations are; without workers there is one, the parent itself. A forked process has no rows:
/// it may do nothing but ask whose this is, and destroy its copy.
class CallTrace {
 public:
  /// `items`: 0 if they are produced. `most_rows`: for so many items there are rows.
  CallTrace(std::uint64_t items, std::uint64_t most_rows)
      : most_rows_(most_rows), has_rows_(items <= most_rows) {
    if (has_rows_) items_.expect(items);
  }

  // ---- Items

  /// A result, or a part of an item's. `bytes` are those that came by this way. If the record is
  /// its item's last one, that ends well.
  void note_result(const Record& record, Way way, std::uint64_t bytes) {
    if (has_room_for(record.item)) {
      ItemRow& row = items_.at(record.item);
      ++row.results;
      row.bytes += bytes;
      row.way = way;
      if (!record.goes_on) set_end(row, record.incarnation, Outcome::ok, end_of(record));
    } else {
      ++summed_.results;
      summed_.bytes[static_cast<std::size_t>(way)] += bytes;
      pending_.bytes += bytes;
      if (!record.goes_on) {
        add_to_span(record.item, record.incarnation, Outcome::ok, end_of(record));
      }
    }
  }

  /// Whatever the item signals before its end.
  void note_condition(std::uint64_t item) {
    if (has_room_for(item)) {
      ItemRow& row = items_.at(item);
      if (row.conditions < UINT16_MAX) ++row.conditions;
    } else {
      ++pending_.conditions;
    }
  }

  /// The record is the item's last one.
  void note_end(const Record& record, Outcome outcome) {
    note_end(record.item, record.incarnation, outcome, end_of(record));
  }

  /// The same of an item of this process's.
  void note_end_here(std::uint64_t item, Outcome outcome, std::int64_t run_ns, std::int64_t end) {
    note_end(item, 0, outcome, {end, static_cast<float>(run_ns), 0});
  }

  /// The item was lost with its worker just now, and had run for so long; negative if that isn't
  /// known.
  void note_loss(std::uint64_t item, std::uint32_t process, bool was_late, std::int64_t ran_ns) {
    const Outcome outcome = was_late ? Outcome::timeout : Outcome::crash;
    note_end(item, process, outcome,
             {now_ns(), static_cast<float>(std::max<std::int64_t>(0, ran_ns)), 0});
  }

  // ---- Processes

  /// In the order of their incarnations. The fork took from `began` until now.
  void note_fork(int slot, pid_t pid, std::int64_t began) {
    note_process(slot, pid, now_ns());
    ++forks_;
    fork_ns_ += processes_.back().begin_ns - began;
  }

  /// Without workers: this process.
  void note_process(int slot, pid_t pid, std::int64_t begin) {
    ProcessRow row;
    row.pid = pid;
    row.slot = slot;
    row.begin_ns = begin;
    processes_.push_back(row);
  }

  /// It has said goodbye, and why.
  void note_goodbye(std::uint32_t process, const WorkerUsage& usage) {
    static constexpr ProcessEnd ends[] = {ProcessEnd::finished, ProcessEnd::worn,
                                          ProcessEnd::memory};
    const auto why = std::min<std::size_t>(static_cast<std::size_t>(usage.leaving.load()), 2);
    note_end_of(process, ends[why], usage);
  }

  /// The first end of a process that is told of is the one that counts.
  void note_end_of(std::uint32_t process, ProcessEnd end, const WorkerUsage& usage) {
    if (process >= processes_.size() || !processes_[process].is_running()) return;
    ProcessRow& row = processes_[process];
    row.end = end;
    row.end_ns = now_ns();
    row.wait_items_ns = usage.wait_items_ns;
    row.wait_delivery_ns = usage.wait_delivery_ns;
    row.collecting_ns = usage.collecting_ns;
    row.faults = usage.faults < 0 ? faults_of(row.pid) : usage.faults.load();
    row.private_bytes = std::max(row.private_bytes, usage.private_bytes.load());
    row.private_now = 0;
  }

  /// The system refused a fork, with this errno.
  void note_refused(int error) { refused_ = error; }

  /// A worker that was worth its fork wasn't forked, for want of memory.
  void note_held_back() { was_held_back_ = true; }

  /// Takes a sample of what memory there is, if it is time for one. See MemoryTrace.
  void sample_memory(std::int64_t now, std::uint64_t budget) {
    if (memory_.is_due(now)) memory_.sample(now, processes_, budget);
  }

  /// What workers were allowed to have of their own at the end; and was that raised for their
  /// sake?
  void note_budget(std::uint64_t bytes, bool was_raised) {
    budget_ = bytes;
    was_raised_ = was_raised;
  }

  /// The call is over.
  void note_over() {
    if (over_ns_ != 0) return;
    over_ns_ = now_ns();
    over_cpu_ns_ = cpu_ns();
  }

  // ---- What there is

  /// Is this the process that made it?
  bool is_own() const { return owner_ == fork_depth(); }

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
      totals.conditions += span.conditions;
    });
    for (std::size_t i = 0; i < items_.size(); ++i) {
      totals.results += items_[i].results;
      totals.bytes[static_cast<std::size_t>(items_[i].way)] += items_[i].bytes;
    }
    totals.conditions += pending_.conditions;
    totals.forks = forks_;
    totals.fork_ns = fork_ns_;
    totals.cpu_ns = (over_ns_ == 0 ? cpu_ns() : over_cpu_ns_) - begin_cpu_ns_;
    return totals;
  }

  SlowestItems slowest() const {
    SlowestItems slowest = slowest_;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const ItemRow& row = items_[i];
      if (row.outcome != Outcome::not_run) slowest.add({i, row.run_ns, row.process});
    }
    return slowest;
  }

 private:
  ItemEnd end_of(const Record& record) const {
    return {record.time.end_after(begin_ns_), record.time.run_ns(), record.time.waited_ns()};
  }

  bool has_room_for(std::uint64_t item) {
    if (has_rows_ && item >= most_rows_) sum_up_rows();
    return has_rows_;
  }

  void note_end(std::uint64_t item, std::uint32_t process, Outcome outcome, const ItemEnd& end) {
    if (outcome != Outcome::ok) count_failure(outcome);
    if (!has_room_for(item)) return add_to_span(item, process, outcome, end);
    set_end(items_.at(item), process, outcome, end);
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

  void add_to_span(std::uint64_t item, std::uint32_t process, Outcome outcome, const ItemEnd& end) {
    Span& span = spans_.at(process, end);
    ++span.items;
    span.failed += outcome != Outcome::ok;
    span.run_ns += static_cast<double>(end.run_ns);
    span.wait_ns += static_cast<double>(end.wait_ns);
    span.bytes += std::exchange(pending_.bytes, 0);
    span.conditions += std::exchange(pending_.conditions, 0);
    if (slowest_.is_slow(end.run_ns)) slowest_.add({item, end.run_ns, process});
  }

  /// More items were produced than there may be rows.
  void sum_up_rows() {
    const CallTotals totals = this->totals();
    const SlowestItems slowest = this->slowest();
    std::vector<std::tuple<std::uint32_t, std::int64_t, std::size_t>> order;
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const ItemRow& row = items_[i];
      if (row.outcome != Outcome::not_run) order.emplace_back(row.process, row.end_ns, i);
    }
    std::sort(order.begin(), order.end());
    for (const auto& one : order) {
      const ItemRow& row = items_[std::get<2>(one)];
      pending_.bytes = row.bytes;
      pending_.conditions = row.conditions;
      add_to_span(std::get<2>(one), row.process, row.outcome,
                  {row.end_ns, row.run_ns, row.wait_ns});
    }
    summed_.results = totals.results;
    summed_.bytes = totals.bytes;
    slowest_ = slowest;
    has_rows_ = false;
    items_.clear();
  }

  /// An item that was run is a span of its own.
  template <class Visit>
  void each_span(Visit visit) const {
    for (std::size_t i = 0; i < items_.size(); ++i) {
      const ItemRow& row = items_[i];
      Span span;
      span.items = row.outcome != Outcome::not_run;
      span.run_ns = static_cast<double>(row.run_ns);
      span.wait_ns = static_cast<double>(row.wait_ns);
      span.conditions = row.conditions;
      visit(row.process, span);
    }
    for (std::size_t process = 0; process < spans_.processes(); ++process) {
      for (const Span& span : spans_.of(process)) visit(static_cast<std::uint32_t>(process), span);
    }
  }

  unsigned owner_ = fork_depth();
  std::uint64_t most_rows_;
  bool has_rows_;
  std::int64_t begin_ns_ = now_ns();
  std::int64_t begin_cpu_ns_ = cpu_ns();
  std::int64_t over_ns_ = 0;
  std::int64_t over_cpu_ns_ = 0;
  std::uint64_t resident_ = resident_memory(::getpid());
  ItemTable items_;
  SpanTable spans_;
  Span pending_;          // what has come of items that go on, or whose end is about to be noted
  CallTotals summed_;     // failures; and, where there are spans, what these don't have
  SlowestItems slowest_;  // where there are spans
  std::vector<ProcessRow> processes_;
  MemoryTrace memory_{begin_ns_};
  int forks_ = 0;
  std::int64_t fork_ns_ = 0;
  std::uint64_t budget_ = 0;
  bool was_raised_ = false;
  bool was_held_back_ = false;
  int refused_ = 0;
};

}  // namespace lomp

#endif
