# Futures as jobs: when they are launched, looked after and let go of.

imm <- function(code, hear) withCallingHandlers(code, immediateCondition = hear)

test_that("a future waits for a free worker, and no more run than there may", {
  skip_without_future()
  folder <- tempfile("running")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  count <- function(i) {
    mine <- file.path(folder, i)
    raise(mine)
    on.exit(unlink(mine))
    max(vapply(1:20, function(k) length(list.files(folder)), 0L))
  }
  with_futures({
    futures <- lapply(1:6, function(i) future::future(count(i)))
    counts <- vapply(futures, future::value, 0L)
    expect_lte(max(counts), 2)
    expect_identical(future::nbrOfFreeWorkers(), 2L)
  })
  with_flag_and_futures(function(flag) {
    first <- future::future(wait_for(flag))
    second <- future::future(raise(flag))
    expect_null(future::value(first))
  })
})

test_that("one that is over makes room, whichever it is, and keeps its value or its error", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    long <- future::future(wait_for(flag))
    short <- future::future(17)
    lost <- future::future(tools::pskill(Sys.getpid(), tools::SIGKILL))
    last <- future::future(18)
    expect_false(future::resolved(long))
    expect_identical(future::value(list(short, last)), list(17, 18))
    expect_s3_class(caught(future::value(lost)), "FutureInterruptError")
    raise(flag)
    expect_null(future::value(long))
  })
})

test_that("a future that nobody holds any more runs to its end, and goes", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    done <- paste0(flag, "-done")
    heard <- 0
    start <- function() {
      future::future({
        wait_for(flag)
        tell_now("too late")
        raise(done)
      })
      NULL
    }
    imm({
      start()
      invisible(gc())
      expect_length(children_of(), 1)
      raise(flag)
      wait_for(done)
      expect_true(wait_until({
        invisible(gc())
        length(children_of()) == 0
      }))
    }, function(cnd) heard <<- heard + 1)
    expect_identical(heard, 0)
    expect_length(future::plan("backend")$jobs, 0)
  })
})

test_that("a handler may leave, and may ask the same future", {
  skip_without_future()
  with_futures({
    f <- future::future({
      tell_now("leave")
      tell_now("ask")
      9
    })
    expect_identical(tryCatch(future::value(f), immediateCondition = function(cnd) "left"), "left")
    asked <- NULL
    expect_identical(imm(future::value(f), function(cnd) asked <<- future::resolved(f)), 9)
    expect_false(asked)
  })
})

test_that("a handler may end the future, or launch another one, but not wait for it", {
  skip_without_future()
  with_futures(workers = I(1), {
    say <- function() {
      tell_now("now")
      4
    }
    f <- future::future(say())
    ended <- caught(imm(future::value(f), function(cnd) future::cancel(f)))
    expect_s3_class(ended, "FutureCanceledError")
    g <- future::future(say())
    other <- NULL
    expect_identical(imm(future::value(g), function(cnd) other <<- value_of(5)), 4)
    expect_identical(other, 5)
    h <- future::future(say())
    asked <- NULL
    expect_identical(imm(future::value(h), function(cnd) asked <<- caught(future::value(h))), 4)
    expect_match(asked[["message"]], "is waited for already", fixed = TRUE)
  })
})

test_that("an interrupt ends the wait for a future, and not the future", {
  skip_without_future()
  session <- Sys.getpid()
  with_flag_and_futures(function(flag) {
    hears <- paste0(flag, "-hears")
    f <- future::future({
      tell_now("I begin")
      wait_for(hears)
      tools::pskill(session, tools::SIGINT)
      wait_for(flag)
      5
    })
    wait <- function() imm(future::value(f), function(cnd) raise(hears))
    expect_identical(tryCatch(wait(), interrupt = function(cnd) "interrupted"), "interrupted")
    expect_false(future::resolved(f))
    raise(flag)
    expect_identical(future::value(f), 5)
  })
})

test_that("conditions are relayed with their kind: a warning can be muffled, a message too", {
  skip_without_future()
  with_futures({
    say <- function() {
      warning(structure(class = c("immediateCondition", "warning", "condition"),
                        list(message = "a warning", call = NULL)))
      message(structure(class = c("immediateCondition", "message", "condition"),
                        list(message = "a message\n", call = NULL)))
      3
    }
    expect_message(expect_warning(expect_identical(value_of(say()), 3), "a warning"), "a message")
    conditions <- structure("condition", immediateConditionClasses = "other_now")
    heard <- character()
    withCallingHandlers(value_of(tell_now("other", "other_now"), conditions = conditions),
                        other_now = function(cnd) heard <<- c(heard, conditionMessage(cnd)))
    expect_identical(heard, "other")
  })
})

test_that("a future that was lost can be reset and launched again", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    f <- future::future(if (file.exists(flag)) 6 else tools::pskill(Sys.getpid(), tools::SIGKILL))
    expect_s3_class(caught(future::value(f)), "FutureInterruptError")
    raise(flag)
    expect_identical(future::value(future::reset(f)), 6)
  })
})

test_that("a backend tells what runs", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    backend <- future::plan("backend")
    future::value(future::future(1))
    f <- future::future(wait_for(flag), label = "waits")
    listed <- future::listFutures(backend)
    expect_identical(listed$label, "waits")
    expect_false(listed$resolved)
    expect_identical(future::nbrOfWorkers(), 3L)
    expect_identical(future::nbrOfFreeWorkers(), 2L)
    told <- paste(utils::capture.output(print(backend)), collapse = "\n")
    expect_match(told, "Number of active futures: 1 (0 resolved, 1 unresolved)", fixed = TRUE)
    expect_match(told, "(2 created, 2 launched, 1 finished)", fixed = TRUE)
    raise(flag)
    future::value(f)
    expect_identical(nrow(future::listFutures(backend)), 0L)
  }, workers = 3)
})

test_that("a copy of the session leaves the session's futures alone", {
  skip_without_future()
  with_flag_and_futures(function(flag) {
    f <- future::future(wait_for(flag))
    lomp_map(1, function(i) {
      invisible(gc())
      future::plan(future::sequential)
      expect_identical(nrow(future::listFutures(future::plan("backend"))), 0L)
    }, .workers = 1)
    rm(f)
    f <- future::plan("backend")$jobs[[1]]
    expect_null(f$outcome)
    raise(flag)
  })
})

test_that("a future that can't be launched says why, as often as it is asked", {
  skip_without_future()
  with_futures({
    f <- future::future(1, lazy = TRUE)
    refuse <- function(...) stop("no process can be had")
    refused <- with_lomp("open_job", refuse, caught(future::run(f)))
    expect_true(future::resolved(f))
    for (error in list(refused, caught(future::value(f)))) {
      expect_s3_class(error, "FutureLaunchError")
      expect_match(conditionMessage(error), "was not launched: no process can be had")
    }
    expect_identical(future::value(future::reset(f)), 1)
  })
})
