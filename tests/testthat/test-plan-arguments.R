# A call's arguments are checked before anything is begun.

# These take too long for each of CRAN's machines.
skip_on_cran()

f <- function(i, ...) i

test_that("what is no vector is refused", {
  expect_argument_error(lomp_map(sum, f), ".x")
  expect_argument_error(lomp_map(function(x) x, f), ".x")
  expect_argument_error(lomp_map(getDLLRegisteredRoutines("stats")$.Call$cutree$address, f), ".x")
  expect_argument_error(lomp_map(.f = f), ".x")
  expect_argument_error(lomp_map(), ".x")
})

setClass("LompPoint", representation(x = "numeric"), where = globalenv())
registerS3method("as.list", "lomp_broken", function(x, ...) stop("it is broken"))
registerS3method("as.list", "lomp_strange", function(x, ...) sum)
registerS3method("as.list", "lomp_place", function(x, ...) globalenv())

test_that("an object whose as.list() fails or gives no list is refused", {
  cnd <- expect_argument_error(lomp_map(structure(1, class = "lomp_broken"), f), ".x")
  expect_match(conditionMessage(cnd), "it is broken", fixed = TRUE)
  expect_argument_error(lomp_map(new("LompPoint", x = 1), f), ".x")
  expect_argument_error(lomp_map(structure(1, class = "lomp_strange"), f), ".x")
  expect_argument_error(lomp_map(structure(1, class = "lomp_place"), f), ".x")
})

test_that("what is no function is refused", {
  expect_argument_error(lomp_map(1:3, 5), ".f")
  expect_argument_error(lomp_map(1:3, NULL), ".f")
  expect_argument_error(lomp_map(1:3, NA), ".f")
  expect_argument_error(lomp_map(1:3, list(f)), ".f")
  expect_argument_error(lomp_map(1:3, c("sum", "mean")), ".f")
  expect_argument_error(lomp_map(1:3, "no_such_function"), ".f")
  expect_argument_error(lomp_map(1:3, no_such_function), ".f")
  expect_argument_error(lomp_map(1:3, quote(no_such_function)), ".f")
  expect_argument_error(lomp_map(1:3, letters), ".f")
  expect_argument_error(lomp_map(1:3), ".f")
})

test_that("an error in the caller's own expression stays what it is", {
  cnd <- structure(class = c("lomp_own", "error", "condition"),
                   list(message = "can't read it", call = NULL))
  own <- function() stop(cnd)
  for (workers in all_workers) {
    expect_error(lomp_map(own(), f, .workers = workers), "^can't read it$", class = "lomp_own")
    expect_error(lomp_map(1:3, own(), .workers = workers), "^can't read it$", class = "lomp_own")
    expect_error(lomp_map(1:3, f, .workers = own()), "^can't read it$", class = "lomp_own")
  }
  expect_error(lomp_map(no_such_object, f), "^object 'no_such_object' not found$")
})

test_that("a number of workers that makes no sense is refused", {
  wrong <- list(
    -1, NA, NA_integer_, NA_real_, 1.5, Inf, -Inf, NaN, 1e6, 10001, 1e300, "2", "many", 1:2, NULL,
    numeric(), TRUE, list(2), factor(2), 2i, sum, quote(a), as.Date("2024-01-01"), matrix(1, 2, 2)
  )
  for (workers in wrong) expect_argument_error(lomp_map(1:3, f, .workers = workers), ".workers")
})

test_that("a number of workers may be of any numeric type", {
  for (workers in list(2L, 2, c(two = 2), -0, structure(1, class = "lomp_unknown"))) {
    expect_identical(lomp_map(1:3, f, .workers = workers), list(1L, 2L, 3L))
  }
})

test_that("no more workers are used than there are items", {
  plan <- new_plan(list(1, 2), 10000, "stop")
  expect_identical(plan$workers, 2L)
  expect_identical(new_plan(list(), 5, "stop")$workers, 0L)
})

test_that("a wrong .on_error is refused", {
  wrong <- list("collct", "st", "", NA_character_, NA, 1, NULL, TRUE, character(), list("stop"),
                c("collect", "stop"), c("stop", "stop"))
  for (on_error in wrong) {
    expect_argument_error(lomp_map(1:3, f, .on_error = on_error), ".on_error")
  }
})

test_that("a misspelt argument of lomp's is refused, and the right one is named", {
  meant <- c(
    .worker = ".workers", .work = ".workers", .w = ".workers", .workerss = ".workers",
    .wokers = ".workers", .workres = ".workers", .Workers = ".workers", ..workers = ".workers",
    .on_eror = ".on_error", .on.error = ".on_error", .onerror = ".on_error", .on = ".on_error",
    .o = ".on_error", .on_errors = ".on_error", .xs = ".x", .fn = ".f", .fun = ".f"
  )
  for (name in names(meant)) {
    arguments <- stats::setNames(list(1:3, f, 2), c("", "", name))
    cnd <- expect_argument_error(do.call(lomp_map, arguments), name)
    expect_match(conditionMessage(cnd), paste0("did you mean `", meant[[name]], "`?"), fixed = TRUE)
  }
})

test_that("a misspelt argument is refused whatever the function is", {
  expect_argument_error(lomp_map(1:3, sum, .worker = 2), ".worker")
  expect_argument_error(lomp_map(list(1:3), "[[", .worker = 2), ".worker")
  expect_argument_error(lomp_map(1:3, function(i) i, .worker = 2), ".worker")
  expect_argument_error(lomp_map(1:3, function(i, .workers) i, .worker = 2), ".worker")
})

