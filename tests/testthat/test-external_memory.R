# R's books know large results: it collects those that were dropped as it would its own.

skip_unless_linux <- function() skip_if_not(file.exists("/proc/self/maps"), "no /proc")

# Mappings of results in this process.
mappings <- function() length(payload_mappings())

# The second collection drops what the first one found.
megabytes <- function() {
  gc()
  sum(gc()[, 2])
}

test_both_ways("R's books know the results, and forget them", {
  skip_unless_linux()
  gc()
  before <- megabytes()
  mapped <- mappings()
  x <- lomp_map(1:4, function(i) numeric(2e6), .workers = 2)
  expect_gt(megabytes() - before, 60)
  expect_identical(mappings() - mapped, 4L)
  rm(x)
  gc()
  expect_identical(mappings(), mapped)
  expect_lt(megabytes() - before, 10)
})

test_both_ways("results that are dropped don't pile up", {
  skip_on_cran()
  skip_unless_linux()
  run <- run_r(seconds = 120, code = {
    library(lomp)
    resident <- function() {
      lines <- readLines("/proc/self/status")
      as.numeric(gsub("[^0-9]", "", grep("^VmHWM", lines, value = TRUE))) / 1024
    }
    call <- function() lomp_map(1:4, function(i) rep(1, 1e6), .workers = 2)
    invisible(vapply(call(), sum, 0))
    once <- resident()
    for (k in 1:25) vapply(call(), sum, 0)
    give(c(once, resident()))
  })
  # 32 MB a call.
  expect_lt(diff(run$value), 3 * 32)
})

test_both_ways("a loop of calls has the results of two or three of them at a time", {
  skip_on_cran()
  skip_unless_linux()
  run <- run_r(seconds = 120, code = {
    library(lomp)
    mapped <- function() {
      lines <- grep("memfd:lomp|/lomp-", readLines("/proc/self/maps"), value = TRUE)
      ends <- strsplit(sub(" .*", "", lines), "-")
      sum(vapply(ends, function(e) diff(as.numeric(paste0("0x", e))), 0)) / 2^20
    }
    most <- 0
    for (k in 1:12) {
      results <- lomp_map(1:4, function(i) numeric(8e6) + i, .workers = 2)
      most <- max(most, mapped())
    }
    give(most)
  })
  # 244 MB a call.
  expect_lt(run$value, 3 * 244)
})

test_both_ways("results that are taken one by one don't let R look through its whole heap", {
  skip_on_cran()
  skip_unless_linux()
  run <- run_r(seconds = 120, code = {
    library(lomp)
    it <- lomp_iterate(1:100, function(i) numeric(1e6), .workers = 2)
    gcinfo(TRUE)
    while (!lomp_done(it())) NULL
    gcinfo(FALSE)
    give(TRUE)
  })
  # 800 MB came by. What is young goes by collections that R isn't asked to tell of.
  expect_true(run$value)
  expect_lt(sum(grepl("(level [12])", run$err)), 10)
})
