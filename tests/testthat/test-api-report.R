# What lomp_report() tells of real calls; how it reads is in test-say-report.R.

# These take too long for each of CRAN's machines.
skip_on_cran()

# Two workers are several, too, and each costs a fork.
all_workers <- c(0, 1, 2)

quietly <- function(code) suppressWarnings(tryCatch(code, error = function(cnd) cnd))

# So long an item is at work by the clock.
work_for <- function(seconds) {
  until <- proc.time()[["elapsed"]] + seconds
  while (proc.time()[["elapsed"]] < until) NULL
}

test_that("each item has a row, with or without workers", {
  for (workers in all_workers) {
    lomp_map(c(a = 0.02, b = 0.04, c = 0.01), work_for, .workers = workers)
    report <- lomp_report()
    expect_s3_class(report, "lomp_report", exact = TRUE)
    expect_identical(report$fun, "lomp_map")
    expect_identical(report$how, "finished")
    expect_identical(c(report$n, report$done, report$failed), c(3, 3, 0))
    expect_equal(report$workers_asked, workers)
    items <- report$items
    expect_identical(names(items)[1:3], c("index", "name", "worker"))
    expect_identical(items$index, c(1, 2, 3))
    expect_identical(items$name, c("a", "b", "c"))
    expect_true(all(items$outcome == "ok"))
    expect_true(all(items$results == 1))
    expect_true(all(items$run >= c(0.01, 0.03, 0)))  # proc.time() counts milliseconds, as it likes
    expect_true(all(items$start >= 0))
    expect_true(all(items$start + items$run <= report$seconds))
    expect_true(all(items$worker %in% if (workers == 0) 0L else seq_len(workers)))
    expect_equal(report$totals$run, sum(items$run), tolerance = 1e-5)
    # As a rule "b", unless a worker wasn't given a processor.
    slowest <- order(-items$run)
    expect_identical(as.integer(report$slowest$index), slowest)
    expect_identical(report$slowest$name, items$name[slowest])
  }
})

test_that("items of one worker don't overlap", {
  lomp_map(1:200, function(i) sum(rnorm(i)), .workers = 2)
  items <- lomp_report()$items
  for (lane in split(items, items[c("worker", "incarnation")], drop = TRUE)) {
    lane <- lane[order(lane$start), ]
    ends <- lane$start + lane$wait + lane$run
    # Ends are known to a microsecond.
    expect_true(all(utils::head(ends, -1) <= utils::tail(lane$start, -1) + 2e-6))
  }
})

test_that("processes have what they did, and why they ended", {
  lomp_map(1:20, function(i) work_for(0.005), .workers = 2)
  report <- lomp_report()
  workers <- report$workers
  expect_identical(workers$worker, seq_len(nrow(workers)))
  expect_true(all(workers$incarnation == 1L))
  expect_true(all(workers$why == "finished"))
  expect_identical(sum(workers$items), 20)
  expect_equal(sum(workers$run), report$totals$run, tolerance = 1e-5)
  expect_true(all(workers$busy >= 0 & workers$busy <= 1))  # one may get no item
  expect_true(all(workers$begin < workers$end))
  expect_true(all(workers$end <= report$seconds))
  expect_identical(report$totals$forks, as.numeric(nrow(workers)))
  expect_false(any(workers$pid == Sys.getpid()))
  skip_without_proc()
  expect_true(all(workers$faults > 0))
})

test_that("without workers there is this process", {
  lomp_map(1:3, identity, .workers = 0)
  workers <- lomp_report()$workers
  expect_identical(workers$worker, 0L)
  expect_identical(workers$pid, Sys.getpid())
  expect_identical(workers$items, 3)
  expect_identical(workers$why, "finished")
  expect_identical(workers$faults, NA_real_)  # the system counts them from the process's begin
  expect_identical(lomp_report()$totals$forks, 0)
})

