#' Results as they come, any number for each item
#'
#' Applies a function to each element of a vector or list in worker processes that share this
#' session's memory, as [lomp_map()] does, and returns at once: an iterator that gives the results
#' one by one while the workers go on. An item may have any number of results.
#'
#' @section What `.f` gives:
#' 1. If `.f` has an argument named `emit`, it is called with a function in that place: each
#'    `emit(value)` is one result, sent at once, from wherever in `.f` it is called; what `.f`
#'    returns is ignored. Such a function can be tried by itself with `emit = print`.
#' 2. Else what `.f` returns is its one result,
#' 3. unless that is a generator of the package coro: then each value that it yields is a result.
#'
#' @section The iterator:
#' `it()` gives the next result, waiting for it if need be, and after the last one the end marker
#' that [lomp_done()] knows, for ever after. `it(close = TRUE)` ends the workers and with them the
#' iterator. That is the protocol of the package coro: `coro::loop(for (r in it) ...)` and
#' `coro::collect(it)` work, and close the iterator when their body is left by `break` or an error.
#' With the packages iterators and foreach, `foreach(r = it) %do% ...` works. `as.list(it)` gives
#' all results that are left, with the names of their items. [lomp_item()] tells to which item the
#' last result belongs.
#'
#' An iterator that has ended, was closed, failed or was interrupted has no workers any more; one
#' that nobody holds any more ends them when it is collected.
#'
#' @section How far workers run ahead:
#' They wait when the results that nobody has taken yet take up more than the option `lomp.buffer`
#' (64 MiB), or one result each if those are larger. So a slow consumer doesn't fill the memory.
#'
#' @section Order:
#' With `.ordered = FALSE` results come as they are made; those of one item in their order. With
#' `TRUE` all results of the first item come first, then those of the second, and so on; results of
#' later items wait, within the bound above.
#'
#' @section Output, warnings and messages:
#' As in [lomp_map()]; they come where the iterator is asked for results, in the order in which the
#' item has made them and its results.
#'
#' @section Random numbers:
#' As in [lomp_map()], each item draws from a stream of its own. The caller's generator advances by
#' one draw at the call.
#'
#' @section Items from a stream:
#' `.x` may be a producer of items, as in [lomp_map()]. It is asked for items while `it()` waits for
#' a result, never before the first `it()`; `it(close = TRUE)` closes it, too.
#'
#' @section Errors:
#' As in [lomp_map()], with these differences. With `.on_error = "stop"`, `it()` throws the
#' `lomp_error` after the results that came before it, and the iterator has ended; if it is ordered,
#' that is when the failed item's turn has come. Its field `results` is `NULL`. With `"collect"`,
#' `it()` returns the `lomp_error` as a value ([lomp_ok()] tells), and one warning comes at the end.
#' When a worker dies, what its item had emitted before is delivered, once; the item is a
#' `lomp_crash` and not run again.
#'
#' All workers are forked before `lomp_iterate()` returns, and see the session as it is then. A
#' worker that replaces a dead one is forked later: it has the same `.x`, `.f` and arguments, but
#' sees other variables and options as they are by then.
#'
#' With `.workers = 0` an item is begun when its first result is asked for, in this process. One
#' that emits then runs to its end, and its results wait; a generator goes on from value to value.
#'
#' @inheritParams lomp_map
#' @param .f A function, or the name of one, as [match.fun()] takes it.
#' @param .timeout Seconds that each item may take, as in [lomp_map()]; what it waits until somebody
#'   takes its results doesn't count.
#' @param .progress As in [lomp_map()]; what is done are items, not results.
#' @param .ordered `FALSE` or `TRUE`, see the section on order.
#'
#' @return A function of class `lomp_iterator` with one argument, `close = FALSE`.
#' @seealso [lomp_done()], [lomp_item()], [lomp_map()], [lomp-options].
#' @export
#' @examples
#' # An unknown number of results from each item.
#' images <- replicate(4, matrix(runif(1e4), 100), simplify = FALSE)
#' bright_spots <- function(image, emit, limit) {
#'   for (k in which(image > limit)) emit(c(row(image)[k], col(image)[k]))
#' }
#' it <- lomp_iterate(images, bright_spots, limit = 0.9995, .workers = 2)
#' while (!lomp_done(spot <- it())) {
#'   cat("image", lomp_item(it), "has a spot at", spot, "\n")
#' }
#'
#' # Items from a producer: lines of a file that may be longer than memory, say.
#' lines <- textConnection(c("one", "two", "three"))
#' next_line <- function() {
#'   line <- readLines(lines, 1)
#'   if (length(line) > 0) line else lomp_done()
#' }
#' unlist(lomp_map(next_line, toupper, .workers = 2))
#' close(lines)
#'
#' # One result each, as they come; the rest isn't needed.
#' it <- lomp_iterate(images, mean, .workers = 2)
#' it()
#' it(close = TRUE)
lomp_iterate <- function(.x, .f, ..., .workers = lomp_workers(), .on_error = c("stop", "collect"),
                         .timeout = Inf, .progress = getOption("lomp.progress", FALSE),
                         .ordered = FALSE) {
  if (missing(.x)) stop_argument(".x", "is missing: it must be a vector or a list")
  if (missing(.f)) stop_argument(".f", "is missing: it must be a function or the name of one")
  # nolint start: object_name_linter.
  # As in lomp_map(); the frame also holds `emit`, and stays until the iterator has ended.
  X <- .x
  FUN <- if (has_value(substitute(.f), parent.frame())) .f
  if (!is.function(FUN)) {
    FUN <- tryCatch(match.fun(.f), error = function(cnd) stop_not_function(cnd))
  }
  if (...length() > 0L) check_dots(FUN, names(substitute(list(...))), lomp_iterate)
  if (!is_plain_vector(X) && !is_source(X)) {
    X <- tryCatch(as_items(X, parent.frame()), error = function(cnd) stop_not_vector(cnd))
  }
  # nolint end
  plan <- new_plan(X, .workers, .on_error, .timeout, .progress, !missing(.progress))
  plan <- as_iterate_plan(plan, FUN, .ordered)
  if (!is.null(plan$source)) X <- NULL # nolint: object_name_linter.
  force_dots(...)
  # Items find it in this frame.
  emit <- if (plan$emits) new_emit(plan$outlet) # nolint: object_usage_linter.
  run_iterate(plan, environment())
}

