/// \file
/// A pool as an iterator uses it: any number of records for each item, each delivered as soon as
/// the caller waits for it, and workers that run ahead by so many bytes and no more.
#ifndef LOMP_TESTS_STREAMS_HPP
#define LOMP_TESTS_STREAMS_HPP

#include <testthat/vendor/catch.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "harness/fakes.hpp"
#include "harness/pools.hpp"
#include "lomp/pool/pool.hpp"
#include "lomp/pool/reorder.hpp"

namespace lomp_test {

using lomp::Event;
using lomp::EventKind;
using lomp::Pool;
using lomp::Record;
using lomp::Worker;

using Sizes = std::vector<std::size_t>;

enum { held, most_held, made, sleeps, told, killed, counts };

/// What workers and parent count together.
using Counts = SharedArray<std::int64_t>;

/// What the workers are to do: an item's records have the sizes that `sizes_of` gives, and the last
/// one of them ends it. `before` runs in the worker before each record, given its number.
struct StreamJob {
  explicit StreamJob(std::uint64_t items, int workers, std::size_t buffer_bytes = 0) {
    options.items = items;
    options.workers = workers;
    options.buffer_bytes = buffer_bytes;
    options.is_prompt = true;
  }

  lomp::PoolOptions options;
  std::size_t piece = std::size_t{1} << 20;
  std::function<Sizes(std::uint64_t)> sizes_of = [](std::uint64_t) { return Sizes(5, 8); };
  std::function<void(Worker&, std::uint32_t, std::size_t)> before = [](Worker&, std::uint32_t,
                                                                       std::size_t) {};
  Counts shared{counts};
};

inline std::uint64_t content_of(std::uint64_t item, std::size_t record) {
  return item * 31 + record;
}

/// Adds to what is held, in the worker that makes it.
inline void count_made(const Counts& shared, std::size_t cost) {
  const std::int64_t now = shared[held] += static_cast<std::int64_t>(cost);
  std::int64_t most = shared[most_held];
  while (now > most && !shared[most_held].compare_exchange_weak(most, now)) continue;
  ++shared[made];
}

inline void make_record(const StreamJob& job, Worker& worker, std::uint32_t item, std::size_t k,
                        const Sizes& sizes) {
  const unsigned kind = kind_of(content_of(item, k));
  job.before(worker, item, k);
  worker.await_room();
  count_made(job.shared, sizes[k]);
  put_payload(worker, content_of(item, k), sizes[k], job.piece);
  k + 1 < sizes.size() ? worker.emit(kind) : worker.finish(kind);
}

/// The main function of a job's workers.
inline lomp::WorkerMain main_of(const StreamJob& job) {
  return [&job](Worker& worker) {
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) {
        const Sizes sizes = job.sizes_of(item);
        for (std::size_t k = 0; k < sizes.size(); ++k) make_record(job, worker, item, k, sizes);
      }
    }
  };
}

/// Something that came, until it is taken.
struct Arrival {
  Record record{};
  bool has_record = false;
};

/// Takes records one by one, as an iterator does, and keeps the books.
class Consumer {
 public:
  Consumer(Pool& pool, const StreamJob& job)
      : pool_(&pool), job_(&job), came_(job.options.items), lost_(job.options.items) {}

  /// Waits for the next event.
  EventKind wait(int milliseconds = tick_ms) {
    const Event event = pool_->next(milliseconds);
    for (std::size_t i = 0; i < event.count; ++i) note(event.records[i]);
    if (event.kind == EventKind::lost) note(event.loss);
    end_ = event.kind;
    return end_;
  }

  /// Takes the next one if it has come, and releases it.
  bool take() {
    Arrival arrival;
    if (!(is_ordered() ? take_in_turn(arrival) : take_first(arrival))) return false;
    if (!arrival.has_record) return true;
    is_sound_ = is_sound_ && (!is_ordered() || arrival.record.item >= last_taken_);
    last_taken_ = arrival.record.item;
    ++taken_;
    job_->shared[held] -= static_cast<std::int64_t>(arrival.record.cost());
    pool_->release(arrival.record);
    return true;
  }

