# The end of a call: vectors and arrays with places that have no result.

test_that("the places of what failed are missing in arrays, too", {
  fail <- function(x) if (x == 2) stop("no") else matrix(x, 2, 2)
  for (workers in c(0, 2)) {
    result <- suppressWarnings(lomp_vapply(c(a = 1, b = 2, c = 3), fail, matrix(0, 2, 2),
                                           .workers = workers, .on_error = "collect"))
    expected <- array(c(1, 1, 1, 1, NA, NA, NA, NA, 3, 3, 3, 3), c(2, 2, 3),
                      list(NULL, NULL, c("a", "b", "c")))
    expect_identical(result, expected)
  }
})

test_that("nothing but failures is nothing but missing values", {
  for (workers in c(0, 2)) {
    result <- suppressWarnings(lomp_vapply(1:3, function(i) stop("no"), c(x = 0, y = 0),
                                           .workers = workers, .on_error = "collect"))
    expect_identical(result, matrix(NA_real_, 2, 3, dimnames = list(c("x", "y"), NULL)))
    strings <- suppressWarnings(lomp_vapply(letters[1:2], function(x) stop("no"), "",
                                            .workers = workers, .on_error = "collect"))
    expect_identical(strings, c(a = NA_character_, b = NA_character_))
  }
})

test_that("names of elements are the first item's, and none where that has failed", {
  f <- function(i) if (i == 1) stop("no") else c(a = i, b = i)
  for (value in list(integer(2), numeric(2))) {
    result <- suppressWarnings(lomp_vapply(1:3, f, value, .workers = 0, .on_error = "collect"))
    expect_null(dimnames(result))
    expect_identical(dimnames(lomp_vapply(1:3, function(i) c(a = i, b = i), value, .workers = 0,
                                          .redo = lomp_last())), list(c("a", "b"), NULL))
  }
})

test_that("the vector isn't copied at the end", {
  is_same_object <- getFromNamespace("is_same_object", "lomp")
  set_shape <- getFromNamespace("vector_set_shape", "lomp")
  shaped <- NULL
  keeping <- function(vector, ...) {
    shaped <<- vector
    set_shape(vector, ...)
  }
  for (workers in c(0, 2)) {
    for (value in list(0L, c(0, 0), numeric(20000))) {
      f <- function(i) rep(i, length(value))
      result <- with_lomp("vector_set_shape", keeping, {
        lomp_vapply(c(a = 1L, b = 2L), f, value, .workers = workers)
      })
      expect_true(is_same_object(result, shaped))
    }
  }
})

test_that("what is left of earlier failures goes when a call returns all", {
  suppressWarnings(lomp_vapply(1:3, function(i) stop("no"), 0, .workers = 0,
                               .on_error = "collect"))
  expect_s3_class(lomp_last(), "lomp_collected")
  lomp_vapply(1:3, identity, 0, .workers = 0)
  expect_null(lomp_last())
})

test_that("a handler of the warning that leaves the call finds what was finished", {
  left <- tryCatch(lomp_vapply(1:3, function(i) if (i == 2) stop("no") else i, 0, .workers = 0,
                               .on_error = "collect"), warning = function(cnd) cnd)
  expect_identical(left$results[-2], list(1, 3))
  expect_s3_class(lomp_last(), "lomp_left")
  expect_identical(lomp_last()$results[-2], list(1, 3))
})