as_iterate_plan <- function(plan, f, ordered) {
  plan$is_map <- FALSE
  plan$ordered <- check_flag(ordered, ".ordered")
  plan$buffer <- buffer_bytes()
  plan$emits <- has_argument(f, "emit")
  plan$outlet <- if (plan$emits) outlet_new()
  plan
}

new_emit <- function(outlet) {
  force(outlet)
  # Without the function outlet_put() between them, which would take a fifth of the time.
  function(value) invisible(.Call(`_lomp_outlet_put`, outlet, value))
}

run_iterate <- function(plan, frame) {
  plan$random <- new_random(advance = TRUE)
  plan$item_call <- item_call_of(plan, frame)
  if (the$depth == 0L && !in_worker()) the$last <- NULL
  if (plan$workers == 0L) iterate_inprocess(plan, frame) else iterate_forked(plan, frame)
}

# What an iterator knows is apart from what its workers need, so that these data can go when it has
# ended.
iterate_forked <- function(plan, frame) {
  state <- new.env(parent = emptyenv())
  state$plan <- plan
  state$failures <- list()
  state$source_ended <- FALSE
  state$drawn <- TRUE  # until the end tells
  state$progress <- new_progress(plan, plan$n)
  ready_frame(frame)
  on_event <- function(event) on_stream_event(event, state)
  state$handle <- iterator_open(new_work(plan, frame), plan$n, plan$workers, on_event, plan$outlet,
                                plan$is_map, plan$ordered, plan$buffer, tick_of(state$progress))
  state$summary <- function() iterator_summary(state$handle)
  state$item_of_last <- function() iterator_item(state$handle)
  state$take <- function(most) iterator_take(state$handle, most)
  state$close <- function() iterator_close(state$handle)
  state$given <- function() if (is.null(state$end)) state$summary()$given else state$end$given
  if (plan$is_map) stop_by(plan$call, function() iterator_stop(state$handle))
  handle <- state$handle
  new_iterator(state, function(close = FALSE) {
    if (missing(close) || !check_flag(close, "close")) {
      .Call(`_lomp_iterator_next`, handle)
    } else {
      close_iterator(state)
    }
  })
}

