# The same contract without workers.

run_inprocess <- function(plan, frame) {
  base <- the$base
  # The item begun last, the one ended last, and whether one drew: C++ writes them in place.
  progress <- numeric(3)
  saved <- save_random()
  shown <- NULL
  on.exit({
    the$base <- base
    lift_limit(plan)
    restore_random(saved)
    pay_random(plan$random, progress[[3L]] > 0)
    if (!is.null(shown)) shown$clear()
  })
  the$base <- sys.nframe()
  results <- new_results(plan)
  failures <- list()
  next_item <- 1
  n <- length(results)
  shown <- new_progress(plan, n)
  while (next_item <= n && !plan$call$interrupted) {
    tell <- function() {
      shown$update(progress[[1L]], length(failures))
      !plan$call$interrupted
    }
    failed <- run_here(frame, results, next_item, plan, progress, shown, tell)
    next_item <- progress[[2L]] + 1
    if (is.null(failed)) break
    heed_limit(failed$value$condition, plan)
    failures[[length(failures) + 1L]] <- failure_of(failed, plan)
    if (plan$on_error == "stop") break
  }
  not_done <- if (next_item <= n) seq(next_item, n) else numeric()
  if (!is.null(shown)) shown$end(n - length(not_done), length(failures))
  list(results = results, failures = failures, not_done = not_done)
}

# An item's time, by R's own means: limited before it begins, unlimited after it.
limit_time <- function(plan) {
  if (is.finite(plan$timeout)) setTimeLimit(elapsed = plan$timeout, transient = TRUE)
}

lift_limit <- function(plan) if (is.finite(plan$timeout)) setTimeLimit()

# A limit that the caller has set is over for the whole call, not for the item that met it.
heed_limit <- function(cnd, plan) {
  limits <- if (is.finite(plan$timeout)) time_limits[-1L] else time_limits
  if (message_of(cnd) %in% gettext(limits, domain = "R")) stop(cnd)
}

# What R says of limits, that of a single evaluation first, which lomp uses itself.
time_limits <- c(
  "reached elapsed time limit", "reached CPU time limit", "reached session elapsed time limit",
  "reached session CPU time limit"
)

# Items from this one on, up to one that fails: the event of that; NULL if there is none, and after
# an interrupt.
run_here <- function(frame, results, first, plan, progress, shown, tell) {
  hooks <- list(
    calls = item_calls, describe = describe_failure, tell = if (!is.null(shown)) tell,
    limit = if (is.finite(plan$timeout)) function() limit_time(plan)
  )
  interruptible(naming_item(
    inprocess_run(frame, plan$item_call, results, first, hooks, plan$random$seed,
                  plan$redo$todo, progress, tick_of(shown)),
    function() item_at(progress[[1L]], plan), shown
  ), plan$call)
}

# The value; warnings and messages on the way name their item, as those of workers do.
naming_item <- function(value, item, shown) {
  name <- function(cnd) name_item(cnd, item(), shown)
  withCallingHandlers(value, warning = name, message = name)
}

# Says it again with the item, to the caller's handlers, and no more without. A condition that can't
# be muffled goes on as it is.
name_item <- function(cnd, item, shown) {
  restart <- muffling_restart(cnd)
  if (is.null(restart) || is_to_be_error(restart)) return()
  said <- list(condition = cnd, muffles = restart$name)
  say_again(list(kind = "condition", value = said), item, shown)
  invokeRestart(restart)
}

# ---- Iterators ----------------------------------------------------------------------------------

iterate_inprocess <- function(plan, frame) {
  state <- new.env(parent = emptyenv())
  state$plan <- plan
  state$frame <- frame
  state$failures <- list()
  state$waiting <- list()
  state$at <- 0
  state$taken <- 0
  state$drawn <- FALSE
  state$progress <- new_progress(plan, plan$n)
  state$told <- elapsed()
  state$done <- 0
  state$item <- 0
  state$next_item <- 1
  state$source_ended <- FALSE
  state$is_busy <- FALSE
  state$is_open <- TRUE
  state$summary <- function() if (state$is_open) local_summary(state)
  state$item_of_last <- function() state$item
  state$close <- function() end_local(state)
  state$given <- function() if (is.na(plan$n)) state$next_item - 1 else plan$n
  it <- new_iterator(state, function(close = FALSE) {
    if (missing(close) || !check_flag(close, "close")) next_local(state) else close_iterator(state)
  })
  state$take <- function(most) take_singly(it, most)
  it
}

local_summary <- function(state) {
  list(item = state$item, taken = state$taken, done = state$done, drawn = state$drawn,
       dead_references = numeric(),
       given = state$given(), refused = 0L,
       forks = 0L)
}

# The data can go.
end_local <- function(state) {
  if (state$is_open) state$end <- local_summary(state)
  end_progress(state)
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
  if (was_interrupted(state$plan)) return(finish_stream(state))
  if (!is.null(state$progress) && elapsed() - state$told >= progress_interval) {
    state$told <- elapsed()
    tell_progress(state)
  }
  if (state$at < length(state$waiting)) return(next_waiting(state))
  if (!is.null(state$failure)) return(fail_local(state))
  if (is.null(state$generator) && !next_item(state)) {
    return(if (is.null(state$failure)) finish_stream(state))
  }
  run_step(state)
}

# Goes on to the next item; FALSE if there is none, or its producer failed.
next_item <- function(state) {
  if (is.null(state$plan$source)) {
    if (state$next_item > state$plan$n) return(FALSE)
  } else {
    item <- pull_item(state)
    if (inherits(item, "condition")) state$failure <- new_source_error(item)
    if (is.null(item) || inherits(item, "condition")) return(FALSE)
    assign("X", item, envir = state$frame)
  }
  state$item <- state$next_item
  state$next_item <- state$next_item + 1
  TRUE
}

next_waiting <- function(state) {
  state$at <- state$at + 1
  list(inprocess_take(state$waiting, state$at))
}

fail_local <- function(state) {
  failure <- state$failure
  state$failure <- NULL
  if (state$plan$on_error == "collect" && !is.na(failure$item)) return(fail_stream(failure, state))
  state$failures <- c(state$failures, list(failure))
  throw_from_stream(failure, state)
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

run_step <- function(state) {
  base <- the$base
  saved <- enter_random(state)
  on.exit({
    the$base <- base
    lift_limit(state$plan)
    leave_random(state, saved)
  })
  the$base <- sys.nframe()
  limit_time(state$plan)
  place <- if (is.null(state$plan$source)) state$item else 1
  step <- interruptible(naming_item(
    inprocess_step(state$frame, state$plan$item_call, place, state$generator,
                   state$plan$outlet, item_calls, describe_failure),
    function() state$item, state$progress
  ), state$plan$call)
  if (is.null(step)) return(NULL)
  if (step$failed) {
    heed_limit(step$value$condition, state$plan)
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
  if (is_over && !state$plan$is_map && inherits(value[[1L]], "coro_generator_instance")) {
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
