# How a call with workers goes: first error, collecting, crashes, and that nothing is left of it.

# Loaded here, so that not each worker has to.
pskill <- tools::pskill

kill_self <- function() {
  pskill(Sys.getpid(), 9L)
  # It is delivered on the way back from the system call, or soon after.
  repeat Sys.sleep(1)
}

# ---- The first error ----------------------------------------------------------------------------

test_that("the first error ends a long item elsewhere at once", {
  call <- function(flag) {
    f <- function(i) {
      if (i == 1) {
        raise(flag)
        Sys.sleep(600)
      }
      wait_for(flag)
      stop("boom")
    }
    caught(lomp_map(1:2, f, .workers = 2))
  }
  elapsed <- seconds(cnd <- expect_no_leaks(with_flag(call)))
  expect_identical(cnd$item, 2)
  expect_s3_class(cnd$results[[1]], "lomp_not_run")
  expect_lt(elapsed, 60)
})

test_that("what was finished before the error is kept, in its place", {
  with_flag(function(flag) {
    # Item 3 fails when all others but the fourth are finished, which waits for what never comes.
    flags <- paste0(flag, 1:4)
    f <- function(i) {
      if (i == 3) {
        wait_for(flags[-3])
        stop("boom")
      }
      raise(flags[[i]])
      if (i == 4) Sys.sleep(600)
      i * 10
    }
    cnd <- caught(lomp_map(c(a = 1, b = 2, c = 3, d = 4), f, .workers = 3))
    expect_named(cnd$results, c("a", "b", "c", "d"))
    expect_identical(lomp_ok(cnd$results), c(TRUE, TRUE, FALSE, FALSE))
    expect_identical(unlist(cnd$results[1:2]), c(a = 10, b = 20))
    expect_s3_class(cnd$results$c, c("lomp_error", "error", "condition"), exact = TRUE)
    expect_s3_class(cnd$results$d, "lomp_not_run")
    expect_match(conditionMessage(cnd), "\n2 of 4 finished")
  })
})

test_that("of several errors the first in time is thrown, whichever came in first", {
  failures <- list(list(item = 5, time = 30), list(item = 9, time = 10), list(item = 1, time = 20))
  stop_plan <- list(on_error = "stop")
  collect_plan <- list(on_error = "collect")
  expect_identical(first_in_time(failures, stop_plan)$item, 9)
  expect_null(first_in_time(failures, collect_plan))
  # What concerns the whole call goes before, and isn't collected.
  fatal <- c(failures, list(list(item = NA_real_, time = 40)))
  expect_identical(first_in_time(fatal, stop_plan)$time, 40)
  expect_identical(first_in_time(fatal, collect_plan)$time, 40)
})

test_that("handlers of the caller see one error and no other condition", {
  for (workers in all_workers) {
    seen <- list()
    cnd <- caught(withCallingHandlers(
      lomp_map(1:4, function(i) stop("boom"), .workers = workers),
      condition = function(cnd) seen[[length(seen) + 1L]] <<- class(cnd)
    ))
    expect_identical(seen, list(c("lomp_error", "error", "condition")))
  }
})

# ---- Collecting ---------------------------------------------------------------------------------

test_that("collected errors stand in their places, and one warning tells of them", {
  items <- stats::setNames(1:50, paste0("n", 1:50))
  bad <- c(3, 17, 42)
  for (workers in all_workers) {
    results <- NULL
    warnings <- warnings_of(expect_no_leaks(
      results <- lomp_map(items, function(i) if (i %in% bad) stop("boom ", i) else i,
                          .workers = workers, .on_error = "collect")
    ))
    expect_length(warnings, 1)
    expect_s3_class(warnings[[1]], c("lomp_failed", "warning", "condition"), exact = TRUE)
    expect_identical(warnings[[1]]$items, bad)
    expect_identical(conditionMessage(warnings[[1]]),
                     "3 of 50 items failed (3, 17, 42); the first: boom 3")
    expect_named(results, names(items))
    expect_identical(results[-bad], as.list(items[-bad]))
    for (k in bad) {
      expect_identical(results[[k]]$item, k)
      expect_identical(results[[k]]$name, paste0("n", k))
      expect_identical(conditionMessage(results[[k]]$parent), paste("boom", k))
      expect_null(results[[k]]$results)
    }
  }
})

