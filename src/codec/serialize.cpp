#include "codec/serialize.h"

#include <dlfcn.h>

#include <cstring>

#include "r/unwind.h"

namespace lomp {

SEXP read_plain(const Record& record, PayloadSource& source);
void put_plain_element(RecordSink& sink, SEXP vector, R_xlen_t at);

namespace {

// Where R's serialization goes, and what it met on the way.
struct Sink {
  RecordSink* records;
  SEXP harmless;         // an external pointer inside another one that isn't a resource
  std::uint64_t size;    // bytes that were put
  std::uint64_t* lost;   // where in them the pointers are that are lost
  std::uint64_t losses;  // how many they are
  std::uint64_t room;    // for how many there is room
};

void put_bytes(R_outpstream_t stream, void* bytes, int length) {
  Sink& sink = *static_cast<Sink*>(stream->data);
  contain([&] { sink.records->put(bytes, static_cast<std::size_t>(length)); });
  sink.size += static_cast<std::uint64_t>(length);
}

void put_char(R_outpstream_t stream, int c) {
  char byte = static_cast<char>(c);
  put_bytes(stream, &byte, 1);
}

// The list of them is R's, since an error of the value's leaves it behind. May jump.
void note_lost(Sink& sink) {
  if (sink.losses == sink.room) {
    const std::uint64_t room = 2 * sink.room + 16;
    void* longer = R_alloc(static_cast<std::size_t>(room), sizeof *sink.lost);
    if (sink.losses > 0) std::memcpy(longer, sink.lost, sink.losses * sizeof *sink.lost);
    sink.lost = static_cast<std::uint64_t*>(longer);
    sink.room = room;
  }
  sink.lost[sink.losses++] = sink.size;
}

// A class that was defined in this session has a key, which points to a function of the package
// methods and loses nothing; reference objects have their class with them.
bool is_class_key(const void* address) {
  Dl_info info;
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return false;
  const char* file = std::strrchr(info.dli_fname, '/');
  return file != nullptr && std::strncmp(file, "/methods.", 9) == 0;
}

// R shows each environment, external pointer and weak reference before it writes it. Pointers to
// nothing lose nothing: data.table marks its tables with one, and keeps another one inside it.
SEXP note_reference(SEXP x, SEXP data) {
  if (TYPEOF(x) != EXTPTRSXP) return R_NilValue;
  Sink& sink = *static_cast<Sink*>(R_ExternalPtrAddr(data));
  const void* address = R_ExternalPtrAddr(x);
  if (address == nullptr || address == R_NilValue) {
    sink.harmless = R_ExternalPtrProtected(x);
  } else if (x != sink.harmless && !is_class_key(address)) {
    note_lost(sink);
  }
  return R_NilValue;
}

// The bytes of a record that R's unserialization still has to read.
struct Source {
  const unsigned char* at;
  std::size_t left;
};

void get_bytes(R_inpstream_t stream, void* to, int length) {
  Source& source = *static_cast<Source*>(stream->data);
  const std::size_t bytes = static_cast<std::size_t>(length);
  if (bytes > source.left) Rf_error("a result arrived damaged: it ends too early");
  std::memcpy(to, source.at, bytes);
  source.at += bytes;
  source.left -= bytes;
}

int get_char(R_inpstream_t stream) {
  unsigned char byte;
  get_bytes(stream, &byte, 1);
  return byte;
}

SEXP read_stream(const Record& record) {
  Source source = {record.data, record.size};
  R_inpstream_st stream;
  R_InitInPStream(&stream, reinterpret_cast<R_pstream_data_t>(&source), R_pstream_any_format,
                  get_char, get_bytes, nullptr, R_NilValue);
  return R_Unserialize(&stream);
}

SEXP read_bytes(const Record& record) {
  SEXP bytes = Rf_allocVector(RAWSXP, static_cast<R_xlen_t>(record.size));
  if (record.size > 0) std::memcpy(RAW(bytes), record.data, record.size);
  return bytes;
}

}  // namespace

bool put_stream(RecordSink& records, SEXP value) {
  void* const mark = vmaxget();
  Sink sink = {&records, R_NilValue, 0, nullptr, 0, 0};
  SEXP sink_pointer = PROTECT(R_MakeExternalPtr(&sink, R_NilValue, R_NilValue));
  R_outpstream_st stream;
  R_InitOutPStream(&stream, reinterpret_cast<R_pstream_data_t>(&sink), R_pstream_binary_format, 3,
                   put_char, put_bytes, note_reference, sink_pointer);
  R_Serialize(value, &stream);
  if (sink.losses > 0) {
    records.put(sink.lost, sink.losses * sizeof *sink.lost);
    records.put(&sink.losses, sizeof sink.losses);
  }
  vmaxset(mark);
  UNPROTECT(1);
  return sink.losses > 0;
}

unsigned put_value(RecordSink& sink, SEXP value) {
  Encoding encoding = Encoding::plain;
  if (put_small(sink, value)) return static_cast<unsigned>(encoding);
  if (is_plain(value)) {
    put_plain(sink, value);
  } else {
    encoding = put_stream(sink, value) ? Encoding::dead_stream : Encoding::stream;
  }
  return static_cast<unsigned>(encoding);
}

unsigned put_element(RecordSink& sink, SEXP vector, R_xlen_t at) {
  if (TYPEOF(vector) == VECSXP || TYPEOF(vector) == EXPRSXP) {
    return put_value(sink, VECTOR_ELT(vector, at));
  }
  put_plain_element(sink, vector, at);
  return static_cast<unsigned>(Encoding::plain);
}

std::size_t lost_in(const Record& record, std::vector<std::uint64_t>& places) {
  places.clear();
  std::uint64_t losses = 0;
  if (record.size < sizeof losses) return record.size;
  const std::size_t size = record.size - sizeof losses;
  std::memcpy(&losses, record.data + size, sizeof losses);
  if (losses > size / sizeof losses) return record.size;
  const std::size_t bytes = static_cast<std::size_t>(losses) * sizeof losses;
  places.resize(static_cast<std::size_t>(losses));
  if (bytes > 0) std::memcpy(places.data(), record.data + size - bytes, bytes);
  return size - bytes;
}

const char* event_of(Encoding encoding) {
  switch (encoding) {
    case Encoding::failure:
      return "failure";
    case Encoding::condition:
    case Encoding::urgent:
      return "condition";
    case Encoding::output:
      return "output";
    default:
      return nullptr;
  }
}

SEXP read_record(const Record& record, PayloadSource& source) {
  switch (static_cast<Encoding>(record.kind)) {
    case Encoding::plain:
      return read_plain(record, source);
    case Encoding::output:
      return read_bytes(record);
    default:
      return read_stream(record);
  }
}

}  // namespace lomp
