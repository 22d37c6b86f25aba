# A call's arguments are checked before anything is begun.

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