test_that("a dotted name is the function's if it knows it or if it's far from lomp's", {
  expect_silent(check_dots(function(i, .worker, .on_eror) i, c("", "list", ".worker", ".on_eror")))
  expect_silent(check_dots(f, c("", "", ".data", ".encoding", ".envir", ".on_exit", "worker")))
  expect_silent(check_dots(sum, NULL))
  expect_silent(check_dots(`[[`, c("", "exact")))
})

test_that("the first wrong argument is told even if there is no item", {
  expect_argument_error(lomp_map(list(), f, .workers = -1), ".workers")
  expect_argument_error(lomp_map(NULL, f, .on_error = "never"), ".on_error")
  expect_argument_error(lomp_map(NULL, 5), ".f")
  expect_argument_error(lomp_map(NULL, f, .worker = 1), ".worker")
})

# What lapply() and the others make of an argument that fails: the value, or the error that the item
# saw, and the warnings.
what_comes_of <- function(code) {
  value <- NULL
  warnings <- warnings_of(value <- tryCatch(code, error = function(cnd) cnd))
  if (inherits(value, "lomp_error")) value <- value$parent
  list(value = value, warnings = vapply(warnings, conditionMessage, ""))
}

runs_of <- list(
  map = function(.x, .f, ..., workers) lomp_map(.x, .f, ..., .workers = workers),
  iterate = function(.x, .f, ..., workers) {
    as.list(lomp_iterate(.x, .f, ..., .workers = workers, .ordered = TRUE))
  }
)

test_that("an argument in `...` that fails is an error where it is used, without a warning", {
  unused <- function(x, ...) x
  used <- function(x, ...) list(x, ...)
  given_up <- function(x, a) tryCatch(a, error = function(cnd) conditionMessage(cnd))
  for (run in runs_of) {
    for (workers in 0:2) {
      expect_identical(what_comes_of(run(1:3, unused, stop("no"), workers = workers)),
                       what_comes_of(lapply(1:3, unused, stop("no"))))
      failed <- what_comes_of(run(1:3, used, 1, stop("no"), workers = workers))
      expected <- what_comes_of(lapply(1:3, used, 1, stop("no")))
      expect_identical(failed$warnings, expected$warnings)
      expect_identical(conditionMessage(failed$value), conditionMessage(expected$value))
      caught <- what_comes_of(run(1:4, given_up, stop("no"), workers = workers))
      expect_identical(caught, list(value = as.list(rep("no", 4)), warnings = character()))
    }
  }
})

test_that("an argument that fails is the error where warnings are errors", {
  with_options(list(warn = 2), {
    for (run in runs_of) {
      for (workers in 0:2) {
        failed <- what_comes_of(run(1:2, function(x, a) a, stop("no"), workers = workers))
        expect_identical(conditionMessage(failed$value), "no")
      }
    }
  })
})

test_that("what items say of their own promises is said, and what fails may warn, too", {
  f <- function(x, a) {
    own <- function(p) {
      try(p, silent = TRUE)
      try(p, silent = TRUE)
    }
    own(stop("own"))
    x
  }
  said <- "restarting interrupted promise evaluation"
  expect_identical(what_comes_of(lapply(1:2, f, 1))$warnings, rep(said, 2))
  fail_with_warning <- function(x, a) tryCatch(a, error = function(cnd) x)
  for (run in runs_of) {
    for (workers in 0:2) {
      expect_identical(what_comes_of(run(1:2, f, 1, workers = workers))$warnings, rep(said, 2))
      again <- what_comes_of(run(1, fail_with_warning, {
        warning("look out")
        stop("no")
      }, workers = workers))
      expect_identical(again, list(value = list(1), warnings = rep("look out", 2)))
    }
  }
})

test_that("an argument's description is short", {
  long <- strrep("long", 1e4)
  cnd <- expect_argument_error(lomp_map(1:3, f, .on_error = long), ".on_error")
  expect_lt(nchar(conditionMessage(cnd)), 300)
  cnd <- expect_argument_error(do.call(lomp_map, list(1:3, datasets::iris)), ".f")
  expect_lt(nchar(conditionMessage(cnd)), 500)
})

test_that("messages on arguments read well", {
  expect_messages(
    caught(lomp_map(sum, f)),
    caught(lomp_map(.f = f)),
    caught(lomp_map(new("LompPoint", x = 1), f)),
    caught(lomp_map(structure(1, class = "lomp_strange"), f))
  )
  expect_messages(
    caught(lomp_map(1:3)),
    caught(lomp_map(1:3, 5)),
    caught(lomp_map(1:3, "no_such_function")),
    caught(lomp_map(1:3, no_such_function))
  )
  expect_messages(
    caught(lomp_map(1:3, f, .workers = -1)),
    caught(lomp_map(1:3, f, .workers = NULL)),
    caught(lomp_map(1:3, f, .workers = 1:2)),
    caught(lomp_map(1:3, f, .workers = "two")),
    caught(lomp_map(1:3, f, .workers = sum)),
    caught(lomp_map(1:3, f, .on_error = "never")),
    caught(lomp_map(1:3, f, .worker = 2))
  )
})
