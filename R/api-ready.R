# An iterator for callers that must not wait, or that wait for other things as well.

#' Iterators in event loops
#'
#' `lomp_ready()` tells whether an iterator has something to give now, `lomp_fd()` gives an event
#' loop something to wait for until it has, and `lomp_pids()` the processes that are at work. So a
#' program that must not stand still, a server or an application of the package shiny, can take
#' results between other things.
#'
#' @section Without waiting:
#' `lomp_ready(it)` is `TRUE` if `it()` would return or throw at once: there is a result, an item's
#' error, or the end. While it looks, and while it waits for up to `timeout` seconds, it does what
#' `it()` does while that waits: it takes in what workers have sent, feeds them with produced items,
#' which calls the producer, sees to their deaths and time limits, and tells progress. What running
#' items say (warnings, messages, output) is relayed from there, to its caller. Errors of items, and
#' of the producer, are thrown by `it()`, never by `lomp_ready()`. It can be interrupted as `it()`
#' can.
#'
#' Nobody else does this work: workers of an iterator that nobody asks for anything run on, but
#' stop when they have filled `lomp.buffer` (see [lomp-options]), and get no new items from a
#' producer.
#'
#' With `.workers = 0` it is always `TRUE`: `it()` runs the item itself, however long that takes. It
#' is `TRUE`, too, of an iterator that has ended, was closed, has failed or was interrupted.
#'
#' @section In an event loop:
#' `lomp_fd(it)` is the number of a file descriptor that becomes readable when `lomp_ready(it)` has
#' something to do or to say, be it that something an item has said is to be relayed, and stays so
#' until that is done (it is level-triggered). As long as a result is there it is readable; when
#' nothing is there it is not, so that a loop sleeps. Once a second it may be readable for what no
#' descriptor tells, such as a worker that is held by the system. After the iterator's end it is
#' readable for good: who comes late hears of that, too. A caller polls it and calls `lomp_ready()`;
#' it neither reads from it, nor closes it. With the package later, from
#' 1.4.0 on:
#'
#' ```
#' take <- function(it, use) {
#'   later::later_fd(function(...) {
#'     while (lomp_ready(it)) {
#'       if (lomp_done(result <- it())) return()
#'       use(result)
#'     }
#'     take(it, use)
#'   }, readfds = lomp_fd(it))
#' }
#' ```
#'
#' The loop may give other callbacks a turn between two results, by `if` in the place of `while`.
#'
#' From the first `lomp_fd(it)` on workers send each result at once, as they do while `it()` waits;
#' many small results cost more by that. The descriptor is closed with the iterator, by
#' `it(close = TRUE)` or when the iterator isn't in use any more and is collected. A loop must not
#' wait for it longer than that: its number may be another file's then. So keep the iterator in the
#' callback, as above, and cancel the callback before the iterator is closed (`later_fd()` returns a
#' function that does).
#'
#' @param it An iterator that [lomp_iterate()] returned.
#' @param timeout How many seconds to wait at the most, 0 or more; `Inf` waits until there is
#'   something.
#'
#' @return `lomp_ready()`: `TRUE` or `FALSE`. `lomp_fd()`: an integer; `NA` of an iterator that was
#'   closed by `it(close = TRUE)`. `lomp_pids()`: the process numbers of the workers that run now,
#'   an integer vector named by the workers' places (`"1"`, `"2"`, ...); empty without workers and
#'   after the end. In another process than the one that has made the iterator all of them throw the
#'   `lomp_iterator_error` that `it()` throws there; so does `lomp_ready()` where a handler calls it
#'   by which `it()` has something heard.
#' @seealso [lomp_iterate()].
#' @export
#' @examples
#' it <- lomp_iterate(1:4, function(i) sum(rnorm(1e5)), .workers = 2)
#' turns <- 0
#' repeat {
#'   if (!lomp_ready(it, timeout = 0.01)) {
#'     turns <- turns + 1  # time for other things
#'     next
#'   }
#'   if (lomp_done(result <- it())) break
#'   print(result)
#' }
#'
#' it <- lomp_iterate(1:2, function(i) Sys.sleep(60), .workers = 2)
#' lomp_pids(it)
#' lomp_ready(it)
#' it(close = TRUE)
#' lomp_pids(it)
lomp_ready <- function(it, timeout = 0) {
  state <- living_state(it)
  timeout <- check_wait(timeout)
  state$plan$workers == 0L || call_ready(state$handle, timeout)
}

#' @rdname lomp_ready
#' @export
lomp_fd <- function(it) {
  state <- living_state(it)
  if (state$is_closed) return(NA_integer_)
  if (is.null(state$wake)) state$wake <- wake_open(state$handle)
  wake_fd(state$wake, state$handle)
}

#' @rdname lomp_ready
#' @export
lomp_pids <- function(it) call_pids(living_state(it)$handle)

# Its user has closed the iterator, and waits for nothing any more.
close_wake <- function(state) {
  state$is_closed <- TRUE
  if (!is.null(state$wake)) wake_close(state$wake)
}

# The state of an iterator that can be used in this process.
living_state <- function(it) {
  state <- state_of(check_iterator(it))
  check_alive(state)
  state
}

check_wait <- function(value) {
  ok <- is.numeric(value) && length(value) == 1L && !is.na(value) && value >= 0
  if (!ok) stop_argument("timeout", "must be a number of seconds, 0 or more", describe_value(value))
  as.numeric(value)
}
