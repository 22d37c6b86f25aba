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
#' With the packages iterators and foreach, `foreach(r = it) %do% ...` works. `as.list(it)` gives all
#' results that are left, with the names of their items. [lomp_item()] tells to which item the last
#' result belongs.
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
#' # One result each, as they come; the rest isn't needed.
#' it <- lomp_iterate(images, mean, .workers = 2)
#' it()
#' it(close = TRUE)
lomp_iterate <- function(.x, .f, ..., .workers = lomp_workers(), .on_error = c("stop", "collect"),
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
  if (!is_plain_vector(X)) {
    X <- tryCatch(as_items(X, parent.frame()), error = function(cnd) stop_not_vector(cnd))
  }
  # nolint end
  plan <- new_iterate_plan(X, FUN, .workers, .on_error, .ordered)
  force_dots(...)
  emit <- if (plan$emits) new_emit(plan$outlet)
  run_iterate(plan, environment())
}

new_iterate_plan <- function(items, f, workers, on_error, ordered) {
  plan <- new_plan(items, workers, on_error)
  plan$ordered <- check_flag(ordered, ".ordered")
  plan$buffer <- buffer_bytes()
  plan$emits <- "emit" %in% formal_names(f)
  plan$outlet <- if (plan$emits) outlet_new()
  plan
}

new_emit <- function(outlet) {
  force(outlet)
  # Without the function outlet_put() between them, which would take a fifth of the time.
  function(value) invisible(.Call(`_lomp_outlet_put`, outlet, value) || stop_closed_outlet())
}

stop_closed_outlet <- function() {
  stop("emit() works only while its item runs, in the process that runs it", call. = FALSE)
}

run_iterate <- function(plan, frame) {
  if (the$depth == 0L && !the$in_worker) the$last <- NULL
  if (plan$workers == 0L) iterate_inprocess(plan, frame) else iterate_forked(plan, frame)
}

# ---- With workers -------------------------------------------------------------------------------

# What an iterator knows is apart from what its workers need, so that these data can go when it has
# ended.
iterate_forked <- function(plan, frame) {
  state <- new.env(parent = emptyenv())
  state$plan <- plan
  state$failures <- list()
  frame$FUN <- compiled(frame$FUN)
  on_event <- function(event) on_stream_event(event, state)
  state$handle <- iterator_open(frame, plan$n, plan$workers, child_hooks, on_event, plan$outlet,
                                plan$ordered, plan$buffer)
  state$summary <- function() iterator_summary(state$handle)
  state$close <- function() iterator_close(state$handle)
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
    fail_stream(stream_failure(event, state$plan), state)
  )
}

stream_failure <- function(event, plan) {
  if (event$kind != "unread") return(failure_of(event, plan))
  failure_of(unread_event(event$item, event$value), plan)
}

# With "stop" the other workers end at once; what they had finished until then still comes before
# the error. Where order matters, all that comes before has come.
fail_stream <- function(failure, state) {
  state$failures[[length(state$failures) + 1L]] <- failure
  if (state$plan$on_error == "collect") return(list(failure))
  if (state$plan$ordered) throw_from_stream(failure, state)
  iterator_stop(state$handle)
  NULL
}

finish_stream <- function(state) {
  first <- if (length(state$failures) > 0L) first_in_time(state$failures, state$plan)
  if (!is.null(first)) throw_from_stream(first, state)
  summary <- state$summary()
  warn_of_refused_fork(summary, state$plan)
  warn_of_dead_references(summary$dead_references, state$plan)
  if (length(state$failures) > 0L) warn_of_failures(state$failures, state$plan)
  list(exhausted)
}

throw_from_stream <- function(failure, state) {
  done <- state$summary()$done
  failed <- length(unique(vapply(state$failures, function(f) f$item, 0)))
  failure$message <- paste0(failure$message, sprintf(
    "\n%s of %s items finished", format_count(done - failed), format_count(state$plan$n)
  ))
  if (the$depth == 0L && !the$in_worker) the$last <- failure
  stop(failure)
}

# ---- In this process ----------------------------------------------------------------------------

iterate_inprocess <- function(plan, frame) {
  state <- new.env(parent = emptyenv())
  state$plan <- plan
  state$frame <- frame
  state$failures <- list()
  state$waiting <- list()
  state$at <- 0
  state$taken <- 0
  state$done <- 0
  state$item <- 0
  state$next_item <- 1
  state$is_busy <- FALSE
  state$is_open <- TRUE
  state$summary <- function() if (state$is_open) local_summary(state)
  state$close <- function() end_local(state)
  new_iterator(state, function(close = FALSE) {
    if (missing(close) || !check_flag(close, "close")) next_local(state) else close_iterator(state)
  })
}

local_summary <- function(state) {
  list(item = state$item, taken = state$taken, done = state$done, dead_references = numeric(),
       refused = 0L, forks = 0L)
}

# The data can go.
end_local <- function(state) {
  state$is_open <- FALSE
  state$frame <- state$generator <- NULL
  state$waiting <- list()
}

# Whatever leaves this function but by a value ends the iterator.
next_local <- function(state) {
  if (state$is_busy) stop("this iterator is being used already", call. = FALSE)
  if (!state$is_open) return(exhausted)
  state$is_busy <- TRUE
  on.exit({
    state$is_busy <- FALSE
    end_local(state)
  })
  answer <- NULL
  while (is.null(answer) && state$is_open) answer <- step_local(state)
  if (is.null(answer)) return(exhausted)
  if (!identical(answer[[1L]], exhausted)) {
    on.exit(state$is_busy <- FALSE)
    state$taken <- state$taken + 1
  }
  answer[[1L]]
}