test_that("the way of each result is known", {
  makers <- list(
    small = function() 1, large = function() numeric(1e5),
    strings = function() paste(seq_len(1e5)), both = function() list(numeric(1e5), mean)
  )
  lomp_map(makers, function(make) make(), .workers = 2)
  report <- lomp_report()
  expect_identical(as.character(report$items$way)[1:3], c("pipe", "mapped", "file"))
  expect_gte(report$items$bytes[[2]], 8e5)
  expect_gte(report$items$bytes[[3]], 1e5)
  expect_lt(report$items$bytes[[1]], 100)
  by_way <- tapply(report$items$bytes, report$items$way, sum, default = 0)
  expect_equal(report$totals$bytes[["mapped"]], by_way[["mapped"]])
  expect_equal(report$totals$bytes[["pipe"]], by_way[["pipe"]])
})

test_that("elements of one vector come by their ways, too", {
  lomp_vapply(1:4, function(i) as.numeric(i), 0, .workers = 2)
  expect_identical(lomp_report()$fun, "lomp_vapply")
  expect_identical(lomp_report()$totals$bytes, c(pipe = 32, mapped = 0, file = 0))
  lomp_vapply(1:4, function(i) numeric(1e5), numeric(1e5), .workers = 2)
  expect_identical(lomp_report()$totals$bytes, c(pipe = 0, mapped = 0, file = 4 * 8e5))
  expect_true(all(lomp_report()$items$way == "file"))
})

test_that("what failed is told apart", {
  # The limit is long enough for a crash on a busy machine, which would else be late as well.
  f <- function(i) {
    if (i == 2) stop("no")
    if (i == 4) tools::pskill(Sys.getpid(), tools::SIGKILL)
    if (i == 6) Sys.sleep(100)
    if (i == 8) {
      warning("one")
      message("two")
    }
    i
  }
  results <- suppressMessages(quietly(
    lomp_map(1:8, f, .workers = 2, .on_error = "collect", .timeout = 2)
  ))
  expect_length(results, 8)
  report <- lomp_report()
  outcome <- as.character(report$items$outcome)
  expect_identical(outcome, c("ok", "error", "ok", "crash", "ok", "timeout", "ok", "ok"))
  expect_identical(report$items$conditions, c(rep(0L, 7), 2L))
  expect_identical(report$totals[c("errors", "crashes", "timeouts", "conditions")],
                   list(errors = 1, crashes = 1, timeouts = 1, conditions = 2))
  expect_identical(report$failed, 3)
  expect_identical(report$how, "finished")
  expect_identical(sort(report$workers$why[report$workers$why != "finished"]),
                   c("crash", "timeout"))
  again <- duplicated(report$workers$worker)
  expect_identical(report$workers$incarnation > 1L, again)
  expect_gte(report$items$run[[6]], 1.6)
})

test_that("a call that ends early has a report", {
  quietly(lomp_map(1:100, function(i) if (i == 5) stop("no") else i, .workers = 2))
  report <- lomp_report()
  expect_identical(report$how, "failed")
  expect_identical(report$items$outcome[[5]], factor("error", levels(report$items$outcome)))
  expect_identical(nrow(report$items), 100L)
  expect_true(all(is.na(report$items$run[report$items$outcome == "not run"])))

  quietly(lomp_map(1:5, function(i) if (i == 3) stop("no") else i, .workers = 0))
  expect_identical(lomp_report()$how, "failed")
  expect_identical(as.character(lomp_report()$items$outcome),
                   c("ok", "ok", "error", "not run", "not run"))

  leave <- function(cnd) invokeRestart("away")
  withRestarts(
    withCallingHandlers(lomp_map(1:50, function(i) if (i == 2) message("go") else i, .workers = 2),
                        message = leave),
    away = function() NULL
  )
  expect_identical(lomp_report()$how, "left")

  stop_at_two <- function(i) if (i == 2) warning("go") else i
  caught <- tryCatch(lomp_map(1:3, stop_at_two, .workers = 0), warning = function(cnd) "away")
  expect_identical(caught, "away")
  report <- lomp_report()
  expect_identical(report$how, "left")
  expect_identical(as.character(report$items$outcome), c("ok", "unfinished", "not run"))
  expect_identical(c(report$done, report$failed), c(1, 0))
})

