/// \file
/// R values as bytes: what a worker's records hold.
#ifndef LOMP_SRC_CODEC_SERIALIZE_H
#define LOMP_SRC_CODEC_SERIALIZE_H

#include <cstddef>
#include <cstdint>
#include <vector>

#include "lomp/pool/pool.hpp"
#include "r/api.h"

namespace lomp {

/// What a record's bytes are.
enum class Encoding : unsigned {
  plain = 0,        ///< put_plain()'s
  stream = 1,       ///< R's serialization, native binary, version 3
  dead_stream = 2,  ///< the same; external pointers in it arrive dead, see lost_in()
  failure = 3,      ///< the item failed: the stream describes how
  nothing = 4,      ///< the item ends without a value
  condition = 5,    ///< a condition that the item has signalled; the item goes on
  output = 6,       ///< bytes that it has written to standard output, as they are; it goes on
  ignored = 7,      ///< as `nothing`; its function, whose results are what it emits, gave a value
  urgent = 8,       ///< as `condition`; it is signalled again at once, whatever waits for its turn
  elements = 9,     ///< of a call whose results are one vector: the item's, as they lie in memory
  written = 10      ///< the same where the item's worker has put them into the call's file
};

/// As what event R hears of such a record; nullptr for results.
const char* event_of(Encoding encoding);

/// Does it say something to the session, in the order of the items?
inline bool is_said(Encoding encoding) {
  return encoding == Encoding::condition || encoding == Encoding::output;
}

/// Is it an item's part of the one vector of results?
inline bool is_part(Encoding encoding) {
  return encoding == Encoding::elements || encoding == Encoding::written;
}

/// Can the value be written by put_plain()? That holds for NULL, vectors and lists of such, with
/// ordinary attributes: for most results. It fails for what R's serialization alone can write:
/// environments, functions, language, S4 objects, compact sequences.
bool is_plain(SEXP value);

/// Appends a plain value to the record in hand. Many times faster than R's serialization for small
/// values, since it needs no table of references; about as fast for large ones.
void put_plain(RecordSink& sink, SEXP value);

/// Does the same with a few bare numbers, at once, which is what many an item gives; false if the
/// value is something else.
bool put_small(RecordSink& sink, SEXP value);

/// Appends R's serialization to the record in hand; true if external pointers in it are lost. Then
/// it is followed by their places in it and how many they are, of which reading takes no notice.
/// May jump.
bool put_stream(RecordSink& sink, SEXP value);

/// The places of lost pointers in a record that holds a `dead_stream`. Gives the number of bytes
/// that are R's serialization.
std::size_t lost_in(const Record& record, std::vector<std::uint64_t>& places);

/// Fills a record with the value. Returns the kind with which to complete it. May jump.
unsigned put_value(RecordSink& sink, SEXP value);

/// Does the same as put_value() with one element, as `[[` gives it but without names; that of an
/// atomic vector isn't made an R object first. May jump.
unsigned put_element(RecordSink& sink, SEXP vector, R_xlen_t at);

/// Was the record filled by put_small(), to all appearances, or has it no value? Then there is
/// nothing in it that reading could stumble over.
bool is_small(const Record& record);

/// The value in a record whose payloads come from there. May jump; a damaged record is an R error.
/// The caller protects the value.
SEXP read_record(const Record& record, PayloadSource& source);

}  // namespace lomp

#endif
