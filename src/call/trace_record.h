/// \file
/// A record, as the trace of its call hears of it.
#ifndef LOMP_SRC_CALL_TRACE_RECORD_H
#define LOMP_SRC_CALL_TRACE_RECORD_H

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

/// Once for each record of a worker's.
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

}  // namespace lomp

#endif
