# The calls of conditions are the user's own, or none.

# A function that calls nothing signals in the name of who has called it.
signals <- list(stop, function(x) stop(simpleError("x", sys.call(-1))))

test_that("an error has no call of lomp's own", {
  for (workers in all_workers) {
    for (f in signals) {
      for (cnd in list(
        caught(lomp_map(1:3, f, .workers = workers)),
        caught(as.list(lomp_iterate(1:3, f, .workers = workers)))
      )) {
        expect_null(conditionCall(cnd$parent))
        expect_no_match(conditionMessage(cnd), "\nin ", fixed = TRUE)
      }
    }
  }
})

test_that("neither has a warning or a message", {
  for (workers in all_workers) {
    for (use in list(function(f) lomp_map(1:3, f, .workers = workers),
                     function(f) as.list(lomp_iterate(1:3, f, .workers = workers)))) {
      warnings <- warnings_of(use(warning))
      expect_length(warnings, 3)
      for (cnd in warnings) expect_null(conditionCall(cnd))
    }
  }
})

test_that("a call of an item's own is kept, though it's like one of lomp's", {
  fail <- function(i) tryCatch(stop("boom"), warning = identity)
  warn <- function(i) tryCatch(warning("w"), error = identity)
  own <- quote(doTryCatch(return(expr), name, parentenv, handler))
  for (workers in all_workers) {
    expect_identical(conditionCall(caught(lomp_map(1:2, fail, .workers = workers))$parent), own)
    for (cnd in warnings_of(lomp_map(1:2, warn, .workers = workers))) {
      expect_identical(conditionCall(cnd), own)
    }
  }
})

test_that("a condition that is no list is left as it is", {
  cnd <- structure("text", class = c("odd", "condition"))
  expect_identical(without_own_call(cnd, character()), cnd)
})

# R >= 4.6 tells the call further out.
told_call <- function(call) {
  like <- function(x, f) x
  own <- quote(like(x = no_such_object, f = 1))
  if (identical(conditionCall(caught(eval(own))), own)) call else quote(eval(call))
}

test_that("errors in the expressions of arguments tell the caller's call", {
  for (lomp in c("lomp_map", "lomp_iterate")) {
    for (argument in c(".x", ".workers", ".on_error", ".timeout", ".progress", ".last")) {
      last <- c(lomp_map = ".redo", lomp_iterate = ".ordered")[[lomp]]
      if (argument == ".last") argument <- last
      call <- as.call(c(as.name(lomp), list(.x = 1:3, .f = quote(identity), .workers = 0)))
      call[[argument]] <- quote(no_such_object)
      expect_identical(conditionCall(caught(eval(call))), told_call(call))
    }
  }
})

test_that("a producer and a progress function are called by the names that the caller gave them", {
  produce <- function() {
    warning("made")
    lomp_done()
  }
  progress <- function(done, total) warning("told")
  for (workers in all_workers) {
    warnings <- warnings_of(lomp_map(produce, identity, .workers = workers))
    expect_identical(conditionCall(warnings[[1]]), quote(.x()))
    warnings <- warnings_of(lomp_map(1, identity, .workers = workers, .progress = progress))
    expect_identical(conditionCall(warnings[[1]]), quote(.progress(done, total)))
  }
  closing <- function(close = FALSE) if (close) warning("closed") else lomp_done()
  warnings <- warnings_of(lomp_map(closing, identity, .workers = 1))
  expect_identical(conditionCall(warnings[[1]]), quote(.x(close = TRUE)))
})
