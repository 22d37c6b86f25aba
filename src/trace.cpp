// The exports behind lomp_report(): what a call's trace knows.
#include "call/call.h"
#include "call/trace_lists.h"
#include "r/unwind.h"

namespace {

using Trace = std::shared_ptr<lomp::CallTrace>;

void drop_trace(SEXP handle) {
  delete static_cast<Trace*>(R_ExternalPtrAddr(handle));
  R_ClearExternalPtr(handle);
}

}  // namespace

// A handle of the call's trace, which outlives the call. NULL if it has none, since it isn't the
// outermost one.
// [[Rcpp::export(rng = false)]]
SEXP call_trace(SEXP handle) {
  const auto& trace = static_cast<lomp::Call*>(R_ExternalPtrAddr(handle))->trace();
  if (!trace) return R_NilValue;
  SEXP pointer = lomp::unwind([] {
    SEXP made = PROTECT(R_MakeExternalPtr(nullptr, R_NilValue, R_NilValue));
    R_RegisterCFinalizerEx(made, drop_trace, FALSE);
    UNPROTECT(1);
    return made;
  });
  R_SetExternalPtrAddr(pointer, new Trace(trace));
  return pointer;
}

// All that is known: list(totals, processes, memory, slowest, items, spans), see trace_lists.h; of
// the first `n` items, as many as were produced if that is NA. Instead of items or spans there is
// NULL. NULL if the handle is none of this process.
// [[Rcpp::export(rng = false)]]
SEXP trace_read(SEXP handle, double n) {
  const auto* found = static_cast<const Trace*>(R_ExternalPtrAddr(handle));
  if (found == nullptr || !(*found)->is_own()) return R_NilValue;
  lomp::CallTrace& trace = **found;
  trace.look();
  const std::vector<lomp::ProcessRow> processes = trace.processes();
  return lomp::unwind([&trace, &processes, n] {
    const char* names[] = {"totals", "processes", "memory", "slowest", "items", "spans", ""};
    SEXP list = PROTECT(Rf_mkNamed(VECSXP, names));
    SET_VECTOR_ELT(list, 0, lomp::make_totals(trace));
    SET_VECTOR_ELT(list, 1, lomp::make_process_list(trace, processes));
    SET_VECTOR_ELT(list, 2, lomp::make_memory_list(trace));
    SET_VECTOR_ELT(list, 3, lomp::make_slowest_list(trace.slowest()));
    if (trace.has_rows()) {
      const double items = ISNAN(n) ? static_cast<double>(trace.items().size()) : n;
      SET_VECTOR_ELT(list, 4, lomp::make_item_list(trace, static_cast<R_xlen_t>(items)));
    } else {
      SET_VECTOR_ELT(list, 5, lomp::make_span_list(trace));
    }
    UNPROTECT(1);
    return list;
  });
}
