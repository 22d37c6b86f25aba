# A call with a place for each result: runs a plan, and turns what failed into conditions.

run_map <- function(plan, frame) {
  the$depth <- the$depth + 1L
  on.exit(the$depth <- the$depth - 1L)
  # What a call does that does neither isn't made longer by it: it is made of few steps, see
  # conclude().
  if (!is.null(plan$redo) || !is.null(plan$checkpoint)) {
    plan <- ready_to_outlive(plan)
    on.exit(leave_checkpoint(plan), add = TRUE)
  }
  if (the$depth == 1L) the$last <- NULL
  plan$said <- sys.call(-1L)
  if (isTRUE(items_to_run(plan) == 0)) return(without_work(plan))
  plan <- c(plan, list(
    random = if (is.null(plan$drawn_from)) new_call_random() else plan$drawn_from,
    call = new_call(), item_call = item_call_of(plan, frame)
  ))
  suspendInterrupts(conclude(run_list(plan, frame), plan))
}

# A call that goes on, or that a later one is to go on from. What its items draw from is known now.
ready_to_outlive <- function(plan) {
  if (!is.null(plan$redo$file)) check_resumed(plan)
  plan$drawn_from <- random_of(plan)
  plan$checkpoint <- open_checkpoint(plan)
  plan
}

without_work <- function(plan) {
  if (is_traced(plan)) {
    the$traced <- new_traced(plan)
    signal_warnings(spans_of(the$traced), NULL)
  }
  results <- new_results(plan)
  if (!is.null(plan$redo)) results <- with_earlier(results, plan)
  if (!is.null(plan$drawn_from)) pay_random(plan$drawn_from, FALSE, plan)
  if (!is.null(plan$checkpoint)) {
    plan$call <- new_call()
    close_checkpoint(plan)
    signal_warnings(plan$call$complaints, results)
  }
  if (is.null(plan$value)) results else vector_of_list(results, plan)
}

# A list for the results, with their names: made once and filled in place, since to name a large
# list later would copy it.
new_results <- function(plan) {
  results <- vector("list", items_to_run(plan))
  if (is.null(plan$redo) && !is.null(plan$names)) names(results) <- plan$names
  results
}

# What C++ fills, see Places. Of many results it makes the list itself, bit by bit, unless that must
# have names: each page of a list that is there before the fork would be copied after it.
results_to_fill <- function(plan) {
  n <- if (plan$is_map && !goes_into_vector(plan)) items_to_run(plan) else NA
  grows <- is.na(n) || n >= 1e5 && plan$workers > 0L && (is.null(plan$names) || !is.null(plan$redo))
  if (grows) list() else new_results(plan)
}

# Whatever happens, all children have ended or are about to when this function is left; and if it is
# left by a jump (of a handler of the caller's, a time limit), what was finished is kept.
run_list <- function(plan, frame) {
  state <- open_call(plan, frame)
  call <- plan$call
  handle <- state$handle
  hears_end <- !is.null(state$progress) || !is.null(plan$source)
  is_over <- FALSE
  on.exit({
    call$stop <- NULL
    if (!is_over) leave_list(state)
  })
  on.exit({
    drawn <- close_call(state)
    pay_random(plan$random, drawn, plan)
    if (isTRUE(plan$n > plan$trace_rows) || !is.null(the$traced$span)) end_trace(plan)
  }, add = TRUE)
  begin_progress(state)
  is_well <- if (plan$workers == 0L && is.null(plan$source)) {
    call_run(handle)
  } else {
    heed_interrupts(run_to_end(handle), call)
  }
  if (hears_end) tell_of_end(state)
  if (!is.null(plan$checkpoint)) close_checkpoint(plan)
  outcome <- outcome_of_list(state, is_well)
  is_over <- TRUE
  outcome
}

# A result that can't be read, for want of memory as a rule, is its item's failure. Other errors are
# a time limit's. The handler leaves its function by itself, since tryCatch() costs four more
# frames, which is much of what a call of few items takes.
run_to_end <- function(handle) {
  while (is.null(end <- run_to_unread(handle))) NULL
  end
}

run_to_unread <- function(handle) {
  withCallingHandlers(call_run(handle), error = function(cnd) {
    if (call_note_unread(handle, cnd)) return_from(parent.env(environment()), NULL)
  })
}

# What there is to be known of a call that has done all it had to is its results. After a fork each
# R object that is made is a page copied: not to ask for more took a small call's faults from 397 to
# 381 (ru_minflt).
outcome_of_list <- function(state, is_well) {
  results <- call_results(state$handle)
  summary <- if (!is_well) call_summary(state$handle)
  list(
    results = results,
    first = if (!is.null(state$plan$value)) call_first(state$handle),
    failures = state$failures$all(),
    not_done = if (!is_well && summary$done < summary$given) call_not_done(state$handle),
    summary = summary
  )
}

# After a jump: what was finished still comes, and what is said meanwhile has no listener any more.
leave_list <- function(state) {
  state$is_quiet <- TRUE
  if (is.null(state$plan$call$fate$how)) state$plan$call$fate$how <- "left"
  call_stop(state$handle)
  is_well <- run_to_end(state$handle)
  keep_left(outcome_of_list(state, is_well), state$plan)
  if (!is.null(state$progress)) state$progress$clear()
  close_source(state)
}

