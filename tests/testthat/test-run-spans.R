# What a call's report says, as spans of OpenTelemetry.

began <- as.POSIXct("2026-03-01 12:00:00", tz = "UTC")

# Of a call of five items in two places, in which a worker crashed and an item failed.
a_report <- function(...) {
  report <- list(
    fun = "lomp_map", call = "lomp_map(photos, edges)", began = began, seconds = 10,
    how = "finished", n = 5, done = 5, failed = 2, workers_asked = 2L, is_binned = FALSE,
    items = data.frame(
      index = as.numeric(1:5), name = c("a", "b", "c", "d", "e"),
      worker = c(1L, 2L, 2L, 1L, 2L), incarnation = c(1L, 1L, 1L, 1L, 2L),
      start = c(0.5, 0.6, 2, 3, 5), wait = c(0, 0, 0.5, 0, 0), run = c(2, 1, 1.5, 4, 3),
      outcome = factor(c("ok", "ok", "crash", "error", "ok"))
    ),
    workers = data.frame(
      worker = c(1L, 2L, 2L), incarnation = c(1L, 1L, 2L), pid = c(101L, 102L, 103L),
      begin = c(0.25, 0.5, 4.5), end = c(8, 4, NA), items = c(2, 2, 1), busy = c(0.8, 0.7, 0.6),
      private = c(1e6, NA, 2e6), why = c("finished", "crash", "running")
    ),
    totals = list(run = 11.5, bytes = c(pipe = 100, mapped = 1e6, file = 0), forks = 3,
                  replaced = 0)
  )
  structure(utils::modifyList(report, list(...)), class = "lomp_report")
}

# A tracer that takes what otel's take, and nothing else, and keeps it.
new_tracer <- function() {
  spans <- list()
  is_time <- function(x) inherits(x, "POSIXct") && length(x) == 1L && is.finite(x)
  start <- function(name, attributes, links, options) {
    stopifnot(
      is.character(name), is.null(links), is.list(attributes), !anyDuplicated(names(attributes)),
      all(lengths(attributes) == 1L), !anyNA(attributes, recursive = TRUE),
      all(vapply(attributes, is.atomic, NA)), !any(vapply(attributes, is.object, NA)),
      names(options) %in% c("start_system_time", "start_steady_time", "parent"),
      is_time(options$start_system_time), is_time(options$start_steady_time)
    )
    span <- new.env()
    span$name <- name
    span$attributes <- attributes
    span$options <- options
    span$status <- "unset"
    span$set_status <- function(status) {
      stopifnot(is.null(span$end_time), status %in% c("ok", "error"))
      span$status <- status
    }
    span$end <- function(options) {
      stopifnot(is.null(span$end_time), identical(names(options), "end_steady_time"),
                is_time(options$end_steady_time))
      span$end_time <- options$end_steady_time
    }
    spans[[length(spans) + 1L]] <<- span
    span
  }
  list(start_span = start, spans = function() spans)
}

spans_of <- function(report, ...) {
  tracer <- new_tracer()
  expect_identical(tell_spans(report, ..., tracer = tracer), list())
  tracer$spans()
}

begin_of <- function(span) as.numeric(span$options$start_system_time - began, units = "secs")

length_of_span <- function(span) {
  as.numeric(span$end_time) - as.numeric(span$options$start_steady_time)
}

test_that("there is a span of the call, of each worker and of each failed item, at their times", {
  spans <- spans_of(a_report())
  expect_identical(vapply(spans, function(span) span$name, ""),
                   rep(c("lomp_map", "lomp worker", "lomp item"), c(1, 3, 2)))
  expect_equal(vapply(spans, begin_of, 0), c(0, 0.25, 0.5, 4.5, 2, 3))
  expect_equal(vapply(spans, length_of_span, 0), c(10, 7.75, 3.5, 5.5, 2, 4))
  expect_identical(vapply(spans, function(span) span$status, ""),
                   c("unset", "unset", "error", "unset", "error", "error"))
  expect_false(any(vapply(spans, function(span) is.null(span$end_time), NA)))
})

test_that("each span is below the one that it belongs to", {
  spans <- spans_of(a_report())
  parents <- lapply(spans, function(span) span$options$parent)
  expect_null(parents[[1]])
  for (k in 2:4) expect_identical(parents[[k]], spans[[1]])
  expect_identical(parents[[5]], spans[[3]])
  expect_identical(parents[[6]], spans[[2]])
  active <- new.env()
  expect_identical(spans_of(a_report(), parent = active)[[1]]$options$parent, active)
})

test_that("attributes tell what is known, by names of OpenTelemetry's kind", {
  spans <- spans_of(a_report(n = NA_real_))
  call <- spans[[1]]$attributes
  expected <- list(
    code.function.name = "lomp_map", lomp.call = "lomp_map(photos, edges)", lomp.items.done = 5,
    lomp.outcome = "finished"
  )
  expect_identical(call[names(expected)], expected)
  expect_identical(call$lomp.bytes.mapped, 1e6)
  expect_false("lomp.items" %in% names(call))
  worker <- spans[[3]]$attributes
  expect_identical(worker$process.pid, 102L)
  expect_identical(worker$lomp.worker.outcome, "crash")
  expect_false("lomp.worker.private_memory" %in% names(worker))
  expect_identical(spans[[5]]$attributes, list(
    lomp.item.index = 3, lomp.item.name = "c", lomp.item.run_time = 1.5, lomp.item.wait_time = 0.5,
    error.type = "crash"
  ))
  for (name in unlist(lapply(spans, function(span) names(span$attributes)))) {
    expect_match(name, "^[a-z]+([._][a-z]+)*$")
  }
  for (name in list(NULL, NA_character_, "")) {
    unnamed <- a_report()
    unnamed$items$name <- name
    expect_false("lomp.item.name" %in% names(spans_of(unnamed)[[5]]$attributes))
  }
})

