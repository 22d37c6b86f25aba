#include "call/trace_lists.h"

#include <initializer_list>

namespace lomp {

namespace {

double seconds(double ns) { return ns / 1e9; }

double seconds(std::int64_t ns) { return seconds(static_cast<double>(ns)); }

double since(std::int64_t ns, const CallTrace& trace) { return seconds(ns - trace.begin_ns()); }

double number_of(std::uint64_t n) { return static_cast<double>(n); }

// Of what is known if it isn't 0.
double known(std::uint64_t n) { return n == 0 ? NA_REAL : static_cast<double>(n); }

// From 1.
double number_of_process(std::size_t process) { return static_cast<double>(process) + 1; }

// A list of vectors of doubles of one length.
class Columns {
 public:
  // `names` end with "". The caller protects the list.
  Columns(const char** names, R_xlen_t rows) : list_(PROTECT(Rf_mkNamed(VECSXP, names))) {
    for (R_xlen_t i = 0; i < XLENGTH(list_); ++i) {
      SET_VECTOR_ELT(list_, i, Rf_allocVector(REALSXP, rows));
    }
    UNPROTECT(1);
  }

  SEXP list() const { return list_; }

  void put(R_xlen_t row, std::initializer_list<double> values) const {
    R_xlen_t column = 0;
    for (const double value : values) REAL(VECTOR_ELT(list_, column++))[row] = value;
  }

 private:
  SEXP list_;
};

}  // namespace

namespace {

// Of one that wasn't run there is nothing to be known but that, and what came of it meanwhile.
void put_item(const Columns& columns, R_xlen_t at, const ItemRow& row, const CallTrace& trace) {
  const double results = static_cast<double>(row.results);
  const double conditions = static_cast<double>(row.conditions);
  const double outcome = static_cast<double>(row.outcome);
  if (row.outcome == Outcome::not_run) {
    const double none = NA_REAL;
    return columns.put(at, {none, none, none, none, none, none, results, conditions, outcome});
  }
  columns.put(at,
              {number_of_process(row.process), since(row.begin_ns(), trace),
               seconds(static_cast<double>(row.wait_ns)), seconds(static_cast<double>(row.run_ns)),
               number_of(row.bytes), static_cast<double>(row.way), results, conditions, outcome});
}

}  // namespace

SEXP make_item_list(const CallTrace& trace, R_xlen_t n) {
  const char* names[] = {"process", "start",   "wait",       "run",     "bytes",
                         "way",     "results", "conditions", "outcome", ""};
  const Columns columns(names, n);
  PROTECT(columns.list());
  const auto known_rows = static_cast<R_xlen_t>(trace.items().size());
  const ItemRow none{};
  for (R_xlen_t i = 0; i < n; ++i) {
    const ItemRow& row = i < known_rows ? trace.items()[static_cast<std::size_t>(i)] : none;
    put_item(columns, i, row, trace);
  }
  UNPROTECT(1);
  return columns.list();
}

SEXP make_span_list(const CallTrace& trace) {
  const char* names[] = {"process", "start", "end",   "items",      "failed",
                         "wait",    "run",   "bytes", "conditions", ""};
  const Columns columns(names, static_cast<R_xlen_t>(trace.spans().size()));
  PROTECT(columns.list());
  R_xlen_t at = 0;
  for (std::size_t process = 0; process < trace.spans().processes(); ++process) {
    for (const Span& span : trace.spans().of(process)) {
      columns.put(
          at++, {number_of_process(process), since(span.begin_ns, trace), since(span.end_ns, trace),
                 number_of(span.items), number_of(span.failed), seconds(span.wait_ns),
                 seconds(span.run_ns), number_of(span.bytes), number_of(span.conditions)});
    }
  }
  UNPROTECT(1);
  return columns.list();
}

SEXP make_process_list(const CallTrace& trace, const std::vector<ProcessRow>& processes) {
  const char* names[] = {
      "place",         "pid",        "begin",  "end",     "items", "run", "wait_items",
      "wait_delivery", "collecting", "faults", "private", "why",   ""};
  const Columns columns(names, static_cast<R_xlen_t>(processes.size()));
  PROTECT(columns.list());
  R_xlen_t at = 0;
  for (const ProcessRow& row : processes) {
    columns.put(
        at++, {static_cast<double>(row.slot) + 1, static_cast<double>(row.pid),
               since(row.begin_ns, trace), row.is_running() ? NA_REAL : since(row.end_ns, trace),
               number_of(row.items), seconds(row.run_ns), seconds(row.wait_items_ns),
               seconds(row.wait_delivery_ns), seconds(row.collecting_ns),
               row.faults < 0 ? NA_REAL : static_cast<double>(row.faults), known(row.private_bytes),
               static_cast<double>(row.end)});
  }
  UNPROTECT(1);
  return columns.list();
}

SEXP make_memory_list(const CallTrace& trace) {
  const char* names[] = {"time", "session", "shared", "private", "workers", "budget", ""};
  const Columns columns(names, static_cast<R_xlen_t>(trace.memory().size()));
  PROTECT(columns.list());
  R_xlen_t at = 0;
  for (const MemorySample& sample : trace.memory()) {
    columns.put(at++, {since(sample.time_ns, trace), number_of(sample.session),
                       number_of(sample.shared), number_of(sample.private_bytes),
                       static_cast<double>(sample.workers), known(sample.budget)});
  }
  UNPROTECT(1);
  return columns.list();
}

SEXP make_slowest_list(const SlowestItems& slowest) {
  const char* names[] = {"index", "run", "process", ""};
  const Columns columns(names, static_cast<R_xlen_t>(slowest.size()));
  PROTECT(columns.list());
  for (std::size_t i = 0; i < slowest.size(); ++i) {
    const SlowItem& slow = slowest[i];
    columns.put(static_cast<R_xlen_t>(i),
                {number_of(slow.item) + 1, seconds(static_cast<double>(slow.run_ns)),
                 number_of_process(slow.process)});
  }
  UNPROTECT(1);
  return columns.list();
}

SEXP make_totals(const CallTrace& trace) {
  const char* names[] = {
      "seconds",    "is_over", "done",         "errors",        "crashes",  "timeouts",
      "run",        "wait",    "pipe",         "file",          "mapped",   "results",
      "conditions", "forks",   "fork_seconds", "cpu",           "resident", "held_back",
      "budget",     "raised",  "refused",      "is_incomplete", ""};
  const CallTotals totals = trace.totals();
  const bool is_over = trace.over_ns() != 0;
  const auto bytes = [&totals](Way way) {
    return number_of(totals.bytes[static_cast<std::size_t>(way)]);
  };
  const Columns columns(names, 1);
  PROTECT(columns.list());
  columns.put(0, {since(is_over ? trace.over_ns() : now_ns(), trace),
                  static_cast<double>(is_over),
                  number_of(totals.done),
                  number_of(totals.errors),
                  number_of(totals.crashes),
                  number_of(totals.timeouts),
                  seconds(totals.run_ns),
                  seconds(totals.wait_ns),
                  bytes(Way::pipe),
                  bytes(Way::file),
                  bytes(Way::mapped),
                  number_of(totals.results),
                  number_of(totals.conditions),
                  static_cast<double>(totals.forks),
                  seconds(totals.fork_ns),
                  seconds(totals.cpu_ns),
                  known(trace.resident()),
                  static_cast<double>(trace.was_held_back()),
                  known(trace.budget()),
                  static_cast<double>(trace.was_raised()),
                  static_cast<double>(trace.refused()),
                  static_cast<double>(trace.is_incomplete())});
  UNPROTECT(1);
  return columns.list();
}

}  // namespace lomp
