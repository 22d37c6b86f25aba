#include "call/checkpoint_results.h"

#include <cstring>

#include "call/events.h"
#include "call/settings.h"
#include "r/elements.h"
#include "r/unwind.h"

namespace lomp {

SEXP read_plain(const Record& record, PayloadSource& source);

namespace {

// Payloads lie in the file, behind each other.
class EntryPayloads final : public PayloadSource {
 public:
  EntryPayloads(const Entry& entry, int fd) : entry_(entry), fd_(fd) {}

  int take_payload(int, std::uint32_t) override { return -1; }
  void drop_payload() override {}

  bool has_bytes(std::uint32_t number, std::size_t bytes) const override {
    const EntryPayload* payload = find(number);
    return payload != nullptr && payload->bytes == bytes;
  }

  bool copy_bytes(std::uint32_t number, void* to, std::size_t bytes) override {
    return read_at(fd_, to, bytes, find(number)->from);
  }

 private:
  const EntryPayload* find(std::uint32_t number) const {
    for (std::size_t i = 0; i < entry_.payload_count; ++i) {
      if (entry_.payloads[i].number == number) return &entry_.payloads[i];
    }
    return nullptr;
  }

  const Entry& entry_;
  int fd_;
};

[[noreturn]] void refuse_value() { Rf_error("it has a result that lomp can't have written"); }

Record record_of(const Entry& entry) {
  return {entry.item, entry.kind, entry.data, entry.size, 0, entry.goes_on};
}

// What put_stream() writes begins so: R reads other kinds of streams as well.
bool is_own_stream(const Entry& entry) {
  constexpr int version = 3;
  unsigned char begin[2 + sizeof version] = {'B', '\n'};
  std::memcpy(begin + 2, &version, sizeof version);
  return entry.size >= sizeof begin && std::memcmp(entry.data, begin, sizeof begin) == 0;
}

// A promise that is an element of a list would be evaluated when somebody looks at it. No list has
// one that R itself has made.
bool holds_promise(SEXP x) {
  if (TYPEOF(x) == PROMSXP) return true;
  if (TYPEOF(x) != VECSXP || ALTREP(x)) return false;
  for (R_xlen_t i = 0; i < XLENGTH(x); ++i) {
    if (holds_promise(VECTOR_ELT(x, i))) return true;
  }
  return false;
}

}  // namespace

SEXP CheckpointResults::header() {
  const Entry entry = {EntryWhat::result,      0,       false, false, 0, reader_.extra().data(),
                       reader_.extra().size(), nullptr, 0};
  EntryPayloads none(entry, -1);
  SEXP header = PROTECT(read_plain(record_of(entry), none));
  SEXP names = Rf_getAttrib(header, R_NamesSymbol);
  if (TYPEOF(header) != VECSXP || TYPEOF(names) != STRSXP) refuse_value();
  UNPROTECT(1);
  return header;
}

SEXP CheckpointResults::read(SEXP header) {
  SEXP value = Settings(header).get("value");
  if (value != R_NilValue) {
    type_ = Rf_str2type(CHAR(Rf_asChar(Settings(value).get("type"))));
    length_ = static_cast<R_xlen_t>(Settings(value).number("length"));
  }
  const std::uint64_t items = reader_.header().items;
  if (items > static_cast<std::uint64_t>(UINT32_MAX)) refuse_value();
  begin_ = reader_.end();
  is_there_.assign(static_cast<std::size_t>(items), false);
  SEXP results = PROTECT(Rf_allocVector(VECSXP, static_cast<R_xlen_t>(items)));
  if (static_cast<CallKind>(reader_.header().call) == CallKind::iterate) {
    find_delivered(results);
    read_delivered(results);
  } else {
    read_singles(results);
  }
  UNPROTECT(1);
  return results;
}

void CheckpointResults::note(const Entry& entry) {
  if (entry.item >= is_there_.size()) refuse_value();
  has_drawn_ = has_drawn_ || entry.has_drawn;
}

bool CheckpointResults::next_result(Entry& entry) {
  while (reader_.next(entry)) {
    if (entry.what == EntryWhat::result) return true;
  }
  return false;
}

// The last one of an item counts.
void CheckpointResults::read_singles(SEXP results) {
  Entry entry;
  while (next_result(entry)) {
    note(entry);
    SET_VECTOR_ELT(results, static_cast<R_xlen_t>(entry.item), value_of(entry));
    is_there_[static_cast<std::size_t>(entry.item)] = true;
  }
}

// Which results are of items that were delivered to their ends. Others are no results: when the
// call went on these items were run again.
void CheckpointResults::find_delivered(SEXP results) {
  Entry entry;
  for (std::uint64_t number = 0; reader_.next(entry); ++number) {
    if (entry.what == EntryWhat::resumed) {
      open_.clear();
      continue;
    }
    note(entry);
    std::vector<std::uint64_t>& numbers = open_[entry.item];
    if (entry.what == EntryWhat::result) {
      numbers.push_back(number);
      continue;
    }
    for (std::size_t k = 0; k < numbers.size(); ++k) {
      places_[numbers[k]] = {entry.item, static_cast<R_xlen_t>(k)};
    }
    const R_xlen_t n = static_cast<R_xlen_t>(numbers.size());
    SET_VECTOR_ELT(results, static_cast<R_xlen_t>(entry.item), Rf_allocVector(VECSXP, n));
    is_there_[static_cast<std::size_t>(entry.item)] = true;
    open_.erase(entry.item);
  }
}

void CheckpointResults::read_delivered(SEXP results) {
  reader_.skip_to(begin_);
  Entry entry;
  for (std::uint64_t number = 0; reader_.next(entry); ++number) {
    const auto found = places_.find(number);
    if (found == places_.end()) continue;
    SEXP all = VECTOR_ELT(results, static_cast<R_xlen_t>(found->second.item));
    if (found->second.at >= XLENGTH(all)) continue;
    SET_VECTOR_ELT(all, found->second.at, value_of(entry));
  }
}

SEXP CheckpointResults::value_of(const Entry& entry) {
  const Encoding encoding = static_cast<Encoding>(entry.kind);
  if (encoding == Encoding::elements) return elements_of(entry);
  const bool is_stream = encoding == Encoding::stream || encoding == Encoding::dead_stream;
  if (is_stream ? !is_own_stream(entry) : encoding != Encoding::plain) refuse_value();
  EntryPayloads payloads(entry, reader_.fd());
  SEXP value = PROTECT(read_record(record_of(entry), payloads));
  if (is_stream && holds_promise(value)) refuse_value();
  UNPROTECT(1);
  return value;
}

SEXP CheckpointResults::elements_of(const Entry& entry) const {
  const std::size_t size = element_size(type_);
  if (size == 0 || length_ < 0 || entry.size / size != static_cast<std::size_t>(length_) ||
      entry.size % size != 0) {
    refuse_value();
  }
  SEXP value = Rf_allocVector(type_, length_);
  if (entry.size > 0) std::memcpy(writable_elements(value), entry.data, entry.size);
  return value;
}

SEXP CheckpointResults::missing() const {
  R_xlen_t n = 0;
  for (const bool is_there : is_there_) n += !is_there;
  SEXP positions = Rf_allocVector(REALSXP, n);
  double* at = REAL(positions);
  for (std::size_t i = 0; i < is_there_.size(); ++i) {
    if (!is_there_[i]) *at++ = as_item(i);
  }
  return positions;
}

}  // namespace lomp