test_that("an interrupted call has a report", {
  run <- run_r(code = {
    library(lomp)
    f <- function(i) if (i == 2) tools::pskill(parent, tools::SIGINT) else if (i > 3) Sys.sleep(20)
    parent <- Sys.getpid()
    outcome <- outcome_of(lomp_map(1:10, f, .workers = 2))
    report <- lomp_report()
    give(list(class = class(outcome)[[1]], how = report$how, done = report$done,
              why = report$workers$why))
  })
  expect_identical(run$value$class, "lomp_interrupt")
  expect_identical(run$value$how, "interrupted")
  expect_gte(run$value$done, 1)
  expect_true("stopped" %in% run$value$why)
})

test_that("an iterator has a report at any time", {
  it <- lomp_iterate(1:6, count_up, .workers = 2)
  expect_identical(lomp_report()$how, "open")
  for (k in 1:4) it()
  expect_identical(lomp_report(it)$fun, "lomp_iterate")
  expect_true(anyNA(lomp_report(it)$workers$end))
  invisible(as.list(it))
  report <- lomp_report(it)
  expect_identical(report$how, "finished")
  expect_identical(report$items$results, as.numeric(1:6))
  expect_false(anyNA(report$workers$end))

  other <- lomp_iterate(1:3, identity, .workers = 1)
  lomp_map(1:2, identity, .workers = 1)
  expect_identical(lomp_report()$fun, "lomp_map")
  expect_identical(lomp_report(other)$fun, "lomp_iterate")
  other(close = TRUE)
  expect_identical(lomp_report(other)$how, "closed")
})

test_that("items in hand are told from those that weren't begun", {
  folder <- withr::local_tempdir()
  f <- function(i) {
    if (i == 1) return(i)
    file.create(file.path(folder, i))
    repeat Sys.sleep(1)
  }
  it <- lomp_iterate(c(a = 1, b = 2, c = 3, d = 4), f, .workers = 2)
  expect_identical(it(), 1)
  expect_true(wait_until(length(list.files(folder)) == 2))
  for (how in c("open", "closed")) {
    report <- lomp_report(it)
    expect_identical(report$how, how)
    outcome <- as.character(report$items$outcome)
    expect_identical(sort(outcome), c("not run", "ok", "unfinished", "unfinished"))
    expect_true(all(report$items$run[outcome == "unfinished"] > 0))
    expect_setequal(report$items$worker[outcome == "unfinished"], 1:2)
    expect_identical(report$done, 1)
    expect_identical(nrow(report$slowest), 1L)
    expect_output(print(report))
    it(close = TRUE)
  }
})

test_that("what a worker waits for just now is told", {
  withr::local_options(lomp.buffer = 1)
  it <- lomp_iterate(1:4, function(i) numeric(1e5), .workers = 1)
  it()
  expect_true(wait_until(lomp_report(it)$workers$wait_delivery > 0.05))
  it(close = TRUE)
  workers <- lomp_report(it)$workers
  expect_gt(workers$wait_delivery, 0.05)
  expect_lte(workers$wait_delivery, workers$end - workers$begin)
})

test_that("a report doesn't keep an iterator or results alive", {
  dropped <- FALSE
  local({
    big <- new.env()
    reg.finalizer(big, function(e) dropped <<- TRUE)
    lomp_map(list(big), function(x, y) 1, big, .workers = 1)
    NULL
  })
  it <- lomp_iterate(1:3, identity, .workers = 1)
  rm(it)
  gc()
  expect_true(dropped)
  expect_length(children_left(), 0)
  expect_identical(lomp_report()$how, "closed")
})

