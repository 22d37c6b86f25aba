# What was probably meant where there are no items, or no function.

f <- function(i) i

test_that("items and functions under other names are told by the names that were given", {
  for (lomp in list(lomp_map, lomp_iterate)) {
    for (name in names(other_names)[other_names == ".x"]) {
      given <- structure(list(1:3, f), names = c(name, ".f"))
      cnd <- expect_argument_error(do.call(lomp, given), ".x")
      expect_match(conditionMessage(cnd), paste0("`", name, "` was given"), fixed = TRUE)
    }
    for (name in names(other_names)[other_names == ".f"]) {
      cnd <- expect_argument_error(do.call(lomp, structure(list(1:3, f), names = c("", name))),
                                   ".f")
      expect_match(conditionMessage(cnd), paste0("`", name, "` was given"), fixed = TRUE)
    }
  }
})

test_that("a function that has such a name as an argument has it", {
  expect_identical(lomp_map(1:3, function(i, FUN) FUN(i), FUN = sqrt), lapply(1:3, sqrt))
})

test_that("a formula is refused with the function that would do", {
  said <- function(code) conditionMessage(expect_argument_error(lomp_map(1:3, code), ".f"))
  expect_match(said(~ .x + 1), "write \\(x) x + 1", fixed = TRUE)
  expect_match(said(~ mean(., trim = 0.1)), "write \\(x) mean(x, trim = 0.1)", fixed = TRUE)
  expect_match(said(~ ..1[["a"]]), "write \\(x) x[[\"a\"]]", fixed = TRUE)
  expect_match(said(~ 5), "write \\(x) 5", fixed = TRUE)
})

test_that("a formula's function is only given where it would do the same", {
  x <- 1
  for (code in list(y ~ .x, ~ .x + .y, ~ .x + x, ~ lapply(.x, ~ .x), ~ f(...),
                       ~ sapply(.x, function(.x) 1), ~ {
                         .x
                         1
                       })) {
    expect_match(conditionMessage(expect_argument_error(lomp_map(1:3, code), ".f")),
                 "write \\(x) and what is to be done with x", fixed = TRUE)
  }
})

test_that("a function for the items and items for the function ask whether they were swapped", {
  asks <- function(code) {
    grepl("did you swap", conditionMessage(expect_argument_error(code, ".f")))
  }
  for (lomp in list(lomp_map, lomp_iterate)) {
    expect_true(asks(lomp(f, 1:3)))
    expect_true(asks(lomp(sqrt, list(1))))
    expect_true(asks(lomp("sqrt", 1:3)))
    expect_true(asks(lomp(f, 5)))
    expect_true(asks(lomp(f, "no_such_function")))
    expect_true(asks(lomp(function() 1, letters)))

    expect_false(asks(lomp(1:3, 4)))
    expect_false(asks(lomp("no_such_function", 1:3)))
    expect_false(asks(lomp(function() lomp_done(), "no_such_function")))
    expect_false(asks(lomp(function() lomp_done(), no_such_function)))
  }
})

test_that("a producer with a function is no mistake", {
  expect_identical(lomp_map(function() lomp_done(), f), list())
  expect_identical(lomp_map(function() lomp_done(), "f"), list())
})

test_that("the function's expression is evaluated once, though it gives none", {
  evaluated <- 0
  expect_argument_error(lomp_map(1:3, {
    evaluated <- evaluated + 1
    5
  }), ".f")
  expect_identical(evaluated, 1)
  expect_silent(expect_argument_error(lomp_map(1:3, no_such_function), ".f"))
})

test_that("messages on what was meant read well", {
  expect_messages(
    caught(lomp_map(X = 1:3, FUN = f)),
    caught(lomp_map(X = 1:3, f)),
    caught(lomp_map(1:3, FUN = f)),
    caught(lomp_iterate(x = 1:3, f = f)),
    caught(lomp_map(1:3, .fun = f)),
    caught(lomp_map(.l = list(1:3, 1:3), .f = f))
  )
  expect_messages(
    caught(lomp_map(1:3, ~ .x + 1)),
    caught(lomp_iterate(1:3, ~ .x + .y)),
    caught(lomp_map(f, 1:3)),
    caught(lomp_map("sqrt", list(1, 2))),
    caught(lomp_map(1:3, quote(f(x)))),
    caught(lomp_map(1:3, sqrt(4)))
  )
  expect_messages(caught(lomp_map(1:3, function(i, .x) i + .x, .x = 5)))
})

test_that("a function that is a further argument isn't meant where another one was named", {
  cnd <- expect_argument_error(lomp_map(1:3, "no such function", mean), ".f")
  expect_no_match(conditionMessage(cnd), "own arguments")
})
