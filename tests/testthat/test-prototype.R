# What values have to be, and how they are promoted.

# All types that are vectors, with a value of each.
values <- list(
  logical = c(TRUE, NA, FALSE), integer = c(1L, NA, -3L), double = c(0.5, NA, NaN),
  complex = c(1i, NA, 2), raw = as.raw(1:3), character = c("a", NA, "c"), list = list(1, "a", NULL)
)

test_that("the types that vapply promotes are promoted, and no others", {
  for (wanted in names(values)) {
    for (given in names(values)) {
      prototype <- vector(if (wanted == "double") "numeric" else wanted, 3)
      expected <- tryCatch(vapply(1:2, function(i) values[[given]], prototype),
                           error = conditionMessage)
      for (workers in c(0, 1)) {
        result <- tryCatch(
          lomp_vapply(1:2, function(i) values[[given]], prototype, .workers = workers),
          lomp_error = function(cnd) conditionMessage(cnd$parent)
        )
        expect_same(result, expected, paste(given, "as", wanted))
      }
    }
  }
})

test_that("single numbers are what vapply makes of them", {
  singles <- unlist(lapply(values[1:5], as.list), recursive = FALSE, use.names = FALSE)
  for (prototype in list(NA, 0L, 0, 0i)) {
    fits <- function(x) is.null(caught(vapply(1, function(i) x, prototype)))
    fitting <- Filter(fits, singles)
    expect_gt(length(fitting), 2)
    for (workers in c(0, 2)) {
      expect_same(lomp_vapply(fitting, identity, prototype, .workers = workers),
                  vapply(fitting, identity, prototype))
    }
  }
})

test_that("the length that counts is the object's own, whatever its class says", {
  two <- structure(list(1, 2), class = "of_two")
  registerS3method("length", "of_two", function(x) 7L)
  for (workers in c(0, 1)) {
    expect_identical(lomp_vapply(1:2, function(i) two, list(1, 2), .workers = workers),
                     vapply(1:2, function(i) two, list(1, 2)))
    cnd <- caught(lomp_vapply(1:2, function(i) two, vector("list", 7), .workers = workers))
    expect_match(conditionMessage(cnd$parent), "result is length 2", fixed = TRUE)
  }
})

test_that("names of extents that don't go with the array are the first item's error", {
  bad <- function(i) array(0, c(1, 2, 2), list("a", NULL, NULL))
  expect_error(vapply(1:2, bad, matrix(0, 2, 2)), "dimnames")
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_vapply(1:2, bad, matrix(0, 2, 2), .workers = workers))
    expect_s3_class(cnd, "lomp_error")
    expect_identical(cnd$item, 1)
    expect_identical(lomp_vapply(1:2, bad, matrix(0, 2, 2), .use_names = FALSE,
                                 .workers = workers),
                     vapply(1:2, bad, matrix(0, 2, 2), USE.NAMES = FALSE))
  }
})
