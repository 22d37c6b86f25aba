# What a worker does before, in and after an item.

by_worker <- function(f, ...) lomp_map(1, f, ..., .workers = 1)[[1]]

test_that("a worker isn't interactive and has no input", {
  got <- by_worker(function(i) list(interactive(), readLines(file("stdin")), readline("")))
  expect_identical(got, list(FALSE, character(), ""))
})

test_that("what asks a worker's user for something gets nothing, and no bytes of somebody's", {
  askers <- list(
    function() readline("? "), function() scan("", quiet = TRUE), function() readLines(stdin()),
    function() readLines(stdin(), 1), function() scan("stdin", "", quiet = TRUE),
    function() parse(prompt = ""), function() source(stdin()), function() system("cat", TRUE),
    function() readChar(file("stdin", "rb"), 9), function() readBin(file("stdin", "rb"), "raw", 9)
  )
  got <- by_worker(function(i) lapply(askers, function(ask) ask()))
  expect_identical(got[-7], list("", numeric(), character(), character(), character(),
                                 expression(), character(), character(), raw()))
  expect_null(got[[7]]$value)
  for (ask in list(function() file.choose(), function() file.choose(new = TRUE))) {
    expect_error(by_worker(function(i) ask()), "file choice cancelled", class = "lomp_error")
  }
})

test_that("a worker hasn't the session's error handler", {
  handled <- with_options(list(error = quote(stop("the session's handler"))), {
    by_worker(function(i) getOption("error"))
  })
  expect_identical(handled, expression(NULL))
})

test_that("a worker and what it forks know what they are, and the session doesn't become one", {
  forked <- function(i) parallel::mclapply(1:2, function(j) in_worker(), mc.cores = 2)
  expect_identical(by_worker(function(i) in_worker()), TRUE)
  expect_identical(by_worker(forked), list(TRUE, TRUE))
  expect_false(in_worker())
})

# A fork that doesn't end by itself: what it goes on with is the worker's.
fork_that <- function(ends) {
  lomp_map(1:4, function(i) {
    fork <- parallel:::mcfork()
    if (inherits(fork, "masterProcess")) return(ends())
    while (is.raw(parallel:::readChild(fork))) next
    i * 10
  }, .workers = 1)
}

test_that("a process that an item forks ends with that item, and says nothing in its name", {
  expect_identical(fork_that(function() "returned"), list(10, 20, 30, 40))
  expect_identical(fork_that(function() stop("failed")), list(10, 20, 30, 40))
  expect_identical(fork_that(function() invokeRestart("abort")), list(10, 20, 30, 40))
})

test_that("what a worker changes stays there", {
  here <- "here"
  f <- function(i) {
    here <<- "there"
    options(lomp_test = i)
    Sys.setenv(LOMP_TEST = i)
    setwd("/")
    here
  }
  folder <- getwd()
  expect_identical(lomp_map(1:2, f, .workers = 1), list("there", "there"))
  expect_identical(list(here, getOption("lomp_test"), Sys.getenv("LOMP_TEST"), getwd()),
                   list("here", NULL, "", folder))
})

# Each of two items waits for the other one, so that there are two workers.
both_at_once <- function(f) {
  with_flag(function(flag) {
    flags <- paste0(flag, 1:2)
    lomp_map(1:2, function(i) {
      raise(flags[[i]])
      wait_for(flags)
      f(i)
    }, .workers = 2)
  })
}

test_that("workers run at the same time", {
  pids <- unlist(both_at_once(function(i) Sys.getpid()))
  expect_length(unique(pids), 2)
  expect_false(Sys.getpid() %in% pids)
})

test_that("a worker goes on after an item that failed", {
  pids <- suppressWarnings(lomp_map(1:20, function(i) if (i %% 2) stop("odd") else Sys.getpid(),
                                    .workers = 1, .on_error = "collect"))
  expect_length(unique(unlist(pids[lomp_ok(pids)])), 1)
})

