/// \file
/// A call's trace as R objects.
#ifndef LOMP_SRC_CALL_TRACE_LISTS_H
#define LOMP_SRC_CALL_TRACE_LISTS_H

#include <vector>

#include "lomp/trace/call_trace.hpp"
#include "r/api.h"

namespace lomp {

/// Lists of vectors of one length each, with names. Times are seconds since the call began; places
/// and processes count from 1; what isn't known is NA. All of these may jump, and what they give is
/// unprotected.
///
/// list(process, start, wait, run, bytes, way, results, conditions, outcome): of each of the first
/// `n` items; process to way are NA of one that wasn't run.
SEXP make_item_list(const CallTrace& trace, R_xlen_t n);

/// list(process, start, end, items, failed, wait, run, bytes, conditions)
SEXP make_span_list(const CallTrace& trace);

/// list(place, pid, begin, end, items, run, wait_items, wait_delivery, collecting, faults, private,
/// why)
SEXP make_process_list(const CallTrace& trace, const std::vector<ProcessRow>& processes);

/// list(time, session, shared, private, workers, budget)
SEXP make_memory_list(const CallTrace& trace);

/// list(index, run, process)
SEXP make_slowest_list(const SlowestItems& slowest);

/// A list of numbers: seconds, is_over, done, errors, crashes, timeouts, run, wait, pipe, file,
/// mapped, results, conditions, forks, fork_seconds, cpu, resident, held_back, budget, raised,
/// refused, is_incomplete.
SEXP make_totals(const CallTrace& trace);

}  // namespace lomp

#endif
