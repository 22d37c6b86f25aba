// Side: parent.
/// \file
/// Forks workers.
#ifndef LOMP_POOL_LAUNCHER_HPP
#define LOMP_POOL_LAUNCHER_HPP

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "lomp/os/allocator.hpp"
#include "lomp/pool/pool_options.hpp"
#include "lomp/pool/worker_handle.hpp"
#include "lomp/process/life_line.hpp"
#include "lomp/process/oom_score.hpp"
#include "lomp/process/sever.hpp"
#include "lomp/schedule/fork_policy.hpp"
#include "lomp/shared/shared_page.hpp"
#include "lomp/worker/seal.hpp"
#include "lomp/worker/worker.hpp"

namespace lomp {

/// Puts new workers in free places, up to a limit that falls when the system refuses one, and holds
/// the life line that ends them with this session. Owns none of what it works with but that line;
/// the rest is the pool's.
class Launcher {
 public:
  /// Runs first of all in each worker once it is sealed: lets go of what the parent's pools own.
  using Disown = void (*)();

  Launcher(const PoolOptions& options, WorkerMain main, Disown disown, SharedPage& page,
           Workers& workers, ForkPolicy& policy)
      : options_(options),
        main_(std::move(main)),
        disown_(disown),
        page_(page),
        workers_(workers),
        policy_(policy),
        limit_(options.workers) {
    tie_forked_processes();
  }

  /// How many workers there may be at once.
  const int& limit() const { return limit_; }

  /// How many have been forked so far.
  int forks() const { return forks_; }

  /// errno of the fork that was refused last; 0 if none was.
  int refused() const { return refused_; }

  /// May there be one more worker now?
  bool has_room() const {
    const int live = count_live(workers_);
    return live < limit_ && !(live > 0 && policy_.holds_off());
  }

  /// The first place that has no worker. There is one: limit() is at most the number of places.
  int free_slot() {
    workers_.resize(static_cast<std::size_t>(page_.slots()));
    int i = 0;
    while (workers_[static_cast<std::size_t>(i)]) ++i;
    return i;
  }

  /// Forks one more worker. If it is refused, those that are there are the limit from then on.
  void launch() {
    try {
      const int slot = free_slot();
      page_.renew(slot);
      if (options_.before_fork) tell_workers(options_.before_fork(forks_), slot);
      policy_.before_fork();
      fork_into(slot);
      policy_.after_fork();
      ++forks_;
      limit_ = std::max(limit_, count_live(workers_));
    } catch (const SystemError& error) {
      limit_ = count_live(workers_);
      refused_ = error.code().value();
      page_.may_be_replaced() = false;
      if (options_.trace != nullptr) options_.trace->note_refused(refused_);
    }
  }

  /// In a child: the line isn't its own to hold.
  void close_life_line() { life_line_.close(); }

 private:
  /// What is known now is true of the one that is forked next, and of those that are there and were
  /// forked without.
  void tell_workers(const CollectorFacts& facts, int slot) {
    if (facts.cost_ns > 0) page_.collection_ns() = facts.cost_ns;
    for (const auto& handle : workers_) {
      if (handle) tell_worker(page_.slot(handle->slot), facts);
    }
    tell_worker(page_.slot(slot), facts);
  }

  static void tell_worker(WorkerSlot& slot, const CollectorFacts& facts) {
    if (slot.young_left == CollectorFacts::unknown) slot.young_left = facts.young_left;
  }

  void fork_into(int slot) {
    std::vector<int> sockets;
    if (!options_.keeps_connections) sockets = open_sockets();
    Pipe pipe = make_pipe(options_.pipe_bytes);
    ControlPair control = make_control_pair();
    auto handle = std::make_unique<WorkerHandle>();
    handle->slot = slot;
    handle->incarnation = static_cast<std::uint32_t>(forks_);
    const pid_t parent = ::getpid();
    life_line_.open();
    const std::int64_t began = now_ns();
    handle->child = spawn([&] {
      seal_process(parent, control.worker.get(), page_.slot(slot), life_line_);
      pipe.reader.reset();
      control.parent.reset();
      disown_();
      sever(sockets, control.worker.get());
      work(slot, pipe.writer.get(), control.worker.get());
    });
    handle->last_pid = handle->child.pid();
    if (options_.trace != nullptr) options_.trace->note_fork(slot, handle->last_pid, began);
    handle->results = std::move(pipe.reader);
    handle->control = std::move(control.parent);
    if (options_.is_streamed) handle->supply.use_files_again(options_.most_free_bytes);
    workers_[static_cast<std::size_t>(slot)] = std::move(handle);
  }

  /// In the worker.
  void work(int slot, int results, int control) {
    keep_freed_memory();
    oom_score_.raise();
    Worker worker(page_, slot, results, control);
    if (options_.takes_returns) worker.use_files_again(options_.most_free_bytes);
    main_(worker);
    worker.bye();
  }

  const PoolOptions& options_;
  WorkerMain main_;
  Disown disown_;
  SharedPage& page_;
  Workers& workers_;
  ForkPolicy& policy_;
  LifeLine life_line_;
  const OomScore oom_score_;
  int limit_;
  int forks_ = 0;
  int refused_ = 0;
};

}  // namespace lomp

#endif
