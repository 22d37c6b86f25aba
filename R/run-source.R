# Input streams: items that come one by one from a producer in this process.

# Is this a producer? Objects of the package iterators, and functions that can be called without
# arguments: coro's generators, iterators of lomp_iterate(), and the user's own.
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
    if (!source$stops || !is_stop_iteration(cnd)) return(cnd)
    item <<- list(exhausted)
    NULL
  }), state$progress), state$plan$call)
}

# How iterators of the package iterators end.
is_stop_iteration <- function(cnd) identical(conditionMessage(cnd), "StopIteration")

# Sends a worker as many items as it wants, or as there is room for; whatever was added is sent if
# the producer leaves by a jump, too.
feed_worker <- function(event, state) {
  worker <- event$item
  on.exit(call_post(state$handle, worker, state$source_ended))
  has_room <- TRUE
  given <- 0
  while (has_room && given < event$value && !state$source_ended) {
    item <- pull_item(state)
    if (is.null(item)) break
    if (inherits(item, "condition")) return(fail_source(item, state))
    has_room <- call_give(state$handle, worker, item[[1L]])
    item <- NULL
    given <- given + 1
  }
  NULL
}

# The producer has failed: nothing comes after what is underway, which isn't waited for.
fail_source <- function(cnd, state) {
  state$source_ended <- TRUE
  fail_call(new_source_error(cnd), state)
}

close_source <- function(state) {
  source <- state$plan$source
  if (is.null(source) || state$source_closed) return()
  state$source_closed <- TRUE
  tolerated(source$close(), state$plan$call, "lomp_close_failed",
            "closing the producer of the items failed")
}
