# The backend that a plan's arguments make, and whether there is a future that has such a thing.

class_of_backend <- function(...) with_futures(class(future::plan("backend"))[[1]], ...)

test_that("one worker is one, but where lomp wouldn't fork by itself", {
  skip_without_future()
  expect_identical(class_of_backend(workers = 1), "LompFutureBackend")
  expect_identical(class_of_backend(workers = function() 1), "LompFutureBackend")
  with_options(list(mc.cores = 1L), {
    expect_identical(class_of_backend(workers = 1), "SequentialFutureBackend")
    expect_identical(class_of_backend(workers = I(1)), "LompFutureBackend")
    expect_identical(class_of_backend(workers = 2), "LompFutureBackend")
  })
})

test_that("future's own arguments of a plan are taken, and others warned of", {
  skip_without_future()
  with_futures(expect_false(future::plan("backend")$interrupts), interrupts = FALSE)
  with_futures(maxSizeOfObjects = 1e3, {
    large <- numeric(1e4)
    expect_s3_class(caught(value_of(sum(large))), "FutureError")
  })
  expect_warning(with_futures(NULL, timeot = 3), "unknown future argument")
})

test_that("a future that is too old, or not there, is an error of its own class", {
  skip_without_future()
  with_lomp("oldest_future", "999.1", {
    old <- caught(lomp_future())
    expect_s3_class(old, c("lomp_package_error", "error", "condition"), exact = TRUE)
    expect_identical(old$package, "future")
    old$message <- sub("[0-9.-]+ is installed", "<version> is installed", old$message)
  })
  expect_messages(old, caught(stop_package("plan(lomp_future)", "future")))
})

# Without the functions for which lomp has methods.
test_that("lomp and an old version of future load side by side, in any order", {
  run <- run_r(code = {
    dir.create("old/R", recursive = TRUE)
    writeLines(c("Package: future", "Version: 1.31.0", "Title: Old", "Description: Old.",
                 "License: none", "Author: A", "Maintainer: A <a@example.org>"), "old/DESCRIPTION")
    writeLines("export(value)", "old/NAMESPACE")
    writeLines("value <- function(...) UseMethod('value')", "old/R/value.R")
    dir.create("library")
    utils::install.packages("old", "library", repos = NULL, type = "source", quiet = TRUE)
    .libPaths(c("library", .libPaths()))
    for (order in list(c("future", "lomp"), c("lomp", "future"))) {
      for (package in order) loadNamespace(package)
      cat(tryCatch(lomp::lomp_future(), error = function(cnd) conditionMessage(cnd)), "\n")
      for (package in c("lomp", "future")) unloadNamespace(package)
    }
  })
  said <- paste("plan(lomp_future) needs the package future, from version 1.67.0 on, and 1.31.0 is",
                "installed")
  expect_identical(trimws(run$out), c(said, said))
  expect_length(run$err, 0)
})
