# What is kept of a failed call, and which elements are results.

fail_at <- function(bad, ...) function(i) if (i %in% bad) stop("no ", i, ...) else i

fail_in <- function(x, bad, ...) caught(lomp_map(x, fail_at(bad), ...))

test_that("results are told from conditions", {
  for (workers in all_workers) {
    results <- suppressWarnings(
      lomp_map(c(a = 1, b = 2, c = 3), fail_at(2), .workers = workers, .on_error = "collect")
    )
    expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE))
    expect_false(lomp_ok(results$b))
    expect_identical(unlist(results[lomp_ok(results)]), c(a = 1, c = 3))
  }
})

test_that("anything but a lomp_error is a result", {
  values <- list(NULL, NA, simpleError("a"), try(stop("b"), silent = TRUE), sum)
  expect_identical(lomp_ok(values), rep(TRUE, 5))
  expect_identical(lomp_ok(list()), logical())
  expect_identical(lomp_ok(NULL), logical())
  expect_identical(lomp_ok(1:3), rep(TRUE, 3))
})

test_that("all kinds of failures are no results", {
  loss <- c(pid = 1L, signal = 9L, status = NA, reason = 0L, errno = 0L, late = 0L,
              ran = 2500L)
  plan <- list(n = 3, names = NULL)
  failures <- list(new_item_error(1, NULL, plan), new_crash(2, loss, plan), new_not_run(list()),
                   new_fork_error(loss, plan))
  expect_identical(lomp_ok(failures), rep(FALSE, 4))
  expect_identical(lapply(failures, lomp_ok), rep(list(FALSE), 4))
  interrupted <- structure(class = c("lomp_interrupt", "interrupt", "condition"),
                           list(message = "interrupted", call = NULL, results = list(1, 2)))
  expect_false(lomp_ok(interrupted))
  expect_identical(lomp_ok(interrupted$results), c(TRUE, TRUE))
})

test_that("the last failure is kept until the next call", {
  for (workers in all_workers) {
    cnd <- fail_in(c(a = 1, b = 2, c = 3), 3, .workers = workers)
    expect_identical(lomp_last(), cnd)
    expect_identical(lomp_last()$item, 3)
    expect_identical(lomp_last()$name, "c")
    lomp_map(1, identity, .workers = workers)
    expect_null(lomp_last())
  }
})

test_that("a new failure takes the place of the last one, results and all", {
  for (workers in all_workers) {
    fail_in(1:3, 1, .workers = workers)
    first <- lomp_last()
    fail_in(1:4, 4, .workers = workers)
    expect_false(identical(lomp_last(), first))
    expect_length(lomp_last()$results, 4)
  }
})

# Who mistypes an argument of the call that is to go on must not lose what was finished.
test_that("a call that is refused leaves what there is", {
  fail_in(1:3, 2, .workers = 0)
  expect_argument_error(lomp_map(1:3, identity, .workers = -1), ".workers")
  expect_identical(lomp_last()$item, 2)
})

test_that("what is collected needs no keeping", {
  suppressWarnings(lomp_map(1:3, fail_at(2), .workers = 0, .on_error = "collect"))
  expect_null(lomp_last())
})

test_that("a call inside another one is not the last", {
  inner <- function(i) {
    caught(lomp_map(1:2, fail_at(i), .workers = 0))
    i
  }
  f <- function(i) if (i == 3) lomp_map(9, fail_at(9)) else i
  for (workers in all_workers) {
    lomp_map(1:2, inner, .workers = workers)
    expect_null(lomp_last())
    outer <- caught(lomp_map(1:3, f, .workers = workers))
    expect_identical(lomp_last(), outer)
    expect_identical(lomp_last()$item, 3)
    expect_identical(lomp_last()$parent$item, 1)
  }
})

test_that("lomp_ok() and lomp_item() say what they miss", {
  expect_argument_error(lomp_ok(), "results")
  expect_argument_error(lomp_item(), "it")
  expect_messages(caught(lomp_ok()))
})

test_that("a call left by a jump that is no error is well ended", {
  leave <- function(workers) lomp_map(1:2, function(i, y) i, return(), .workers = workers)
  for (workers in all_workers) {
    fail_in(1:3, 2, .workers = 0)
    callCC(function(k) lomp_map(1:2, function(i) k(i), .workers = 0))
    leave(workers)
    fail_in(1:3, 3, .workers = workers)
    expect_identical(lomp_last()$item, 3)
  }
})
