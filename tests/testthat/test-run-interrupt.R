# Tells the session to stop at one item, and goes on.

# Iterators of other files that nobody holds any more end their workers here.
invisible(gc())
stopping <- function(session, at) {
  force(session)
  function(i) {
    if (i == at) tools::pskill(session, tools::SIGINT)
    i
  }
}

counter <- function(most) {
  at <- 0
  function() if (at < most) at <<- at + 1 else lomp_done()
}

# As a user's code hangs, until it is interrupted: by itself here.
hang <- function(...) {
  tools::pskill(Sys.getpid(), tools::SIGINT)
  for (k in 1:1000) Sys.sleep(0.01)
  stop("it was not left by the interrupt")
}

caught <- function(call) tryCatch(call, interrupt = function(cnd) cnd)

expect_interrupted <- function(cnd) {
  expect_s3_class(cnd, c("lomp_interrupt", "interrupt", "condition"), exact = TRUE)
  is_there <- lomp_ok(cnd$results)
  expect_identical(as.numeric(unlist(cnd$results[is_there])), as.numeric(which(is_there)))
  expect_length(children_left(), 0)
}

# The call's way out; if it is R's own interrupt, the calls within lomp_map() that it met.
interrupted_at <- function(call) {
  met <- NULL
  cnd <- caught(withCallingHandlers(call, interrupt = function(cnd) {
    calls <- utils::head(sys.calls(), -1)
    within <- Position(function(call) identical(call[[1]], quote(lomp_map)), calls, right = TRUE)
    met <<- utils::tail(calls, -within)
  }))
  list(cnd = cnd, calls = met)
}

# R calls a handler itself, not its name; nothing of lomp's is called in this way.
is_in_handler <- function(calls) any(vapply(calls, function(call) is.function(call[[1]]), NA))

# The session has its hands full with results, conditions or a producer then, so the interrupt meets
# it anywhere.
test_that("an interrupt keeps what was finished, whatever the session is doing just then", {
  n <- 5000
  for (workers in c(0, 2)) {
    kept <- 0
    for (at in c(100, 1000, 1700, 2300, 3000)) {
      f <- stopping(Sys.getpid(), at)
      loud <- function(i) {
        warning("loud")
        f(i)
      }
      expect_interrupted(caught(lomp_map(counter(n), f, .workers = workers)))
      end <- interrupted_at(suppressWarnings(lomp_map(1:n, loud, .workers = workers)))
      # It is R's own only where it meets the handler of suppressWarnings(), which is the caller's.
      if (is_in_handler(end$calls)) {
        expect_s3_class(end$cnd, c("interrupt", "condition"), exact = TRUE)
      } else {
        expect_interrupted(end$cnd)
        kept <- kept + 1
      }
    }
    expect_gt(kept, 0)
  }
})

test_that("an interrupt leaves a producer, and ends the call", {
  for (workers in c(0, 2)) {
    count <- counter(10)
    producer <- function() if ((item <- count()) < 4) item else hang()
    cnd <- caught(lomp_map(producer, identity, .workers = workers))
    expect_interrupted(cnd)
    expect_lte(length(cnd$results), 3)
  }
})

test_that("an interrupt leaves a producer's way to close it", {
  producer <- function(close = FALSE) if (close) hang() else lomp_done()
  for (workers in c(0, 2)) {
    expect_interrupted(caught(lomp_map(producer, identity, .workers = workers)))
  }
})

# While one of those runs, handlers that were set up later are out of force: so R has it.
test_that("an interrupt leaves the caller's handlers as R's own, and no worker stays", {
  loud <- function(i) {
    if (i == 2) message("two")
    i
  }
  for (workers in c(0, 2)) {
    for (items in list(1:20, counter(20))) {
      cnd <- caught(withCallingHandlers(lomp_map(items, loud, .workers = workers), message = hang))
      expect_s3_class(cnd, c("interrupt", "condition"), exact = TRUE)
      expect_length(children_left(), 0)
    }
  }
})

test_that("an interrupt leaves the caller's progress function", {
  begins <- function(done, total) if (done == 0) hang()
  ends <- function(done, total) if (done > 0) hang()
  for (workers in c(0, 2)) {
    for (progress in list(begins, ends)) {
      expect_interrupted(caught(lomp_map(1:3, identity, .workers = workers, .progress = progress)))
    }
  }
})

test_that("an interrupt of the progress function ends the call early", {
  seen <- 0
  soon <- function(done, total) {
    seen <<- done
    if (done > 0) hang()
  }
  slow <- function(i) {
    Sys.sleep(0.01)
    i
  }
  for (workers in c(0, 2)) {
    for (items in list(1:1000, counter(1000))) {
      cnd <- caught(lomp_map(items, slow, .workers = workers, .progress = soon))
      expect_interrupted(cnd)
      expect_lt(sum(lomp_ok(cnd$results)), 500)
      if (workers == 0) expect_identical(as.numeric(sum(lomp_ok(cnd$results))), seen)
    }
  }
})

test_that("code that only signals something like an interrupt doesn't end the call", {
  like_one <- structure(class = c("interrupt", "condition"), list(message = "no", call = NULL))
  count <- counter(5)
  producer <- function() {
    signalCondition(like_one)
    count()
  }
  expect_identical(lomp_map(producer, identity, .workers = 2), as.list(as.numeric(1:5)))
})

test_that("an iterator gives R's own interrupt", {
  producer <- function() hang()
  it <- lomp_iterate(producer, identity, .workers = 2)
  expect_s3_class(caught(it()), c("interrupt", "condition"), exact = TRUE)
  expect_length(children_left(), 0)
})
