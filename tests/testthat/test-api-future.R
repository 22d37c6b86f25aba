# What plan(lomp_future) promises to those who use futures.

# These take too long for each of CRAN's machines.
skip_on_cran()

test_that("a future has its value, and with it what it printed and signalled", {
  skip_without_future()
  expect_no_leaks(with_futures({
    offset <- 10
    f <- future::future({
      cat("printed\n")
      message("a message")
      warning("a warning")
      offset + 1
    })
    expect_output(expect_message(expect_warning(expect_identical(future::value(f), 11),
                                                "a warning"), "a message"), "printed")
    expect_error(value_of(stop("its own error")), "its own error", class = "simpleError")
    expect_false(withVisible(value_of(invisible(1)))$visible)
  }))
})

test_that("its large results aren't copied here", {
  skip_without_future()
  with_futures({
    make <- function() as.numeric(1:4e6)
    expect_lt(vector_bytes(large <- value_of(make())), 8e6)
    expect_identical(large, make())
  })
})

test_that("a crash is an error that says how and which worker, and the next future is well", {
  skip_without_future()
  with_futures({
    f <- future::future(tools::pskill(Sys.getpid(), 11L))
    pid <- f$job$pid
    lost <- expect_no_leaks(caught(future::value(f)))
    expect_s3_class(lost, "FutureInterruptError")
    how <- sprintf("its worker (pid %d) was killed by SIGSEGV", pid)
    expect_match(conditionMessage(lost), how, fixed = TRUE)
    expect_identical(lost$parent$signal, "SIGSEGV")
    expect_identical(lost$parent$pid, pid)
    expect_identical(f$state, "interrupted")
    expect_identical(caught(future::value(f)), lost)
    expect_snapshot(cat(lomp_words(lost)))
    expect_snapshot(cat(lomp_words(caught(value_of(quit("no", 3))))))
    expect_identical(value_of(1 + 1), 2)
  })
})

test_that("a time limit ends C code", {
  skip_without_future()
  faults <- native("faults.c")
  with_futures(timeout = 0.3, {
    late <- expect_no_leaks(caught(value_of({
      dyn.load(faults)
      .C("fault_spin")
    })))
    expect_s3_class(late, "FutureInterruptError")
    expect_s3_class(late$parent, "lomp_timeout")
    expect_snapshot(cat(lomp_words(late)))
  })
})

test_that("resolved() doesn't wait, and leaves no child where it is TRUE", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    f <- future::future(wait_for(flag))
    expect_false(future::resolved(f))
    raise(flag)
    until_resolved(f)
    expect_identical(f$state, "finished")
    expect_length(children_left(), 0)
  })
})

test_that("what is to be relayed at once is, where somebody looks at the future", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    f <- future::future({
      tell_now("half-way")
      signalCondition(simpleCondition("not now"))
      wait_for(flag)
      tell_now("nearly done")
    })
    heard <- character()
    note <- function(cnd) heard <<- c(heard, conditionMessage(cnd))
    hear <- function(code) withCallingHandlers(code, condition = note)
    expect_true(wait_until(hear(!future::resolved(f) && length(heard) == 1)))
    raise(flag)
    hear(future::value(f))
    expect_identical(heard, c("half-way", "nearly done", "not now"))
  })
})

test_that("without a record what futures say is relayed as they say it", {
  skip_without_future()
  with_futures({
    expect_output(expect_warning(value_of({
      cat("printed\n")
      warning("a warning")
    }, stdout = NA, conditions = NULL), "a warning"), "printed")
    heard <- 0
    withCallingHandlers(value_of({
      message("dropped")
      signalCondition(simpleCondition("dropped"))
    }, conditions = character()), condition = function(cnd) heard <<- heard + 1)
    expect_identical(heard, 0)
  })
})

test_that("cancel() ends a future's worker, and another plan ends all", {
  skip_without_future()
  with_futures({
    f <- future::future(repeat NULL)
    done <- future::future(1)
    future::cancel(f)
    expect_true(future::resolved(f))
    expect_true(wait_until(future::nbrOfFreeWorkers() == 2))
    expect_length(children_left(), 0)
    expect_s3_class(lost <- caught(future::value(f)), "FutureCanceledError")
    expect_snapshot(cat(lomp_words(lost)))
    g <- future::future(repeat NULL)
    old <- future::plan(future::sequential)
    expect_length(children_left(), 0)
    expect_s3_class(caught(future::value(g)), "FutureCanceledError")
    expect_identical(future::value(done), 1)
    future::plan(old)
  })
})

test_that("a canceled future that isn't to be interrupted runs to its end", {
  skip_without_future()
  with_futures({
    f <- future::future(1)
    future::cancel(f, interrupt = FALSE)
    expect_identical(future::value(f), 1)
    g <- future::future(repeat NULL)
    future::interruptFuture(future::plan("backend"), g)
    expect_s3_class(lost <- caught(future::value(g)), "FutureInterruptError")
    expect_snapshot(cat(lomp_words(lost)))
  })
  with_futures(interrupts = FALSE, {
    f <- future::future(2)
    future::cancel(f)
    expect_identical(future::value(f), 2)
  })
})

