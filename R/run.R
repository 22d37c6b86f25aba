# The one driver: runs a plan in workers or in this process, and turns what failed into conditions.

run_map <- function(plan, frame) {
  the$depth <- the$depth + 1L
  on.exit(the$depth <- the$depth - 1L)
  if (the$depth == 1L) the$last <- NULL
  if (items_to_run(plan) == 0) return(without_work(plan))
  earlier <- plan$redo$seed
  plan <- c(plan, list(
    random = if (is.null(earlier)) new_random() else list(seed = earlier, pays = FALSE),
    call = new_call(), item_call = item_call_of(plan, frame)
  ))
  run <- if (plan$workers == 0L) run_inprocess else run_forked
  conclude(heed_interrupts(run(plan, frame), plan$call), plan)
}

without_work <- function(plan) {
  results <- new_results(plan)
  if (is.null(plan$redo)) results else with_earlier(results, plan)
}

# A list for the results, with their names: made once and filled in place, since to name a large
# list later would copy it.
new_results <- function(plan) {
  results <- vector("list", items_to_run(plan))
  if (is.null(plan$redo) && !is.null(plan$names)) names(results) <- plan$names
  results
}

# What workers are to do, as C++ takes it: in this order.
new_work <- function(plan, frame) {
  note_session()
  list(frame = frame, call = plan$item_call, hooks = child_hooks, seed = plan$random$seed,
       numbers = plan$redo$todo, timeout = plan$timeout)
}

# Whatever happens, all children have ended or are about to when this function is left.
run_forked <- function(plan, frame) {
  results <- new_results(plan)
  progress <- new_progress(plan, length(results))
  ready_frame(frame)
  pool <- pool_open(new_work(plan, frame), results, plan$workers, tick_of(progress))
  call <- plan$call
  on.exit({
    call$stop <- NULL
    if (!is.null(progress)) progress$clear()
    drawn <- pool_close(pool)
    pay_random(plan$random, drawn)
  })
  stop_by(call, function() pool_stop(pool))
  end <- gather(pool, plan, progress)
  summary <- end$summary
  if (!is.null(progress)) progress$end(summary$done, length(end$failures))
  list(
    results = results,
    failures = end$failures,
    not_done = if (summary$done < length(results)) pool_not_done(pool) else numeric(),
    summary = summary
  )
}

# All failures, in the order in which they came, and what the pool tells of the call at its end.
# With "stop" the first one ends the workers; what they had finished until then, failures among it,
# still comes.
gather <- function(pool, plan, progress) {
  failures <- list()
  repeat {
    event <- next_event(pool)
    if (event$kind == "finished") return(list(failures = failures, summary = event$value))
    if (event$kind == "tick") {
      progress$update(pool_done(pool), length(failures))
    } else if (event$kind %in% c("condition", "output")) {
      say_again(event, item_at(event$item, plan), progress)
    } else {
      failure <- failure_of(event, plan)
      failures[[length(failures) + 1L]] <- failure
      if (plan$on_error == "stop" || is.na(failure$item)) pool_stop(pool)
    }
  }
}

# A result that can't be read, for want of memory as a rule, is its item's failure. Other errors are
# a time limit's. The handler leaves this function by itself, since tryCatch() costs four more
# frames, which is much of what a call of few items takes.
next_event <- function(pool) {
  withCallingHandlers(pool_next(pool), error = function(cnd) {
    event <- unread_event(pool_unread_item(pool), cnd)
    if (!is.null(event)) return_from(parent.env(environment()), event)
  })
}

# Returns from the function whose frame this is, which is still running.
return_from <- function(frame, value) do.call("return", list(value), quote = TRUE, envir = frame)

unread_event <- function(item, cnd) {
  if (item == 0) return(NULL)
  message <- paste("its result can't be read here:", conditionMessage(cnd))
  failure <- describe_failure(simpleError(message), character())
  list(kind = "failure", item = item, value = failure)
}

failure_of <- function(event, plan) {
  item <- item_at(event$item, plan)
  switch(event$kind,
    failure = new_item_error(item, event$value, plan),
    lost = new_crash(item, event$value, plan),
    exhausted = new_fork_error(event$value, plan)
  )
}

# Results, and conditions for what failed. Returns the list or throws.
conclude <- function(outcome, plan) {
  summary <- outcome$summary
  if (!is.null(summary)) warn_of_end(summary, plan)
  results <- outcome$results
  if (length(outcome$not_done) > 0L) results[outcome$not_done] <- list(new_not_run(plan))
  if (!is.null(plan$redo)) results <- with_earlier(results, plan)
  if (length(outcome$failures) > 0L) results <- with_failures(results, outcome$failures, plan)
  if (was_interrupted(plan)) interrupt(results)
  if (length(outcome$failures) == 0L) return(results)
  first <- first_in_time(outcome$failures, plan)
  if (!is.null(first)) throw(first, results)
  warn_of_failures(outcome$failures, plan)
  results
}

warn_of_end <- function(summary, plan) {
  if (summary$refused != 0L) warn_of_refused_fork(summary, plan)
  dead <- summary$dead_references
  if (length(dead) > 0L) warn_of_dead_references(item_at(dead, plan), plan)
}

# Each failure in its item's place, with what it takes to run the item again.
with_failures <- function(results, failures, plan) {
  for (failure in failures) {
    failure$seed <- plan$random$seed
    if (!is.na(failure$item)) results[[failure$item]] <- failure
  }
  results
}

# The failure that ends the call: with "collect", only one that concerns the whole of it.
first_in_time <- function(failures, plan) {
  fatal <- Filter(function(f) is.na(f$item), failures)
  if (length(fatal) > 0L) return(fatal[[1L]])
  if (plan$on_error == "collect") return(NULL)
  failures[[which.min(vapply(failures, function(f) f$time, 0))]]
}

throw <- function(failure, results) {
  failure$results <- results
  failure$message <- paste0(failure$message, "\n", tell_finished(results))
  if (is_outermost()) the$last <- failure
  stop(failure)
}

is_outermost <- function() the$depth == 1L && !in_worker()

# `can_go_on`: is there a way to go on with these results?
tell_finished <- function(results, can_go_on = TRUE) {
  finished <- sum(lomp_ok(results))
  paste0(sprintf("%s of %s finished", format_count(finished), format_count(length(results))),
         if (can_go_on && is_outermost() && finished > 0) ": go on with .redo = lomp_last()")
}
