# The one driver: runs a plan in workers or in this process, and turns what failed into conditions.

run_map <- function(plan, frame) {
  the$depth <- the$depth + 1L
  on.exit(the$depth <- the$depth - 1L)
  if (the$depth == 1L) the$last <- NULL
  if (plan$n == 0) return(new_results(plan))
  plan$random <- new_random()
  outcome <- if (plan$workers == 0L) run_inprocess(plan, frame) else run_forked(plan, frame)
  conclude(outcome, plan)
}

# A list for the results, with their names: made once and filled in place, since to name a large
# list later would copy it.
new_results <- function(plan) {
  results <- vector("list", plan$n)
  if (!is.null(plan$names)) names(results) <- plan$names
  results
}

# Whatever happens, no child is left when this function is.
run_forked <- function(plan, frame) {
  results <- new_results(plan)
  frame$FUN <- compiled(frame$FUN)
  pool <- pool_open(frame, results, plan$workers, child_hooks, plan$random$seed)
  on.exit({
    drawn <- pool_drawn(pool)
    pool_close(pool)
    pay_random(plan$random, drawn)
  })
  failures <- gather(pool, plan)
  summary <- pool_summary(pool)
  list(
    results = results,
    failures = failures,
    not_done = if (summary$done < plan$n) pool_not_done(pool) else numeric(),
    summary = summary
  )
}

# All failures, in the order in which they came. With "stop" the first one ends the workers; what
# they had finished until then, failures among it, still comes.
gather <- function(pool, plan) {
  failures <- list()
  repeat {
    event <- next_event(pool)
    if (event$kind == "finished") return(failures)
    failure <- failure_of(event, plan)
    failures[[length(failures) + 1L]] <- failure
    if (plan$on_error == "stop" || is.na(failure$item)) pool_stop(pool)
  }
}

# A result that can't be read, for want of memory as a rule, is its item's failure. Other errors are
# a time limit's. The handler leaves by this function's own return(), since tryCatch() costs four
# more frames, which is much of what a call of few items takes.
next_event <- function(pool) {
  unread <- NULL
  delayedAssign("leave", return(unread))
  withCallingHandlers(pool_next(pool), error = function(cnd) {
    unread <<- unread_event(pool_unread_item(pool), cnd)
    if (!is.null(unread)) leave
  })
}

unread_event <- function(item, cnd) {
  if (item == 0) return(NULL)
  message <- paste("its result can't be read here:", conditionMessage(cnd))
  failure <- describe_failure(simpleError(message), character())
  list(kind = "failure", item = item, value = failure)
}

failure_of <- function(event, plan) {
  switch(event$kind,
    failure = new_item_error(event$item, event$value, plan),
    lost = new_crash(event$item, event$value, plan),
    exhausted = new_fork_error(event$value, plan)
  )
}

# Results, and conditions for what failed. Returns the list or throws.
conclude <- function(outcome, plan) {
  warn_of_refused_fork(outcome$summary, plan)
  warn_of_dead_references(outcome$summary$dead_references, plan)
  if (length(outcome$failures) == 0L) return(outcome$results)
  results <- outcome$results
  results[outcome$not_done] <- list(new_not_run())
  for (failure in outcome$failures) {
    if (!is.na(failure$item)) results[[failure$item]] <- failure
  }
  first <- first_in_time(outcome$failures, plan)
  if (is.null(first)) {
    warn_of_failures(outcome$failures, plan)
    return(results)
  }
  throw(first, results)
}

# The failure that ends the call: with "collect", only one that concerns the whole of it.
first_in_time <- function(failures, plan) {
  fatal <- Filter(function(f) is.na(f$item), failures)
  if (length(fatal) > 0L) return(fatal[[1L]])
  if (plan$on_error == "collect") return(NULL)
  failures[[which.min(vapply(failures, function(f) f$time, 0))]]
}

throw <- function(failure, results) {
  finished <- sum(lomp_ok(results))
  is_outermost <- the$depth == 1L && !the$in_worker
  failure$results <- results
  failure$message <- paste0(failure$message, sprintf(
    "\n%s of %s finished", format_count(finished), format_count(length(results))
  ), if (is_outermost && finished > 0) ": lomp_last() has them")
  if (is_outermost) the$last <- failure
  stop(failure)
}
