# The same contract without workers.

run_inprocess <- function(plan, frame) {
  base <- the$base
  # The item begun last, the one ended last, and whether one drew: C++ writes them in place.
  progress <- numeric(3)
  saved <- save_random()
  shown <- NULL
  results <- new_results(plan)
  failures <- new_bag()
  is_over <- FALSE
  outcome <- function() {
    not_done <- setdiff(seq_along(results), seq_len(progress[[2L]]))
    list(results = results, failures = failures$all(), not_done = not_done)
  }
  on.exit({
    the$base <- base
    lift_limit(plan)
    restore_random(saved)
    if (!is.null(shown)) shown$clear()
    if (!is_over) keep_left(outcome(), plan)
  })
  on.exit(pay_random(plan$random, progress[[3L]] > 0), add = TRUE)
  the$base <- sys.nframe()
  shown <- new_progress(plan, length(results))
  run_all_here(plan, frame, results, progress, failures, shown)
  if (!is.null(shown)) shown$end(progress[[2L]], failures$n())
  is_over <- TRUE
  outcome()
}

# To the end, to the first failure with "stop", or to an interrupt.
run_all_here <- function(plan, frame, results, progress, failures, shown) {
  tell <- function() {
    shown$update(progress[[1L]], failures$n())
    !plan$call$interrupted
  }
  while (progress[[2L]] < length(results) && !plan$call$interrupted) {
    failed <- run_here(frame, results, progress[[2L]] + 1, plan, progress, shown, tell)
    if (is.null(failed)) return()
    limit <- callers_limit(failed$value$condition, plan)
    failures$add(if (is.null(limit)) failure_of(failed, plan) else new_cut(failed$item, plan))
    if (!is.null(limit)) stop(limit)
    if (plan$on_error == "stop") return()
  }
}

# An item's time, by R's own means: limited before it begins, unlimited after it.
limit_time <- function(plan) {
  if (is.finite(plan$timeout)) setTimeLimit(elapsed = plan$timeout, transient = TRUE)
}

lift_limit <- function(plan) if (is.finite(plan$timeout)) setTimeLimit()

# The condition if it tells of a limit that the caller has set: that is over for the whole call, not
# for the item that met it. Else NULL.
callers_limit <- function(cnd, plan) {
  limits <- if (is.finite(plan$timeout)) time_limits[-1L] else time_limits
  if (!is.null(cnd) && is_limit(cnd, limits)) cnd
}

is_limit <- function(cnd, limits = time_limits) message_of(cnd) %in% gettext(limits, domain = "R")

# What R says of limits, that of a single evaluation first, which lomp uses itself.
time_limits <- c(
  "reached elapsed time limit", "reached CPU time limit", "reached session elapsed time limit",
  "reached session CPU time limit"
)

# Items from this one on, up to one that fails: the event of that; NULL if there is none, and after
# an interrupt.
run_here <- function(frame, results, first, plan, progress, shown, tell) {
  hooks <- list(
    hear = hear_error, describe = describe_thrown, tell = if (!is.null(shown)) tell,
    limit = if (is.finite(plan$timeout)) function() limit_time(plan)
  )
  interruptible(naming_item(
    inprocess_run(frame, plan$item_call, results, first, hooks, plan$random$seed,
                  plan$redo$todo, progress, tick_of(shown)),
    function() item_at(progress[[1L]], plan), shown, plan
  ), plan$call)
}

# The value; warnings and messages on the way name their item, as those of workers do.
naming_item <- function(value, item, shown, plan) {
  name <- function(cnd) {
    if (plan$retries_dots) muffle_retry(cnd)
    name_item(cnd, item(), shown)
  }
  withCallingHandlers(making_way(value, shown), warning = name, message = name)
}

# Says it again with the item, to the caller's handlers, and no more without. A condition that can't
# be muffled goes on as it is.
name_item <- function(cnd, item, shown) {
  restart <- muffling_restart(cnd)
  if (is.null(restart) || is_to_be_error(restart$name)) return()
  cnd <- light_condition(without_own_call(cnd, item_calls()))
  said <- list(condition = cnd, muffles = restart$name)
  say_again(list(kind = "condition", value = said), item, shown)
  invokeRestart(restart)
}

# ---- Streams ------------------------------------------------------------------------------------