test_that("all items may fail", {
  for (workers in all_workers) {
    results <- suppressWarnings(
      lomp_map(1:9, function(i) stop(i), .workers = workers, .on_error = "collect")
    )
    said <- vapply(results, function(cnd) conditionMessage(cnd$parent), "")
    expect_identical(said, as.character(1:9))
  }
})

test_that("where nothing fails nothing is said", {
  for (workers in all_workers) {
    expect_silent(results <- lomp_map(1:3, identity, .workers = workers, .on_error = "collect"))
    expect_identical(results, list(1L, 2L, 3L))
  }
})

# ---- Workers that die ---------------------------------------------------------------------------

# Each way costs exactly the second item.
expect_crash <- function(die, signal, status) {
  f <- function(i) if (i == 2) die() else i
  items <- c(a = 1, b = 2, c = 3, d = 4)
  for (workers in c(1, 3)) {
    results <- NULL
    warnings <- warnings_of(expect_no_leaks(
      results <- lomp_map(items, f, .workers = workers, .on_error = "collect")
    ))
    expect_identical(warnings[[1]]$items, 2)
    expect_identical(results[-2], list(a = 1, c = 3, d = 4))
    crash <- results$b
    expect_s3_class(crash, c("lomp_crash", "lomp_error", "error", "condition"), exact = TRUE)
    expect_identical(crash[c("item", "name", "signal", "status")],
                     list(item = 2, name = "b", signal = signal, status = status))
    expect_type(crash$pid, "integer")
    expect_false(crash$pid == Sys.getpid())
  }
  invisible(crash)
}

test_that("many results are in their places, with names or without, and also where some fail", {
  n <- 1.5e5
  some <- function(i) if (i %% 7L == 0L) NULL else i
  expect_identical(lomp_map(seq_len(n), some, .workers = 2), lapply(seq_len(n), some))
  named <- stats::setNames(seq_len(n), seq_len(n))
  expect_identical(lomp_map(named, some, .workers = 2), lapply(named, some))
  wrong_end <- function(i) if (i > n - 10) stop("no") else i
  failed <- suppressWarnings(lomp_map(named, wrong_end, .workers = 2, .on_error = "collect"))
  expect_identical(which(!lomp_ok(failed)), which(seq_len(n) > n - 10))
  mended <- lomp_map(named, some, .workers = 2, .redo = failed)
  expect_identical(mended[n - 9:0], lapply(named, some)[n - 9:0])
  expect_identical(mended[1:9], lapply(named[1:9], identity))
})

test_that("a worker that is killed costs its item", {
  crash <- expect_crash(kill_self, "SIGKILL", NA_integer_)
  expect_match(conditionMessage(crash), "^item 2 \\(\"b\"\\): its worker was killed by SIGKILL")
})

test_that("a worker that quits costs its item, and the session lives on", {
  crash <- expect_crash(function() quit("no", 3), NA_character_, 3L)
  expect_match(conditionMessage(crash), "quit()", fixed = TRUE)
  expect_true(dir.exists(tempdir()))
})

test_that("with stop, a crash is thrown like any error", {
  cnd <- expect_no_leaks(caught(
    lomp_map(1:3, function(i) if (i == 3) kill_self() else i, .workers = 1)
  ))
  expect_s3_class(cnd, "lomp_crash")
  expect_identical(cnd$item, 3)
  expect_identical(cnd$results[1:2], list(1L, 2L))
  expect_identical(lomp_last(), cnd)
})

test_that("a call of which every item crashes ends by itself", {
  results <- expect_no_leaks(suppressWarnings(
    lomp_map(1:6, function(i) kill_self(), .workers = 3, .on_error = "collect")
  ))
  expect_true(all(vapply(results, inherits, NA, "lomp_crash")))
  expect_identical(vapply(results, function(cnd) cnd$item, 0), as.numeric(1:6))
})

test_that("a new worker takes the place of a dead one", {
  pids <- suppressWarnings(
    lomp_map(1:5, function(i) if (i == 3) kill_self() else Sys.getpid(), .workers = 1,
             .on_error = "collect")
  )
  pids <- unlist(pids[-3])
  expect_identical(pids[[1]], pids[[2]])
  expect_identical(pids[[3]], pids[[4]])
  expect_false(pids[[1]] == pids[[3]])
})

