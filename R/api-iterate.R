#' Results as they come, any number for each item
#'
#' Applies a function to each element of a vector or list in worker processes that share this
#' session's memory, as [lomp_map()] does, and returns at once: an iterator that gives the results
#' one by one while the workers go on. An item may have any number of results.
#'
#' @section What `.f` gives:
#' 1. If `.f` has an argument named `emit`, it is called with a function in that place: each
#'    `emit(value)` is one result, sent at once, from wherever in `.f` it is called; what `.f`
#'    returns is ignored. Such a function can be tried by itself with `emit = print`.
#' 2. Else what `.f` returns is its one result,
#' 3. unless that is a generator of the package coro: then each value that it yields is a result.
#'
#' @section The iterator:
#' `it()` gives the next result, waiting for it if need be, and after the last one the end marker
#' that [lomp_done()] knows, for ever after. `it(close = TRUE)` ends the workers and with them the
#' iterator. That is the protocol of the package coro: `coro::loop(for (r in it) ...)` and
#' `coro::collect(it)` work, and close the iterator when their body is left by `break` or an error.
#' With the packages iterators and foreach, `foreach(r = it) %do% ...` works. `as.list(it)` gives
#' all results that are left, with the names of their items. [lomp_item()] tells to which item the
#' last result belongs.
#'
#' `head(it, n)` takes the next `n` in this way. Other functions for vectors (`length()`, `[[`,
#' `Reduce()`) are errors of class `lomp_iterator_error` that name `as.list()`: an iterator has no
#' length.
#'
#' A jump out of `it()` or `head(it)` (a handler of the caller's that leaves it by an item's
#' warning, a time limit of the session, a producer's warning) costs nothing: the next call goes on
#' with the next result. One out of `as.list(it)` ends the workers, and so does an interrupt of any
#' of them; what was finished can still be taken then, and [lomp_last()] has what `as.list(it)` had.
#'
#' An iterator that has ended, was closed, failed or was interrupted has no workers any more, and
#' `print(it)` tells how it ended and how much of it is there; one that is not in use any more ends
#' its workers when it is collected. It works only in the process that made it.
#'
#' @section How far workers run ahead:
#' They wait when the results that were not taken yet take up more than the option `lomp.buffer`
#' (64 MiB), or one result each if those are larger. So a slow consumer doesn't fill the memory.
#'
#' @section Order:
#' With `.ordered = FALSE` results come as they are made; those of one item in their order. With
#' `TRUE` all results of the first item come first, then those of the second, and so on; results of
#' later items wait, within the bound above.
#'
#' @section Checkpoints:
#' With `.checkpoint = "file"` results are appended to a file as they come, as those of
#' [lomp_map()], and besides which items were delivered. An item counts as delivered when its last
#' result was taken and its caller has come back for more: when `it()`, `head(it)` or `as.list(it)`
#' is called again, or the iterator is closed. (Of an item that emits, only the next result of
#' another one, or the end, tells that there is none left.) So what a consumer had in hand when its
#' session was killed comes once more, and what it was done with doesn't. `as.list(it)` delivers
#' what is left when it returns, an iterator that ends what it has given; a failure, and the error
#' with which an iterator ends, deliver nothing.
#'
#' [lomp_read()] of such a file gives a list with an element for each item: a list of its results,
#' or a `lomp_not_run` where it wasn't delivered to its end. As `.redo` it has all other items run,
#' and their results come from the first one on. So no item that was delivered is run again, none of
#' its results comes twice, and none is lost: they are in the list. What may come twice are results
#' of items that were delivered in part; without `.ordered`, and where items have many results,
#' there may be one such item for each worker. [lomp_item()] tells positions in the whole `.x`.
#'
#' If items had drawn by then, the caller's generator advances by one draw at the call that goes on,
#' if it is what it was at the first one.
#'
#' @section Output, warnings and messages:
#' As in [lomp_map()], but for their order: they come where the iterator is asked for results, in
#' the order in which the item has made them and its results. So they come by item if `.ordered` is
#' `TRUE`, and live, as items say them, if it is `FALSE`, wherever output goes.
#'
#' @section Random numbers:
#' As in [lomp_map()], each item draws from a state of its own, and generators of packages need a
#' seed in each item. The caller's generator stays as it was if no item draws. Else it advances by
#' one draw when the iterator ends; with `.ordered = TRUE`, unless items are produced, already when
#' `it()`, `head(it)` or `as.list(it)` comes to the first result (or failure, or end) of an item
#' that has drawn. One that is closed before leaves it alone.
#'
#' So another call may begin while the generator still is in the same state. It then draws other
#' numbers: calls that begin in one state, while iterators that began in it are open and haven't
#' come to a draw, share nothing. Which ones they draw follows from the order in which they begin,
#' not from how far workers are. [set.seed()] begins anew: the same seed gives the same numbers,
#' though an iterator may be open that has begun right behind it. If something was drawn between
#' [set.seed()] and that iterator, close it: one that is left open, or is dropped, keeps its numbers
#' from others that begin in that state. Code that writes `.Random.seed` back without having drawn,
#' as compiled code does that is made with Rcpp, and `sample(integer())`, can't be told from
#' [set.seed()] right behind that, and with other generators than the Mersenne Twister never. Where
#' two iterators are to be open at once, draw a number between them.
#'
#' @section Items from a stream:
#' `.x` may be a producer of items, as in [lomp_map()]. It is asked for items while `it()` or
#' [lomp_ready()] waits for a result, never before the first of these; `it(close = TRUE)` closes it,
#' too. `NULL` is an item: how a producer that ends with it is adapted is said there.
#'
#' @section What workers inherit and leave behind:
#' As in [lomp_map()].
#'
#' @section Errors:
#' As in [lomp_map()], with these differences. With `.on_error = "stop"`, `it()` throws the
#' `lomp_error` after the results that came before it, and the iterator has ended; if it is ordered,
#' that is when the failed item's turn has come. Its field `results` has the results that were
#' finished and that was not taken: those of later items, and for `as.list(it)` all. With
#' `"collect"`,
#' `it()` returns the `lomp_error` as a value ([lomp_ok()] tells), and one warning comes at the end.
#' When a worker dies, what its item had emitted before is delivered, once; the item is a
#' `lomp_crash` and not run again.
#'
#' All workers are forked before `lomp_iterate()` returns, and see the session as it is then. A
#' worker that replaces a dead one is forked later: it has the same `.x`, `.f` and arguments, but
#' sees other variables and options as they are by then.
#'
#' An item that returns or emits [lomp_done()] has failed, since that is the iterator's end. If no
#' item has emitted anything although `.f` has an argument `emit`, and items have returned values, a
#' warning at the end says so (`lomp_nothing_emitted`).
#'
#' With `.workers = 0` an item is begun when its first result is asked for, in this process. One
#' that emits then runs to its end, and its results wait; a generator goes on from value to value. A
#' jump leaves the item, too: the iterator goes on with the next one, and `print(it)` doesn't count
#' the one that was left as done.
#'
#' @inheritParams lomp_map
#' @param .f A function, or the name of one, as [match.fun()] takes it.
#' @param .timeout Seconds that each item may take, as in [lomp_map()]; what it waits until
#'   its results are taken doesn't count.
#' @param .progress As in [lomp_map()]; what is done are items, not results. The bar is there only
#'   while a result is waited for, so that the consumer can print whole lines; where hardly any time
#'   goes by like this, a line each ten seconds tells how far it is.
#' @param .ordered `FALSE` or `TRUE`, see the section on order.
#' @param .redo What [lomp_read()] gives of the file of an earlier call for the same `.x`: a list
#'   that has a list of results for each item that needn't be run, and a condition of lomp's in the
#'   place of each other one. `NULL` runs all. Not for items from a stream.
#'
#' @return A function of class `lomp_iterator` with one argument, `close = FALSE`.
#' @seealso [lomp_ready()] for callers that must not wait, as in event loops; [lomp_done()],
#'   [lomp_item()], [lomp_map()], [lomp-options].
#' @export
#' @examples
#' # An unknown number of results from each item.
#' images <- replicate(4, matrix(runif(1e4), 100), simplify = FALSE)
#' bright_spots <- function(image, emit, limit) {
#'   for (k in which(image > limit)) emit(c(row(image)[k], col(image)[k]))
#' }
#' it <- lomp_iterate(images, bright_spots, limit = 0.9995, .workers = 2)
#' while (!lomp_done(spot <- it())) {
#'   cat("image", lomp_item(it), "has a spot at", spot, "\n")
#' }
#'
#' # Items from a producer: lines of a file that may be longer than memory, say.
#' lines <- textConnection(c("one", "two", "three"))
#' next_line <- function() {
#'   line <- readLines(lines, 1)
#'   if (length(line) > 0) line else lomp_done()
#' }
#' unlist(lomp_map(next_line, toupper, .workers = 2))
#' close(lines)
#'
#' # One result each, as they come; the rest isn't needed.
#' it <- lomp_iterate(images, mean, .workers = 2)
#' it()
#' it(close = TRUE)
lomp_iterate <- function(.x, .f, ..., .workers = lomp_workers(), .on_error = c("stop", "collect"),
                         .timeout = Inf, .progress = getOption("lomp.progress", FALSE),
                         .ordered = FALSE, .redo = NULL, .checkpoint = NULL, .compute = NULL) {
  if (missing(.x)) stop_missing(".x", names(substitute(list(...))))
  if (missing(.f)) stop_missing(".f", names(substitute(list(...))))
  # nolint start: object_name_linter.
  # As in lomp_map(); the frame also holds `emit`, and stays until the iterator has ended.
  X <- .x
  FUN <- if (has_value(substitute(.f), parent.frame())) .f
  if (!is.function(FUN)) {
    given <- if (is.null(FUN)) substitute(.f) else FUN
    FUN <- tryCatch(match.fun(.f), error = function(cnd) stop_not_function(cnd, given, X, ...))
  }
  if (...length() > 0L) check_dots(FUN, names(substitute(list(...))), lomp_iterate)
  if (!is_plain_vector(X) && !is_source(X)) {
    X <- tryCatch(as_items(X, parent.frame()), error = function(cnd) stop_not_vector(cnd))
  }
  list(.workers, .on_error, .timeout, .progress, .ordered, .redo, .checkpoint, .compute)
  machines <- plan_machines(.compute, if (!missing(.workers)) .workers)
  plan <- new_plan(X, .workers, .on_error, .timeout, .progress, !missing(.progress), .redo,
                   .checkpoint, machines)
  plan <- as_iterate_plan(plan, FUN, .ordered)
  if (!is.null(plan$source)) X <- NULL
  if (!is.null(plan$redo)) X <- X[plan$redo$todo]
  # nolint end
  plan$retries_dots <- force_dots(...)
  # Items find it in this frame.
  emit <- if (plan$emits) new_emit(plan$outlet) # nolint: object_usage_linter.
  run_iterate(plan, environment())
}

as_iterate_plan <- function(plan, f, ordered) {
  plan$is_map <- FALSE
  plan$ordered <- check_flag(ordered, ".ordered")
  plan$emits <- has_argument(f, "emit")
  plan$outlet <- if (plan$emits) outlet_new()
  if (!is.null(plan$redo)) check_delivered(plan$redo)
  plan
}

new_emit <- function(outlet) {
  force(outlet)
  # Without the function outlet_put() between them, which would take a fifth of the time.
  function(value) invisible(.Call(`_lomp_outlet_put`, outlet, value))
}
