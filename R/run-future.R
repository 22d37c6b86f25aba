# Futures as iterators of one item: what future's interface asks of a backend. What runs is a job,
# an environment: its iterator `it`, its worker's `pid`, and its `outcome` once it is over: future's
# own record of the evaluation, an error of lomp's, or "ended" if it was told to end. A job doesn't
# know its future, so that one that nobody holds any more can be collected while its job runs.

launch_future <- function(backend, future, ...) {
  if (!is_own_backend(backend)) return(launch_here(future, ...))
  work <- work_of_future(future)
  wait_for_free_worker(backend)
  job <- tryCatch(open_job(work, backend), error = function(cnd) {
    future[["result"]] <- as_launch_error(cnd, future)
    stop(future[["result"]])
  })
  job$label <- future[["label"]]
  job$counter <- as.integer(utils::tail(future[["uuid"]], 1L))
  backend[["jobs"]] <- c(backend[["jobs"]], list(job))
  count_job(backend, "launched")
  future[["job"]] <- job
  future[["state"]] <- "running"
  reg.finalizer(future, leave_future)
  invisible(future)
}

# As future does it where there is no plan.
launch_here <- function(future, ...) {
  backend <- future::SequentialFutureBackend()
  class(future) <- backend[["futureClasses"]]
  future[["backend"]] <- backend
  future::launchFuture(backend, future = future, ...)
}

# A function of future's that it doesn't export, and that its backends in other packages use, too.
future_internal <- function(name) get(name, envir = asNamespace("future"), mode = "function")

# What a worker needs, looked up before the fork.
work_of_future <- function(future) {
  list(
    evaluate = future_internal("evalFuture"),
    data = future_internal("getFutureData")(future, mc.cores = 1L),
    relays_all = is.null(future[["conditions"]])
  )
}

# ---- Jobs ---------------------------------------------------------------------------------------

open_job <- function(work, backend) {
  job <- new.env(parent = emptyenv())
  job$start <- proc.time()[["elapsed"]]
  job$is_looked_at <- FALSE
  job$it <- unnoticed(iterate_future(work, backend[["timeout"]]))
  job$pid <- c(unname(lomp_pids(job$it)), NA)[[1L]]  # of one that has ended already its error knows
  job
}

# The iterator of the one item. The call of an item has `...`.
iterate_future <- function(work, timeout, ...) {
  X <- list(work) # nolint: object_name_linter.
  FUN <- evaluate_future # nolint: object_name_linter.
  plan <- as_iterate_plan(new_plan(X, 1L, "stop", timeout), FUN, FALSE)
  plan$retries_dots <- FALSE
  plan$relay <- if (!work$relays_all) relay_immediate
  plan$drawn_from <- list(seed = unused_seed, pays = FALSE)
  plan$outlasts <- TRUE
  run_iterate(plan, environment())
}

# An item's stream of numbers needs one.
unused_seed <- c(10407L, 1:6)

# In the worker. A future that has no stream of numbers of its own begins with a fresh generator.
evaluate_future <- function(work) {
  rm(list = ".Random.seed", envir = globalenv())
  work$evaluate(work$data)
}

# What lomp_last() and lomp_report() tell of is a call of the user's own.
unnoticed <- function(code) {
  the$depth <- the$depth + 1L
  on.exit(the$depth <- the$depth - 1L)
  code
}

is_over <- function(job) !is.null(job$outcome)

# Looks at a job without waiting for it, by default: is it over? Its outcome is here then, and its
# worker isn't any more. What looks at it again meanwhile, a condition's handler or a finalizer, is
# told that it isn't; a handler may also end it.
look_after <- function(job, backend, timeout = 0) {
  if (is_over(job) || job$is_looked_at) return(is_over(job))
  job$is_looked_at <- TRUE
  on.exit(job$is_looked_at <- FALSE)
  it <- job$it
  if (!unnoticed(lomp_ready(it, timeout)) || is_over(job)) return(is_over(job))
  outcome <- tryCatch(unnoticed(it()), lomp_error = function(cnd) cnd)
  if (!is_over(job)) end_job(job, backend, outcome)
  TRUE
}

end_job <- function(job, backend, outcome) {
  unnoticed(job$it(close = TRUE))
  job$it <- NULL
  job$outcome <- outcome
  is_other <- function(other) !identical(other, job)
  backend[["jobs"]] <- Filter(is_other, backend[["jobs"]])
  count_job(backend, "finished", outcome)
}

look_after_all <- function(backend) {
  for (job in backend[["jobs"]]) look_after(job, backend)
}

# What print() of a backend shows.
count_job <- function(backend, what, outcome = NULL) {
  counters <- backend[["counters"]]
  counters[what] <- counters[what] + 1L
  backend[["counters"]] <- counters
  if (!inherits(outcome, "FutureResult")) return()
  backend[["runtime"]] <- backend[["runtime"]] + (outcome[["finished"]] - outcome[["started"]])
}

# Mostly the oldest one ends first; the others are looked at so often.
seconds_for_oldest <- 0.02

wait_for_free_worker <- function(backend) {
  look_after_all(backend)
  while (length(jobs <- jobs_to_wait_for(backend)) >= backend[["workers"]]) {
    look_after(jobs[[1L]], backend, seconds_for_oldest)
    look_after_all(backend)
  }
}

