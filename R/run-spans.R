# Spans of OpenTelemetry: what a report says of a call, for the package otel.

#' Traces of calls
#'
#' If the package otel is installed and its tracing is on, each outermost call of [lomp_map()],
#' [lomp_vapply()] and [lomp_iterate()] gives spans of OpenTelemetry when it has ended: one of the
#' call, below the span that is active in its caller; below it one of each worker; and below that
#' one of each item that failed there. They have the times at which all of that was. Nothing else in
#' lomp needs otel, and without it, or with tracing off, nothing is done.
#'
#' Tracing is switched on as otel has it, by the environment variable `OTEL_R_TRACES_EXPORTER` or
#' `OTEL_TRACES_EXPORTER` (`"otlp"`, say, or `"console"`), and needs the package otelsdk. lomp loads
#' otel by itself only where one of them is set; else it looks whether otel is loaded anyway. The
#' tracer's name is `r.package.lomp`, by which `OTEL_R_SUPPRESS_SCOPES` can leave it out. Spans that
#' items make themselves in workers aren't below these, and exporters of the session's don't work
#' in a forked process.
#'
#' \tabular{lll}{
#' **span** \tab **attribute** \tab **what it is** \cr
#' `lomp_map`, ... \tab `code.function.name` \tab the same \cr
#' \tab `lomp.call` \tab the call, in a line \cr
#' \tab `lomp.items`, `lomp.items.done`, \tab how many items there were, are over, \cr
#' \tab `lomp.items.failed` \tab and failed \cr
#' \tab `lomp.workers` \tab how many were asked for \cr
#' \tab `lomp.forks`, `lomp.replaced` \tab how many were forked, and took another one's place \cr
#' \tab `lomp.outcome` \tab how the call ended: `finished`, `failed`, `interrupted` ... \cr
#' \tab `lomp.run_time` \tab seconds that all items took together \cr
#' \tab `lomp.bytes.pipe`, `.mapped`, `.file` \tab bytes of results, by the way they came \cr
#' `lomp worker` \tab `process.pid` \tab its number \cr
#' \tab `lomp.worker.number`, \tab its place, and which of the workers \cr
#' \tab `lomp.worker.incarnation` \tab in that place it was \cr
#' \tab `lomp.worker.items`, `.busy` \tab how many items it did; the share of its time in `.f` \cr
#' \tab `lomp.worker.outcome` \tab why it ended: `finished`, `worn`, `memory`, `crash` ... \cr
#' \tab `lomp.worker.private_memory` \tab the most bytes of its own that were seen \cr
#' `lomp item` \tab `lomp.item.index`, `.name` \tab the item \cr
#' \tab `lomp.item.run_time`, `.wait_time` \tab seconds in `.f`, and in which it waited \cr
#' \tab `error.type` \tab `error`, `crash` or `timeout`
#' }
#'
#' What isn't known isn't there. The call's status is `error` if it ended by one, and `ok` if no
#' item failed; that of workers that died and of items is `error`. There are spans of the first 1000
#' workers and the first 100 failed items; of calls of more items than the option
#' `lomp.report_items` says, items have none.
#' @name lomp-otel
#' @keywords internal
#' @seealso [lomp-options].
NULL

otel_tracer_name <- "r.package.lomp"

most_worker_spans <- 1000L
most_item_spans <- 100L

# Before a call's spans are told of: does anybody want them? Where otel isn't loaded this is a look
# for two environment variables at the most. A worker's spans would never be sent.
wants_spans <- function() {
  has_otel() && !in_worker() && otel::is_tracing_enabled(otel_tracer_name)
}

# That it isn't installed is remembered for the session.
has_otel <- function() {
  if (isNamespaceLoaded("otel")) return(TRUE)
  if (isTRUE(the$lacks_otel) || !asks_for_spans()) return(FALSE)
  the$lacks_otel <- !load_otel()
  !the$lacks_otel
}

load_otel <- function() requireNamespace("otel", quietly = TRUE)

asks_for_spans <- function() {
  any(nzchar(Sys.getenv(c("OTEL_R_TRACES_EXPORTER", "OTEL_TRACES_EXPORTER"))))
}

# The span that is active where a call is made: an iterator may end elsewhere.
active_span <- function() otel::get_active_span_context()