test_that("the call's status tells how it ended", {
  status <- function(...) spans_of(a_report(...))[[1]]$status
  expect_identical(status(how = "finished", failed = 0), "ok")
  expect_identical(status(how = "finished", failed = 1), "unset")
  expect_identical(status(how = "failed", failed = 1), "error")
  for (how in c("interrupted", "left", "closed")) expect_identical(status(how = how), "unset")
})

test_that("without workers the items are below the call", {
  report <- a_report(workers_asked = 0L)
  report$workers <- report$workers[1, ]
  report$workers$worker <- report$items$worker[] <- 0L
  report$items$incarnation[] <- 1L
  spans <- spans_of(report)
  expect_identical(vapply(spans, function(span) span$name, ""),
                   c("lomp_map", "lomp item", "lomp item"))
  for (k in 2:3) expect_identical(spans[[k]]$options$parent, spans[[1]])
})

test_that("of a call of nothing, and of binned items, there is what is known", {
  report <- a_report(failed = 0)
  report$items <- report$items[0, ]
  report$workers <- report$workers[0, ]
  expect_length(spans_of(report), 1)
  binned <- a_report(is_binned = TRUE)
  binned$items <- data.frame(worker = 1L, incarnation = 1L, start = 0, end = 1, items = 5,
                             failed = 2)
  expect_length(spans_of(binned), 4)
})

test_that("the number of spans is bounded: the first ones are told", {
  report <- a_report()
  report$items <- report$items[rep(4, 500), ]
  report$items$start <- 500:1
  report$workers <- report$workers[rep(1, 3000), ]
  spans <- spans_of(report)
  expect_length(spans, 1 + most_worker_spans + most_item_spans)
  expect_equal(max(vapply(spans[-(1:1001)], begin_of, 0)), most_item_spans)
})

test_that("a tracer that fails is a warning, and no error", {
  tracer <- list(start_span = function(...) stop("no exporter"))
  warnings <- tell_spans(a_report(), tracer = tracer)
  expect_length(warnings, 1)
  expect_s3_class(warnings[[1]], c("lomp_spans_failed", "warning", "condition"), exact = TRUE)
  expect_messages(warnings[[1]])
})

# ---- Are they wanted? ---------------------------------------------------------------------------

without_exporters <- c(OTEL_R_TRACES_EXPORTER = NA, OTEL_TRACES_EXPORTER = NA)

test_that("otel isn't loaded, nor looked for, unless its variables are set", {
  skip_if(isNamespaceLoaded("otel"), "otel is loaded")
  old <- the$lacks_otel
  withr::defer(the$lacks_otel <- old)
  looked <- 0
  with_lomp("load_otel", function() {
    looked <<- looked + 1
    FALSE
  }, {
    with_variables(without_exporters, expect_false(wants_spans()))
    expect_identical(looked, 0)
    for (name in names(without_exporters)) {
      the$lacks_otel <- FALSE
      with_variables(stats::setNames("console", name), {
        expect_false(wants_spans())
        expect_false(wants_spans())
      })
    }
    expect_identical(looked, 2)  # once each: that there is none is remembered
  })
})

test_that("with tracing off, and in workers, no spans are wanted", {
  skip_if_not_installed("otel")
  run <- run_r(env = c(OTEL_TRACES_EXPORTER = "none"), code = {
    library(lomp)
    wants <- utils::getFromNamespace("wants_spans", "lomp")
    give(list(here = wants(), loaded = isNamespaceLoaded("otel"),
              there = lomp_map(1, function(i) wants(), .workers = 1)))
  })
  expect_identical(run$value, list(here = FALSE, loaded = TRUE, there = list(FALSE)))
})

test_that("otelsdk has the spans below the active one, with their times", {
  skip_if_not_installed("otel")
  skip_if_not_installed("otelsdk")
  record <- getExportedValue("otelsdk", "with_otel_record")
  wanted <- FALSE
  traces <- record({
    wanted <- wants_spans()
    outer <- otel::start_local_active_span("outer")
    parent <- active_span()
    otel::end_span(outer)
    tell_spans(a_report(), parent)
  })$traces
  expect_true(wanted)
  spans <- traces[vapply(traces, function(span) span$name, "") != "outer"]
  expect_length(spans, 6)
  call <- spans[[which(vapply(spans, function(span) span$name, "") == "lomp_map")]]
  outer <- traces[[which(vapply(traces, function(span) span$name, "") == "outer")]]
  expect_identical(call$parent, outer$span_id)
  expect_equal(as.numeric(call$start_time), as.numeric(began))
  expect_equal(as.numeric(call$duration), 10, tolerance = 0.01)
  expect_identical(call$attributes[["lomp.items.failed"]], 2)
  failed <- Filter(function(span) span$name == "lomp item", spans)
  expect_setequal(vapply(failed, function(span) span$status, ""), "error")
  lengths <- unlist(lapply(unname(failed), function(span) as.numeric(span$duration)))
  expect_equal(sort(lengths), c(2, 4), tolerance = 0.01)
})
