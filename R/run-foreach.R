# Runs a loop of the package foreach: what %dopar% calls.

run_loop <- function(obj, expr, envir, data) {
  loop <- new_loop(obj, expr, envir, data)
  attach_packages(obj$packages)
  # Each task begins with the numbers that doRNG has given it, and doRNG sees to the generator.
  if (".doRNG.stream" %in% obj$argnames) {
    saved <- save_random()
    on.exit(restore_random(saved))
  }
  run_tasks(loop, iterators::iter(loop$obj), sys.call(-1L))
}

attach_packages <- function(packages) {
  for (package in packages) {
    if (!paste0("package:", package) %in% search()) library(package, character.only = TRUE)
  }
}

# `it` is foreach's: it gives the variables of tasks, and results are combined in it. `said` is how
# the caller says the loop.
run_tasks <- function(loop, it, said) {
  results <- open_tasks(loop, it)
  on.exit(results(close = TRUE))
  combine <- new_combiner(loop, it)
  state <- state_of(results)
  name_loop(state, said)
  withCallingHandlers(
    {
      combine_earlier(state$plan$redo, combine)
      combine_results(results, combine)
      if (!is.na(loop$n)) finish(it)
    },
    lomp_error = function(cnd) if (identical(state$how, "failed")) throw_failure(cnd, state, loop),
    # foreach has no word for tasks that failed where they are to be removed, or passed on.
    lomp_failed = function(cnd) if (!is.null(state$how)) invokeRestart("muffleWarning")
  )
  foreach::getResult(it)
}

open_tasks <- function(loop, it) {
  # nolint start: object_usage_linter. The call below has their names.
  items <- if (is.na(loop$n)) new_producer(loop, it) else seq_len(loop$n)
  task <- new_task(loop)
  # nolint end
  options <- loop$options
  names(options) <- paste0(".", names(options))
  do.call("lomp_iterate", c(
    list(quote(items), quote(task), .ordered = loop$in_order,
         .on_error = if (loop$stops) "stop" else "collect"),
    options
  ))
}

# For its report: not what is called here, but what the caller has said.
name_loop <- function(state, said) {
  is_said <- is.call(said) && identical(said[[1L]], quote(`%dopar%`))
  if (is_said && !is.null(state$traced)) the$traced$said <- state$traced$said <- light_call(said)
}

new_producer <- function(loop, it) {
  send <- new_sender(loop$values)
  function() {
    tryCatch(send(iterators::nextElem(it)), error = function(cnd) {
      if (is_stop_iteration(cnd)) lomp_done() else stop(cnd)
    })
  }
}

# ---- Results ------------------------------------------------------------------------------------

# combine(value, task). foreach wants to have been asked for a task's variables before it is given
# the result, also where workers look them up themselves.
new_combiner <- function(loop, it) {
  function(value, task) {
    if (!is.na(loop$n)) iterators::nextElem(it)
    foreach::accumulate(it, value, task)
    if (loop$stops && inherits(value, "error")) stop(new_task_error(value, task, loop$expr))
  }
}

combine_results <- function(results, combine) {
  task_of_next <- numbering(results)
  while (!lomp_done(result <- results())) {
    combine(value_of_task(result), task_of_next())
    result <- NULL  # which may be large, and isn't needed while the next one is waited for
  }
}

# The task of each result. In order each comes with its own number, and that takes less time than to
# ask for it (lomp_item() took 15 % of a loop of trivial tasks).
numbering <- function(results) {
  plan <- state_of(results)$plan
  if (!plan$ordered) return(function() lomp_item(results))
  come <- 0L
  function() {
    come <<- come + 1L
    as.integer(item_at(come, plan))
  }
}

# What an earlier call of the same loop has finished.
combine_earlier <- function(redo, combine) {
  for (task in setdiff(seq_along(redo$results), redo$todo)) {
    combine(redo$results[[task]][[1L]][[1L]], task)
  }
}

# Of a failure, the condition that foreach itself would have: only a crash or a timeout has no
# other.
value_of_task <- function(result) {
  if (!is.object(result)) return(result[[1L]])
  if (identical(class(result)[[1L]], "lomp_error")) result$parent else result
}

# foreach hears that there is nothing more, and combines what is left.
finish <- function(it) {
  tryCatch(iterators::nextElem(it), error = function(cnd) if (!is_stop_iteration(cnd)) stop(cnd))
}

# The error with which lomp's iterator has ended, as foreach's users know it. One of foreach's
# iterators is the caller's own. Of tasks that have failed, lomp tells that which was the first by
# the clock; %do% that whose result was to be combined first.
throw_failure <- function(cnd, state, loop) {
  if (inherits(cnd, "lomp_source_error")) stop(cnd$parent)
  if (is.na(cnd$item)) return()
  failure <- state$failures$all()[[1L]]
  failure["results"] <- list(lapply(cnd$results, value_of_task))
  stop(as_task_error(failure, loop$expr))
}