  void take_all() {
    while (take()) continue;
  }

  /// Waits, and takes nothing, for as long as `go_on` says so; false if that takes too long.
  template <class GoOn>
  bool wait_while(GoOn go_on, int seconds = 20) {
    const std::int64_t deadline = lomp::now_ns() + std::int64_t{seconds} * 1000000000;
    while (go_on()) {
      if (has_ended() || lomp::now_ns() > deadline) return false;
      wait();
    }
    return true;
  }

  /// Takes all that comes, up to the end; gives up when nothing has come for a while, so that a
  /// pool that hangs fails the test, and one that is slow doesn't.
  void run(int seconds = 20) {
    const std::int64_t patience = std::int64_t{seconds} * 1000000000;
    std::int64_t deadline = lomp::now_ns() + patience;
    while (!has_ended() && lomp::now_ns() < deadline) {
      take_all();
      if (wait() != EventKind::idle) deadline = lomp::now_ns() + patience;
    }
    take_all();
  }

  /// The same as an event loop does it: sleeps until the descriptor is readable, then looks for as
  /// long as there is something. Gives how often there was something after a sleep that was ended
  /// by the pool's look at what no descriptor tells.
  int run_by(lomp::PollDescriptor& wake, int seconds = 20) {
    int late = 0;
    while (!has_ended()) {
      take_all();
      pool_->wake_by(wake);
      const std::int64_t began = lomp::now_ns();
      pollfd one{wake.fd(), POLLIN, 0};
      if (::poll(&one, 1, seconds * 1000) != 1) break;
      const bool was_long = lomp::now_ns() - began >= 900000000;
      if (wait(0) != EventKind::idle && was_long) ++late;
      while (!has_ended() && (end_ != EventKind::idle || pool_->may_have_work())) {
        take_all();
        wait(0);
      }
    }
    take_all();
    return late;
  }

  bool has_ended() const { return end_ == EventKind::finished || end_ == EventKind::failed; }
  EventKind end() const { return end_; }
  std::size_t came(std::uint64_t item) const { return came_[item]; }
  int lost(std::uint64_t item) const { return lost_[item]; }
  std::size_t arrived() const { return arrived_; }
  std::size_t taken() const { return taken_; }
  bool is_sound() const { return is_sound_; }
  const std::vector<lomp::Loss>& losses() const { return losses_; }

  /// Is every item complete, or lost once and not complete?
  bool is_exact() const {
    for (std::uint64_t item = 0; item < came_.size(); ++item) {
      const bool is_complete = came_[item] == job_->sizes_of(item).size();
      if (lost_[item] != (is_complete ? 0 : 1)) return false;
    }
    return taken_ == arrived_;
  }

 private:
  bool is_ordered() const { return job_->options.is_ordered; }

  void note(const Record& record) {
    is_sound_ = is_sound_ && is_right(record);
    ++arrived_;
    if (record.item < came_.size()) ++came_[record.item];
    line_up({record, true}, record.item, !record.goes_on);
  }

  void note(const lomp::Loss& loss) {
    losses_.push_back(loss);
    is_sound_ = is_sound_ && loss.item < lost_.size();
    if (loss.item < lost_.size()) ++lost_[loss.item];
    line_up({}, loss.item, true);
  }

  /// Is it the next one of its item?
  bool is_right(const Record& record) const {
    if (record.item >= came_.size() || lost_[record.item] > 0) return false;
    const Sizes sizes = job_->sizes_of(record.item);
    const std::size_t k = came_[record.item];
    if (k >= sizes.size() || record.goes_on != (k + 1 < sizes.size())) return false;
    const Bytes right = payload(content_of(record.item, k), sizes[k]);
    return record.kind == kind_of(content_of(record.item, k)) && record.size == right.size() &&
           std::equal(right.begin(), right.end(), record.data);
  }