test_that("items of a stream are counted as they come", {
  source <- local({
    k <- 0
    function() if (k == 7) lomp_done() else k <<- k + 1
  })
  for (workers in c(0, 2)) {
    environment(source)$k <- 0
    it <- lomp_iterate(source, sqrt, .workers = workers)
    expect_identical(lomp_report(it)$n, NA_real_)
    expect_length(as.list(it), 7)
    report <- lomp_report(it)
    expect_identical(c(report$n, report$done), c(7, 7))
    expect_true(report$is_stream)
    expect_identical(report$items$index, as.numeric(1:7))
  }
  environment(source)$k <- 0
  withr::local_options(lomp.report_items = 5)
  lomp_map(source, sqrt, .workers = 2)
  report <- lomp_report()
  expect_true(report$is_binned)
  expect_identical(sum(report$items$items), 7)
  expect_identical(report$totals$results, 7)
})

test_that("of many items there are spans, and exact sums", {
  withr::local_options(lomp.report_items = 99)
  f <- function(i) {
    if (i == 50) work_for(0.02)
    if (i == 60) stop("no")
    i
  }
  x <- stats::setNames(1:100, paste("item", 1:100))
  for (workers in all_workers) {
    quietly(lomp_map(x, f, .workers = workers, .on_error = "collect"))
    report <- lomp_report()
    expect_true(report$is_binned)
    expect_null(report$items$name)
    expect_identical(c(sum(report$items$items), sum(report$items$failed)), c(100, 1))
    expect_identical(c(report$done, report$failed), c(100, 1))
    expect_equal(sum(report$items$run), report$totals$run)
    expect_equal(sum(report$workers$items), 100)
    expect_true("item 50" %in% report$slowest$name[1:2])
  }
  withr::local_options(lomp.report_items = 100)
  lomp_map(x[-60], f, .workers = 2)
  expect_false(lomp_report()$is_binned)
})

test_that("of many names those of the slowest items are kept", {
  withr::local_options(lomp.report_items = 5)
  lomp_map(stats::setNames(c(0, 0, 0.02, 0, 0, 0), letters[1:6]), work_for, .workers = 2)
  expect_identical(lomp_report()$slowest$name[[1]], "c")
  expect_null(the$traced$names)
  withr::local_options(lomp.report_items = 6)
  lomp_map(stats::setNames(c(0, 0, 0.02, 0, 0, 0), letters[1:6]), work_for, .workers = 2)
  expect_identical(the$traced$names, letters[1:6])
})

test_that("the option that bounds rows is checked", {
  withr::local_options(lomp.report_items = "many")
  expect_argument_error(lomp_map(1:2, identity, .workers = 2), "option lomp.report_items")
  withr::local_options(lomp.report_items = -1)
  expect_messages(caught(lomp_map(1:2, identity, .workers = 2)))
})

test_that("of a call that goes on there are the items that were run", {
  x <- c(a = 1, b = -1, c = 3, d = -2)
  f <- function(x) if (x < 0) stop("no") else sqrt(x)
  results <- quietly(lomp_map(x, f, .workers = 2, .on_error = "collect"))
  lomp_map(x, abs, .workers = 2, .redo = results)
  report <- lomp_report()
  expect_identical(as.data.frame(report)[c("index", "name")],
                   data.frame(index = c(2, 4), name = c("b", "d")))
  expect_identical(sort(report$slowest$name), c("b", "d"))
  expect_identical(report$slowest$index, 2 * match(report$slowest$name, c("b", "d")))
  expect_identical(report$n, 2L)
  quietly(lomp_map(x, f, .workers = 0, .redo = results))
  expect_identical(failed_items(lomp_report(), 1), "item 2 (\"b\"): error")
  lomp_map(x, abs, .workers = 2, .redo = list(1, 2, 3, 4))
  expect_identical(lomp_report()$n, 0L)
  expect_identical(as.data.frame(lomp_report())$name, character())
})

test_that("names are kept of a few items that are run of many, and of the slowest of more", {
  withr::local_options(lomp.report_items = 3)
  x <- stats::setNames(1:6, letters[1:6])
  fails <- function(i) if (i %in% c(2, 5)) stop("no")
  redo <- quietly(lomp_map(x, fails, .workers = 2, .on_error = "collect"))
  lomp_map(x, identity, .workers = 2, .redo = redo)
  expect_identical(lomp_report()$items$name, c("b", "e"))
  withr::local_options(lomp.report_items = 1)
  lomp_map(x, function(i) work_for(if (i == 5) 0.02 else 0), .workers = 2, .redo = redo)
  expect_true(lomp_report()$is_binned)
  expect_identical(unlist(lomp_report()$slowest[1, c("index", "name")], use.names = FALSE),
                   c("5", "e"))
})

