skip_on_cran()

# What a worker finds of the heap that it was forked with, beside what was in use before.
heap_of_worker <- function(n, env = character()) {
  run <- run_r(values = list(n = n), env = env, code = {
    library(lomp)
    look <- function() {
      cells <- gc(full = FALSE)[1, ]
      status <- readLines("/proc/self/status")
      size <- as.numeric(gsub("[^0-9]", "", grep("^VmSize", status, value = TRUE)))
      c(used = cells[[1]], limit = cells[[3]], kb = size)
    }
    before <- look()
    results <- lomp_map(seq_len(values$n), function(i) if (i == 1) look() else i, .workers = 1)
    right <- identical(results[-1], as.list(seq_len(values$n))[-1])
    give(list(before = before, worker = results[[1]], right = right))
  })
  run$value
}

test_that("R's heap has room for many results before the fork, and nothing else is left of that", {
  skip_without_proc()
  heap <- heap_of_worker(8e5)
  expect_true(heap$right)
  expect_lt(heap$before[["limit"]], 8e5)
  expect_gt(heap$worker[["limit"]], heap$before[["used"]] + 8e5)
  expect_lt(heap$worker[["used"]], heap$before[["used"]] + 1e5)
  # The cells of the ballast took 40 MB.
  expect_lt(heap$worker[["kb"]], heap$before[["kb"]] + 20 * 1024)
})

test_that("where that would take far more than what is in use the heap stays as it is", {
  skip_without_proc()
  heap <- heap_of_worker(4e6)
  expect_true(heap$right)
  expect_lt(heap$worker[["limit"]], 2 * heap$before[["limit"]])
})
