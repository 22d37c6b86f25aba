skip_on_cran()

# The levels of R's own collections in this process while a call's results come, as R reports them:
# 0 for young objects, 2 for all. What gc() does isn't reported. Reports begin once the worker is
# there; a later one, which inherits them, ends its own.
levels_of <- function(items, f) {
  run <- run_r(values = list(items = items, f = f), code = {
    library(lomp)
    report <- compiler::cmpfun(function(done, total) if (done > 0 && done < total) gcinfo(TRUE))
    results <- lomp_map(values$items, values$f, .workers = 1, .progress = report)
    gcinfo(FALSE)
    give(identical(results, lapply(values$items, values$f)))
  })
  expect_true(run$value, info = told(run))
  said <- grep("level [0-2]", c(run$out, run$err), value = TRUE)
  as.integer(sub(".*level ([0-2]).*", "\\1", said))
}

# As slow as it takes for reports to begin before R's heap is full, which is so soon in a fresh R.
slow <- function(i) {
  gcinfo(FALSE)
  for (k in 1:40) k
  i
}

test_that("for many numbers R needn't look through its heap again and again before it grows", {
  expect_length(levels_of(seq_len(6e5), slow), 0)
})

test_that("where results are more than one cell R's own way is left alone", {
  pairs <- function(i) {
    gcinfo(FALSE)
    for (k in 1:40) k
    list(i, i)
  }
  expect_true(all(0:2 %in% levels_of(seq_len(5e5), pairs)))
})

test_that("many results of all kinds come as they are", {
  kinds <- list(1, 2L, NA, NULL, "a", list(1, "b"), c(x = 1), factor("u"), as.raw(3), 1i)
  mixed <- function(i) kinds[[1 + i %% 10]]
  items <- seq_len(2.5e5)
  expect_identical(lomp_map(items, mixed, .workers = 2), lapply(items, mixed))
})
