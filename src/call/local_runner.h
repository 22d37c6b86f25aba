/// \file
/// A call's items in this process.
#ifndef LOMP_SRC_CALL_LOCAL_RUNNER_H
#define LOMP_SRC_CALL_LOCAL_RUNNER_H

#include "call/checkpoint.h"
#include "call/delivery.h"
#include "call/events.h"
#include "call/runner.h"
#include "call/settings.h"
#include "worker/item_loop.h"
#include "worker/item_random.h"

namespace lomp {

/// Runs an item, or takes one more value of a generator, when it is asked to wait; where results go
/// into a list, as many items as there are until one fails or progress is due. R calls step() below
/// its handlers for what items signal. An item that is left by a jump (a handler of the caller's, a
/// time limit) is over; the next one goes on.
class LocalRunner final : public Runner {
 public:
  /// Doesn't own what it gets, which outlives it. Throws.
  LocalRunner(const Settings& settings, SEXP kept, Delivery& delivery, Checkpoint& checkpoint,
              const ProgressClock& clock, CallTrace* trace);

  void begin() override {}
  SEXP wait(int) override;
  bool is_idle() override { return false; }
  void wake_by(PollDescriptor& wake) override { wake.set(); }
  std::vector<RunningWorker> running() const override { return {}; }
  void step() override;
  bool give(int worker, SEXP value) override;
  void post(int worker, bool is_end) override;
  void set_stock(bool) override {}
  void stop() override { is_stopped_ = true; }
  void settle() override;
  bool has_ended() const override { return has_ended_; }
  bool is_over() const override { return has_ended_; }
  bool note_unread(SEXP) override { return false; }
  void release(const Record&) override {}
  void set_head(std::uint64_t) override {}
  void set_prompt(bool) override {}
  std::uint64_t given() const override { return is_produced_ ? next_item_ : items_; }
  std::uint64_t done() const override { return done_; }
  std::uint64_t undone() const override { return given() - done(); }
  bool is_done(std::uint64_t item) const override { return item < done_; }
  std::uint64_t in_hand() const override { return item_; }
  double item_seconds() const override {
    return static_cast<double>(before_ns_ + now_ns() - since_) / 1e9;
  }
  bool has_drawn() const override { return has_drawn_; }
  int refused() const override { return 0; }
  int forks() const override { return 0; }

 private:
  SEXP generator() const { return VECTOR_ELT(kept_, kept_generator); }
  bool has_generator() const { return generator() != R_NilValue; }
  bool has_all() const { return is_produced_ ? has_all_ : next_item_ == items_; }
  Record record(bool goes_on) const;
  void leave_item();
  void forget_generator();
  void end();

  void run();
  static SEXP run_items(void* data);
  static SEXP keep_failure(SEXP description, void* data);
  static void emit(SEXP value, void* data);
  bool goes_on() const;
  void run_one();
  void take_item();
  SEXP begin_item();
  SEXP go_on_with_generator();
  void keep_stream();
  void put(SEXP value, bool goes_on);
  void deliver(SEXP value);
  void deliver_next(SEXP value);
  void pause_item();
  void end_item(Outcome outcome);
  void note_end(Outcome outcome);
  void note_draws(bool has_drawn);

  SEXP kept_;
  Delivery& delivery_;
  Checkpoint& checkpoint_;
  const ProgressClock& clock_;
  CallTrace* trace_;  // or nullptr
  Task task_;
  SEXP limit_;  // a call, before each item; NULL if there is none
  SEXP hear_;
  SEXP describe_;
  bool is_produced_;
  std::uint64_t items_;  // if they aren't produced
  std::uint64_t next_item_ = 0;
  std::uint64_t item_ = 0;  // the one in hand, or the last one
  std::uint64_t done_ = 0;
  bool is_given_ = false;  // of produced items: is the next one here,
  bool has_all_ = false;   // and will no others come?
  bool is_underway_ = false;
  bool is_stopped_ = false;
  bool has_ended_ = false;
  bool has_drawn_ = false;
  bool has_item_drawn_ = false;  // the one in hand, or the last one
  bool is_stepping_ = false;
  ItemRandom* random_ = nullptr;  // of the step that runs
  std::int64_t since_ = 0;        // that the item in hand has been at work, or again
  std::int64_t before_ns_ = 0;    // and was before, if it is a generator
};

}  // namespace lomp

#endif