# list(value), or NULL if there is none yet.
step_local <- function(state) {
  if (state$at < length(state$waiting)) return(next_waiting(state))
  if (!is.null(state$failure)) return(fail_local(state))
  if (is.null(state$generator)) {
    if (state$next_item > state$plan$n) return(finish_stream(state))
    state$item <- state$next_item
    state$next_item <- state$next_item + 1
  }
  run_step(state)
}

next_waiting <- function(state) {
  state$at <- state$at + 1
  value <- state$waiting[state$at]
  state$waiting[state$at] <- list(NULL)
  value
}

fail_local <- function(state) {
  failure <- state$failure
  state$failure <- NULL
  if (state$plan$on_error == "collect") return(fail_stream(failure, state))
  state$failures <- list(failure)
  throw_from_stream(failure, state)
}

run_step <- function(state) {
  base <- the$base
  on.exit(the$base <- base)
  the$base <- sys.nframe()
  step <- inprocess_step(state$frame, state$item, state$generator, state$plan$outlet, item_calls,
                         describe_failure)
  if (step$failed) {
    state$failure <- new_item_error(state$item, step$value, state$plan)
    state$generator <- NULL
    state$done <- state$done + 1
  }
  if (state$plan$emits) {
    state$waiting <- as.list(step$emitted)
    state$at <- 0
    if (!step$failed) state$done <- state$done + 1
    return(NULL)
  }
  if (!step$failed) take_local(step["value"], state)
}

# A generator's value, its end, a generator itself, or a result.
take_local <- function(value, state) {
  is_over <- is.null(state$generator)
  if (is_over && inherits(value[[1L]], "coro_generator_instance")) {
    state$generator <- value[[1L]]
    return(NULL)
  }
  if (!is_over && identical(value[[1L]], exhausted)) {
    state$generator <- value <- NULL
    is_over <- TRUE
  }
  if (is_over) state$done <- state$done + 1
  unname(value)
}

# ---- Iterators ----------------------------------------------------------------------------------

new_iterator <- function(state, next_value) {
  force(state)
  structure(next_value, class = c("lomp_iterator", "function"))
}

state_of <- function(it) environment(it)$state

close_iterator <- function(state) {
  state$close()
  invisible(exhausted)
}

# The end of coro's iterators.
exhausted <- as.symbol(".__exhausted__.")

#' The end of an iterator
#'
#' @param value What an iterator returned.
#'
#' @return Whether the value marks an iterator's end: one of [lomp_iterate()], or of the package
#'   coro, whose end marker this is. Without an argument, the end marker itself.
#' @export
#' @examples
#' it <- lomp_iterate(1:3, sqrt, .workers = 2)
#' while (!lomp_done(root <- it())) print(root)
lomp_done <- function(value) {
  if (missing(value)) return(exhausted)
  is.symbol(value) && identical(value, exhausted)
}

#' The item behind an iterator's last result
#'
#' @param it An iterator that [lomp_iterate()] returned.
#'
#' @return The position of the item to which the result belongs that `it()` gave last, with the
#'   item's name if it has one; `NA` before the first result and after the end.
#' @export
#' @examples
#' it <- lomp_iterate(c(a = 4, b = 9), sqrt, .workers = 2)
#' while (!lomp_done(root <- it())) cat(names(lomp_item(it)), root, "\n")
lomp_item <- function(it) {
  state <- state_of(check_iterator(it))
  summary <- state$summary()
  if (is.null(summary) || summary$taken == 0) return(NA_integer_)
  item <- summary$item
  if (item <= .Machine$integer.max) item <- as.integer(item)
  name <- item_name(item, state$plan)
  if (is.null(name)) item else stats::setNames(item, name)
}

check_iterator <- function(it) {
  if (!inherits(it, "lomp_iterator")) {
    stop_argument("it", "must be an iterator of lomp_iterate()", describe_value(it))
  }
  it
}

#' @export
print.lomp_iterator <- function(x, ...) {
  state <- state_of(x)
  summary <- state$summary()
  cat("<lomp_iterator> ", counted(state$plan$n, "item"), ", ",
      counted(state$plan$workers, "worker"), sep = "")
  if (is.null(summary)) {
    cat("; ended\n")
  } else {
    cat("; so far ", counted(summary$done, "item"), " done, ", counted(summary$taken, "result"),
        " taken\n", sep = "")
  }
  invisible(x)
}

counted <- function(n, what) sprintf("%s %s%s", format_count(n), what, if (n == 1) "" else "s")

#' @export
as.list.lomp_iterator <- function(x, ...) {
  values <- vector("list", 16L)
  items <- numeric(16L)
  n <- 0L
  summary <- state_of(x)$summary
  while (!lomp_done(value <- x())) {
    n <- n + 1L
    if (n > length(values)) {
      length(values) <- 2L * n
      length(items) <- 2L * n
    }
    values[n] <- list(value)
    items[[n]] <- summary()$item
  }
  names <- state_of(x)$plan$names
  values <- values[seq_len(n)]
  if (!is.null(names)) names(values) <- names[items[seq_len(n)]]
  values
}

# Iterators of the package iterators, and so foreach's; the generics are found when that is loaded.
#' @exportS3Method iterators::nextElem
nextElem.lomp_iterator <- function(obj, ...) {
  value <- obj()
  if (lomp_done(value)) stop("StopIteration", call. = FALSE)
  value
}

#' @exportS3Method iterators::iter
iter.lomp_iterator <- function(obj, ...) obj
