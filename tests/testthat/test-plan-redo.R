# Calls that go on where an earlier one stopped.

# Iterators of other files that nobody holds any more end their workers here.
invisible(gc())

# These start many processes and take their time.
skip_on_cran()

counts <- c(0, 1, 3)

# Fails for some, in all the ways that this number of workers survives.
fails_at <- function(bad) {
  function(x) {
    value <- c(x, rnorm(2))
    if (x %in% bad) stop("bad ", x)
    value
  }
}

right <- fails_at(numeric())
items <- c(a = 1, b = 2, c = 3, d = 4, e = 5, f = 6)

test_that("only what has no result is run, with the numbers that it would have had", {
  for (workers in counts) {
    set.seed(1)
    expected <- lomp_map(items, right, .workers = workers)
    set.seed(1)
    collected <- suppressWarnings(lomp_map(items, fails_at(c(2, 5)), .workers = workers,
                                           .on_error = "collect"))
    marked <- collected
    marked$a <- "kept as it is"
    seed <- .Random.seed
    again <- lomp_map(items, right, .workers = workers, .redo = marked)
    expect_identical(.Random.seed, seed)
    expect_identical(again[-1], expected[-1])
    expect_identical(again$a, "kept as it is")
    expect_identical(names(again), names(items))
  }
})

test_that("an error, the last one, and one from a file serve", {
  for (workers in counts) {
    set.seed(2)
    expected <- lomp_map(items, right, .workers = workers)
    set.seed(2)
    failure <- tryCatch(lomp_map(items, fails_at(4), .workers = workers),
                        lomp_error = function(cnd) cnd)
    expect_identical(lomp_last(), failure)
    file <- withr::local_tempfile()
    saveRDS(failure, file)
    expect_identical(lomp_map(items, right, .workers = workers, .redo = lomp_last()), expected)
    expect_null(lomp_last())
    expect_identical(lomp_map(items, right, .workers = workers, .redo = readRDS(file)), expected)
  }
})

test_that("crashes and what was not run are made good", {
  set.seed(3)
  expected <- lomp_map(items, right, .workers = 0)
  set.seed(3)
  failure <- tryCatch(lomp_map(items, function(x) {
    if (x == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
    right(x)
  }, .workers = 1), lomp_error = function(cnd) cnd)
  expect_s3_class(failure, "lomp_crash")
  expect_s3_class(failure$results[[6]], "lomp_not_run")
  expect_identical(lomp_map(items, right, .workers = 3, .redo = failure), expected)
})

test_that("a redo that fails again names the items by their first positions", {
  for (workers in counts) {
    set.seed(4)
    expected <- lomp_map(items, right, .workers = workers)
    set.seed(4)
    first <- suppressWarnings(lomp_map(items, fails_at(c(2, 3, 5)), .workers = workers,
                                       .on_error = "collect"))
    failure <- tryCatch(lomp_map(items, fails_at(5), .workers = workers, .redo = first),
                        lomp_error = function(cnd) cnd)
    expect_identical(failure$item, 5)
    expect_identical(failure$name, "e")
    expect_length(failure$results, 6)
    expect_identical(failure$results[c(1, 4, 6)], expected[c(1, 4, 6)])
    expect_match(conditionMessage(failure), "of 6 finished")
    expect_warning(
      second <- lomp_map(items, fails_at(5), .workers = workers, .redo = first,
                         .on_error = "collect"),
      "1 of 6 items failed (5)", fixed = TRUE, class = "lomp_failed"
    )
    expect_identical(second[-5], expected[-5])
    expect_identical(lomp_map(items, right, .workers = workers, .redo = second), expected)
  }
})

test_that("where all is there nothing is run", {
  done <- lomp_map(items, right, .workers = 2)
  again <- lomp_map(items, function(x) stop("never"), .workers = 2, .redo = unname(done))
  expect_identical(again, done)
  expect_identical(lomp_map(list(), right, .redo = list()), list())
})

test_that("a redo keeps NULL results, and knows lists, data frames and further arguments", {
  previous <- list(NULL, structure(class = c("lomp_error", "error", "condition"), list()), 3)
  expect_identical(lomp_map(list(1, 2, 3), function(x, y) x + y, y = 5, .redo = previous,
                            .workers = 2), list(NULL, 7, 3))
  frame <- data.frame(u = 1:2, v = 3:4)
  failure <- tryCatch(lomp_map(frame, function(x) if (x[1] == 3) stop("no") else sum(x),
                               .workers = 2), lomp_error = function(cnd) cnd)
  expect_identical(lomp_map(frame, sum, .redo = failure, .workers = 2), lapply(frame, sum))
})

test_that("what is no earlier result is refused", {
  expect_messages(
    caught(lomp_map(1:3, identity, .redo = list(1, 2))),
    caught(lomp_map(1:3, identity, .redo = 1:3)),
    caught(lomp_map(1:3, identity, .redo = simpleError("other"))),
    caught(lomp_map(function() lomp_done(), identity, .redo = list()))
  )
})

# ---- Interrupts ----------------------------------------------------------------------------------

# Interrupts this session at the fourth item, from wherever it runs.
interrupting <- function(session) {
  force(session)
  function(x) {
    value <- right(x)
    if (x == 4) {
      tools::pskill(session, tools::SIGINT)
      for (k in 1:100) Sys.sleep(0.1)
    }
    value
  }
}

test_that("an interrupt keeps what was finished, and a redo goes on", {
  for (workers in counts) {
    set.seed(5)
    expected <- lomp_map(items, right, .workers = workers)
    set.seed(5)
    cnd <- tryCatch(lomp_map(items, interrupting(Sys.getpid()), .workers = workers),
                    interrupt = function(cnd) cnd)
    expect_s3_class(cnd, c("lomp_interrupt", "interrupt", "condition"), exact = TRUE)
    expect_identical(lomp_last(), cnd)
    expect_length(children_left(), 0)
    is_there <- lomp_ok(cnd$results)
    # With several workers an item before the fourth may still have been under way.
    if (workers < 2) expect_true(all(is_there[1:3]))
    expect_false(is_there[[4]])
    expect_identical(cnd$results[is_there], expected[is_there])
    expect_s3_class(cnd$results[[4]], "lomp_not_run")
    expect_identical(lomp_map(items, right, .workers = workers, .redo = cnd), expected)
  }
})

test_that("an interrupt of a call on a stream keeps what was finished", {
  for (workers in counts) {
    at <- 0
    producer <- function() if (at < 6) at <<- at + 1 else lomp_done()
    cnd <- tryCatch(lomp_map(producer, interrupting(Sys.getpid()), .workers = workers),
                    interrupt = function(cnd) cnd)
    expect_s3_class(cnd, "lomp_interrupt")
    expect_length(children_left(), 0)
    is_there <- lomp_ok(cnd$results)
    if (workers < 2) expect_true(all(is_there[1:3]))
    expect_identical(vapply(cnd$results[is_there], function(x) x[[1]], 0),
                     as.numeric(which(is_there)))
    expect_false(is_there[[4]])
  }
})

test_that("an interrupt of an inner call is signalled with its results on its way out", {
  seen <- character()
  session <- Sys.getpid()
  cnd <- tryCatch(
    lomp_map(1:2, function(i) {
      withCallingHandlers(
        lomp_map(items, interrupting(session), .workers = 0),
        lomp_interrupt = function(cnd) seen <<- c(seen, sum(lomp_ok(cnd$results)))
      )
    }, .workers = 0),
    interrupt = function(cnd) cnd
  )
  expect_identical(seen, "3")
  expect_s3_class(cnd, "lomp_interrupt")
})
