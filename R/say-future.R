# What lomp's errors are to a future: future's own, which say how its worker ended and which it was.

as_launch_error <- function(cnd, future) {
  error <- future::FutureLaunchError(
    paste("A future was not launched:", conditionMessage(cnd)), future = future
  )
  error$parent <- cnd
  error
}

# What the future of a job is left with that has no result.
error_of_job <- function(job, future) {
  outcome <- job$outcome
  if (inherits(outcome, c("lomp_crash", "lomp_timeout"))) {
    return(as_interrupt_error(outcome, job, future))
  }
  if (!inherits(outcome, c("lomp_error", "FutureError"))) return(new_ended_error(job, future))
  future[["state"]] <- "failed"
  if (inherits(outcome, "FutureError")) return(outcome)
  if (inherits(outcome, "lomp_fork_error")) return(as_launch_error(outcome, future))
  message <- paste("A future was lost:", reason_of(outcome$parent))
  error <- future::FutureError(message, future = future)
  error$parent <- outcome
  error
}

as_interrupt_error <- function(outcome, job, future) {
  future[["state"]] <- "interrupted"
  pid <- if (is.null(outcome$pid)) job$pid else outcome$pid
  how <- sub("^its worker", sprintf("its worker (pid %d)", pid), conditionMessage(outcome$parent))
  error <- future::FutureInterruptError(paste("A future was terminated:", how), future = future)
  error$parent <- outcome
  error
}

new_waiting_error <- function(future) {
  message <- "A future is waited for already: a handler of what it says can't have its value"
  future::FutureError(message, future = future)
}

new_ended_error <- function(job, future) {
  was_interrupted <- identical(future[["state"]], "interrupted")
  message <- sprintf("A future was %s: its worker (pid %d) was ended",
                     if (was_interrupted) "interrupted" else "canceled", job$pid)
  if (was_interrupted) return(future::FutureInterruptError(message, future = future))
  future[["state"]] <- "canceled"
  future::FutureCanceledError(message, future = future)
}
