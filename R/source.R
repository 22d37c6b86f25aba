# Input streams: items that come one by one from a producer in this process.

# Is this a producer? Objects of the package iterators, and functions that can be called without
# arguments: coro's generators, iterators of lomp_iterate(), and anybody's own.
is_source <- function(x) {
  if (!is.object(x) && !is.function(x)) return(FALSE)
  if (inherits(x, c("iter", "coro_generator_instance"))) return(TRUE)
  is.function(x) && !is.primitive(x) && !has_required(formals(x))
}

# Arguments without a default, dots aside.
has_required <- function(arguments) {
  is_empty <- vapply(arguments, function(a) is.symbol(a) && !nzchar(as.character(a)), NA)
  any(is_empty & names(arguments) != "...")
}

# list(pull = function(), close = function()): pull() gives the next item or the end marker.
new_source <- function(x) {
  if (is.function(x)) {
    closes <- "close" %in% names(formals(x))
    return(list(pull = x, close = function() if (closes) x(close = TRUE)))
  }
  if (!requireNamespace("iterators", quietly = TRUE)) {
    stop_argument(".x", "is an iterator of the package iterators, which isn't installed")
  }
  list(pull = function() next_element(x), close = function() NULL)
}

next_element <- function(x) {
  tryCatch(iterators::nextElem(x), error = function(cnd) {
    if (identical(conditionMessage(cnd), "StopIteration")) exhausted else stop(cnd)
  })
}

# The next item in a list, NULL at the end, or the producer's error. Its conditions are the caller's
# own, since it runs in this process. Variables let go of the item as soon as it has left: where R
# collected garbage while it was made they are old by now, and what an old variable that is dead
# refers to lives for some collections more.
pull_item <- function(state) {
  if (state$source_ended || was_interrupted(state$plan)) return(NULL)
  item <- NULL
  on.exit(item <- NULL)
  failure <- interruptible(tryCatch({
    item <- list(state$plan$source$pull())
    NULL
  }, error = function(cnd) cnd), state$plan$call)
  if (!is.null(failure)) return(failure)
  if (is.null(item)) return(NULL)
  if (!identical(item[[1L]], exhausted)) return(item)
  state$source_ended <- TRUE
  NULL
}

# Sends a worker as many items as it wants, or as there is room for.
feed_worker <- function(event, state) {
  worker <- event$item
  has_room <- iterator_give_returned(state$handle, worker)
  given <- 0
  while (has_room && given < event$value && !state$source_ended) {
    item <- pull_item(state)
    if (is.null(item)) break
    if (inherits(item, "condition")) return(fail_source(item, state))
    has_room <- iterator_give(state$handle, worker, item[[1L]])
    item <- NULL
    given <- given + 1
  }
  iterator_post(state$handle, worker, state$source_ended)
  NULL
}

# The producer has failed: nothing comes after what is underway, which isn't waited for.
fail_source <- function(cnd, state) {
  state$source_ended <- TRUE
  fail_stream(new_source_error(cnd), state)
}

close_source <- function(plan) {
  if (!is.null(plan$source)) interruptible(plan$source$close(), plan$call)
}

# ---- lomp_map() over a stream -------------------------------------------------------------------

# The iterator's machinery, with the results put into their places.
run_map_stream <- function(plan, frame) {
  the$depth <- the$depth + 1L
  on.exit(the$depth <- the$depth - 1L)
  if (the$depth == 1L) the$last <- NULL
  plan$random <- new_random()
  plan$call <- new_call()
  plan$item_call <- item_call
  outcome <- heed_interrupts(collect_stream(plan, frame), plan$call)
  conclude_stream(outcome$results, outcome$state)
}

# Whatever happens, all children have ended or are about to when this function is left.
collect_stream <- function(plan, frame) {
  it <- if (plan$workers == 0L) iterate_inprocess(plan, frame) else iterate_forked(plan, frame)
  state <- state_of(it)
  on.exit({
    plan$call$stop <- NULL
    it(close = TRUE)
    pay_random(plan$random, state$drawn)
  })
  list(results = gather_stream(it, state), state = state)
}

# The results and what tells which are there are variables of this function, since R would copy them
# at each change if they were parts of something else.
gather_stream <- function(it, state) {
  results <- list()
  is_there <- logical()
  while (!lomp_done(value <- it())) {
    item <- state$item_of_last()
    if (item > length(results)) length(is_there) <- length(results) <- 2 * item
    results[item] <- list(value)
    is_there[item] <- TRUE
  }
  if (is.null(state$thrown) && !was_interrupted(state$plan)) {
    return(results[seq_len(sum(is_there, na.rm = TRUE))])
  }
  results_so_far(results, is_there, state)
}

# The results, or what was thrown or the interrupt, which have them.
conclude_stream <- function(results, state) {
  if (was_interrupted(state$plan)) interrupt(results, can_go_on = FALSE)
  if (!is.null(state$thrown)) throw(state$thrown, results)
  warn_of_stream(state)
  results
}

# For a call that ends with an error: what isn't there of the items that were begun was not run.
results_so_far <- function(results, is_there, state) {
  n <- state$given()
  length(is_there) <- length(results) <- n
  results[is.na(is_there)] <- list(new_not_run(state$plan))
  with_failures(results, state$failures, state$plan)
}
