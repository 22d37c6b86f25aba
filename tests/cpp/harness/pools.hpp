/// \file
/// Runs a pool over numbered items and keeps the books: what came, what was lost, how it ended.
#ifndef LOMP_TESTS_POOLS_HPP
#define LOMP_TESTS_POOLS_HPP

#include <functional>
#include <vector>

#include "harness/processes.hpp"
#include "lomp/pool/pool.hpp"

namespace lomp_test {

using Bytes = std::vector<unsigned char>;

/// What an item's record holds follows from the item, so that a wrong one shows.
inline Bytes payload(std::uint64_t item, std::size_t size) {
  Bytes bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<unsigned char>(item * 151 + (i + (i >> 8)) * 7);
  }
  return bytes;
}

inline unsigned kind_of(std::uint64_t item) { return static_cast<unsigned>(item % 16); }

/// Puts an item's payload in pieces.
inline void put_payload(lomp::Worker& worker, std::uint64_t item, std::size_t size,
                        std::size_t piece = std::size_t{1} << 20) {
  const Bytes bytes = payload(item, size);
  for (std::size_t at = 0; at < size; at += piece) {
    worker.put(bytes.data() + at, std::min(piece, size - at));
  }
}

/// What the workers are to do. `during` runs in the worker while an item is in hand.
struct Job {
  explicit Job(std::uint64_t items, int workers) {
    options.items = items;
    options.workers = workers;
  }

  lomp::PoolOptions options;
  std::size_t piece = std::size_t{1} << 20;
  std::function<std::size_t(std::uint64_t)> size_of = [](std::uint64_t) { return 8; };
  std::function<void(lomp::Worker&, std::uint32_t)> during = [](lomp::Worker&, std::uint32_t) {};
};

/// The main function of a job's workers.
inline lomp::WorkerMain main_of(const Job& job) {
  return [&job](lomp::Worker& worker) {
    std::uint32_t item = 0;
    while (worker.next_block()) {
      while (worker.take(item)) {
        job.during(worker, item);
        put_payload(worker, item, job.size_of(item), job.piece);
        worker.finish(kind_of(item));
      }
    }
  };
}

/// The books of one call.
struct Tally {
  explicit Tally(const Job& job) : job(&job), came(job.options.items), lost(job.options.items) {}

  const Job* job;
  std::vector<int> came;  ///< how many times each item's record was delivered
  std::vector<int> lost;  ///< how many times it was reported as lost
  std::vector<lomp::Loss> losses;
  bool is_sound = true;  ///< each record had the right item, kind and content
  lomp::EventKind end = lomp::EventKind::idle;
  lomp::Event last;

  void note(const lomp::Event& event) {
    for (std::size_t i = 0; i < event.count; ++i) note(event.records[i]);
    if (event.kind == lomp::EventKind::lost) note(event.loss);
    last = event;
  }

  void note(const lomp::Record& record) {
    if (record.item >= came.size()) {
      is_sound = false;
      return;
    }
    ++came[record.item];
    const Bytes right = payload(record.item, job->size_of(record.item));
    is_sound = is_sound && record.kind == kind_of(record.item) && record.size == right.size() &&
               std::equal(right.begin(), right.end(), record.data);
  }

  void note(const lomp::Loss& loss) {
    losses.push_back(loss);
    if (loss.item < lost.size()) {
      ++lost[loss.item];
    } else {
      is_sound = false;
    }
  }

  /// Was every item delivered or reported as lost, exactly once?
  bool is_exact() const {
    for (std::size_t i = 0; i < came.size(); ++i) {
      if (came[i] + lost[i] != 1) return false;
    }
    return true;
  }

  std::uint64_t delivered() const {
    return static_cast<std::uint64_t>(std::count(came.begin(), came.end(), 1));
  }
};

constexpr int tick_ms = 100;

/// Its end of the pipe, its socket and its life line.
constexpr int descriptors_of_worker = 2 + LOMP_LINUX;

/// Notes all events up to the end, or for as long as `go_on` says so after each; gives up after a
/// while, so that a pool which hangs fails its test.
template <class GoOn>
void collect_while(lomp::Pool& pool, Tally& tally, GoOn go_on, int seconds = 60) {
  const std::int64_t deadline = lomp::now_ns() + std::int64_t{seconds} * 1000000000;
  do {
    const lomp::Event event = pool.next(tick_ms);
    tally.note(event);
    tally.end = event.kind;
    if (event.kind == lomp::EventKind::finished || event.kind == lomp::EventKind::failed) return;
  } while (go_on(tally) && lomp::now_ns() < deadline);
}

inline void collect(lomp::Pool& pool, Tally& tally) {
  collect_while(pool, tally, [](const Tally&) { return true; });
}

/// A whole call: opened, run to its end, closed.
inline Tally run(const Job& job) {
  Tally tally(job);
  lomp::Pool pool(job.options, main_of(job));
  collect(pool, tally);
  return tally;
}

/// Checks that a call ended well and lost nothing.
inline void check_complete(const Tally& tally) {
  CHECK(tally.end == lomp::EventKind::finished);
  CHECK(tally.is_sound);
  CHECK(tally.is_exact());
  CHECK(tally.losses.empty());
}

/// Checks that a call ended well although workers died.
inline void check_exact(const Tally& tally) {
  CHECK(tally.end == lomp::EventKind::finished);
  CHECK(tally.is_sound);
  CHECK(tally.is_exact());
}

}  // namespace lomp_test

#endif
