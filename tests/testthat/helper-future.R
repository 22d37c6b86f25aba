# The tests of futures.

skip_without_future <- function() skip_if_not_installed("future", "1.67.0")

# Futures of the code are lomp's, and those after it what they were.
with_futures <- function(code, ..., workers = 2) {
  old <- future::plan(lomp_future, workers = workers, ...)
  on.exit(future::plan(old))
  force(code)
}

with_flag_and_futures <- function(use, ...) {
  with_flag(function(flag) with_futures(use(flag), ...))
}

value_of <- function(code, ..., env = parent.frame()) {
  future::value(future::future(substitute(code), ..., substitute = FALSE, envir = env))
}

# A condition that future relays at once.
tell_now <- function(message, class = NULL) {
  signalCondition(structure(class = c(class, "immediateCondition", "condition"),
                            list(message = message, call = NULL)))
}

# The error of a future that has none of its own: without what future adds, which differs each time,
# and the worker's number.
lomp_words <- function(error) gsub("pid [0-9]+", "pid <number>", error[["message"]])

# Looks without waiting until it is over.
until_resolved <- function(...) {
  futures <- list(...)
  expect_true(wait_until(all(vapply(futures, future::resolved, NA))))
}
