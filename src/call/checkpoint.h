/// \file
/// The file that a call's results are appended to as they come.
#ifndef LOMP_SRC_CALL_CHECKPOINT_H
#define LOMP_SRC_CALL_CHECKPOINT_H

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "call/settings.h"
#include "call/taken_results.h"
#include "call/vector_places.h"
#include "codec/serialize.h"
#include "lomp/checkpoint/checkpoint_writer.hpp"
#include "lomp/payload/record_sink.hpp"
#include "lomp/wire/record.hpp"
#include "r/api.h"

namespace lomp {

/// What a call's runner has read goes on into the file as it is: the record's bytes, and those of
/// its payloads from their files; nothing is made of it in R for that. Without workers a value is
/// written as one would. What is no result isn't to be given here. All this does nothing if there
/// is no file, if that has failed, or in a forked process. Nothing throws but std::bad_alloc.
class Checkpoint {
 public:
  Checkpoint() : beside_(*this) {}
  Checkpoint(const Checkpoint&) = delete;
  Checkpoint& operator=(const Checkpoint&) = delete;

  CheckpointWriter& writer() { return writer_; }
  bool is_open() const { return writer_.is_open(); }

  /// The positions (from 1) of the items that a call runs, if these aren't all: it counts them from
  /// 0. Doesn't own the vector, which outlives the call.
  void set_numbers(SEXP numbers) { numbers_ = numbers == R_NilValue ? nullptr : REAL_RO(numbers); }

  // ---- Results

  /// Where a result's payloads are to come from, so that they are kept on their way.
  PayloadSource& beside(PayloadSource& source) {
    if (!is_open()) return source;
    payloads_ = 0;
    is_sound_ = true;
    beside_.source = &source;
    return beside_;
  }

  /// Whether an item has drawn random numbers by now: what is kept from here on tells it.
  void note_drawn(bool has_drawn) { has_drawn_ = has_drawn_ || has_drawn; }

  /// A result that was read by that.
  void keep(const Record& record);

  /// The elements of an item's value, which lie in the file of the places if the record says so.
  void keep_part(const Record& record, const VectorPlaces& places);

  /// A value of this process; the caller protects it. May jump.
  void keep_value(std::uint64_t item, bool goes_on, SEXP value);

  /// What was kept is in the file from now on.
  void flush() { writer_.flush(); }

  // ---- Delivery, of a call whose results are taken one by one

  /// Of this item not all results will be delivered, though it ends as if they were.
  void spoil(std::uint64_t item) {
    if (is_open()) spoilt_.insert(item);
  }

  /// A result was taken, the last one of its item or not.
  void note_taken(std::uint64_t item, bool is_last) {
    if (is_open()) taken_.take(item, is_last);
  }

  /// An item has ended whose results came before.
  void note_end(std::uint64_t item) {
    if (is_open() && !taken_.end(item)) note_delivered(item);
  }

  /// The results that were taken last will come once more; tells of each one, in their order,
  /// whether it was its item's last.
  std::vector<bool> put_back(std::size_t n) { return taken_.put_back(n); }

  /// The caller goes on, and won't be given again what was taken until now.
  void settle();

  /// Lets go of the file, and gives errno of what has ended it before its time, or 0.
  int close() {
    writer_.close();
    return writer_.error();
  }

 private:
  // A source of payloads that keeps what passes.
  struct Beside final : PayloadSource {
    explicit Beside(Checkpoint& owner) : owner(owner) {}
    int take_payload(int worker, std::uint32_t wanted) override {
      number = wanted;
      return source->take_payload(worker, wanted);
    }
    void drop_payload() override { source->drop_payload(); }
    void note_payload(int fd, std::size_t bytes) override { owner.keep_payload(number, fd, bytes); }
    PayloadOrigin origin_of(int worker, std::uint32_t incarnation,
                            std::uint32_t wanted) const override {
      return source->origin_of(worker, incarnation, wanted);
    }

    Checkpoint& owner;
    PayloadSource* source = nullptr;
    std::uint32_t number = 0;
  };

  std::uint64_t position_of(std::uint64_t item) const {
    return numbers_ == nullptr ? item : static_cast<std::uint64_t>(numbers_[item]) - 1;
  }
  NewEntry entry_of(std::uint64_t item, unsigned kind, bool goes_on) const;
  void note_delivered(std::uint64_t item);
  void keep_payload(std::uint32_t number, int fd, std::size_t bytes);

  CheckpointWriter writer_;
  Beside beside_;
  const double* numbers_ = nullptr;
  std::uint32_t payloads_ = 0;  // of the record in hand, that were kept
  bool is_sound_ = true;        // could they all be?
  bool has_drawn_ = false;
  std::vector<unsigned char> bytes_;
  TakenResults taken_;
  std::set<std::uint64_t> spoilt_;
};

/// Bytes that are gathered in a vector, payloads among them. Doesn't own it.
class BytesSink final : public RecordSink {
 public:
  explicit BytesSink(std::vector<unsigned char>& bytes) : bytes_(bytes) { bytes_.clear(); }
  void put(const void* data, std::size_t bytes) override {
    const unsigned char* const first = static_cast<const unsigned char*>(data);
    bytes_.insert(bytes_.end(), first, first + bytes);
  }
  bool put_payload(const void*, std::size_t, std::uint32_t&) override { return false; }

 private:
  std::vector<unsigned char>& bytes_;
};

/// What R holds of one: an external pointer. A call keeps it open as long as it lives.
using SharedCheckpoint = std::shared_ptr<Checkpoint>;

/// The call's, or one without a file. Throws.
SharedCheckpoint checkpoint_of(const Settings& settings);

/// Makes an external pointer. May jump, and frees nothing then. Unprotected.
SEXP make_checkpoint_handle();

/// Of such a pointer, for as long as it is there; nullptr if it was made by another process.
SharedCheckpoint* checkpoint_in(SEXP handle);

}  // namespace lomp

#endif
