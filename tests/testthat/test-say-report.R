# What a report says of its call.

test_that("print() tells the most of each kind of call in about ten lines", {
  kinds <- kinds_of_reports()
  for (kind in names(kinds)) {
    lines <- utils::capture.output(value <- withVisible(print(kinds[[kind]])))
    expect_false(value$visible)
    expect_identical(value$value, kinds[[kind]])
    expect_lte(length(lines), 13)
    expect_lte(max(nchar(lines)), 80)
  }
  expect_snapshot(for (kind in kinds) print(kind))
})

test_that("summary() tells all of it", {
  kinds <- kinds_of_reports()[c("named", "deaths", "many_workers", "session", "iterator", "empty",
                                "no_worker")]
  expect_snapshot(for (kind in kinds) print(summary(kind)))
  utils::capture.output(value <- withVisible(print(summary(kinds$session))))
  expect_false(value$visible)
  expect_s3_class(value$value, "summary.lomp_report")
  expect_identical(value$value$report, kinds$session)
})

within_report <- function(report, ...) utils::modifyList(report, list(...))

said <- function(report) paste(utils::capture.output(print(summary(report))), collapse = "\n")

test_that("what isn't known isn't told", {
  report <- a_report(c(1, 2), 2, session = list(busy = NA_real_, resident = NA_real_))
  report$workers[c("run", "wait_items", "wait_delivery", "collecting")] <- NA_real_
  report$totals[c("run", "fork_seconds")] <- NA_real_
  text <- said(report)
  for (what in c("NA", "own", "Workers:", "Memory:", " in `.f`")) {
    expect_no_match(text, what, fixed = TRUE)
  }
  expect_match(text, "2 forks\n", fixed = TRUE)
  expect_match(said(a_report(c(1, 2), 2)), "Workers:\n", fixed = TRUE)
})

test_that("each way of ending is told", {
  tell <- function(how, ...) tell_call(photo_report(how = how, ...))
  expect_match(tell("finished"), "^10 items in 10 s on 2 workers$")
  expect_match(tell("failed"), "; an error ended the call$")
  expect_match(tell("interrupted", done = 4), "^4 of 10 items .*; then it was interrupted$")
  expect_match(tell("left"), "; then the call was left$")
  expect_match(tell("closed"), "; then it was closed$")
  expect_match(tell("open", n = NA_real_), "^10 items so far, in ")
  expect_match(tell("open", done = 4), "^4 of 10 items so far, in ")
  expect_match(tell("finished", workers_asked = 8L), "on 2 of 8 workers$")
  lomp_map(list(), identity, .workers = 2)
  expect_identical(tell_call(lomp_report()), "0 items in 0 s")
})

test_that("what is shared is told with what a copy for each worker would take", {
  seen <- samples(1:3, 2e9, 2e9, c(1e8, 4e8, 2e8), c(2L, 8L, 8L), 1e10)
  expect_identical(
    tell_memory(photo_report(memory = seen)),
    paste("2.0 GB shared with 8 workers, 400 MB of their own;",
          "a copy for each worker would have taken 16 GB")
  )
  seen$workers <- 1L
  alone <- function() tell_memory(a_report(1:3, 1, memory = seen))
  expect_match(alone(),
               "with 1 worker, 400 MB of its own; a copy for it would have taken 2.0 GB")
  seen$private <- NA_real_
  expect_match(alone(), "with 1 worker; a copy", fixed = TRUE)
  expect_null(tell_memory(photo_report(memory = no_samples())))
  seen$shared <- 0  # its worker had ended when it was looked at
  expect_null(tell_memory(photo_report(memory = seen)))
})

test_that("what all workers have isn't told of a call in which not all were seen", {
  seen <- samples(1, 2e9, 2e9, 1e8, 1L, 1e10)
  expect_identical(tell_memory(photo_report(memory = seen)),
                   "2.0 GB shared with 2 workers; a copy for each worker would have taken 4.0 GB")
})

test_that("bytes are told by their ways, if any went there", {
  report <- a_report(c(1, 2, 3), 2, way = ways[1:3], bytes = c(3, 2e6, 1e9))
  expect_identical(tell_ways(report),
                   "2.0 MB mapped, 1.0 GB read from files and 3 bytes through pipes")
  expect_null(tell_ways(a_report(1, 0)))
})

test_that("workers' shares are of their own lives, over all that were one after the other", {
  report <- a_report(c(2, 1, 1), 1, outcome = c("1" = "crash"), wait = c(0, 1, 0), fork = 1)
  report$workers$end[[2]] <- NA  # it is still there, and nothing is done
  report$seconds <- 10
  lanes <- sums_by_lane(report)
  expect_identical(lanes$processes, 2)
  expect_identical(lanes$life, 2 + 6)
  expect_identical(share_of("run", lanes), 4 / 8)
  expect_match(tell_busy(report), "in `.f` for 50% of the time, 12% waiting to deliver$")
})

