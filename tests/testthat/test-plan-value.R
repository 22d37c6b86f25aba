# What values have to be, as far as that can be told before anything is begun.

f <- function(i) i

test_that("a prototype that is no vector is refused", {
  person <- methods::setClass("person_of_test", representation(name = "character"))
  on.exit(methods::removeClass("person_of_test"))
  for (value in list(NULL, sum, quote(a), quote(a + b), globalenv(), person(name = "a"),
                     expression(a), y ~ x)) {
    expect_argument_error(lomp_vapply(1:3, f, value), ".value")
  }
  expect_messages(
    caught(lomp_vapply(1:3, f, NULL)),
    caught(lomp_vapply(1:3, f, sum)),
    caught(lomp_vapply(1:3, f, globalenv())),
    caught(lomp_vapply(1:3, f)),
    caught(lomp_vapply(1:3)),
    caught(lomp_vapply()),
    caught(lomp_vapply(1:3, f, 0, .use_names = NA)),
    caught(lomp_vapply(1:3, function(i, emit) emit(i), 0))
  )
})

test_that("other arguments are checked as lomp_map()'s", {
  expect_argument_error(lomp_vapply(1:3, f, 0, .workers = -1), ".workers")
  expect_argument_error(lomp_vapply(1:3, f, 0, .on_error = "go on"), ".on_error")
  expect_argument_error(lomp_vapply(1:3, f, 0, .timeout = 0), ".timeout")
  expect_argument_error(lomp_vapply(1:3, f, 0, .use_names = "yes"), ".use_names")
  expect_argument_error(lomp_vapply(1:3, f, 0, .redo = list(1)), ".redo")
  expect_argument_error(lomp_vapply(1:3, 7, 0), ".f")
  expect_argument_error(lomp_vapply(sum, f, 0), ".x")
  expect_error(lomp_vapply(1:3, f, stop("the caller's own")), "the caller's own")
})

test_that("an array has fewer than 2^31 columns", {
  items <- seq_len(2^31)
  expect_argument_error(lomp_vapply(items, f, c(0, 0)), ".x")
})

test_that("an object of a class of its own does as a prototype", {
  dates <- structure(c(1, 2), class = "Date")
  expect_identical(lomp_vapply(1:3, function(i) c(i, i), dates, .workers = 0),
                   vapply(1:3, function(i) c(i, i), dates))
  times <- as.POSIXlt(c("2024-01-01", "2024-01-02"), tz = "UTC")
  fields <- unclass(times)
  expect_identical(lomp_vapply(1:2, function(i) times, times, .workers = 0),
                   vapply(1:2, function(i) times, times))
  expect_identical(length(fields), nrow(lomp_vapply(1:2, function(i) times, times, .workers = 0)))
})
