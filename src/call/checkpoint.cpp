#include "call/checkpoint.h"

#include "r/unwind.h"

namespace lomp {

namespace {

// The payloads of a value of this process go straight into the file.
class ValueSink final : public RecordSink {
 public:
  ValueSink(CheckpointWriter& writer, std::vector<unsigned char>& bytes)
      : writer_(writer), bytes_(bytes) {}
  void put(const void* data, std::size_t bytes) override { bytes_.put(data, bytes); }
  bool put_payload(const void* data, std::size_t bytes, std::uint32_t& number) override {
    number = payloads_++;
    NewEntry entry;
    entry.what = EntryWhat::payload;
    entry.item = number;
    writer_.put(entry, data, bytes);
    return true;
  }
  std::uint32_t payloads() const { return payloads_; }

 private:
  CheckpointWriter& writer_;
  BytesSink bytes_;
  std::uint32_t payloads_ = 0;
};

void free_handle(SEXP handle) {
  delete checkpoint_in(handle);
  R_ClearExternalPtr(handle);
}

}  // namespace

NewEntry Checkpoint::entry_of(std::uint64_t item, unsigned kind, bool goes_on) const {
  NewEntry entry;
  entry.kind = kind;
  entry.item = position_of(item);
  entry.goes_on = goes_on;
  entry.has_drawn = has_drawn_;
  return entry;
}

void Checkpoint::keep_payload(std::uint32_t number, int fd, std::size_t bytes) {
  NewEntry entry;
  entry.what = EntryWhat::payload;
  entry.item = number;
  is_sound_ = writer_.put_from(entry, fd, static_cast<off_t>(payload_offset()), bytes) && is_sound_;
  ++payloads_;
}

void Checkpoint::keep(const Record& record) {
  if (!is_open()) return;
  if (!is_sound_) return spoil(record.item);
  NewEntry entry = entry_of(record.item, record.kind, record.goes_on);
  entry.payloads = payloads_;
  writer_.put(entry, record.data, record.size);
}

// A part's file has a page for a header, as a payload's.
void Checkpoint::keep_part(const Record& record, const VectorPlaces& places) {
  if (!is_open()) return;
  const unsigned kind = static_cast<unsigned>(Encoding::elements);
  const NewEntry entry = entry_of(record.item, kind, false);
  if (record.kind == kind) return writer_.put(entry, record.data, record.size);
  const std::size_t bytes = places.each_bytes();
  const std::uint64_t from = payload_offset() + record.item * bytes;
  writer_.put_from(entry, places.file().fd(), static_cast<off_t>(from), bytes);
}

void Checkpoint::keep_value(std::uint64_t item, bool goes_on, SEXP value) {
  if (!is_open()) return;
  contain([&] {
    ValueSink sink(writer_, bytes_);
    const unsigned kind = put_value(sink, value);
    NewEntry entry = entry_of(item, kind, goes_on);
    entry.payloads = sink.payloads();
    writer_.put(entry, bytes_.data(), bytes_.size());
  });
}

void Checkpoint::settle() {
  if (!is_open()) return;
  taken_.settle([this](std::uint64_t item) { note_delivered(item); });
  flush();
}

void Checkpoint::note_delivered(std::uint64_t item) {
  if (spoilt_.erase(item) > 0) return;
  NewEntry entry = entry_of(item, 0, false);
  entry.what = EntryWhat::delivered;
  writer_.put(entry, nullptr, 0);
}

// ---- Handles ------------------------------------------------------------------------------------

SEXP make_checkpoint_handle() {
  SEXP handle = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
  R_RegisterCFinalizerEx(handle, free_handle, TRUE);
  contain([handle] {
    R_SetExternalPtrAddr(handle, new SharedCheckpoint(std::make_shared<Checkpoint>()));
  });
  UNPROTECT(1);
  return handle;
}

SharedCheckpoint* checkpoint_in(SEXP handle) {
  if (TYPEOF(handle) != EXTPTRSXP) return nullptr;
  return static_cast<SharedCheckpoint*>(R_ExternalPtrAddr(handle));
}

// Calls without a file have the same one, since what is made for each call is a page that is copied
// when it is freed after a fork.
SharedCheckpoint checkpoint_of(const Settings& settings) {
  static const SharedCheckpoint none = std::make_shared<Checkpoint>();
  const SharedCheckpoint* given = checkpoint_in(settings.get("checkpoint"));
  if (given == nullptr) return none;
  (*given)->set_numbers(settings.get("numbers"));
  return *given;
}

}  // namespace lomp
