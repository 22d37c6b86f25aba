# Memory over time.

seen <- function(budget = NA_real_, ...) samples(1:3, 2e9, 1.9e9, c(1e8, 2e8, 3e8), 2L, budget)

test_that("lines are of what is known", {
  expect_identical(names(memory_lines(seen())$values), c("session", "shared", "private"))
  expect_identical(memory_lines(seen())$most, 2e9)
  expect_null(memory_lines(no_samples()))
  expect_null(memory_lines(seen()[1, ]))  # a point is no line
  unknown <- seen()
  unknown[c("shared", "private")] <- NA_real_
  expect_identical(names(memory_lines(unknown)$values), "session")
  unknown$session <- NA_real_
  expect_null(memory_lines(unknown))
})

test_that("while there are no workers nothing is shared", {
  before <- seen()
  before$workers <- c(0L, 2L, 2L)
  before$shared[[1]] <- 0
  lines <- memory_lines(before)
  expect_identical(is.na(lines$values$shared), c(TRUE, FALSE, FALSE))
  expect_identical(is.na(lines$values$private), c(TRUE, FALSE, FALSE))
  expect_false(anyNA(lines$values$session))
})

test_that("a budget is shown if it isn't far from what was taken, and told in any case", {
  near <- memory_lines(seen(3e9))
  expect_identical(near$most, 3e9)
  expect_true("budget" %in% names(near$values))
  far <- memory_lines(seen(5e10))
  expect_identical(far$most, 2e9)
  expect_false("budget" %in% names(far$values))
  expect_identical(keys_of_memory(far)$word[[4]], "budget of workers: 50 GB, not shown")
  expect_identical(keys_of_memory(near)$word[[4]], "budget of workers")
  expect_identical(keys_of_memory(memory_lines(seen()))$kind, c("session", "shared", "private"))
})

test_that("ticks are round numbers of their unit", {
  expect_identical(memory_ticks(3.3e9), c(0, 1, 2, 3, 4) * 1e9)
  expect_identical(memory_ticks(7e7), c(0, 20, 40, 60, 80) * 1e6)
  expect_gte(max(memory_ticks(9.99e11)), 9.99e11)
  expect_true(all(is.finite(memory_ticks(0))))
})
