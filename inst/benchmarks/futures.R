#!/usr/bin/env Rscript
# What many small futures cost, by their plan, beside one call of lomp_map(), of which none is made
# for each item. Backends that aren't installed are left out.
#
#   Rscript futures.R [--n=200] [--rounds=3]     a table: medians, and ratios to lomp_map()

suppressPackageStartupMessages({
  library(lomp)
  library(future)
})

number_of <- function(name, default) {
  given <- grep(paste0("^--", name, "="), commandArgs(TRUE), value = TRUE)
  if (length(given) > 0) as.integer(sub(".*=", "", given[[1]])) else default
}

n <- number_of("n", 200L)
rounds <- number_of("rounds", 3L)

add_one <- function(i) i + 1

by_futures <- function(items) {
  unlist(value(lapply(items, function(i) future(add_one(i)))))
}

by_chunks <- function(items) unlist(future.apply::future_lapply(items, add_one))

# A plan's workers are there before the time begins.
with_plan <- function(make_plan, run) {
  function() {
    old <- make_plan()
    on.exit(plan(old))
    value(list(future(1), future(2)))
    time_of(run(seq_len(n)))
  }
}

# Processor time is that of this process and of children that it has waited for.
time_of <- function(code) {
  time <- system.time(result <- code)
  stopifnot(identical(result, seq_len(n) + 1))
  c(elapsed = time[["elapsed"]], processor = sum(time[c(1, 2, 4, 5)]))
}

lomp_plan <- function() plan(lomp_future, workers = 2)
has <- function(package) requireNamespace(package, quietly = TRUE)
ways <- list(
  lomp_map = function() time_of(unlist(lomp_map(seq_len(n), add_one, .workers = 2))),
  "future_lapply, lomp_future" = if (has("future.apply")) with_plan(lomp_plan, by_chunks),
  sequential = with_plan(function() plan(sequential), by_futures),
  lomp_future = with_plan(lomp_plan, by_futures),
  multicore = with_plan(function() plan(multicore, workers = 2), by_futures),
  multisession = with_plan(function() plan(multisession, workers = 2), by_futures),
  mirai_multisession = if (has("future.mirai")) {
    with_plan(function() plan(future.mirai::mirai_multisession, workers = 2), by_futures)
  }
)
ways <- Filter(is.function, ways)

# All ways in turn, since a machine isn't the same for long.
times <- lapply(seq_len(rounds), function(round) vapply(ways, function(way) way(), numeric(2)))
medians <- t(apply(simplify2array(times), c(1, 2), stats::median))
print(round(cbind(medians, ratio = medians[, "elapsed"] / medians["lomp_map", "elapsed"]), 3))