  void line_up(const Arrival& arrival, std::uint64_t item, bool is_last) {
    if (!is_ordered()) return queue_.push_back(arrival);
    order_.put(item, arrival);
    if (is_last) order_.end(item);
  }

  bool take_first(Arrival& arrival) {
    if (queue_.empty()) return false;
    arrival = queue_.front();
    queue_.pop_front();
    return true;
  }

  bool take_in_turn(Arrival& arrival) {
    const std::uint64_t head = order_.head();
    const bool has_one = order_.take(arrival);
    if (order_.head() != head) pool_->set_head(order_.head());
    return has_one;
  }

  Pool* pool_;
  const StreamJob* job_;
  std::deque<Arrival> queue_;
  lomp::Reorder<Arrival> order_;
  std::vector<std::size_t> came_;
  std::vector<int> lost_;
  std::vector<lomp::Loss> losses_;
  std::size_t arrived_ = 0;
  std::size_t taken_ = 0;
  std::uint64_t last_taken_ = 0;
  bool is_sound_ = true;
  EventKind end_ = EventKind::idle;
};

/// Checks that a call came to its end, and each item's records once and in order.
inline void check_exact(const Consumer& consumer) {
  CHECK(consumer.end() == EventKind::finished);
  CHECK(consumer.is_sound());
  CHECK(consumer.is_exact());
}

inline void check_complete(const Consumer& consumer) {
  check_exact(consumer);
  CHECK(consumer.losses().empty());
}

/// The most that a job's workers may hold. The head's worker may have its share of the bound for
/// the head and once more for the items that it did before.
inline std::int64_t limit_of(const StreamJob& job) {
  std::size_t largest = 0;
  for (std::uint64_t item = 0; item < job.options.items; ++item) {
    const Sizes sizes = job.sizes_of(item);
    largest = std::max(largest, *std::max_element(sizes.begin(), sizes.end()));
  }
  const auto workers = static_cast<std::size_t>(job.options.workers);
  const std::size_t bound = std::max<std::size_t>(1, job.options.buffer_bytes / workers);
  return static_cast<std::int64_t>((workers + job.options.is_ordered) * (bound - 1 + largest));
}

/// A whole call: all workers forked, all that comes taken.
inline void check_run(const StreamJob& job) {
  Pool pool(job.options, main_of(job));
  pool.fork_all();
  Consumer consumer(pool, job);
  consumer.run();
  check_complete(consumer);
  CHECK(job.shared[held] == 0);
  if (job.options.buffer_bytes > 0) CHECK(job.shared[most_held] <= limit_of(job));
}

/// Counts how often workers forked while it lives wait for room. An endless wait is for the parent.
class SleepCounter {
 public:
  explicit SleepCounter(const Counts& shared)
      : poll_([&shared](pollfd* set, nfds_t n, int milliseconds) {
          if (milliseconds == -1) ++shared[sleeps];
          return ::poll(set, n, milliseconds);
        }) {}

 private:
  Fake<&Kernel::poll> poll_;
};

/// A pipe by which the test tells workers to go on.
class Gate {
 public:
  void open(std::size_t times = 1) {
    const Bytes bytes(times);
    CHECK(::write(pipe_.writer.get(), bytes.data(), times) == static_cast<ssize_t>(times));
  }

  /// In the worker. Ends it if nothing comes.
  void pass() const {
    pollfd end{pipe_.reader.get(), POLLIN, 0};
    char byte = 0;
    if (::poll(&end, 1, 20000) != 1 || ::read(end.fd, &byte, 1) != 1) ::_exit(70);
  }

 private:
  lomp::Pipe pipe_ = lomp::make_pipe();
};

inline std::uint32_t hash(std::uint64_t x) {
  return static_cast<std::uint32_t>((x + 12345) * 0x9e3779b97f4a7c15u >> 40);
}

constexpr int patient_ms = 20000;

}  // namespace lomp_test

#endif
