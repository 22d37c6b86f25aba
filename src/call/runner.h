/// \file
/// What carries out a call's items.
#ifndef LOMP_SRC_CALL_RUNNER_H
#define LOMP_SRC_CALL_RUNNER_H

#include <cstdint>
#include <vector>

#include "lomp/os/platform.hpp"
#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

/// A worker's place, from 0, and its process.
struct RunningWorker {
  int place;
  int pid;
};

/// Runs the items of one call, in workers or in this process, and puts what they give into the
/// call's Delivery. What throws lets R's jumps through, see unwind().
class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;

  /// Before the first wait. Throws.
  virtual void begin() = 0;

  /// Waits for something to come, for so many milliseconds at the most, or goes one step on. Gives
  /// an event for R that has no place in the order of results, or NULL. Throws.
  virtual SEXP wait(int milliseconds) = 0;

  /// Would wait() wait now?
  virtual bool is_idle() = 0;

  /// Nothing is asked of it for a while: the descriptor becomes readable when wait() has something
  /// to do. Throws.
  virtual void wake_by(PollDescriptor& wake) = 0;

  /// The workers that run. Throws std::bad_alloc.
  virtual std::vector<RunningWorker> running() const = 0;

  /// On the event "step": runs what is next, here. Throws.
  virtual void step() = 0;

  /// On the event "request": gives a produced item to this worker. False if it takes no more.
  /// Throws.
  virtual bool give(int worker, SEXP value) = 0;

  /// The same with numbered items, the elements from, ..., end - 1 of a list or a plain vector, and
  /// their numbers: as many as the worker takes, which are counted. An item that can't be written
  /// is left to the next time unless it is the first one. Only a pool has such items. Throws.
  virtual R_xlen_t give_row(int, SEXP, SEXP, R_xlen_t, R_xlen_t) { return 0; }

  /// Takes back the items that were given and that no worker has begun: their numbers, from 0, in
  /// order. They are over by that, and nothing comes of them. Throws.
  virtual std::vector<std::uint64_t> take_back() { return {}; }

  /// Behind the last one that was given on such an event. With `is_end`, no more will come.
  virtual void post(int worker, bool is_end) = 0;

  /// Has its caller produced items now? Without, it isn't asked for any.
  virtual void set_stock(bool has_stock) = 0;

  /// Ends the items; what was finished still comes.
  virtual void stop() = 0;

  /// The same, and all that comes has come when it returns. Throws.
  virtual void settle() = 0;

  /// All has been delivered.
  virtual bool has_ended() const = 0;

  /// Nor does wait() have any more to say.
  virtual bool is_over() const = 0;

  /// After an error that has left wait(): if it was met while a result was being read, that is the
  /// item's failure from now on, and true is returned. Throws.
  virtual bool note_unread(SEXP condition) = 0;

  /// What has been delivered with this record was taken.
  virtual void release(const Record& record) = 0;

  /// In order: it is this item's turn.
  virtual void set_head(std::uint64_t item) = 0;

  /// Does the call's caller wait for each single result?
  virtual void set_prompt(bool is_prompt) = 0;

  // ---- Counts of items

  virtual std::uint64_t given() const = 0;   ///< how many there are, as far as that is known
  virtual std::uint64_t done() const = 0;    ///< how many are over
  virtual std::uint64_t undone() const = 0;  ///< of produced ones: how many are still to be over
  virtual bool is_done(std::uint64_t item) const = 0;
  virtual std::uint64_t in_hand() const = 0;  ///< here: the one that runs, or ran last
  virtual double item_seconds() const = 0;    ///< here: how long that one has run
  virtual bool has_drawn() const = 0;         ///< has one of them drawn random numbers?
  virtual int refused() const = 0;            ///< see Pool
  virtual int forks() const = 0;
};

}  // namespace lomp

#endif
