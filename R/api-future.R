#' Futures in lomp's workers
#'
#' A backend for the package future: after `plan(lomp_future)` each future is evaluated in a worker
#' process of its own, forked as [lomp_iterate()] does it. So is all that is built on futures, as
#' the packages future.apply and furrr, promises of futures, and functions of others that
#' let their user choose a plan.
#'
#' What is true of any plan is in future's own help. What this one adds:
#'
#' - Nothing is sent to a worker: it shares the session's memory as it is when the future is
#'   launched, as with future's `multicore`. Its result comes without a copy of large vectors.
#' - A worker is sealed off from the session: it doesn't touch its connections, its devices or its
#'   console, has no interrupts of its own, and ends with the session.
#' - A worker that dies is a `FutureInterruptError` that says how and which (`its worker (pid 4711)
#'   was killed by SIGSEGV`). It is not run again. lomp's own error is in its field `parent`.
#' - `timeout` ends a future that takes longer, even one that is in C code.
#' - `cancel()` ends its worker at once, with all that it has started, and so does another `plan()`.
#'   No child is left when `value()` has returned or `resolved()` was `TRUE`.
#' - `resolved()` only looks. Conditions that are to be relayed at once (`immediateCondition`, those
#'   of progressr among them) are signalled there, in `value()`, and where a future waits for a free
#'   worker. All else waits for `value()`, as future has it.
#' - An interrupt while `value()` waits leaves the future at work.
#'
#' A future that nobody holds any more runs to its end, and what is left of it goes when R collects
#' garbage.
#'
#' @section How many workers:
#' As many futures run at the same time as there are `workers`; the next one waits for one of them
#' to end. In a future, the next plan holds, `sequential` if there is none, as future has it.
#'
#' A future that is made in a process to which this plan has only been handed down by a fork, by an
#' item of [lomp_map()] say, is evaluated right there, since the session's workers aren't its own.
#' So it is in a plan of one worker where lomp wouldn't fork by itself: in a future for which this
#' is the next plan, and where the option `mc.cores` is 1; `workers = I(1)` has it fork there, too.
#' There is no time limit then.
#'
#' @section Random numbers:
#' They are future's own: with `seed = TRUE` there are streams of numbers, the same ones in any
#' plan. Without it, a future's generator is seeded anew, and future warns if it was used. The
#' session's own generator isn't drawn from by this plan.
#'
#' @section When to call lomp_map() instead:
#' Each future is a fork, and future looks for the variables that it needs, evaluates it in a way
#' of its own and records what it says: that takes milliseconds for each. [lomp_map()] forks once
#' for all items and takes microseconds for each. In two runs in two workers, on a busy machine,
#' 1000 futures of a trivial function took 140 and 220 seconds in this plan, 170 and 160 in
#' future's multicore, 210 in mirai's plan, 60 and 30 in multisession, which has its workers
#' before, and 55 in sequential. `future_lapply()`, which makes few futures of many items, took
#' 1.1 and 0.2 for 1000 items, and `lomp_map()` 0.15 and 0.05. (`futures.R` in
#' `system.file("benchmarks", package = "lomp")` measures it.)
#'
#' So where a call is yours to write and there are many items, write [lomp_map()]. Use this plan for
#' what is written for futures, and for few things of different kinds that run beside each other.
#'
#' @param ... Arguments of future's `FutureBackend()`, as `interrupts`.
#' @param workers How many futures may run at the same time: a whole number from 1 on, or a function
#'   that gives it.
#' @param timeout Seconds that each future may take.
#'
#' @return `lomp_future()` isn't called: it is an argument of future's `plan()`, which gives what it
#'   always gives. An error of class `lomp_package_error` says that the package future isn't there,
#'   or is older than 1.67.
#' @seealso [lomp_map()], [lomp_iterate()], [lomp_workers()].
#' @export
#' @examplesIf requireNamespace("future", quietly = TRUE) && packageVersion("future") >= "1.67.0"
#' library(future)
#' plan(lomp_future, workers = 2, timeout = 60)
#' images <- replicate(2, matrix(runif(1e4), 100), simplify = FALSE)
#' spectra <- future(lapply(images, fft))
#' mean_light <- future(vapply(images, mean, 0))
#' value(mean_light)
#' length(value(spectra))
#'
#' # A crash is named, and the session goes on.
#' lost <- future(tools::pskill(Sys.getpid(), tools::SIGKILL))
#' tryCatch(value(lost), FutureInterruptError = function(e) cat(e$message, "\n"))
#'
#' # Long work that isn't wanted any more.
#' endless <- future(repeat NULL)
#' resolved(endless)
#' cancel(endless)
#' plan(sequential)
lomp_future <- function(..., workers = max(1L, lomp_workers()), timeout = Inf) {
  check_future()
  stop_argument("lomp_future", "is for future's plan() alone: plan(lomp_future)")
}

# What plan() looks at: the classes, the function that makes the backend, and its arguments.
class(lomp_future) <- c("lomp_future", "multiprocess", "future", "function")
attr(lomp_future, "init") <- TRUE
attr(lomp_future, "tweakable") <- c("workers", "timeout")
attr(lomp_future, "factory") <- structure(
  function(...) new_future_backend(...), tweakable = c("workers", "timeout")
)
