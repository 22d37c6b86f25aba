# What to do. Each piece of advice has a report that earns it and ones that don't.

ids <- function(report) summary(report)$advice$id

message_for <- function(report, id) {
  advice <- summary(report)$advice
  advice$message[advice$id == id]
}

test_that("a call of which all is well has no advice", {
  expect_identical(ids(photo_report()), character())
  expect_s3_class(summary(photo_report())$advice, c("lomp_advice", "data.frame"), exact = TRUE)
  expect_identical(utils::capture.output(print(summary(photo_report())$advice)), "Nothing to do.")
})

test_that("an item for which the call waited at its end is named", {
  names <- paste0("img", 1:9)
  late <- a_report(c(rep(1, 8), 8), 2, names = names)
  early <- a_report(c(20, rep(1, 8)), 2, names = names)
  messages <- c(message_for(late, "slow-item"), message_for(early, "slow-item"))
  expect_snapshot(writeLines(messages))
})

test_that("an item that is slow in the midst of others is no matter", {
  expect_false("slow-item" %in% ids(a_report(c(8, rep(1, 8)), 2)))
  expect_false("slow-item" %in% ids(a_report(c(1, 8), 1)))
  expect_false("slow-item" %in% ids(a_report(c(1, 8), 0)))
  stopped <- a_report(c(rep(1, 8), 8), 2, how = "interrupted")
  expect_false("slow-item" %in% ids(stopped))
  fast <- a_report(c(rep(1, 8), 8) / 1000, 2)
  expect_false("slow-item" %in% ids(fast))
  # Several short ones that were left to one worker aren't one slow item.
  apart <- a_report(rep(1, 9), 2)
  apart$items$worker <- as.integer(c(2, rep(1, 8)))
  apart$items$start <- c(0, 0:7)
  expect_false("slow-item" %in% ids(apart))
})

test_that("of many items the slowest is known", {
  run <- c(rep(0.01, 800), 8)
  report <- a_report(run, 2)
  expect_match(message_for(binned(report), "slow-item"), "^item 801 took 8.0 s")
  expect_false("slow-item" %in% ids(binned(a_report(rep(0.01, 800), 2))))
  # Another worker's item is the slowest: what the last one did isn't known.
  report$slowest$worker <- 3L - report$slowest$worker
  expect_false("slow-item" %in% ids(binned(report)))
})

test_that("a lane without an item counts as one that had nothing to do", {
  report <- a_report(5, 2)
  expect_match(message_for(report, "slow-item"), "item 1 took 5.0 s")
})

test_that("items that lapply() does faster are told of", {
  small <- a_report(rep(1e-5, 100), 2, seconds = 0.02)
  messages <- c(message_for(small, "small-items"),
                message_for(with_fields(small, list(fun = "lomp_vapply")), "small-items"))
  expect_snapshot(writeLines(messages))
  expect_false("small-items" %in% ids(a_report(rep(1, 10), 2)))
  expect_false("small-items" %in% ids(a_report(rep(1, 10), 1)))
  expect_false("small-items" %in% ids(a_report(rep(1e-5, 100), 0, seconds = 0.02)))
  # An iterator's time is its consumer's, too.
  expect_false("small-items" %in% ids(with_fields(small, list(fun = "lomp_iterate"))))
  expect_false("small-items" %in% ids(with_fields(small, list(how = "failed"))))
  # Or it is the time of the producer, which lapply() would take as well.
  small$workers$wait_items <- small$workers$end - small$workers$begin
  expect_false("small-items" %in% ids(small))
})

test_that("the session's own work is told of by what it was", {
  busy <- function(...) a_report(rep(1, 10), 2, session = list(busy = 4), ...)
  messages <- c(
    message_for(busy(totals = list(results = 1e6)), "session-limit"),
    message_for(busy(totals = list(results = 1e6), fun = "lomp_vapply"), "session-limit"),
    message_for(busy(bytes = 1e7), "session-limit"),
    message_for(busy(totals = list(conditions = 5000)), "session-limit")
  )
  expect_snapshot(writeLines(messages))
  expect_match(message_for(busy(bytes = 1e7, way = "file"), "session-limit"), messages[[3]],
               fixed = TRUE)
})

