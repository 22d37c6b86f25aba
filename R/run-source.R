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

# list(pull = function(), close = function(), stops = ): pull() gives the next item or the end
# marker; or else it `stops`, by an error.
new_source <- function(x) {
  if (is.function(x)) {
    closes <- "close" %in% names(formals(x))
    .x <- x  # what it signals itself has a call that the caller knows
    close <- function() if (closes) .x(close = TRUE)
    return(list(pull = x, close = close, stops = FALSE))
  }
  if (!requireNamespace("iterators", quietly = TRUE)) {
    stop_argument(".x", "is an iterator of the package iterators, which isn't installed")
  }
  list(pull = function() iterators::nextElem(x), close = function() NULL, stops = TRUE)
}

# The next item in a list, NULL at the end, or the producer's error. Variables let go of the item as
# soon as it has left: where R collected garbage while it was made they are old by now, and what an
# old variable that is dead refers to lives for some collections more.
pull_item <- function(state) {
  if (state$source_ended || was_interrupted(state$plan)) return(NULL)
  failure <- if (is.null(state$pulled)) ask_producer(state)
  item <- state$pulled
  state$pulled <- NULL
  on.exit(item <- NULL)
  if (!is.null(failure)) return(failure)
  if (is.null(item)) return(NULL)
  if (!identical(item[[1L]], exhausted)) return(item)
  state$source_ended <- TRUE
  NULL
}

# NULL, or the producer's error. Its conditions are the caller's own, since it runs in this process.
# A time limit may be over when it has given the item and R's own code is still on its way back: so
# the item goes into a plain variable, which takes R no step, and is where the next call finds it.
ask_producer <- function(state) {
  source <- state$plan$source
  .x <- source$pull  # what it signals itself has a call that the caller knows
  item <- NULL
  on.exit(state$pulled <- item)
  interruptible(making_way(tryCatch({
    item <- list(.x())
    NULL
  }, error = function(cnd) {
    if (is_limit(cnd)) stop(cnd)
    if (!source$stops || !identical(conditionMessage(cnd), "StopIteration")) return(cnd)
    item <<- list(exhausted)
    NULL
  }), state$progress), state$plan$call)
}

# Sends a worker as many items as it wants, or as there is room for; whatever was added is sent if
# the producer leaves by a jump, too.
feed_worker <- function(event, state) {
  worker <- event$item
  on.exit(iterator_post(state$handle, worker, state$source_ended))
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
  NULL
}

# The producer has failed: nothing comes after what is underway, which isn't waited for.
fail_source <- function(cnd, state) {
  state$source_ended <- TRUE
  fail_stream(new_source_error(cnd), state)
}

close_source <- function(state) {
  source <- state$plan$source
  if (is.null(source) || state$source_closed) return()
  state$source_closed <- TRUE
  tolerated(source$close(), state$plan$call, "lomp_close_failed",
            "closing the producer of the items failed")
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
  suspendInterrupts({
    outcome <- collect_stream(plan, frame)
    plan$n <- length(outcome$results)
    conclude(outcome, plan)
  })
}

# Whatever happens, all children have ended or are about to when this function is left; and if it is
# left by a jump, what was finished is kept.
collect_stream <- function(plan, frame) {
  state <- open_stream(plan, frame)
  placed <- new_places()
  is_over <- FALSE
  on.exit({
    if (!is_over) leave_stream(state, placed)
    plan$call$stop <- NULL
  })
  on.exit({
    state$close()
    pay_random(plan$random, state$end$drawn)
  }, add = TRUE)
  place_all(state, placed)
  note_end(state)
  tell_of_end(state)
  heed_interrupts(check_interrupt(), plan$call)
  is_over <- TRUE
  outcome_of_places(state, placed)
}

leave_stream <- function(state, placed) {
  state$is_quiet <- TRUE
  state$stop()
  if (is.null(state$how)) place_all(state, placed)
  note_end(state)
  keep_left(outcome_of_places(state, placed), state$plan)
  if (!is.null(state$progress)) state$progress$clear()
  close_source(state)
}

place_all <- function(state, placed) {
  repeat {
    part <- state$take(take_at_once)
    placed$put(part[[3L]][seq_len(part[[1L]])], part[[2L]][seq_len(part[[1L]])])
    if (part[[1L]] < take_at_once) return()
  }
}

# Results in the places of their items, as many as come. They and what tells which are there are
# variables of their own, since R would copy them at each change if they were parts of something.
new_places <- function() {
  results <- list()
  is_there <- logical()
  put <- function(items, values) {
    most <- max(0, items)
    if (most > length(results)) length(is_there) <<- length(results) <<- 2 * most
    results[items] <<- values
    is_there[items] <<- TRUE
  }
  list(
    put = put,
    upto = function(n) {
      list(results = results[seq_len(n)], not_done = which(!(is_there[seq_len(n)] %in% TRUE)))
    }
  )
}

# Of a call that ends well only as many were begun as there are.
outcome_of_places <- function(state, placed) {
  outcome <- placed$upto(state$end$given)
  outcome$failures <- state$failures$all()
  outcome$summary <- state$end
  outcome
}
