# What print() and summary() tell of an error.

check <- function(x) if (x > 1) stop("boom ", x) else x
logs <- function(x) log(check(x))

test_that("print() has the message, and where to find more, and gives its argument", {
  for (workers in all_workers) {
    cnd <- caught(lomp_map(c(a = 1, b = 2), logs, .workers = workers))
    output <- capture.output(value <- withVisible(print(cnd)))
    expect_false(value$visible)
    expect_identical(value$value, cnd)
    expect_identical(output[[1]], "<lomp_error> item 2 (\"b\"): boom 2")
    expect_match(output[[length(output)]], "summary()", fixed = TRUE)
  }
})

test_that("summary() has the item's calls and the whole message", {
  text <- strrep("long ", 1000)
  fail <- function(i) stop(text)
  for (workers in all_workers) {
    cnd <- caught(lomp_map(1:2, function(i) fail(i), .workers = workers))
    output <- capture.output(value <- withVisible(print(summary(cnd))))
    expect_false(value$visible)
    expect_s3_class(value$value, "summary.lomp_error")
    expect_true(text %in% output)
    for (call in cnd$calls) expect_true(any(endsWith(output, call)))
  }
})

test_that("an error of a call within an item is shown with its own calls, without lomp's", {
  inner <- function(i) lomp_map(1:3, logs, .workers = 0)
  for (workers in all_workers) {
    cnd <- caught(lomp_map(1:2, inner, .workers = workers))
    expect_identical(cnd$calls, c("FUN(X[[i]], ...)", "lomp_map(1:3, logs, .workers = 0)"))
    output <- capture.output(summary(cnd))
    expect_true("    3. stop(\"boom \", x)" %in% output)
  }
  inner <- function(i) lomp_map(function() 2, logs, .workers = 0)
  cnd <- caught(lomp_map(1:2, inner, .workers = 1))
  expect_identical(cnd$calls, c("FUN(X[[i]], ...)",
                                "lomp_map(function() 2, logs, .workers = 0)"))
})

test_that("elements of a collected list and errors of iterators are shown in the same way", {
  all <- suppressWarnings(lomp_map(1:2, logs, .workers = 1, .on_error = "collect"))
  expect_no_match(capture.output(summary(all[[2]])), "finished")
  it <- lomp_iterate(1:2, logs, .workers = 1)
  cnd <- caught(as.list(it))
  output <- capture.output(summary(cnd))
  expect_identical(output[[1]], "<lomp_error> item 2 failed")
  expect_identical(output[[length(output)]], "1 of 1 finished")
})

# Versions of testthat don't write longer code alike.
show_all <- function(conditions) {
  for (cnd in conditions) {
    print(cnd)
    print(summary(cnd))
  }
}

test_that("what is shown reads well", {
  killed <- c(pid = 7L, signal = 9L, status = NA, reason = 0L, errno = 0L, late = 0L)
  deep <- function(i) lomp_map(c(x = 2), logs, .workers = 0)
  conditions <- list(
    caught(lomp_map(c(a = 1, b = 2), logs, .workers = 0)),
    caught(lomp_map(1:2, deep, .workers = 0)),
    new_crash(2, killed, list(names = letters)),
    caught(lomp_map(function() stop("on fire"), logs, .workers = 0)),
    new_not_run(list())
  )
  expect_snapshot(show_all(conditions))
})
