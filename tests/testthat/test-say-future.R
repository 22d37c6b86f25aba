# What lomp's errors are to a future.

a_future <- function(state = "running") {
  f <- future::future(1, lazy = TRUE)
  f$state <- state
  f
}

job_with <- function(outcome) list2env(list(outcome = outcome, pid = 17L))

# An item's error without its worker's death, and a call's that had none.
plan_of_one <- list(n = 1, names = NULL, workers = 1, timeout = 2, is_map = FALSE)
describe <- function(message) describe_failure(simpleError(message), NULL)
unread <- function() new_item_error(1, describe("its result can't be read here"), plan_of_one)
unforked <- function() new_fork_error(list(errno = 11L), plan_of_one)

test_that("each end of a job is an error and a state of its own", {
  skip_without_future()
  ends <- list(
    failed = unread(), failed = unforked(), interrupted = new_timeout(1, plan_of_one),
    failed = future::FutureLaunchError("future's own"), canceled = "ended"
  )
  errors <- lapply(seq_along(ends), function(k) {
    f <- a_future()
    error <- error_of_job(job_with(ends[[k]]), f)
    expect_identical(f$state, names(ends)[[k]])
    error
  })
  f <- a_future("interrupted")
  errors <- c(errors, list(error_of_job(job_with("ended"), f)))
  expect_identical(f$state, "interrupted")
  words <- vapply(errors, function(error) {
    paste0("<", class(error)[[1]], "> ", lomp_words(error))
  }, "")
  expect_snapshot(cat(words, sep = "\n"))
  for (k in 1:3) expect_identical(errors[[k]]$parent, ends[[k]])
})

test_that("the worker that is named is the one that died", {
  skip_without_future()
  loss <- list(late = FALSE, reason = 0L, signal = 9L, status = NA_integer_, pid = 4711L, ran = 0)
  error <- error_of_job(job_with(new_crash(1, loss, plan_of_one)), a_future())
  expect_match(error[["message"]], "its worker (pid 4711) was killed by SIGKILL", fixed = TRUE)
})