# A condition's handler that launches a future would wait for ever for the job that said it.
jobs_to_wait_for <- function(backend) Filter(function(job) !job$is_looked_at, backend[["jobs"]])

# ---- Futures that nobody holds any more ---------------------------------------------------------

# A finalizer. The job runs on, unheard: nobody waits for what it says.
leave_future <- function(future) {
  job <- future[["job"]]
  if (is.null(job) || is_over(job) || !is_own_backend(future[["backend"]])) return()
  state <- state_of(job$it)
  state$is_quiet <- TRUE
  look_at_next_collection(job, future[["backend"]])
}

look_at_next_collection <- function(job, backend) {
  left <- new.env(parent = emptyenv())
  left$job <- job
  left$backend <- backend
  reg.finalizer(left, look_after_left)
}

look_after_left <- function(left) {
  if (!is_own_backend(left$backend) || look_after(left$job, left$backend)) return()
  look_at_next_collection(left$job, left$backend)
}

# ---- What a future knows ------------------------------------------------------------------------

# A lazy one isn't of this class before it is launched, unless that was interrupted: future launches
# it then.
is_future_resolved <- function(x, ...) {
  if (NextMethod()) return(TRUE)
  future_internal("assertOwner")(x)
  if (!look_after(x[["job"]], x[["backend"]])) return(FALSE)
  settle_future(x)
  TRUE
}

result_of_future <- function(future, ...) {
  if (future[["state"]] == "created") future <- future::run(future)
  if (is.null(future[["result"]])) {
    future_internal("assertOwner")(future)
    if (is_waiting(future[["job"]])) stop(new_waiting_error(future))
    while (!look_after(future[["job"]], future[["backend"]], wait_at_once)) NULL
    settle_future(future)
  }
  result <- future[["result"]]
  if (inherits(result, "FutureError")) stop(result)
  result
}

wait_at_once <- 3600

is_waiting <- function(job) job$is_looked_at && !is_over(job)

# From its job, which is over.
settle_future <- function(future) {
  if (!is.null(future[["result"]])) return()
  job <- future[["job"]]
  result <- if (inherits(job$outcome, "FutureResult")) {
    future[["state"]] <- "finished"
    job$outcome
  } else {
    error_of_job(job, future)
  }
  future[["job"]] <- NULL
  future[["result"]] <- result
}

interrupt_future <- function(backend, future, ...) {
  if (!isTRUE(backend[["interrupts"]])) return(future)
  future_internal("assertOwner")(future)
  job <- future[["job"]]
  if (is.null(job)) return(future)
  if (!is_over(job)) end_job(job, backend, "ended")
  future[["state"]] <- "interrupted"
  future
}

# Another plan takes its place: what is finished can still be had.
stop_future_workers <- function(backend, ...) {
  if (!is_own_backend(backend)) return(TRUE)
  look_after_all(backend)
  for (job in backend[["jobs"]]) end_job(job, backend, "ended")
  TRUE
}

list_futures <- function(backend, ...) {
  if (is_own_backend(backend)) look_after_all(backend)
  jobs <- if (is_own_backend(backend)) backend[["jobs"]]
  labels <- lapply(jobs, function(job) if (is.null(job$label)) NA_character_ else job$label)
  data.frame(
    counter = vapply(jobs, function(job) job$counter, 0L),
    start = vapply(jobs, function(job) job$start, 0), label = as.character(labels),
    resolved = rep(FALSE, length(jobs))
  )
}

count_workers <- function(evaluator) {
  if (is_own_backend(evaluator)) evaluator[["workers"]] else 1L
}

count_free_workers <- function(evaluator, background = FALSE, ...) {
  if (!is_own_backend(evaluator)) return(if (background) 0L else 1L)
  look_after_all(evaluator)
  evaluator[["workers"]] - length(evaluator[["jobs"]])
}

# ---- What futures say ---------------------------------------------------------------------------

# future records what an evaluation signals and prints, and says it again with the value. These
# classes it has signalled at once.
future_configs <- function(future, ...) {
  conditions <- future[["conditions"]]
  classes <- attr(conditions, "immediateConditionClasses", exact = TRUE)
  handlers <- rep(list(send_at_once), length(classes))
  names(handlers) <- classes
  list(
    capture = list(immediateConditionHandlers = handlers),
    context = if (isFALSE(getOption("future.fork.multithreading.enable"))) list(threads = 1L)
  )
}

# In the worker; TRUE has future note that it was signalled.
send_at_once <- function(cnd) {
  signalCondition(structure(
    class = c("lomp_immediate", "condition"),
    list(message = "to be signalled in the session", call = NULL, condition = cnd)
  ))
  TRUE
}

# What else comes here was recorded, or isn't wanted.
relay_immediate <- function(cnd, run) {
  if (!inherits(cnd, "lomp_immediate")) return()
  said <- cnd$condition
  restart <- c("muffleWarning", "muffleMessage")[inherits(said, c("warning", "message"), TRUE) > 0L]
  muffles <- if (length(restart) > 0L) restart[[1L]] else ""
  child_relay(run, list(condition = light_condition(said), muffles = muffles, restarts = NULL))
}
