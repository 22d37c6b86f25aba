# What is done to the one vector of a call's results at its end.

set_missing <- getFromNamespace("vector_set_missing", "lomp")
set_shape <- getFromNamespace("vector_set_shape", "lomp")
first_misfit <- getFromNamespace("first_misfit", "lomp")

test_that("places without a result are missing, and no others", {
  missing <- list(NA, NA_integer_, NA_real_, NA_complex_, as.raw(0))
  full <- list(rep(TRUE, 6), 1:6 + 0L, 1:6 + 0.5, 1:6 + 1i, as.raw(1:6))
  for (k in seq_along(full)) {
    vector <- rev(full[[k]])
    set_missing(vector, c(1, 3), 2)
    expect_identical(is.na(vector), if (k == 5) logical(6) else rep(c(TRUE, FALSE, TRUE), each = 2))
    expect_identical(vector[3:4], rev(full[[k]])[3:4])
    if (k == 5) expect_identical(vector[c(1, 2, 5, 6)], raw(4))
  }
  vector <- c(1, 2, 3)
  set_missing(vector, numeric(), 1)
  set_missing(vector, 2, 0)
  expect_identical(vector, c(1, 2, 3))
})

test_that("a shape is dimensions, and names or none", {
  vector <- c(1, 2, 3, 4)
  set_shape(vector, c(2L, 2L), list(c("a", "b"), NULL), NULL)
  expect_identical(vector, matrix(c(1, 2, 3, 4), 2, dimnames = list(c("a", "b"), NULL)))
  vector <- c(1, 2)
  set_shape(vector, NULL, NULL, c("a", "b"))
  expect_identical(vector, c(a = 1, b = 2))
})

test_that("the first of some elements that doesn't fit is found", {
  list <- list(1, "a", 3L, TRUE, c(1, 2))
  expect_identical(first_misfit(list, c(1, 3, 4), 0), 0)
  expect_identical(first_misfit(list, c(1, 2, 3), 0), 2)
  expect_identical(first_misfit(list, c(4, 5), 0), 5)
  expect_identical(first_misfit(list, c(3, 1), 0L), 1)
  expect_identical(first_misfit(list, numeric(), 0), 0)
})
