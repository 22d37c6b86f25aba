/// \file
/// A call's items on other machines.
#ifndef LOMP_SRC_CALL_MACHINES_RUNNER_H
#define LOMP_SRC_CALL_MACHINES_RUNNER_H

#include <cstdint>
#include <map>
#include <vector>

#include "call/checkpoint.h"
#include "call/delivery.h"
#include "call/events.h"
#include "call/reply_rows.h"
#include "call/runner.h"
#include "call/settings.h"
#include "lomp/trace/call_trace.hpp"
#include "r/preserve_list.h"

namespace lomp {

/// Forks nothing and asks nobody: it is R that talks to the machines, on the event "machines", and
/// that hands their replies in. An item may come from two machines, if one was taken for dead: what
/// comes of it after its end is dropped.
///
/// What items say in their turn is held until all items before theirs are over; the first one that
/// isn't is heard live. There is no bound to what is held, unlike PoolRunner's backlog.
///
/// A reply is kept until all of its rows were taken in: wait() goes on with one that was left by a
/// jump, and so does receive(). A row that can't be taken in, for want of memory or because its
/// place in a vector refuses the value, is its item's failure.
class MachinesRunner final : public Runner {
 public:
  /// Doesn't own what it gets, which outlives it. Throws.
  MachinesRunner(const Settings& settings, SEXP kept, Delivery& delivery, Checkpoint& checkpoint,
                 CallTrace* trace);

  void begin() override {}

  /// On the event "machines", whose value is c(ms, is_stopped), R waits for replies, for so long at
  /// the most.
  SEXP wait(int milliseconds) override;
  bool is_idle() override { return !has_unread() && !has_said(); }
  void wake_by(PollDescriptor& wake) override;
  std::vector<RunningWorker> running() const override { return {}; }
  void step() override {}
  bool give(int, SEXP) override { return false; }
  void post(int, bool) override {}
  void set_stock(bool) override {}
  void stop() override { is_stopped_ = true; }
  void settle() override;
  bool has_ended() const override { return has_ended_; }
  bool is_over() const override { return has_ended_ && !has_unread() && !has_said(); }
  bool note_unread(SEXP) override { return false; }
  void release(const Record& record) override;
  void set_head(std::uint64_t) override {}
  void set_prompt(bool) override {}
  std::uint64_t given() const override { return over_.size(); }
  std::uint64_t done() const override { return done_; }
  std::uint64_t undone() const override { return given() - done(); }
  bool is_done(std::uint64_t item) const override { return item < over_.size() && over_[item]; }
  std::uint64_t in_hand() const override { return 0; }
  double item_seconds() const override { return 0; }
  bool has_drawn() const override { return has_drawn_; }
  int refused() const override { return 0; }
  int forks() const override { return 0; }

  // ---- For R, which talks to the machines

  /// What has been lined up and not been taken, by the bytes of its rows.
  std::uint64_t untaken() const { return untaken_; }

  /// A machine that takes part from now on, by the number of its process there. Gives its own, from
  /// 0.
  int note_machine(int pid);

  /// It takes part no more.
  void note_machine_end(int machine, ProcessEnd end);

  /// So many items were produced until now. Throws std::bad_alloc.
  void note_given(std::uint64_t items);

  /// A reply of a machine's, see ReplyRows. After a jump the same reply may be given once more:
  /// none of its rows is taken in twice. What comes after the end is dropped. Throws.
  void receive(int machine, SEXP reply);

  /// The item is lost with the machine that had it, or was given up: the value tells R of that.
  /// Throws.
  void strand(std::uint64_t item, int machine, SEXP value);

  /// Nothing more will come. Throws.
  void end();

 private:
  bool has_unread() const { return next_row_ != rows_.size(); }
  SEXP make_wait_event(int milliseconds) const;
  bool has_said() const { return !held_.empty() && (has_ended_ || held_.begin()->first <= head_); }
  SEXP take_said();
  void begin_reading(int machine, SEXP reply);
  void read_all();
  static SEXP read_rest(void* data);
  static SEXP skip_unread(SEXP condition, void* data);
  void read(const ReplyRow& row);
  Record deliver(const ReplyRow& row);
  void put_value(const Record& record, const ReplyRow& row);
  void keep(const Record& record, SEXP value);
  void put_said(const Record& record, const char* kind, SEXP value);
  void note_draws(bool has_drawn);
  void note_over(std::uint64_t item);
  void trace_row(const ReplyRow& row);
  void trace_end(const ReplyRow& row, Outcome outcome);

  SEXP kept_;
  Delivery& delivery_;
  Checkpoint& checkpoint_;
  CallTrace* trace_;  // or nullptr
  bool is_produced_;
  bool is_said_in_order_;
  std::vector<bool> over_;  // of all items that there are so far
  std::uint64_t done_ = 0;
  std::uint64_t head_ = 0;  // the first of them that isn't over
  bool is_stopped_ = false;
  bool has_ended_ = false;
  bool has_drawn_ = false;
  std::uint64_t untaken_ = 0;
  int machines_ = 0;   // how many have taken part
  PreserveList said_;  // events that wait for their turn
  // Their places by their items, of each item in the order of coming.
  std::multimap<std::uint64_t, R_xlen_t> held_;
  ReplyRows rows_;             // of the reply that is being taken in
  R_xlen_t next_row_ = 0;      // the first that wasn't
  int machine_ = 0;            // that has sent it
  std::int64_t reply_ns_ = 0;  // when it came
  bool is_half_kept_ = false;  // after a jump, the checkpoint may have what comes of the next row
  InterruptClock clock_;
};

}  // namespace lomp

#endif