# What an item gives waits in `waiting` until it is asked for. An item that is left by a jump (a
# handler of the caller's, a time limit) is over; the next one goes on.
open_local_stream <- function(plan, frame) {
  state <- new_stream(plan)
  state$frame <- frame
  state$outlet <- if (is.null(plan$outlet)) outlet_new() else plan$outlet
  state$waiting <- list()
  state$at <- state$taken <- state$done <- state$item <- state$item_taken <- state$silent <- 0
  state$has_emitted <- state$drawn <- state$is_stopped <- state$is_busy <- FALSE
  state$told <- elapsed()
  state$next_item <- 1
  state$summary <- function() if (!is.null(state$waiting)) local_summary(state)
  state$take <- function(most) take_local(state, most)
  state$put_back <- function(part) put_back_local(state, part)
  state$peek <- function() peek_local(state)
  state$stop <- function() state$is_stopped <- TRUE
  state$settle <- function() settle_local(state)
  state$close <- function() close_local(state)
  stop_by(plan$call, state$stop)
  state
}

local_summary <- function(state) {
  given <- if (is.na(state$plan$n)) state$next_item - 1 else state$plan$n
  list(item = state$item_taken, taken = state$taken, done = state$done, drawn = state$drawn,
       silent = if (state$has_emitted) 0 else state$silent, dead_references = numeric(),
       given = given, refused = 0L, forks = 0L)
}

# The data can go.
settle_local <- function(state) {
  state$is_stopped <- TRUE
  state$frame <- state$generator <- NULL
}

close_local <- function(state) {
  settle_local(state)
  state$waiting <- NULL
}

next_local <- function(state) {
  check_alive(state)
  on.exit(suspendInterrupts(rest_local(state)))
  answer <- suspendInterrupts(with_state(state, answer_local(state)))
  if (!is.null(answer)) return(answer[[1L]])
  suspendInterrupts(conclude_iterator(state))
  exhausted
}

# As in C++: what is gone is shown again soon.
rest_local <- function(state) {
  if (rest_progress(state)) state$told <- state$told - 0.9 * progress_interval
}

# An iterator can't be used by what it calls.
with_state <- function(state, value) {
  if (state$is_busy) stop_iterator("it is being used already")
  state$is_busy <- TRUE
  on.exit(state$is_busy <- FALSE)
  value
}

# list(value), or NULL if there is none any more.
answer_local <- function(state) {
  state$has_waited <- FALSE
  repeat {
    answer <- step_local(state)
    if (isFALSE(answer)) return(NULL)
    if (is.null(answer)) next
    state$taken <- state$taken + 1
    return(answer)
  }
}

# As iterator_take() in C++, one by one.
take_local <- function(state, most) with_state(state, take_singly(state, most))

take_singly <- function(state, most) {
  values <- vector("list", most)
  items <- numeric(most)
  n <- 0L
  is_over <- FALSE
  on.exit(if (!is_over) put_back_local(state, list(n, values, items)))
  while (n < most && !is.null(answer <- answer_local(state))) {
    n <- n + 1L
    values[n] <- answer
    items[[n]] <- state$item_taken
  }
  is_over <- TRUE
  list(n, values, items)
}

put_back_local <- function(state, part) {
  n <- part[[1L]]
  again <- lapply(seq_len(n), function(k) new_entry("value", part[[3L]][[k]], part[[2L]][k]))
  left <- if (state$at == 0) state$waiting else state$waiting[-seq_len(state$at)]
  state$waiting <- c(again, left)
  state$at <- 0
  state$taken <- state$taken - n
}

peek_local <- function(state) {
  waiting <- if (state$at == 0) state$waiting else state$waiting[-seq_len(state$at)]
  waiting <- Filter(function(entry) entry$kind == "value", waiting)
  list(length(waiting), do.call(c, lapply(waiting, `[[`, "held")),
       vapply(waiting, `[[`, 0, "item"))
}

# What waits: a value or a failure, in a list since it may be anything.
new_entry <- function(kind, item, held) list(kind = kind, item = item, held = held)

# list(value), NULL to go on, FALSE at the end.
step_local <- function(state) {
  if (!is.null(state$progress)) tick_local(state)
  if (state$at < length(state$waiting)) return(take_entry(state))
  if (!is.null(state$cells)) return(note_step(state, NULL))
  if (state$is_stopped) return(FALSE)
  if (is.null(state$generator) && !next_item(state)) return(FALSE)
  state$has_waited <- TRUE
  run_step(state)
}