# Tells the spans of a call that has ended. `parent` is what active_span() gave where it was made;
# without it, it is the span that is active now. A list: of a warning, if that fails, since a call
# must not fail by it.
tell_spans <- function(report, parent = NULL, tracer = otel::get_tracer(otel_tracer_name)) {
  tryCatch({
    call <- span_of_call(tracer, report, parent)
    workers <- spans_of_workers(tracer, report, call)
    spans_of_failures(tracer, report, call, workers)
    list()
  }, error = function(cnd) list(warning_of_spans(cnd)))
}

warning_of_spans <- function(cnd) {
  new_warning("lomp_spans_failed", message = paste("the call's spans can't be told:",
                                                   in_a_line(cnd)))
}

span_of_call <- function(tracer, report, parent) {
  status <- if (report$how == "failed") "error" else if (is_all_well(report)) "ok" else "unset"
  tell_span(tracer, report$fun, c(0, report$seconds), report$began, attributes_of_call(report),
            status, parent)
}

is_all_well <- function(report) report$how == "finished" && report$failed == 0

attributes_of_call <- function(report) {
  totals <- report$totals
  list(
    code.function.name = report$fun, lomp.call = report$call, lomp.items = report$n,
    lomp.items.done = report$done, lomp.items.failed = report$failed,
    lomp.workers = report$workers_asked, lomp.forks = totals$forks,
    lomp.replaced = totals$replaced, lomp.outcome = report$how, lomp.run_time = totals$run,
    lomp.bytes.pipe = totals$bytes[["pipe"]], lomp.bytes.mapped = totals$bytes[["mapped"]],
    lomp.bytes.file = totals$bytes[["file"]]
  )
}

# Gives the spans, by the names that key_of() makes. Without workers there is none.
spans_of_workers <- function(tracer, report, call) {
  workers <- report$workers[report$workers$worker > 0, ]
  workers <- utils::head(workers[order(workers$begin), ], most_worker_spans)
  spans <- lapply(seq_len(nrow(workers)), function(k) {
    span_of_worker(tracer, report, workers[k, ], call)
  })
  names(spans) <- key_of(workers)
  spans
}

key_of <- function(rows) paste(rows$worker, rows$incarnation)

span_of_worker <- function(tracer, report, worker, call) {
  end <- until_now(worker$end, report$seconds)
  status <- if (worker$why %in% c("crash", "timeout")) "error" else "unset"
  attributes <- list(
    process.pid = worker$pid, lomp.worker.number = worker$worker,
    lomp.worker.incarnation = worker$incarnation, lomp.worker.items = worker$items,
    lomp.worker.busy = worker$busy, lomp.worker.outcome = worker$why,
    lomp.worker.private_memory = worker$private
  )
  tell_span(tracer, "lomp worker", c(worker$begin, end), report$began, attributes, status, call)
}

spans_of_failures <- function(tracer, report, call, workers) {
  if (report$is_binned) return()
  items <- report$items
  failed <- items[items$outcome %in% failures_of_items & !is.na(items$start), ]
  failed <- utils::head(failed[order(failed$start), ], most_item_spans)
  for (k in seq_len(nrow(failed))) {
    worker <- workers[[key_of(failed[k, ])]]
    span_of_failure(tracer, report, failed[k, ], if (is.null(worker)) call else worker)
  }
}

span_of_failure <- function(tracer, report, item, parent) {
  attributes <- list(
    lomp.item.index = item$index, lomp.item.name = if (has_text(item$name)) shorten(item$name),
    lomp.item.run_time = item$run, lomp.item.wait_time = item$wait,
    error.type = as.character(item$outcome)
  )
  end <- item$start + item$run + item$wait
  tell_span(tracer, "lomp item", c(item$start, end), report$began, attributes, "error", parent)
}

# A span from and to these seconds of the call, which is over; others may be below it all the same.
# How long it took is told by a steady clock, which has an origin of its own. otelsdk 0.2.4 has any
# span end when end() is called, whatever that is told: so by that clock it ends now.
tell_span <- function(tracer, name, seconds, began, attributes, status, parent) {
  end <- steady_seconds()
  options <- list(start_system_time = began + seconds[[1L]],
                  start_steady_time = as_time(end - (seconds[[2L]] - seconds[[1L]])))
  if (!is.null(parent)) options$parent <- parent
  span <- tracer$start_span(name, known(attributes), NULL, options)
  if (status != "unset") span$set_status(status)
  span$end(list(end_steady_time = as_time(end)))
  span
}

as_time <- function(seconds) structure(seconds, class = c("POSIXct", "POSIXt"))

known <- function(attributes) {
  Filter(function(value) length(value) == 1L && !is.na(value), attributes)
}
