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

test_that("an item that began as soon as its worker was there can't begin sooner", {
  report <- a_report(c(3, 5), 2, fork = 1)
  expect_match(message_for(report, "slow-item"), "^item 2 took 5.0 s, .* into several items[.]$")
  report <- a_report(c(6, 0.5, 8), 2, fork = 1)
  expect_match(message_for(report, "slow-item"), "^item 3 took 8.0 s, .* first in `.x`[.]$")
})

test_that("machines wait for an item, too, whichever worker of theirs has it", {
  late <- on_machines(a_report(c(rep(1, 8), 8), 2), c("near", "far"), c(4, 4))
  expect_match(message_for(late, "slow-item"), "^item 9 took 8.0 s, .*put it first in `.x`[.]$")
  expect_false("slow-item" %in% ids(on_machines(a_report(rep(1, 9), 2), c("near", "far"), c(4, 4))))
  # The other item that ran until then was on the same machine.
  both <- on_machines(a_report(c(1, 8), 1), "near", 2)
  both$items$start <- c(7, 0)
  both$seconds <- both$workers$end <- 8
  expect_false("slow-item" %in% ids(both))
  expect_false("slow-item" %in% ids(binned(late)))
  expect_false("slow-item" %in% ids(on_machines(a_report(8, 1), "near", 1)))
})

test_that("a call that machines aren't worth is told of this one's workers", {
  small <- on_machines(a_report(rep(0.1, 4), 2), c("near", "far"), c(4, 4))
  small$seconds <- small$workers$end <- 2
  expect_match(message_for(small, "small-items"), "without `.compute`. Or let each item do more")
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
  # In lapply() the crash would have been the session's.
  expect_false("small-items" %in% ids(with_fields(small, list(totals = list(crashes = 1)))))
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
    message_for(waiting("wait_items", 0.5, fun = "lomp_iterate"), "slow-producer"),
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
  expect_false("redo" %in% ids(with_fields(collected, list(is_stream = TRUE))))
  none <- a_report(1, 2, outcome = "error", how = "failed")
  expect_false("redo" %in% ids(none))
})

test_that("advice prints as a list", {
  report <- a_report(rep(1e-5, 100), 2, seconds = 0.02, outcome = c("1" = "error"))
  advice <- summary(report)$advice
  expect_snapshot(print(advice))
  expect_identical(withVisible(utils::capture.output(print(advice)))$value[[1]], "What to do:")
})

# ---- Of real calls ------------------------------------------------------------------------------

# What the last call is advised of.
advised <- function() summary(lomp_report())$advice$id

# When workers are there, and how fast they go on, depends on who else wants the processors: what is
# true of a call that has them for itself is true of one of several.
is_ever_advised <- function(id, is_wanted, call) {
  is_as_wanted <- function(try) {
    call()
    (id %in% advised()) == is_wanted
  }
  !is.na(Position(is_as_wanted, 1:10))
}
expect_advised <- function(id, call) expect_true(is_ever_advised(id, TRUE, call))
expect_not_advised <- function(id, call) expect_true(is_ever_advised(id, FALSE, call))

spin_for <- function(seconds) {
  until <- proc.time()[["elapsed"]] + seconds
  while (proc.time()[["elapsed"]] < until) NULL
}

test_that("a call that waits for one item at its end is told so, and no other one", {
  # A second worker is there before the long one is begun, though a fork takes its time.
  waits_for <- c(rep(0.2, 5), long = 2)
  expect_advised("slow-item", function() lomp_map(waits_for, spin_for, .workers = 2))
  advice <- summary(lomp_report())$advice
  expect_match(advice$message[advice$id == "slow-item"], "\"long\"", fixed = TRUE)
  expect_not_advised("slow-item", function() lomp_map(rep(0.05, 40), spin_for, .workers = 2))
})

test_that("items that are too small to pay are told of", {
  expect_advised("small-items", function() lomp_map(seq_len(100), function(i) i, .workers = 2))
  expect_not_advised("small-items", function() lomp_map(rep(0.2, 6), spin_for, .workers = 3))
})

test_that("a session that is the limit is told so", {
  compute_for <- function(seconds) {
    until <- sum(proc.time()[1:2]) + seconds
    while (sum(proc.time()[1:2]) < until) NULL
  }
  say_much <- function() {
    withCallingHandlers(
      lomp_map(1:2, function(i) for (k in 1:50) message(i), .workers = 2),
      message = function(cnd) {
        compute_for(0.0005)
        invokeRestart("muffleMessage")
      }
    )
  }
  is_told <- is_ever_advised("session-limit", TRUE, say_much)
  report <- lomp_report()
  rate <- report$totals$conditions / report$session$busy
  skip_if(!is_told && rate < 250, "this machine signals too few conditions a second")
  expect_true(is_told)
  expect_not_advised("session-limit", function() lomp_map(rep(0.1, 4), spin_for, .workers = 2))
})

test_that("who is waited for in a stream is told", {
  produce <- function(pause) {
    k <- 0
    function() {
      if ((k <<- k + 1) > 12) return(lomp_done())
      spin_for(pause)
      k
    }
  }
  waited_for <- function(pause, work) {
    function() lomp_map(produce(pause), function(i) spin_for(work), .workers = 1)
  }
  expect_advised("slow-producer", waited_for(0.03, 0))
  expect_not_advised("slow-producer", waited_for(0, 0.05))

  withr::local_options(lomp.buffer = 1)
  consume <- function(pause, work) {
    function() {
      it <- lomp_iterate(1:12, function(i) spin_for(work), .workers = 1)
      while (!lomp_done(it())) spin_for(pause)
    }
  }
  expect_advised("slow-consumer", consume(0.05, 0))
  expect_not_advised("slow-consumer", consume(0, 0.05))
})

test_that("a call without all results is told of `.redo`", {
  f <- function(i) if (i == 3) stop("no") else i
  suppressWarnings(lomp_map(1:4, f, .workers = 2, .on_error = "collect"))
  expect_true("redo" %in% advised())
  k <- 0
  produce <- function() if (k == 4) lomp_done() else k <<- k + 1
  suppressWarnings(lomp_map(produce, f, .workers = 0, .on_error = "collect"))
  expect_identical(lomp_report()$failed, 1)
  expect_false("redo" %in% advised())
  lomp_map(1:2, f, .workers = 2)
  expect_false("redo" %in% advised())
})

test_that("a budget that was raised is told of", {
  skip_without_proc()
  withr::local_options(lomp.worker_memory = 1e6)
  kept <- NULL
  lomp_map(1:6, function(i) {
    kept <<- c(kept, numeric(4e6))
    spin_for(0.1)
  }, .workers = 1)
  expect_true("raised-budget" %in% advised())
  withr::local_options(lomp.worker_memory = 4e9)
  lomp_map(1:2, spin_for, .workers = 1)
  expect_false("raised-budget" %in% advised())
})

test_that("forks that the system refuses are told of", {
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  expect_warning(with_descriptors(6, lomp_map(c(0.5, 0.1, 0.1), spin_for, .workers = 3)),
                 class = "lomp_fewer_workers")
  expect_true("refused-fork" %in% advised())
  lomp_map(c(0.1, 0.1), spin_for, .workers = 2)
  expect_false("refused-fork" %in% advised())
})
