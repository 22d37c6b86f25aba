skip_on_cran()

# Huge pages of this process, in KB, which results of so many items have taken.
huge_after <- function(n, f = function(i) i) {
  run <- run_r(values = list(n = n, f = f), code = {
    huge <- function() {
      lines <- grep("^AnonHugePages", readLines("/proc/self/smaps_rollup"), value = TRUE)
      sum(as.numeric(gsub("[^0-9]", "", lines)))
    }
    before <- huge()
    results <- lomp::lomp_map(seq_len(values$n), values$f, .workers = 1)
    give(huge() - before)
  })
  run$value
}

has_huge_pages <- function() {
  enabled <- lines_of("/sys/kernel/mm/transparent_hugepage/enabled")
  length(enabled) > 0 && !grepl("[never]", enabled, fixed = TRUE)
}

test_that("many results are in huge pages", {
  skip_if_not(has_huge_pages(), "no huge pages")
  skip_if_not(file.exists("/proc/self/smaps_rollup"), "no sums of mappings")
  skip_on_portable_build()
  # R has free cells for some 300,000 of them.
  expect_gt(huge_after(8e5), 16 * 1024)
  expect_lt(huge_after(8e5, function(i) NULL), 12 * 1024)
  expect_lt(huge_after(1e4), 4 * 1024)
})
