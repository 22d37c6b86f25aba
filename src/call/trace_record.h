/// \file
/// A record, as the trace of its call hears of it.
#ifndef LOMP_SRC_CALL_TRACE_RECORD_H
#define LOMP_SRC_CALL_TRACE_RECORD_H

#include <algorithm>

#include "call/vector_places.h"
#include "codec/serialize.h"
#include "lomp/trace/call_trace.hpp"

namespace lomp {

/// Payloads come by mapping; a record that was spilled, and elements that the worker has written,
/// in a file.
inline void trace_result(CallTrace& trace, const Record& record, Encoding encoding,
                         const VectorPlaces& vector) {
  if (encoding == Encoding::written) {
    return trace.note_result(record, Way::file, vector.each_bytes());
  }
  if (record.payload_pages > 0) return trace.note_result(record, Way::mapped, record.cost());
  trace.note_result(record, record.was_spilled ? Way::file : Way::pipe, record.size);
}

/// A record that is none of a single small value.
inline void trace_record(CallTrace& trace, const Record& record, Encoding encoding,
                         const VectorPlaces& vector) {
  switch (encoding) {
    case Encoding::output:
      return;
    case Encoding::condition:
    case Encoding::urgent:
      return trace.note_condition(record.item);
    case Encoding::failure:
      return trace.note_end(record, Outcome::error);
    case Encoding::nothing:
    case Encoding::ignored:
      if (!record.goes_on) trace.note_end(record, Outcome::ok);
      return;
    default:
      trace_result(trace, record, encoding, vector);
  }
}

/// Is the record a small value, and the only record of its item?
inline bool is_single(const Record& record) {
  const auto encoding = static_cast<Encoding>(record.kind);
  const bool is_value =
      encoding == Encoding::plain || encoding == Encoding::stream || encoding == Encoding::elements;
  return is_value && !record.goes_on && record.payload_pages == 0 && !record.was_spilled;
}

/// Records of one worker that have come at once, before any of them is read.
inline void trace_records(CallTrace& trace, const Record* next, const Record* last,
                          const VectorPlaces& vector) {
  while (next != last) {
    const Record* other = std::find_if_not(next, last, is_single);
    if (other != next) trace.note_singles(next, other, Way::pipe);
    for (next = other; next != last && !is_single(*next); ++next) {
      trace_record(trace, *next, static_cast<Encoding>(next->kind), vector);
    }
  }
}

}  // namespace lomp

#endif
