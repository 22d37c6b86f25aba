# What lomp's errors are to a future: future's own, which say how its worker ended and which it was.

as_launch_error <- function(cnd, future) {
  error <- future::FutureLaunchError(
    paste("A future was not launched:", conditionMessage(cnd)), future = future
  )
  error$parent <- cnd
  error
}

# What the future of a job is left with, which has no result.
error_of_job <- function(job, future) {
  outcome <- job$outcome
  if (inherits(outcome, "FutureError")) return(new_future_failure(outcome, future))
  if (!inherits(outcome, "lomp_error")) return(new_ended_error(job, future))
  was_ended <- inherits(outcome, c("lomp_crash", "lomp_timeout"))
  message <- sprintf("A future was %s: %s", if (was_ended) "terminated" else "lost",
                     reason_with_pid(outcome, job$pid))
  error <- if (was_ended) {
    future[["state"]] <- "interrupted"
    future::FutureInterruptError(message, future = future)
  } else {
    new_future_failure(future::FutureError(message, future = future), future)
  }
  error$parent <- outcome
  error
}

reason_with_pid <- function(outcome, pid) {
  reason <- reason_of(if (is.null(outcome$parent)) outcome else outcome$parent)
  worker <- "^its worker"
  if (!grepl(worker, reason)) return(sprintf("%s (pid %d)", reason, pid))
  sub(worker, sprintf("its worker (pid %d)", pid), reason)
}

new_future_failure <- function(error, future) {
  future[["state"]] <- "failed"
  error
}

new_ended_error <- function(job, future) {
  was_interrupted <- identical(future[["state"]], "interrupted")
  message <- sprintf("A future was %s, and its worker was ended (pid %d)",
                     if (was_interrupted) "interrupted" else "canceled", job$pid)
  if (was_interrupted) return(future::FutureInterruptError(message, future = future))
  future[["state"]] <- "canceled"
  future::FutureCanceledError(message, future = future)
}