# ---- The end ------------------------------------------------------------------------------------

# Returns the results or throws. Until one of the two has happened lomp_last() has what was
# finished. A call that ended well is told here by few looks: each function that is called after a
# fork costs copied pages (7 of a small call's 287, by ru_minflt).
conclude <- function(outcome, plan) {
  if (!is.null(plan$source)) plan$n <- length(outcome$results)
  if (is.null(plan$redo) && length(outcome$failures) == 0L && length(outcome$not_done) == 0L &&
        has_nothing_to_say(outcome$summary, plan$call)) {
    return(if (is.null(plan$value)) outcome$results else returned_well(outcome, plan))
  }
  results <- all_results(outcome, plan)
  end <- end_of(outcome, results, plan)
  warnings <- closing_warnings(outcome, plan, end)
  value <- if (is.null(end)) returned(outcome, results, plan)
  if (is.null(end) && length(warnings) == 0L) return(value)
  keep_last(if (is.null(end)) new_left(results, plan) else end)
  signal_warnings(warnings, results)
  if (!is.null(end)) leave_with(end)
  keep_last(if (!is.null(plan$value)) collected(outcome, results, plan))
  value
}

# Failures that are in the places of results need no other place.
collected <- function(outcome, results, plan) {
  if (length(outcome$failures) > 0L) new_collected(outcome$failures, results, plan)
}

# Results, and conditions in the places of what failed or wasn't run.
all_results <- function(outcome, plan) {
  if (goes_into_vector(plan)) deferred_results(outcome, plan) else listed_results(outcome, plan)
}

listed_results <- function(outcome, plan) {
  results <- outcome$results
  if (length(outcome$not_done) > 0L) results[outcome$not_done] <- list(new_not_run(plan))
  if (!is.null(plan$redo)) results <- with_earlier(results, plan)
  if (length(outcome$failures) > 0L) results <- with_failures(results, outcome$failures, plan)
  results
}

# Each failure in its item's place, with what it takes to run the item again.
with_failures <- function(results, failures, plan) {
  for (failure in failures) {
    failure$seed <- plan$random$seed
    if (!is.na(failure$item)) results[[failure$item]] <- failure
  }
  results
}

# The condition with which the call ends, if it doesn't end with its list.
end_of <- function(outcome, results, plan) {
  if (was_interrupted(plan)) return(new_interrupt(results, plan))
  first <- first_in_time(outcome$failures, plan)
  if (!is.null(first)) with_results(first, results, plan)
}

# The failure that ends the call: with "collect", only one that concerns the whole of it.
first_in_time <- function(failures, plan) {
  if (length(failures) == 0L) return(NULL)
  fatal <- Filter(function(f) is.na(f$item), failures)
  if (length(fatal) > 0L) return(fatal[[1L]])
  if (plan$on_error == "collect") return(NULL)
  failures[[which.min(vapply(failures, function(f) f$time, 0))]]
}

with_results <- function(failure, results, plan) {
  failure <- set_results(failure, results)
  failure$message <- paste0(failure$message, "\n", tell_finished(results, plan))
  failure
}

# What lomp_last() tells. A call within another one, or in a worker, isn't the last one.
keep_last <- function(cnd) if (is_outermost()) the$last <- cnd

is_outermost <- function() the$depth == 1L && !in_worker()

# The call is left by a jump.
keep_left <- function(outcome, plan) {
  if (is_outermost()) keep_last(new_left(all_results(outcome, plan), plan))
}

# The caller's handlers run where interrupts are let through again.
leave_with <- function(end) {
  allowInterrupts(if (inherits(end, "interrupt")) interrupt(end) else stop(end))
}

has_nothing_to_say <- function(summary, call) {
  !call$interrupted && is.null(call$complaints) &&
    (is.null(summary) || summary$refused == 0L && length(summary$dead_references) == 0L)
}

# What a call says beside its list, or beside the condition `end` with which it ends.
closing_warnings <- function(outcome, plan, end) {
  summary <- outcome$summary
  c(
    plan$call$complaints,
    if (!is.null(summary)) warnings_of_end(summary, plan),
    if (isTRUE(outcome$is_well) && summary$silent > 0) warning_of_silence(),
    if (is.null(end) && length(outcome$failures) > 0L) {
      warning_of_failures(outcome$failures, plan)
    }
  )
}

warnings_of_end <- function(summary, plan) {
  dead <- summary$dead_references
  c(
    if (summary$refused != 0L) warning_of_refused_fork(summary, plan),
    if (length(dead) > 0L) warning_of_dead_references(item_at(dead, plan), names(dead), plan)
  )
}

# A handler of any of them that leaves the call has the results at hand.
signal_warnings <- function(warnings, results) {
  for (cnd in warnings) {
    allowInterrupts(warning(set_results(cnd, results)))
  }
}

tell_count <- function(results, finished = count_finished(results)) {
  paste(format_count(finished), "of", format_count(count_all(results)))
}

# With the way to go on with these results, if there is one.
tell_finished <- function(results, plan) {
  finished <- count_finished(results)
  can_go_on <- is.null(plan$source) && is_outermost() && finished > 0
  paste0(tell_count(results, finished), " finished",
         if (can_go_on) ": go on with .redo = lomp_last()")
}
