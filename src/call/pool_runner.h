/// \file
/// A call's items in workers.
#ifndef LOMP_SRC_CALL_POOL_RUNNER_H
#define LOMP_SRC_CALL_POOL_RUNNER_H

#include "call/checkpoint.h"
#include "call/delivery.h"
#include "call/events.h"
#include "call/items_underway.h"
#include "call/runner.h"
#include "call/settings.h"
#include "codec/serialize.h"
#include "lomp/pool/parent_collection.hpp"
#include "lomp/pool/pool.hpp"
#include "memory/collector.h"

namespace lomp {

/// Reads records as they come, since payloads can be had in this order only. What items say in
/// their turn is held; whose turn it is is known when all records of an event have been seen.
class PoolRunner final : public Runner {
 public:
  /// Doesn't own what it gets, which outlives it. Throws.
  PoolRunner(const Settings& settings, SEXP kept, Delivery& delivery, Checkpoint& checkpoint,
             CallTrace* trace);

  /// An iterator's workers see the session as it is when it is made, and those that wait for
  /// produced items can't be forked when they are worth it, since their number isn't known.
  void begin() override {
    if (is_produced_ || !delivery_.has_places()) pool_.fork_all();
  }

  SEXP wait(int milliseconds) override;
  bool is_idle() override { return !has_unread() && !pool_.may_have_work(); }
  void wake_by(PollDescriptor& wake) override {
    if (has_unread()) return wake.set();
    pool_.wake_by(wake);
  }
  std::vector<RunningWorker> running() const override;
  void step() override {}
  bool give(int worker, SEXP value) override;
  R_xlen_t give_row(int worker, SEXP values, SEXP numbers, R_xlen_t from, R_xlen_t end) override;
  std::vector<std::uint64_t> take_back() override;
  void post(int worker, bool is_end) override;
  void set_stock(bool has_stock) override { pool_.feeder().set_stock(has_stock); }
  void stop() override { pool_.stop(); }
  void settle() override;
  bool has_ended() const override { return has_ended_; }
  bool is_over() const override { return has_ended_ && !pool_.holds_any(); }
  bool note_unread(SEXP condition) override;
  void release(const Record& record) override { pool_.release(record); }
  void set_head(std::uint64_t item) override { pool_.set_head(item); }
  void set_prompt(bool is_prompt) override { pool_.set_prompt(is_prompt); }
  std::uint64_t given() const override { return is_produced_ ? next_item_ : pool_.items(); }
  std::uint64_t done() const override { return pool_.done(); }
  std::uint64_t undone() const override { return given() - done(); }
  bool is_done(std::uint64_t item) const override { return pool_.is_done(item); }
  std::uint64_t in_hand() const override { return 0; }
  double item_seconds() const override { return 0; }
  bool has_drawn() const override { return pool_.has_drawn(); }
  int refused() const override { return pool_.refused(); }
  int forks() const override { return pool_.forks(); }

  /// In the parent before each fork, with their number so far. Throws.
  CollectorFacts prepare_fork(int forks);

 private:
  enum class Given { more, full, refused };

  CollectorFacts collect_before_fork();
  void look() const { lomp::look(VECTOR_ELT(kept_, kept_look)); }
  void end();
  SEXP note(const Event& event);
  SEXP request(const Event& event);
  void give_returned(int worker);
  void send_row(int worker, SEXP values, SEXP numbers, R_xlen_t from, R_xlen_t end);
  Given send(int worker, std::uint64_t item, SEXP value);
  Given send_numbered(int worker, std::uint64_t item, const ItemsUnderway::Element& element);
  Given add(int worker, std::uint64_t item, unsigned kind);
  SEXP take_said();
  static SEXP read_said(void* data);
  static SEXP tell_unread(SEXP condition, void* data);
  bool has_unread() const { return next_record_ != last_record_; }
  SEXP begin_reading(const Event& event);
  SEXP read_all();
  static SEXP read_rest(void* data);
  static SEXP skip_unread(SEXP condition, void* data);
  void read(const Record& record);
  void let_go(std::uint64_t item) {
    if (is_produced_) underway_.let_go(item);
  }
  void let_go_after(const Record& record) {
    if (!record.goes_on) let_go(record.item);
  }

  SEXP kept_;
  Delivery& delivery_;
  Checkpoint& checkpoint_;
  CallTrace* trace_;  // or nullptr
  bool is_produced_;
  bool is_numbered_;
  bool is_said_in_order_;
  bool has_ended_ = false;
  Record said_{};                        // what was held and taken last
  const Record* next_record_ = nullptr;  // of the last event, what hasn't been read
  const Record* last_record_ = nullptr;  // behind them
  bool is_reading_ = false;              // after a jump, the next record was left half-way
  ItemsUnderway underway_;
  ParentCollection collection_;
  SEXP observe_;  // see prepare_collector(); one of the call's settings
  Pool pool_;
  std::uint64_t next_item_ = 0;
  InterruptClock clock_;
};

}  // namespace lomp

#endif