test_that("a call's text is one short line", {
  expect_identical(one_line(quote(f(x, y = 2))), "f(x, y = 2)")
  long <- quote(lomp_vapply(photos, score, c(sharpness = 0, brightness = 0), gamma = 2.2))
  expect_match(one_line(long), "[^ ] [.]{3}$")
  expect_identical(one_line(quote({
    a
    b
  })), "{ ...")
  expect_lt(nchar(one_line(call("f", strrep("long", 1e5)))), 200)
  expect_lt(nchar(one_line(call("f", matrix(0, 500, 500)))), 200)
  expect_match(one_line(call("f", datasets::iris)), "^f\\(")
  expect_lt(nchar(one_line(as.call(list(as.name(strrep("long", 100)), 1)))), 500)
})

test_that("the frames that R itself adds to signal an error are left out", {
  handler <- as.call(list(function(e) NULL, simpleError("boom")))
  expect_true(is_handler_call(quote(.handleSimpleError(h, msg, call))))
  expect_true(is_handler_call(handler))
  expect_false(is_handler_call(quote(f(x))))
  expect_false(is_handler_call(as.call(list(function(x) x, 1))))
  expect_false(is_handler_call(as.call(list(function(x, y) x, simpleError("boom"), 2))))
})

test_that("without an item there are no frames to tell", {
  expect_identical(item_frames(), integer())
  expect_identical(item_calls(), character())
  expect_identical(note_calls(simpleError("boom")), list(calls = character()))
})

test_that("a failure is described by its condition, calls and times", {
  cnd <- simpleError("boom")
  before <- proc.time()[["elapsed"]]
  description <- describe_failure(cnd, list(calls = c("f(x)", "g(y)"), places = c("", "a.R:1")), 2)
  expect_identical(description$condition, cnd)
  expect_identical(description$calls, c("f(x)", "g(y)"))
  expect_identical(description$places, c("", "a.R:1"))
  expect_identical(description$seconds, 2)
  expect_gte(description$time, before)
  expect_lte(description$time, proc.time()[["elapsed"]])
  bare <- describe_failure(cnd, NULL)
  expect_named(bare, c("condition", "calls", "time", "seconds"))
  expect_identical(bare$calls, character())
})

test_that("a jump is described by what R said last, if that is new", {
  try(stop("said before"), silent = TRUE)
  new <- structure(class = c("mine", "condition"), list(message = "said now", call = NULL))
  f <- function(i) if (i == 1) invokeRestart("abort") else stop(new)
  results <- suppressWarnings(lomp_map(1:2, f, .workers = 1, .on_error = "collect"))
  expect_no_match(conditionMessage(results[[1]]), "said before", fixed = TRUE)
  expect_match(conditionMessage(results[[2]]), "said now", fixed = TRUE)
})

test_that("what R said of an item isn't said of a later one that left by a jump", {
  f <- function(i) if (i == 1) stop("said of the first") else invokeRestart("abort")
  results <- suppressWarnings(lomp_map(1:2, f, .workers = 1, .on_error = "collect"))
  expect_match(conditionMessage(results[[1]]), "said of the first", fixed = TRUE)
  expect_no_match(conditionMessage(results[[2]]), "said of the first", fixed = TRUE)
})

test_that("an error leaves an item as it leaves any code", {
  f <- function(i) {
    on.exit(cat("left\n"))
    tryCatch(stop("inner"), error = function(cnd) stop("outer"), finally = cat("finally\n"))
  }
  out <- utils::capture.output(cnd <- caught(lomp_map(1, f, .workers = 1)))
  expect_identical(out, c("finally", "left"))
  expect_identical(conditionMessage(cnd$parent), "outer")
})

test_that("restarts that an item has established aren't taken for lomp's", {
  f <- function(i) withRestarts(stop("boom"), abort = function() "the item's own restart")
  expect_identical(conditionMessage(caught(lomp_map(1:2, f, .workers = 1))$parent), "boom")
})