test_that("machines are told by their hosts, with all of their workers", {
  report <- on_machines(a_report(c(2, 1, 1, 1), 2), c("near", "far"), c(4, 8))
  expect_match(tell_call(report), "^4 items in [0-9.]+ s on 2 machines with 12 workers$")
  expect_match(tell_busy(report), "^workers were in `.f` for [0-9]+% of the time .far ..%, near")
  expect_match(tell_call(within_report(report, workers_asked = 3L)), " on 2 of 3 machines with 12 ")
  expect_snapshot({
    print(report)
    print(summary(report))
  })
  one <- on_machines(a_report(1, 1), "near", 1)
  expect_match(tell_call(one), " on 1 machine with 1 worker$")
})

test_that("daemons that have the same host are told apart by their processes", {
  report <- on_machines(a_report(rep(1, 6), 3), c("near", "far", "near"), 1:3)
  expect_identical(name_lanes(1:3, report$workers), c("near (4001)", "far", "near (4003)"))
  expect_identical(name_lanes(0:1, a_report(1, 1)$workers), c("session", "worker 1"))
})

test_that("a machine that was lost is told, and not as a crash", {
  report <- on_machines(a_report(rep(1, 6), 3), c("a", "b", "c"), rep(2, 3))
  expect_null(tell_ends(report))
  report$workers$why[[2]] <- "crash"
  expect_identical(tell_ends(report), "1 machine was lost")
  report$workers$why[] <- "crash"
  expect_identical(tell_reasons(report), "3 machines were lost")
})

test_that("each reason for a worker's end is told, in singular and plural", {
  lines <- unlist(lapply(end_reasons, function(why) c(tell_reason(why, 1L), tell_reason(why, 2L))))
  expect_snapshot(writeLines(lines))
})

test_that("fewer workers than asked for are explained, where nothing else does", {
  fewer <- function(...) tell_fewer(a_report(rep(1, 9), 3, workers_asked = 8L, ...))
  expect_identical(fewer(), "more workers weren't worth their forks")
  expect_null(fewer(session = list(held_back = TRUE)))
  expect_null(fewer(session = list(refused = 11L)))
  expect_null(fewer(how = "failed"))
  expect_null(fewer(n = 3))
  expect_null(fewer(n = NA_real_, how = "closed"))
  expect_null(tell_fewer(a_report(rep(1, 9), 3)))
  expect_null(tell_fewer(a_report(rep(1, 9), 0)))
  expect_match(said(a_report(rep(1, 9), 3, workers_asked = 8L)), "worth their forks")
})

test_that("ends in print() are counted together", {
  ended <- function(...) tell_ends(a_report(rep(1, 9), 2, ...))
  expect_null(ended())
  expect_identical(ended(worn = 3), "of the workers 1 was replaced")
  expect_identical(ended(outcome = c("2" = "crash", "5" = "crash", "6" = "timeout")),
                   "of the workers 2 crashed and 1 ran out of time")
})

test_that("failed items are told by their names, some of many", {
  report <- a_report(rep(1, 5), 2, names = letters[1:5],
                      outcome = c("2" = "error", "3" = "crash", "5" = "timeout"))
  expect_identical(
    tell_failed_items(report, 3L),
    "failed: item 2 (\"b\"): error, item 3 (\"c\"): crash and item 5 (\"e\"): time out"
  )
  expect_identical(tell_failed_items(report, 1L), "failed: item 2 (\"b\"): error and 2 more")
  expect_null(tell_failed_items(photo_report(), 3L))
  expect_null(tell_failed_items(kinds_of_reports()$binned, 3L))
  expect_match(said(report), "Failed items:\n  item 2", fixed = TRUE)
})

test_that("the slowest items are told by their names", {
  report <- photo_report()
  expect_identical(tell_slowest(report, 2L),
                   "slowest: item 5 (\"photo_05.jpg\") 3.1 s, item 9 (\"photo_09.jpg\") 2.6 s")
  report <- a_report(c(1, 2), 2, names = c("", NA))
  expect_identical(tell_slowest(report, 1L), "slowest: item 2 2.0 s")
  expect_null(tell_slowest(a_report(1, 1), 2L))
})

test_that("as.data.frame() gives the items", {
  report <- photo_report()
  expect_identical(as.data.frame(report), report$items)
  expect_identical(as.data.frame(a_report(1:3, 2)), a_report(1:3, 2)$items)
  expect_identical(row.names(as.data.frame(report, row.names = letters[1:10])), letters[1:10])
  spans <- kinds_of_reports()$binned
  expect_identical(as.data.frame(spans), spans$items)
})