test_that("a call within an item has no report of its own", {
  lomp_map(c(outer = 1), function(x) lomp_map(1:3, identity, .workers = 0), .workers = 0)
  expect_identical(lomp_report()$items$name, "outer")
  inner <- lomp_map(1:2000, function(i) {
    if (i == 1500) lomp_map(1:3, identity, .workers = 1)
    lomp_report()
  }, .workers = 1)
  expect_identical(lomp_report()$n, 2000L)
  expect_identical(unique(inner), list(NULL))
  nested <- lomp_map(1, function(i) lomp_iterate(1:2, identity, .workers = 0), .workers = 0)[[1]]
  expect_messages(caught(lomp_report(nested)))
  expect_messages(caught(lomp_report(1)))
})

test_that("the call is told in a line, without its data", {
  do.call(lomp_vapply, list(as.list(1:1000), identity, 0L, .workers = 0))
  expect_lt(nchar(lomp_report()$call), 300)
  expect_identical(lomp_report()$fun, "lomp_vapply")
  do.call("lomp_map", list(as.list(1:1000), quote(identity), .workers = 0))
  expect_match(lomp_report()$call, "lomp_map(`<list 1000>`", fixed = TRUE)
  lomp::lomp_map(1:3, identity, .workers = 0)
  expect_identical(lomp_report()$call, "lomp::lomp_map(1:3, identity, .workers = 0)")
  expect_identical(lomp_report()$fun, "lomp_map")
})

test_that("memory is sampled in calls that take long enough", {
  skip_without_proc()
  page <- lomp_map(1:2, function(i) {
    x <- numeric(4e6)
    Sys.sleep(0.6)
    length(x)
  }, .workers = 2)
  report <- lomp_report()
  expect_gte(nrow(report$memory), 1)
  expect_true(all(report$memory$time > 0 & report$memory$time <= report$seconds))
  expect_gt(max(report$memory$private), 30e6)
  expect_true(all(report$memory$session > 10e6))
  expect_gt(max(report$workers$private), 30e6)
  # A busy machine makes some of these long.
  has_no_samples <- function(try) {
    lomp_map(1:2, identity, .workers = 2)
    nrow(lomp_report()$memory) == 0
  }
  expect_false(is.na(Position(has_no_samples, 1:10)))
})

test_that("workers that were replaced are told from those that weren't", {
  skip_without_proc()
  withr::local_options(lomp.worker_memory = 50e6)
  begun <- numeric()
  kept <- NULL
  # Has 48 MB when its worker has lived for so much longer than its first item took that it may end.
  f <- function(i) {
    now <- proc.time()[["elapsed"]]
    begun <<- c(begun, now)
    Sys.sleep(0.005)
    is_old <- length(begun) > 1 && now - begun[[1]] > 40 * (begun[[2]] - begun[[1]])
    if (is_old && is.null(kept)) kept <<- numeric(6e6) + i
    i
  }
  # It may be found that items need more than that, and then none is replaced.
  for (attempt in 1:5) {
    lomp_map(1:150, f, .workers = 1)
    report <- lomp_report()
    if (any(report$workers$why == "memory")) break
  }
  expect_true(any(report$workers$why == "memory"))
  expect_identical(report$totals$replaced, sum(report$workers$why %in% c("worn", "memory")))
  expect_identical(report$session$raised, report$session$budget != 50e6)
})

test_that("there is no report before the first call", {
  run <- run_r(code = {
    library(lomp)
    none <- lomp_report()
    lomp_map(list(), identity)
    give(list(none = none, n = lomp_report()$n))
  })
  expect_null(run$value$none)
  expect_identical(run$value$n, 0L)
})
