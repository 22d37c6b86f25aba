// Side: parent.
/// \file
/// A pool of forked workers for other programs: items by number, results as bytes.
#ifndef LOMP_API_FORK_POOL_HPP
#define LOMP_API_FORK_POOL_HPP

#include <algorithm>
#include <cstdint>
#include <deque>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "lomp/api/fork_pool_options.hpp"
#include "lomp/api/item_function.hpp"
#include "lomp/api/item_result.hpp"
#include "lomp/api/loss_words.hpp"
#include "lomp/os/clock.hpp"
#include "lomp/os/cpu_limit.hpp"
#include "lomp/os/open_files.hpp"
#include "lomp/pool/pool.hpp"
#include "lomp/pool/reorder.hpp"

namespace lomp {

/// Runs a function for each of the items 0, 1, ..., n - 1 in forked workers, which share all of
/// this process's memory, copy on write. Nothing that was finished is lost, and what goes wrong
/// with an item is that item's result: no exception, signal, exit() or endless loop of one reaches
/// another.
///
/// **Here.** Belongs to the thread that made it, which must live as long as it does: the workers
/// end with that thread. The destructor ends every worker and what these have started, and reaps
/// them, whatever way its scope is left; if this process dies, they end with it. In a process that
/// was forked meanwhile the destructor does nothing. Touches no other child, and no handler of
/// signals.
///
/// **In a worker** the function finds this process's memory as it was at the fork, and its changes
/// stay there; workers are forked while next() waits, so what it uses must stay as it is until
/// then. Only the thread that forked is there: a lock that another one held is held for ever, and a
/// library that keeps threads (OpenMP, BLAS) waits for them for ever, if they were started before.
/// malloc() is safe. Connections of the parent's are closed, standard input is empty, signals do
/// what they do by default, and open files are shared: nothing else of the parent's is to be
/// written to. No destructor of a static object and no exit handler runs there.
///
/// **In an interpreter** the function uses nothing of the interpreter's: its errors would jump into
/// the parent's code, and go on with it in the worker; its memory, when garbage is collected, would
/// be finalized as the parent's, and copied. It may read and write elements by pointers that were
/// taken before. Interrupts are asked for by `while_waiting`, which throws; a jump over the
/// destructor would leave workers. lomp/README.md says so of R.
class ForkPool {
 public:
  using Function = ItemFunction::Function;

  /// Forks no worker yet. Throws std::invalid_argument, or SystemError if there is no shared
  /// memory.
  ForkPool(std::uint64_t items, Function function, ForkPoolOptions options = {})
      : options_(checked(std::move(options), items, function)),
        pool_(pool_options(items, options_), ItemFunction(std::move(function), options_.timeout)) {}

  ForkPool(const ForkPool&) = delete;
  ForkPool& operator=(const ForkPool&) = delete;

  /// Waits for the next result; false once each item has had its own. Throws std::bad_alloc,
  /// SystemError, and what `while_waiting` throws.
  bool next(ItemResult& result) {
    while (!take(result)) {
      if (has_ended_) return false;
      if (is_noted_) await_event();
      note(event_);
      is_noted_ = true;
    }
    return true;
  }

 private:
  /// A result that waits to be taken. Its record is let go of then, if it has come by one.
  struct Arrival {
    ItemResult result;
    Record record{};
    bool has_record = false;
  };

  static ForkPoolOptions checked(ForkPoolOptions options, std::uint64_t items,
                                 const Function& function) {
    if (items > UINT32_MAX) throw std::invalid_argument("a pool has less than 2^32 items");
    if (!function) throw std::invalid_argument("a pool needs a function");
    if (options.workers < 0) throw std::invalid_argument("a pool needs a worker");
    if (options.timeout.count() < 0) throw std::invalid_argument("a time limit is in the future");
    constexpr std::chrono::hours century{24 * 36525};
    if (options.timeout >= century) options.timeout = {};  // would be beyond what a clock counts
    if (options.workers == 0) options.workers = std::min(affinity_limit(), cgroup_limit());
    return options;
  }