# What isn't a result. NULL goes on; list(value) gives a value to whoever asked.
on_stream_event <- function(event, state) {
  switch(event$kind,
    exhausted = throw_from_stream(new_fork_error(event$value, state$plan), state),
    finished = finish_stream(state),
    hungry = feed_worker(event, state),
    condition = ,
    output = say_in_stream(event, state),
    tick = tell_progress(state),
    fail_stream(stream_failure(event, state$plan), state)
  )
}

# Where nobody waits for a result, the bar is as it was when somebody did.
tell_progress <- function(state) {
  state$progress$update(state$summary()$done, length(state$failures))
  NULL
}

end_progress <- function(state) {
  if (is.null(state$progress)) return()
  state$progress$end(state$end$done, length(state$failures))
  state$progress <- NULL
}

say_in_stream <- function(event, state) {
  say_again(event, event$item, state$progress)
  NULL
}

stream_failure <- function(event, plan) {
  switch(event$kind,
    unread = failure_of(unread_event(event$item, event$value), plan),
    unsent = new_item_error(event$item, unsent_item(), plan),
    failure_of(event, plan)
  )
}

unsent_item <- function() {
  describe_failure(simpleError("the item can't be sent: there is no memory or file for it"),
                   character())
}

# With "stop" the other workers end at once; what they had finished until then still comes before
# the error. Where order matters, all that comes before has come.
fail_stream <- function(failure, state) {
  state$failures[[length(state$failures) + 1L]] <- failure
  is_fatal <- is.na(failure$item)
  if (state$plan$on_error == "collect" && !is_fatal) return(list(failure))
  if (state$plan$ordered && !is_fatal) throw_from_stream(failure, state)
  iterator_stop(state$handle)
  NULL
}

finish_stream <- function(state) {
  if (was_interrupted(state$plan)) return(end_stream(state))
  first <- if (length(state$failures) > 0L) first_in_time(state$failures, state$plan)
  if (!is.null(first)) return(throw_from_stream(first, state))
  end_stream(state)
  if (!state$plan$is_map) warn_of_stream(state)
  list(exhausted)
}

end_stream <- function(state) {
  note_end(state)
  list(exhausted)
}

warn_of_stream <- function(state) {
  summary <- state$end
  warn_of_refused_fork(summary, state$plan)
  warn_of_dead_references(summary$dead_references, state$plan)
  state$plan$n <- summary$given
  if (length(state$failures) > 0L) warn_of_failures(state$failures, state$plan)
}

# What is known is gone with the workers.
note_end <- function(state) {
  state$end <- state$summary()
  state$drawn <- state$end$drawn
  end_progress(state)
  state$end
}

# A map throws it itself, with the results.
throw_from_stream <- function(failure, state) {
  if (state$plan$is_map) {
    state$thrown <- failure
    return(end_stream(state))
  }
  note_end(state)
  close_source(state$plan)
  summary <- state$summary()
  failed <- length(unique(vapply(state$failures, function(f) f$item, 0)))
  failure$message <- paste0(failure$message, sprintf(
    "\n%s of %s items finished", format_count(summary$done - failed), format_count(summary$given)
  ))
  if (the$depth == 0L && !in_worker()) the$last <- failure
  stop(failure)
}
