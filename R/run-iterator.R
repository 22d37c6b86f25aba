# A call whose results its caller asks for one by one.

run_iterate <- function(plan, frame) {
  if (is.null(plan$drawn_from)) plan <- ready_to_outlive(plan)
  plan$random <- plan$drawn_from
  plan$item_call <- item_call_of(plan, frame)
  plan$call <- new_call(goes_on = FALSE, outlasts = isTRUE(plan$outlasts))
  plan$said <- sys.call(-1L)
  is_open <- FALSE
  if (!is.null(plan$checkpoint)) on.exit(if (!is_open) leave_checkpoint(plan))
  if (is_outside()) the$last <- NULL
  state <- open_call(plan, frame)
  is_open <- TRUE
  state$hold <- hold_stream(plan$random)
  if (isTRUE(plan$redo$file$drawn)) pay_iterator(state, TRUE)
  new_iterator(state)
}

# Not within a call, nor in a worker.
is_outside <- function() the$depth == 0L && !in_worker()

# ---- Many results -------------------------------------------------------------------------------

# The results that come next, up to `most`, with the names of their items. A jump on the way leaves
# them in the iterator. If all were wanted it ends the workers, as it does in a call, and
# lomp_last() has them, too.
gather_results <- function(state, most) {
  check_alive(state)
  suspendInterrupts(gather_undisturbed(state, most))
}

gather_undisturbed <- function(state, most) {
  was_gathered <- state$is_gathered
  settle_taken(state)
  parts <- list()
  is_over <- FALSE
  on.exit({
    rest_progress(state)
    state$is_gathered <- was_gathered
    if (!is_over) put_back(parts, state)
  })
  state$is_gathered <- TRUE
  taken <- take_parts(state, most)
  parts <- taken$all()
  values <- values_of(parts, state)
  if (taken$has_ended()) {
    note_end(state)
    is_over <- state$how == "failed"  # the error has them
    conclude_with(state, values)
  }
  is_over <- TRUE
  values
}

# With a checkpoint: its caller goes on, with all that it has taken.
settle_taken <- function(state) {
  if (!is.null(state$plan$checkpoint)) call_settle_taken(state$handle)
}

# list(number, values, items). Workers that replace others are forked there: nothing may be held
# back in them.
take_results <- function(state, most) {
  if (state$plan$workers == 0L) return(call_take(state$handle, most))
  allowInterrupts(call_take(state$handle, most))
}

put_back <- function(parts, state) {
  for (part in rev(parts)) call_put_back(state$handle, part[[2L]], part[[3L]], part[[1L]])
}

# In parts, since it is not known how many there will be.
take_at_once <- 10000L

take_parts <- function(state, most = Inf) {
  parts <- new_bag()
  is_over <- FALSE
  on.exit(if (!is_over) leave_parts(parts$all(), state, most))
  left <- most
  want <- part <- NULL
  while (left > 0 && (is.null(part) || part[[1L]] == want)) {
    want <- min(take_at_once, left)
    part <- take_results(state, want)
    if (part[[1L]] > 0L) parts$add(part)
    left <- left - part[[1L]]
  }
  is_over <- TRUE
  parts$has_ended <- function() !is.null(part) && part[[1L]] < want
  parts
}

leave_parts <- function(parts, state, most) {
  if (is.infinite(most)) {
    note_end(state, "left")
    values <- values_of(c(parts, list(call_peek(state$handle))), state)
    if (is_outside()) the$last <- new_left(values, state$plan)
  }
  put_back(parts, state)
}

values_of <- function(parts, state) {
  values <- do.call(c, lapply(parts, function(part) part[[2L]][seq_len(part[[1L]])]))
  if (is.null(values)) values <- list()
  names <- state$plan$names
  if (!is.null(names)) {
    items <- lapply(parts, function(part) part[[3L]][seq_len(part[[1L]])])
    names(values) <- names[item_at(as.numeric(unlist(items)), state$plan)]
  }
  values
}

# ---- The end ------------------------------------------------------------------------------------

# All has come, or nothing more is wanted: no worker is left from here on. `how` is the word for an
# end that is neither an interrupt's nor a failure's.
note_end <- function(state, how = "finished") {
  if (!is.null(state$how)) return()
  call_settle(state$handle)
  state$end <- call_summary(state$handle)
  if (is.na(state$plan$n)) state$plan$n <- state$end$given
  state$reason <- first_in_time(state$failures$all(), state$plan)
  state$how <- if (was_interrupted(state$plan)) {
    "interrupted"
  } else if (is.null(state$reason)) {
    how
  } else {
    "failed"
  }
  state$plan$call$fate$how <- state$how
  pay_iterator(state, state$how != "closed" && isTRUE(state$end$drawn))
  if (!is.null(state$traced$span)) add_complaints(spans_of(state$traced), state$plan$call)
}

# The iterator's user has asked for a result and there is none.
conclude_iterator <- function(state) {
  if (is.null(state$how)) state$rest <- untaken_results(state)
  conclude_with(state, if (is.null(state$rest)) list() else state$rest)
  NULL
}

# The results that weren't taken when the iterator was left, by their items. What is said meanwhile
# has no listener.
untaken_results <- function(state) {
  if (state$failures$n() == 0L) return(list())
  state$is_quiet <- state$is_gathered <- TRUE
  values_of(take_parts(state)$all(), state)
}

# What there is to be said of the end is said once, whether or not a handler of the caller's leaves
# by it. `results` are those that its caller doesn't have yet.
conclude_with <- function(state, results) {
  note_end(state)
  if (!isTRUE(state$is_concluded)) {
    end <- if (state$how == "failed") with_rest(state$reason, results, state)
    if (is_outside() && (!is.null(end) || length(results) > 0L)) {
      the$last <- if (is.null(end)) new_left(results, state$plan) else end
    }
    close_checkpoint(state$plan, state$how != "failed")
    tell_of_end(state)
    state$is_concluded <- TRUE
    warnings <- closing_warnings(outcome_of_iterator(state), state$plan, end)
    if (state$how == "interrupted") warnings <- c(warnings, warning_of_interrupt(state$end))
    signal_warnings(warnings, results)
    if (!is.null(end)) {
      close_call(state)
      leave_with(end)
    }
    if (is_outside()) the$last <- NULL
  }
  close_call(state)
}

outcome_of_iterator <- function(state) {
  list(failures = state$failures$all(), summary = state$end, is_well = state$how == "finished")
}

with_rest <- function(failure, rest, state) {
  failed <- length(setdiff(vapply(state$failures$all(), function(f) f$item, 0), NA))
  failure$results <- rest
  failure$message <- paste0(failure$message, sprintf(
    "\n%s of %s items finished", format_count(state$end$done - failed),
    format_count(state$end$given)
  ))
  failure
}
