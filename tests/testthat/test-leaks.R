# Calls leave nothing behind, however they end and however many they are.

# These start many processes and take minutes.
skip_on_cran()

# Runs a call again and again in a script, and compares what it finds before and after.
run_repeated <- function(once, times) {
  run_r(values = list(once = once, times = times, faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    session <- Sys.getpid()
    call <- function() suppressWarnings(outcome_of(eval(once)))
    for (k in 1:5) outcome <- call()
    gc()
    before <- traces()
    memory <- private_megabytes()
    for (k in seq_len(times)) outcome <- call()
    gc()
    give(list(outcome = outcome, before = before, after = traces(),
              grown = private_megabytes() - memory))
  }, seconds = 120)
}

# R's own heap comes and goes by some MB; a buffer that is lost with each call adds up to more.
expect_nothing_left <- function(run) {
  expect_equal(run$value$after, run$value$before)
  expect_lt(run$value$grown, 20)
}

test_that("calls that succeed leave nothing behind", {
  skip_without_proc()
  run <- run_repeated(quote(
    lomp_map(1:20, function(i) if (i %% 10 == 0) rep(i, 2e4) else list(i, "a"), .workers = 2)
  ), 25)
  expect_length(run$value$outcome, 20)
  expect_nothing_left(run)
})

test_that("calls that fail leave nothing behind", {
  skip_without_proc()
  run <- run_repeated(quote(
    lomp_map(1:20, function(i) if (i == 7) stop("no") else i, .workers = 2)
  ), 25)
  expect_s3_class(run$value$outcome, "lomp_error")
  expect_nothing_left(run)
})

test_that("calls that lose workers leave nothing behind", {
  skip_without_proc()
  run <- run_repeated(quote(
    lomp_map(1:9, function(i) {
      file.create(tempfile("left"))
      if (i == 4) tools::pskill(Sys.getpid(), 9)
      if (i == 6) .C("fault_segv")
      unlink(list.files(tempdir(), "^left", full.names = TRUE))
      i
    }, .workers = 2, .on_error = "collect")
  ), 10)
  expect_s3_class(run$value$outcome[[4]], "lomp_crash")
  # Files are the items' own.
  run$value$before$files <- run$value$after$files <- NULL
  expect_nothing_left(run)
})

test_that("calls that are interrupted leave nothing behind", {
  skip_without_proc()
  run <- run_repeated(quote(
    lomp_map(1:4, function(i) {
      # One signal a call: another one might come after the call has ended with the first.
      if (i == 1) tools::pskill(session, tools::SIGINT)
      Sys.sleep(100)
    }, .workers = 2)
  ), 10)
  expect_s3_class(run$value$outcome, "interrupt")
  expect_nothing_left(run)
})

test_that("calls that no worker could be had for leave nothing behind", {
  skip_without_proc()
  run <- run_repeated(quote({
    .C("doom_children", 100L)
    outcome <- outcome_of(lomp_map(1:4, function(i) i, .workers = 2))
    .C("doom_children", 0L)
    outcome
  }), 10)
  expect_s3_class(run$value$outcome, "lomp_fork_error")
  expect_nothing_left(run)
})
