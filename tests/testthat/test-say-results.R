# Results that conditions have when they are asked for.

fail_at <- function(bad) function(i) if (i == bad) stop("no ", bad) else i

failure_of <- function(n, bad) caught(lomp_vapply(seq_len(n), fail_at(bad), 0L, .workers = 0))

test_that("a list of the results isn't made before it is looked at, and then once", {
  made <- 0
  list_of_vector <- getFromNamespace("list_of_vector", "lomp")
  counting <- function(...) {
    made <<- made + 1
    list_of_vector(...)
  }
  with_lomp("list_of_vector", counting, {
    cnd <- failure_of(1000, 900)
    expect_match(conditionMessage(cnd), "899 of 1000 finished", fixed = TRUE)
    utils::capture.output(print(cnd))
    expect_identical(made, 0)
    expect_length(cnd$results, 1000)
    expect_identical(cnd[["results"]][[899]], 899L)
    expect_identical(made, 1)
  })
})

test_that("other fields are found as in any list", {
  cnd <- failure_of(5, 3)
  expect_identical(cnd$item, 3)
  expect_identical(cnd[["item"]], 3)
  expect_identical(cnd[[1]], conditionMessage(cnd))
  expect_null(cnd$nothing)
  expect_null(cnd[["nothing"]])
  expect_true(all(c("item", "parent", "results") %in% names(cnd)))
})

test_that("the list has the result's dimensions and names", {
  cnd <- caught(lomp_vapply(c(a = 1, b = 2), function(x) {
    if (x == 2) stop("no")
    matrix(x, 2, 2, dimnames = list(c("p", "q"), NULL))
  }, matrix(0, 2, 2), .workers = 0))
  expect_identical(cnd$results$a, matrix(1, 2, 2, dimnames = list(c("p", "q"), NULL)))
  cnd <- caught(lomp_vapply(c(a = 1, b = 2), function(x) if (x == 2) stop("no") else c(x, x),
                            c(u = 0, v = 0), .workers = 0))
  expect_identical(cnd$results$a, c(u = 1, v = 1))
})

test_that("it stays as it was, whatever becomes of the vector", {
  result <- suppressWarnings(lomp_vapply(1:5, fail_at(3), 0L, .workers = 0,
                                         .on_error = "collect"))
  result[] <- 0L
  expect_identical(lomp_last()$results[-3], list(1L, 2L, 4L, 5L))
})

test_that("a failure that was saved goes on in another session", {
  file <- tempfile()
  on.exit(unlink(file))
  set.seed(8)
  expected <- lomp_vapply(1:5, function(i) rnorm(1), 0, .workers = 0)
  set.seed(8)
  saveRDS(caught(lomp_vapply(1:5, function(i) {
    value <- rnorm(1)
    if (i == 3) stop("no")
    value
  }, 0, .workers = 0)), file)
  run <- run_r(values = list(file = file), code = {
    library(lomp)
    give(lomp_vapply(1:5, function(i) rnorm(1), 0, .workers = 0, .redo = readRDS(file)))
  })
  expect_identical(run$value, expected)
})

test_that("summary() of a failure tells how much was finished", {
  lines <- utils::capture.output(print(summary(failure_of(5, 3))))
  expect_match(lines, "2 of 5 finished", all = FALSE, fixed = TRUE)
})

test_that("a condition with results keeps nothing else of its call", {
  items <- as.list(1:5)
  items[[1]] <- raw(1e7)
  cnd <- caught(lomp_vapply(items, function(x) if (is.raw(x)) stop("no") else x, 0L, .workers = 0))
  expect_lt(length(serialize(cnd, NULL)), 1e6)
})