test_that("workers that die before they begin an item end the call", {
  with_lomp("prepare_worker", kill_self, {
    for (on_error in c("stop", "collect")) {
      cnd <- expect_no_leaks(caught(lomp_map(1:3, identity, .workers = 1, .on_error = on_error)))
      expect_s3_class(cnd, c("lomp_fork_error", "lomp_error", "error", "condition"), exact = TRUE)
      expect_match(conditionMessage(cnd), "SIGKILL", fixed = TRUE)
      expect_identical(lomp_ok(cnd$results), rep(FALSE, 3))
    }
  })
  expect_identical(lomp_map(1:3, identity, .workers = 1), list(1L, 2L, 3L))
})

# ---- Forks that are refused ---------------------------------------------------------------------

test_that("with too few descriptors the call goes on with fewer workers, and says so", {
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  # The first item lasts long enough for a second worker to be wanted.
  f <- function(i) if (i == 1) Sys.sleep(0.5) else i
  results <- NULL
  warnings <- expect_no_leaks(
    with_descriptors(6, warnings_of(results <- lomp_map(1:20, f, .workers = 3)))
  )
  expect_identical(results, c(list(NULL), as.list(2:20)))
  expect_length(warnings, 1)
  expect_s3_class(warnings[[1]], c("lomp_fewer_workers", "warning", "condition"), exact = TRUE)
  # A worker takes fewer descriptors where there are none for processes.
  expect_true(warnings[[1]]$workers %in% 1:2)
  expect_match(conditionMessage(warnings[[1]]), "^only [12] of 3 workers could be forked")
})

test_that("without any worker the call ends with the reason", {
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  for (free in c(1, 3)) {
    cnd <- expect_no_leaks(with_descriptors(free, caught(lomp_map(1:3, identity, .workers = 2))))
    expect_s3_class(cnd, c("lomp_fork_error", "lomp_error", "error", "condition"), exact = TRUE)
    expect_match(conditionMessage(cnd), "^can't fork a worker: ")
    expect_identical(cnd$item, NA_real_)
    expect_identical(lomp_ok(cnd$results), rep(FALSE, 3))
  }
  expect_identical(lomp_map(1:3, identity, .workers = 2), list(1L, 2L, 3L))
})

# ---- Errors of this process ---------------------------------------------------------------------

test_that("a time limit of this process ends the call, and nothing is left", {
  call <- function() {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 0.3, transient = TRUE)
    lomp_map(1:2, function(i) Sys.sleep(600), .workers = 2)
  }
  elapsed <- seconds(cnd <- expect_no_leaks(caught(call())))
  expect_match(conditionMessage(cnd), "reached elapsed time limit", fixed = TRUE)
  expect_false(inherits(cnd, "lomp_error"))
  expect_lt(elapsed, 60)
  expect_identical(lomp_map(1:3, identity, .workers = 2), list(1L, 2L, 3L))
})

# ---- What is left -------------------------------------------------------------------------------

test_that("nothing is left of a call that ends well, whatever its size", {
  nested <- function(i) lomp_map(1:3, identity, .workers = 2)
  for (workers in c(1, 3)) {
    expect_no_leaks(lomp_map(1:100, function(i) raw(1e4 * i), .workers = workers))
    expect_no_leaks(lomp_map(NULL, identity, .workers = workers))
    expect_no_leaks(lomp_map(1, nested, .workers = workers))
  }
})

test_that("nothing is left of a call that fails while much is on the way", {
  for (workers in c(1, 3)) {
    expect_no_leaks(caught(
      lomp_map(1:30, function(i) if (i == 20) stop("boom") else raw(1e6), .workers = workers)
    ))
  }
})

# What a function sees may be gigabytes.
test_that("the function and what it sees can be freed after the call", {
  for (workers in all_workers) {
    freed <- 0
    make <- function() {
      reg.finalizer(environment(), function(e) freed <<- freed + 1)
      function(i) i
    }
    call <- function() lomp_map(1:2, make(), .workers = workers)
    expect_identical(call(), list(1L, 2L))
    gc()
    expect_identical(freed, 1, label = paste("freed after a call with", workers, "workers"))
  }
})

test_that("a leak would be seen", {
  # Without this, none of the tests above could fail.
  file <- tempfile()
  connection <- NULL
  child <- NULL
  leak <- function(code) {
    seen <- tryCatch(expect_no_leaks(code), expectation_failure = function(cnd) "seen")
    identical(seen, "seen")
  }
  expect_true(leak(file.create(file)))
  expect_true(leak(connection <- file(file, "r")))
  close(connection)
  unlink(file)
  expect_true(leak(child <- parallel::mcparallel(NULL)))
  parallel::mccollect(child)
  expect_false(leak(1 + 1))
})