test_that("work of the session's that nothing explains, or that is little, is no advice", {
  busy <- function(seconds, ..., workers = 2) {
    a_report(rep(1, 10), workers, session = list(busy = seconds), ...)
  }
  expect_false("session-limit" %in% ids(busy(4)))
  expect_false("session-limit" %in% ids(busy(4, bytes = 1e9, way = "mapped")))
  expect_false("session-limit" %in% ids(busy(2, bytes = 1e7)))
  expect_false("session-limit" %in% ids(busy(NA_real_, bytes = 1e7)))
  expect_false("session-limit" %in% ids(busy(9, totals = list(results = 1e6), workers = 0)))
})

test_that("forks that were slow are told of, with huge pages if they aren't used", {
  slow <- function(huge_pages) {
    a_report(c(1, 1), 2, totals = list(fork_seconds = 0.5),
              session = list(huge_pages = huge_pages, resident = 2e9))
  }
  messages <- vapply(list(FALSE, TRUE), function(huge) message_for(slow(huge), "slow-forks"), "")
  expect_snapshot(writeLines(messages))
  expect_identical(message_for(slow(NA), "slow-forks"), messages[[2]])
  for (seconds in c(0.01, NA)) {
    quick <- a_report(c(1, 1), 2, totals = list(fork_seconds = seconds))
    expect_false("slow-forks" %in% ids(quick))
  }
})

test_that("memory that ran short is told of", {
  short <- a_report(rep(1, 9), 3, workers_asked = 8L, session = list(held_back = TRUE))
  before <- message_for(short, "short-memory")
  short$workers$private <- c(1e9, 2e9, NA)
  messages <- c(before, message_for(short, "short-memory"))
  expect_snapshot(writeLines(messages))
  expect_false("short-memory" %in% ids(a_report(rep(1, 9), 3, workers_asked = 8L)))
})

test_that("forks that the system refused are told of", {
  report <- a_report(rep(1, 9), 3, workers_asked = 8L, session = list(refused = 11L))
  expect_match(message_for(report, "refused-fork"),
               "^The system refused to fork more than 3 of 8 workers [(].+[)]: ")
  expect_false("refused-fork" %in% ids(a_report(rep(1, 9), 3, workers_asked = 8L)))
})

test_that("a budget that was raised is told of", {
  raised <- a_report(rep(1, 9), 3, session = list(raised = TRUE))
  known <- with_fields(raised, list(session = list(budget = 1e9)))
  known$workers$private <- 3e9
  messages <- c(message_for(raised, "raised-budget"), message_for(known, "raised-budget"))
  expect_snapshot(writeLines(messages))
  expect_false("raised-budget" %in% ids(photo_report()))
})

test_that("workers that waited for a producer or a consumer are told of", {
  waiting <- function(activity, share, ...) {
    report <- a_report(rep(1, 9), 3, ...)
    report$workers[[activity]] <- share * (report$workers$end - report$workers$begin)
    report
  }
  messages <- c(
    message_for(waiting("wait_items", 0.5), "slow-producer"),
    message_for(waiting("wait_delivery", 0.5, fun = "lomp_iterate"), "slow-consumer")
  )
  expect_snapshot(writeLines(messages))
  for (activity in c("wait_items", "wait_delivery")) {
    expect_identical(ids(waiting(activity, 0.1, fun = "lomp_iterate")), character())
    expect_identical(ids(waiting(activity, NA_real_, fun = "lomp_iterate")), character())
  }
  expect_identical(ids(waiting("wait_delivery", 0.5)), character())
})

test_that("results that are kept are told of, with what goes on from them", {
  not_run <- setNames(rep("not run", 7), 3:9)
  stopped <- a_report(rep(1, 9), 2, outcome = c("1" = "error", not_run), how = "failed")
  collected <- a_report(rep(1, 9), 2, outcome = c("1" = "error"))
  vector <- with_fields(collected, list(fun = "lomp_vapply"))
  messages <- vapply(list(stopped, collected, vector), message_for, "", "redo")
  expect_snapshot(writeLines(messages))
  expect_false("redo" %in% ids(with_fields(collected, list(fun = "lomp_iterate"))))
  none <- a_report(1, 2, outcome = "error", how = "failed")
  expect_false("redo" %in% ids(none))
})

test_that("advice prints as a list", {
  report <- a_report(rep(1e-5, 100), 2, seconds = 0.02, outcome = c("1" = "error"))
  advice <- summary(report)$advice
  expect_snapshot(print(advice))
  expect_identical(withVisible(utils::capture.output(print(advice)))$value[[1]], "What to do:")
})
