/// \file
/// One call: its items, what runs them, and where their results go.
#ifndef LOMP_SRC_CALL_CALL_H
#define LOMP_SRC_CALL_CALL_H

#include <cstdint>
#include <memory>
#include <utility>

#include "call/checkpoint.h"
#include "call/collected_rows.h"
#include "call/delivery.h"
#include "call/events.h"
#include "call/runner.h"
#include "call/settings.h"
#include "lomp/trace/call_trace.hpp"
#include "memory/external_memory.h"

namespace lomp {

/// How long collect() may go on: what it waits for at the most.
struct CollectBounds {
  double seconds;  ///< from now on
  double bytes;    ///< of rows; one may be beyond that
  double low;      ///< fewer items than so many are underway, and the producer has no more for now
};

/// Any call of lomp's is of three choices: its items are numbered or produced; they run in workers,
/// on other machines or in this process; and their results go into a list or a queue, in the order
/// of items or not. What isn't a result goes to on_event() of R's, which decides what follows. The
/// call's R objects are kept alive by its handle. What throws lets R's jumps through, see unwind().
class Call {
 public:
  /// `kept` is a list as Kept has it, with the call's settings. Forks no worker yet. Throws.
  explicit Call(SEXP kept);
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call();

  /// Before its first use: room for the results, and workers where they are to be there at once.
  /// Throws.
  void begin();

  /// The next result, unprotected, or what on_event() gave for it; nullptr at the end. Where
  /// results go into a list it is the end that is waited for. What throws on the way loses nothing,
  /// and the next call goes on. Throws.
  SEXP next();

  /// The same for one that gets a single result: a display that R has shown meanwhile goes.
  SEXP next_single();

  /// Would next() give something, or throw, without waiting? Waits up to so many seconds for that,
  /// and does all that is to be done meanwhile. Throws.
  bool is_ready(double seconds);

  /// Each time that its user is done with it: see to the descriptor, if there is one.
  void leave() noexcept;

  /// From now on this is readable whenever is_ready() is so, or has something to do.
  void wake_by(std::shared_ptr<PollDescriptor> wake) {
    wake_ = std::move(wake);
    leave();
  }

  /// list(number, values, items) of the next results, up to so many, and fewer at the end. What is
  /// thrown on the way leaves them where they were. Throws.
  SEXP take(int most);

  /// All that comes, as CollectedRows gives it, until one of the bounds is met or the call has
  /// ended. on_event() hears only what is none of that, and on a "request" it says FALSE, or gives
  /// nothing, where there are no produced items for now: then it isn't asked for any until the next
  /// time. What is thrown on the way loses nothing: the next time begins with what has come.
  /// Throws.
  SEXP collect(const CollectBounds& bounds);

  /// The results that were taken last, so many, come once more, before all others. Throws.
  void put_back(SEXP values, const double* items, R_xlen_t n);

  /// To the caller the call has ended: R says what there is to be said of that. Throws.
  void tell_end();

  Runner& runner() { return *runner_; }
  const Runner& runner() const { return *runner_; }
  Delivery& delivery() { return delivery_; }
  Checkpoint& checkpoint() { return *checkpoint_; }

  /// What the call did, which may be kept for longer; none of a call within another one.
  const std::shared_ptr<CallTrace>& trace() const { return trace_; }

  /// Ends the items, takes in what they had finished, and lets go of their data. Throws.
  void settle();

  /// list(item, taken, given, done, drawn, silent, dead_references, refused, forks, in_hand,
  /// item_seconds). May jump.
  SEXP summary() const;

  /// Are all items done, with nothing to tell of forks and pointers?
  bool has_ended_well() const {
    return runner_->done() == runner_->given() && runner_->refused() == 0 &&
           !delivery_.dead().any();
  }

  /// The results of a call that has a place for each. May jump.
  SEXP results();

  /// The positions of the items that aren't done. May jump.
  SEXP not_done() const;

  /// Those of workers belong to the process that has forked them.
  bool is_foreign() const { return has_workers_ && owner_ != fork_depth(); }

  /// A call can't be used by what runs while it is being used: an event handler of R's, an item.
  bool& is_busy() { return is_busy_; }

  /// Its user has closed it from within, and gets nothing more.
  void begin_closing();

 private:
  enum class Heard { nothing, something, end };

  SEXP handle(SEXP event);
  bool look_ahead(std::int64_t deadline);
  bool has_outcome() const;
  bool hear_next();
  void wait_for(int milliseconds);
  bool take_next(Arrival& arrival, SEXP& value);
  void let_go_of(const Arrival& arrival, std::uint64_t head);
  void gather(const CollectBounds& bounds);
  bool take_rows(double most_bytes);
  bool is_low(const CollectBounds& bounds) const;
  Heard hear(int milliseconds);
  void set_stock(bool has_stock);
  SEXP take_some(SEXP part, int most);
  bool take_arrival(Arrival& arrival, SEXP& value);
  void note_taken(const Arrival& arrival);
  void tell_draws();
  bool is_tick_due(bool has_waited);
  void tell(const char* kind, bool value);
  void tell_rest();

  SEXP kept_;
  unsigned owner_;
  bool has_workers_;
  bool is_remote_;  // and are they other machines'?
  bool is_busy_ = false;
  bool was_left_ = false;
  bool is_closing_ = false;
  bool was_told_ = false;
  bool has_taken_drawn_ = false;
  bool has_told_draws_ = false;
  bool has_stock_ = true;  // as far as collect() knows
  std::shared_ptr<CallTrace> trace_;
  ProgressClock progress_;
  Delivery delivery_;
  CollectedRows rows_{delivery_};
  SharedCheckpoint checkpoint_;
  ExternalMemoryUse external_memory_use_;
  std::unique_ptr<Runner> runner_;
  std::shared_ptr<PollDescriptor> wake_;  // or nullptr
};

}  // namespace lomp

#endif
