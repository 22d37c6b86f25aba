#' What the last call did
#'
#' Every call of [lomp_map()], [lomp_vapply()] and [lomp_iterate()] is measured as it runs: which
#' item ran where, when and for how long, how its results came, which workers there were and what
#' became of them, and what memory all of that took. `lomp_report()` tells of the last one, whatever
#' way it ended: with its results, by an error or an interrupt, or closed. It doesn't matter whether
#' there were workers. A call within an item is a part of that item, and has no report.
#'
#' To measure costs one look at the clock and one or two hundred instructions for each item.
#'
#' @param it An iterator of [lomp_iterate()], whose report is asked for: while it is open, of what
#'   has been done so far. Without it, the call that was begun last is meant.
#'
#' @return An object of class `lomp_report`, which has methods for [print()], [summary()],
#'   [as.data.frame()] and [plot()]. It is a list, whose elements are for programs. Times are in
#'   seconds, from the beginning of the call where they are points in time, and memory is in bytes.
#'
#'   - `fun`, `call`, `began`: the function, the call in a line, and when it was begun.
#'   - `seconds`, `how`: how long it took, and how it ended: `"finished"`, `"failed"`,
#'     `"interrupted"`, `"left"` (by a jump of the caller's), `"closed"`; or `"open"`.
#'   - `n`, `done`, `failed`: how many items there were, are over, and failed. `n` is `NA` of a
#'     stream that goes on. Items that `.redo` had finished don't count.
#'   - `workers_asked`: `.workers`, or the number of items where that is less.
#'   - `is_stream`: whether the items came from a producer.
#'   - `items`, `is_binned`: a data frame, see [as.data.frame.lomp_report()], and whether it has
#'     spans of time instead of items.
#'   - `is_incomplete`: whether there was no memory for all that was to be noted.
#'   - `workers`: a data frame with a row for each process, in the order of their forks: `worker`
#'     (its place, from 1; 0 is this process), `incarnation` (which of the processes in that place),
#'     `host` and `workers` (see below), `pid`, `begin` and `end`, `items`, `busy` (the share of its
#'     life that it spent in `.f`), `run` (how long that was), `wait_items` and `wait_delivery` (how
#'     long it waited for items of a stream, and until what it had was taken), `collecting`
#'     (garbage, between items), `faults` (page faults), `private` (the most memory of its own that
#'     was seen), and `why` it ended: `"finished"`, `"worn"` and `"memory"` (another one took its
#'     place, see `lomp.worker_memory` in [lomp-options]), `"crash"`, `"timeout"`, `"stopped"` (with
#'     the call) or `"running"`. What isn't known is `NA`: page faults of this process and of one
#'     that was killed, and the memory of one that wasn't there for long.
#'   - `memory`: a data frame of samples: `time`, `session` (what this process had), `shared` (the
#'     most that a worker shared with it), `private` (what workers had of their own, together),
#'     `workers` (how many there were) and `budget` (what these may have; `NA` if that isn't
#'     bounded). Samples take a hundredth of a processor's time, so short calls have none.
#'   - `slowest`: a data frame of the ten items that ran longest: `index`, `name`, `run`,
#'     `worker`.
#'   - `totals`: a list of sums, exact whatever the number of items: `run`, `wait`, `bytes` by
#'     way, `results`, `conditions`, `errors`, `crashes`, `timeouts`, `forks`, `fork_seconds`,
#'     `replaced` and `collections` (seconds).
#'   - `session`: a list on this process: `busy` (its processor time, that of the forks apart;
#'     without workers, how long it was not in `.f`), `resident` (its memory when the call began),
#'     `held_back` (fewer workers ran, since memory was short), `refused` (the system's number for
#'     why a fork was refused, 0 if none was), `budget` (of each worker's own memory) and `raised`
#'     (whether items needed more), `huge_pages` (whether glibc is told to use them).
#'
#'   `NULL` if no call has been made yet, and in a forked process, a worker among them.
#'
#' @section Other machines:
#' Of a call with `.compute` the processes in `workers` are the daemons: `host` is where each one is
#' (`NA` of this machine's workers), `workers` how many it had of its own (else 1), and `busy` the
#' share of these workers' time that they spent in `.f`. One that was lost ended by `"crash"`; if it
#' came again, it is another process. The times of items are reckoned back from when their results
#' came, since clocks of other machines tell nothing here. What workers waited for and what memory
#' they took isn't known; `bytes` by the way `"pipe"` are what results from there took.
#' `workers_asked` is how many daemons were connected when the call began.
#' @seealso [lomp_last()] for what a call that failed had finished.
#' @export
#' @examples
#' squares <- lomp_map(c(a = 1, b = 2, c = 3), function(x) x^2, .workers = 2)
#' report <- lomp_report()
#' report
#' report$workers[c("worker", "items", "busy", "why")]
#'
#' it <- lomp_iterate(1:3, sqrt, .workers = 2)
#' it()
#' lomp_report(it)$how
#' invisible(it(close = TRUE))
lomp_report <- function(it) {
  traced <- if (missing(it)) the$traced else traced_of(check_iterator(it))
  if (!is.null(traced)) report_of(traced)
}