test_that("streams of random numbers are future's own, and the session's generator is left alone", {
  skip_without_future()
  draw <- function() {
    set.seed(1)
    lapply(1:2, function(i) value_of(rnorm(1), seed = TRUE))
  }
  with_seed(1, {
    expected <- draw()
    with_futures({
      expect_identical(draw(), expected)
      before <- .Random.seed
      expect_warning(value_of(rnorm(1)), class = "RngFutureWarning")
      expect_false(value_of(rnorm(1), seed = NULL) == value_of(rnorm(1), seed = NULL))
      expect_identical(.Random.seed, before)
    })
  })
  old <- get0(".Random.seed", globalenv(), inherits = FALSE)
  if (!is.null(old)) rm(".Random.seed", envir = globalenv())
  with_futures(value_of(1))
  expect_null(get0(".Random.seed", globalenv(), inherits = FALSE))
  if (!is.null(old)) assign(".Random.seed", old, globalenv())
})

test_that("in a future the next plan holds, and in an item of lomp_map() no worker is forked", {
  skip_without_future()
  nested <- function() {
    f <- future::future(Sys.getpid())
    c(class(f)[[1]], if (future::value(f) == Sys.getpid()) "here" else "elsewhere")
  }
  with_futures(expect_identical(value_of(nested()), c("SequentialFuture", "here")))
  old <- future::plan(list(lomp_future, lomp_future))
  on.exit(future::plan(old))
  expect_identical(value_of(nested()), c("SequentialFuture", "here"))
  future::plan(list(lomp_future, future::tweak(lomp_future, workers = 2)))
  expect_identical(value_of(nested()), c("LompFuture", "elsewhere"))
  future::plan(lomp_future, workers = 2)
  expect_identical(lomp_map(1:2, function(i) nested(), .workers = 2),
                   rep(list(c("SequentialFuture", "here")), 2))
  free <- lomp_map(1:2, function(i) future::nbrOfFreeWorkers(), .workers = 2)
  expect_identical(free, list(1L, 1L))
  expect_identical(nested(), c("LompFuture", "elsewhere"))
})

test_that("only the process that made a future may ask it", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    f <- future::future(wait_for(flag))
    errors <- lomp_map(list(future::value, future::resolved, future::cancel), function(ask) {
      conditionMessage(caught(ask(f)))
    }, .workers = 1)
    for (error in errors) expect_match(error, "can only be queried by the R process")
    expect_false(future::resolved(f))
    raise(flag)
    future::value(f)
  })
})

test_that("the report and the last failure are those of the user's own calls", {
  skip_without_future()
  with_futures({
    failed <- caught(lomp_map(1:3, function(i) if (i == 2) stop("mine"), .workers = 2))
    before <- lomp_report()$call
    expect_error(value_of(stop("the future's")))
    expect_s3_class(caught(value_of(tools::pskill(Sys.getpid(), 9))), "FutureInterruptError")
    expect_identical(lomp_last()$item, failed$item)
    expect_identical(lomp_report()$call, before)
  })
})

test_that("plan(lomp_future) refuses what it can't do, and isn't called itself", {
  skip_without_future()
  expect_argument_error(lomp_future(), "lomp_future")
  old <- future::plan()
  on.exit(future::plan(old))
  for (workers in list(0, -1, NA, 1.5, "two", 1:2, function() 0)) {
    expect_argument_error(future::plan(lomp_future, workers = workers), "workers")
  }
  expect_argument_error(future::plan(lomp_future, timeout = 0), "timeout")
  expect_messages(caught(lomp_future()), caught(future::plan(lomp_future, workers = 0)),
                  caught(future::plan(lomp_future, timeout = "1 s")))
})

# ---- What others test ---------------------------------------------------------------------------

# All of CRAN's tests for backends take some twenty seconds: so the longest are left out, and of the
# others the first and the last set of arguments are used, unless LOMP_TEST_FUTURES is "all".
wants_all_tests <- Sys.getenv("LOMP_TEST_FUTURES") == "all"
long_tests <- "non-blocking while launching|mandelbrot|data.table"

# As check() of future.tests calls them.
run_sets_of <- function(test) {
  defaults <- list(lazy = FALSE, globals = TRUE, stdout = TRUE)
  sets <- if (length(test$args) > 0) do.call(expand.grid, test$args) else data.frame(lazy = FALSE)
  for (k in if (wants_all_tests) seq_len(nrow(sets)) else unique(c(1, nrow(sets)))) {
    args <- as.list(sets[k, , drop = FALSE])
    result <- suppressWarnings(future.tests::run_test(test, args = args, defaults = defaults))
    error <- result$error
    what <- c(test$title, paste(names(args), args), if (!is.null(error)) conditionMessage(error))
    expect(!inherits(error, "error"), paste(what, collapse = ", "))
  }
}

test_that("future's own tests for backends pass", {
  skip_without_future()
  skip_if_not_installed("future.tests", "1.0.0")
  withr::local_package("future")
  tests <- future.tests::test_db()
  titles <- vapply(tests, function(test) test$title, "")
  if (!wants_all_tests) tests <- tests[!grepl(long_tests, titles)]
  expect_gt(length(tests), 40)
  expect_no_leaks({
    old <- future::plan(lomp_future)
    lapply(tests, run_sets_of)
    future::plan(old)
  })
})

test_that("future.apply works on it", {
  skip_without_future()
  skip_if_not_installed("future.apply")
  with_futures({
    square <- function(x) x^2
    expect_identical(future.apply::future_sapply(1:10, square), vapply(1:10, square, 0))
    expect_identical(future.apply::future_mapply(`+`, 1:4, 4:1), rep(5L, 4))
    draw <- function() future.apply::future_lapply(1:4, rnorm, future.seed = 42)
    expect_identical(draw(), draw())
    expect_error(future.apply::future_lapply(1:4, function(i) if (i == 3) stop("no. 3")), "no. 3")
    expect_length(children_left(), 0)
  })
})
