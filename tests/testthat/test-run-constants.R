# What is the same for all items of a call, as a file.

test_that("slices of the file are those of what was serialized", {
  object <- list(1:10, letters, mean)
  constants <- constants_of(object)
  parts <- lapply(seq(0, constants$bytes, 100), function(at) constants_slice(constants, at, 100))
  expect_identical(do.call(c, parts), serialize(object, NULL, xdr = FALSE))
  expect_identical(length(constants_slice(constants, constants$bytes, 5)), 0L)
  copy <- tempfile()
  writeBin(do.call(c, parts), copy)
  expect_identical(received_constants(copy), object)
  unlink(copy)
  drop_constants(constants)
  expect_false(file.exists(constants$path))
})

test_that("what is the same has the same hash, and other things have another", {
  hash <- function(object) {
    constants <- constants_of(object)
    on.exit(drop_constants(constants))
    constants$hash
  }
  expect_identical(hash(list(1, "a")), hash(list(1, "a")))
  expect_false(hash(list(1, "a")) == hash(list(1, "b")))
})

test_that("no file or connection is left where an object can't be written", {
  rest <- function() list(list.files(tempdir(), "^lomp_constants"), nrow(showConnections()))
  before <- rest()
  expect_error(constants_of(stop("no object")), "no object")
  expect_identical(rest(), before)
})
