# An iterator in an event loop: its next results as promises, and coro's asynchronous loops.

#' The next result of an iterator as a promise
#'
#' In an event loop (of Shiny, plumber or httpuv, of the package later) nothing may wait for a
#' result. `promises::as.promise(it)` gives a promise of the result that an iterator of
#' [lomp_iterate()] gives next, and returns at once.
#'
#' @details
#' The promise is kept with what `it()` would return, [lomp_done()]'s mark at the end included, and
#' is rejected with the error that `it()` would throw. Several promises of one iterator are kept in
#' the order in which they were made, each with a result of its own. Messages, warnings and output
#' of items are relayed by the event loop meanwhile. `it(close = TRUE)` ends the workers at any
#' time; promises that are still open are kept with the mark of the end. All promises of one
#' iterator that are open at a time are kept by the event loop in which the first one was made.
#'
#' The loop is woken by the iterator's descriptor, see [lomp_fd()], if the package later is of
#' version 1.4.0 or newer; with an older one it looks at the iterator fifty times a second.
#'
#' In an `async()` function of the package coro, `for (result in await_each(it))` takes results as
#' they come while the event loop goes on, and closes the iterator however the loop is left;
#' `await(promises::as.promise(it))` takes one.
#'
#' # Shiny
#' An observer starts the iterator, asks for the first promise and returns something else than that
#' (Shiny waits for an observer that returns a promise). What is done with each result asks for the
#' next promise. `session$onSessionEnded(function() it(close = TRUE))` ends the workers when the
#' browser goes away. An app that does so is in
#' `system.file("examples", "shiny", package = "lomp")`. A task of Shiny's `ExtendedTask` takes all
#' results of its items by
#'
#' ```r
#' ExtendedTask$new(coro::async(function(items, f) {
#'   results <- list()
#'   for (result in await_each(lomp_iterate(items, f))) results <- c(results, list(result))
#'   results
#' }))
#' ```
#'
#' # plumber
#' A handler returns a promise, and other requests are answered meanwhile: see
#' `system.file("examples", "plumber.R", package = "lomp")`.
#'
#' @param x An iterator that [lomp_iterate()] returned.
#'
#' @return A promise of the package promises, which is needed for this.
#' @name as.promise.lomp_iterator
#' @seealso [lomp_ready()] and [lomp_fd()], for other event loops.
#' @exportS3Method promises::as.promise
#' @examplesIf requireNamespace("promises", quietly = TRUE)
#' it <- lomp_iterate(c(4, 9), sqrt, .workers = 2)
#' root <- promises::as.promise(it)
#' promises::then(root, function(value) cat("the first root:", value, "\n"))
#' # An event loop does this by itself.
#' while (!later::loop_empty()) later::run_now(1)
#' it(close = TRUE)
as.promise.lomp_iterator <- function(x) { # nolint: object_name_linter.
  state <- state_of(x)
  check_alive(state)
  promises::promise(function(resolve, reject) {
    state$awaited <- c(state$awaited, list(list(resolve = resolve, reject = reject)))
    if (length(state$awaited) == 1L) watch_iterator(x, later::current_loop())
  })
}

# The loop's next look at it. The iterator lives as long as somebody waits for its results.
watch_iterator <- function(it, loop) {
  look <- function(...) keep_promises(it, loop)
  wait <- later_fd()
  if (is.null(wait)) {
    later::later(look, 0.02, loop = loop)
  } else {
    wait(look, readfds = lomp_fd(it), loop = loop)
  }
}

# NULL if the package is older than 1.4.0.
later_fd <- function() get0("later_fd", asNamespace("later"), inherits = FALSE)

# Whatever way it is left, by an interrupt too, somebody looks again as long as somebody waits.
keep_promises <- function(it, loop) {
  state <- state_of(it)
  on.exit(if (length(state$awaited) > 0L) watch_iterator(it, loop))
  while (length(state$awaited) > 0L) {
    next_one <- state$awaited[[1L]]
    result <- tryCatch(if (lomp_ready(it)) list(it()), error = identity)
    if (is.null(result)) return()
    state$awaited <- state$awaited[-1L]
    if (inherits(result, "error")) next_one$reject(result) else next_one$resolve(result[[1L]])
  }
}

# coro's loops call an iterator alike, whether they wait for what it returns or for a promise of it.
#' @exportS3Method coro::as_iterator
as_iterator.lomp_iterator <- function(x) { # nolint: object_name_linter.
  function(close = FALSE) {
    if (close) return(x(close = TRUE))
    if (is_awaited(sys.calls(), sys.parent())) promises::as.promise(x) else x()
  }
}

# Whether a value is an argument of what makes promises of values: behind the frame that it was
# written in, coro's `as_promise` has been called, to which that is all that await_each() does.
is_awaited <- function(calls, parent) {
  between <- calls[-c(seq_len(parent), length(calls))]
  any(vapply(between, function(call) identical(call[[1L]], quote(as_promise)), NA))
}