  static PoolOptions pool_options(std::uint64_t items, const ForkPoolOptions& asked) {
    PoolOptions options;
    options.items = items;
    options.workers = asked.workers;
    options.buffer_bytes = asked.buffer_bytes;
    options.is_ordered = asked.in_order && asked.buffer_bytes > 0;
    options.is_prompt = true;
    options.before_fork = [](int) {
      flush_open_files(false);
      return CollectorFacts();
    };
    return options;
  }

  /// Where there was no memory for the whole of an event, the next call goes on with the rest.
  void await_event() {
    look_around();
    event_ = pool_.next(tick_ms);
    next_record_ = 0;
    is_noted_ = false;
  }

  void look_around() {
    if (!options_.while_waiting || now_ns() - looked_ < tick_ms * std::int64_t{1000000}) return;
    options_.while_waiting();
    looked_ = now_ns();
  }

  void note(const Event& event) {
    switch (event.kind) {
      case EventKind::records:
        for (; next_record_ < event.count; ++next_record_) put(event.records[next_record_]);
        break;
      case EventKind::lost:
        put(event.loss.item, event.loss.was_late ? ItemOutcome::timeout : ItemOutcome::crash,
            loss_words(event.loss));
        break;
      case EventKind::failed:
        give_up(event);
        break;
      case EventKind::finished:
        end();
        break;
      case EventKind::idle:
        looked_ = 0;  // a signal may have come
        break;
      case EventKind::request:  // of items that are streamed
        break;
    }
  }

  void put(const Record& record) {
    Arrival arrival;
    const bool is_value = record.kind == ItemFunction::value_kind;
    arrival.result.item = record.item;
    arrival.result.outcome = is_value ? ItemOutcome::value : ItemOutcome::exception;
    std::string& bytes = is_value ? arrival.result.value : arrival.result.problem;
    bytes.assign(reinterpret_cast<const char*>(record.data), record.size);
    arrival.record = record;
    arrival.has_record = true;
    line_up(std::move(arrival));
  }

  void put(std::uint64_t item, ItemOutcome outcome, const std::string& problem) {
    Arrival arrival;
    arrival.result = {item, outcome, {}, problem};
    line_up(std::move(arrival));
  }

  void line_up(Arrival arrival) {
    const std::uint64_t item = arrival.result.item;
    if (!options_.in_order) return queue_.push_back(std::move(arrival));
    order_.put(item, std::move(arrival));
    order_.end(item);
  }

  /// What workers had finished still comes; then the rest is known not to have been run.
  void give_up(const Event& event) {
    const std::string how = event.error == 0
                                ? "workers end before they begin: " + loss_words(event.loss)
                                : std::generic_category().message(event.error);
    problem_ = "no worker could be had: " + how;
    pool_.stop();
  }

  void end() {
    for (; next_item_ < pool_.items(); ++next_item_) {
      if (!pool_.is_done(next_item_)) put(next_item_, ItemOutcome::not_run, problem_);
    }
    has_ended_ = true;
    pool_.close();
  }

  bool take(ItemResult& result) {
    const std::uint64_t head = order_.head();
    Arrival arrival;
    const bool has_come = options_.in_order ? order_.take(arrival) : take_first(arrival);
    // First the head, as whose what is let go of counts.
    if (!has_ended_ && order_.head() != head) pool_.set_head(order_.head());
    if (!has_ended_ && arrival.has_record) pool_.release(arrival.record);
    if (has_come) result = std::move(arrival.result);
    return has_come;
  }

  bool take_first(Arrival& arrival) {
    if (queue_.empty()) return false;
    arrival = std::move(queue_.front());
    queue_.pop_front();
    return true;
  }

  static constexpr int tick_ms = 100;

  ForkPoolOptions options_;
  Pool pool_;
  Reorder<Arrival> order_;
  std::deque<Arrival> queue_;
  std::string problem_;  // why there are no workers any more
  std::int64_t looked_ = 0;
  Event event_;
  std::size_t next_record_ = 0;  // of the event
  std::uint64_t next_item_ = 0;  // of those that may not have been run
  bool is_noted_ = true;
  bool has_ended_ = false;
};

}  // namespace lomp

#endif
