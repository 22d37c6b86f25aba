# What C++ says of functions and names.

test_that("closures that R hasn't compiled are told from all others", {
  f <- function(x) x
  compiled_f <- compiler::cmpfun(f)
  traced <- structure(function(x) x, class = "traced")
  expect_true(is_uncompiled(f))
  for (other in list(compiled_f, sum, `if`, traced, "f", NULL)) expect_false(is_uncompiled(other))
})

test_that("an argument is found by its whole name", {
  f <- function(a, emit, ..., last = 1) NULL
  for (name in c("a", "emit", "...", "last")) expect_true(has_argument(f, name))
  for (name in c("e", "emits", "x")) expect_false(has_argument(f, name))
  expect_false(has_argument(function() emit, "emit"))
  expect_false(has_argument(sum, "x"))
  expect_true(has_argument(compiler::cmpfun(f), "emit"))
})

test_that("an object is the same as itself alone", {
  f <- function(x) x
  g <- f
  expect_true(is_same_object(f, g))
  expect_false(is_same_object(f, function(x) x))
  expect_true(is_same_object(NULL, NULL))
})

test_that("an expression has a value of its own, or an error, unless it names nothing", {
  here <- environment()
  expect_true(has_value(quote(no_such_function()), here))
  expect_true(has_value(quote(here), here))
  expect_true(has_value(quote(mean), here))
  expect_true(has_value(quote(here), new.env(parent = here)))
  expect_false(has_value(quote(no_such_thing), here))
  expect_false(has_value("mean", here))
  expect_false(has_value(quote(mean), emptyenv()))
})

test_that("to look for a variable doesn't evaluate it", {
  here <- environment()
  delayedAssign("lazy", stop("evaluated"))
  makeActiveBinding("active", function() stop("evaluated"), here)
  expect_true(has_value(quote(lazy), here))
  expect_true(has_value(quote(active), here))
})