# As in C++: who has waited for an item gets its results at once.
tick_local <- function(state) {
  is_waiting <- state$at == length(state$waiting)
  now <- elapsed()
  if (now - state$told < progress_interval || state$has_waited && !is_waiting) return()
  state$told <- now
  tell_progress(state, is_waiting)
}

take_entry <- function(state) {
  state$at <- state$at + 1
  entry <- state$waiting[[state$at]]
  state$item_taken <- entry$item
  if (entry$kind == "failure") fail_stream(entry$held[[1L]], state) else entry$held
}

# Goes on to the next item; FALSE if there is none, or its producer failed.
next_item <- function(state) {
  if (is.null(state$plan$source)) {
    if (state$next_item > state$plan$n) return(FALSE)
  } else {
    item <- pull_item(state)
    if (inherits(item, "condition")) fail_source(item, state)
    if (is.null(item) || inherits(item, "condition")) return(FALSE)
    assign("X", item, envir = state$frame)
  }
  state$item <- state$next_item
  state$next_item <- state$next_item + 1
  TRUE
}

# A generator goes on drawing where it stopped.
enter_random <- function(state) {
  saved <- save_random()
  state$begun <- if (is.null(state$generator)) {
    random_item_seed(state$plan$random$seed, state$item)
  } else {
    state$stream
  }
  random_restore(state$begun)
  saved
}

leave_random <- function(state, saved) {
  state$stream <- current_seed()
  if (!identical(state$stream, state$begun)) state$drawn <- TRUE
  restore_random(saved)
}

# An item, or one more value of a generator. Where it is left by a jump, what it has said until then
# is in the cells.
run_step <- function(state) {
  base <- the$base
  saved <- enter_random(state)
  on.exit({
    the$base <- base
    lift_limit(state$plan)
    leave_random(state, saved)
  })
  the$base <- sys.nframe()
  state$cells <- inprocess_cells()
  limit_time(state$plan)
  place <- if (is.null(state$plan$source)) state$item else 1
  step <- interruptible(naming_item(
    inprocess_step(state$frame, state$plan$item_call, place, state$generator, state$outlet,
                   state$cells, hear_error, describe_thrown),
    function() state$item, state$progress, state$plan
  ), state$plan$call)
  note_step(state, step)
}

# What has come of a step waits from now on; of one that was left by a jump, what came before that.
note_step <- function(state, step) {
  emitted <- as.list(state$cells[[1L]])[-1L]
  state$cells <- NULL
  if (length(emitted) > 0L) state$has_emitted <- TRUE
  entries <- lapply(seq_along(emitted), function(k) new_entry("value", state$item, emitted[k]))
  limit <- if (isTRUE(step$failed)) callers_limit(step$value$condition, state$plan)
  last <- last_entry(state, if (is.null(limit)) step)
  state$waiting <- if (is.null(last)) entries else c(entries, list(last))
  state$at <- 0
  if (!is.null(limit)) stop(limit)
  NULL
}

# A result, or a failure; NULL if there is neither: the item emits, its generator has ended, or it
# was left.
last_entry <- function(state, step) {
  if (is.null(step)) {
    state$generator <- NULL
    return(NULL)
  }
  if (step$failed) return(failed_entry(state, step$value))
  value <- unname(step["value"])
  is_end <- identical(value[[1L]], exhausted)
  if (!is.null(state$generator)) {
    return(if (is_end) end_item(state) else new_entry("value", state$item, value))
  }
  if (state$plan$emits) {
    if (!is.null(value[[1L]])) state$silent <- state$silent + 1
    return(end_item(state))
  }
  if (!state$plan$is_map && inherits(value[[1L]], "coro_generator_instance")) {
    state$generator <- value[[1L]]
    return(NULL)
  }
  if (is_end && !state$plan$is_map) return(failed_entry(state, end_marker_failure()))
  end_item(state)
  new_entry("value", state$item, value)
}

end_item <- function(state) {
  state$generator <- NULL
  state$done <- state$done + 1
  NULL
}

failed_entry <- function(state, description) {
  end_item(state)
  new_entry("failure", state$item, list(new_item_error(state$item, description, state$plan)))
}

end_marker_failure <- function() {
  message <- "lomp_done() marks an iterator's end and can't be a result"
  describe_failure(simpleError(message), character())
}
