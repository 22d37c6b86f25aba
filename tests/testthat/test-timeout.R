# Time limits for items.

# Iterators of other files that nobody holds any more end their workers here.
invisible(gc())

# These start many processes and take their time.
skip_on_cran()

counts <- c(0, 1, 3)

# Runs R code for ever, as a whole. A sleep counts as time in which `.f` runs.
endless <- list(
  "R code" = function() repeat NULL,
  "sleep" = function() repeat Sys.sleep(0.05)
)

late <- function(f, workers, ...) {
  suppressWarnings(lomp_map(c(a = 1, b = 2, c = 3, d = 4), f, .workers = workers, .timeout = 0.3,
                            .on_error = "collect", ...))
}

test_that("an item that takes too long is lost, and no other one", {
  for (workers in counts) {
    for (wait in endless) {
      results <- expect_no_leaks(late(function(i) {
        if (i == 2) wait()
        i
      }, workers))
      expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE, TRUE))
      expect_identical(results[-2], list(a = 1, c = 3, d = 4))
      cnd <- results[[2]]
      expect_s3_class(cnd, c("lomp_timeout", "lomp_error", "error", "condition"), exact = TRUE)
      expect_identical(conditionMessage(cnd), "item 2 (\"b\"): it took longer than 0.3 s")
      expect_identical(cnd[c("item", "name", "timeout")], list(item = 2, name = "b", timeout = 0.3))
    }
  }
})

test_that("with \"stop\" the first one ends the call", {
  for (workers in counts) {
    cnd <- tryCatch(lomp_map(1:2, function(i) if (i == 2) repeat NULL else i, .workers = workers,
                             .timeout = 0.3), lomp_timeout = function(cnd) cnd)
    expect_identical(cnd$item, 2)
    expect_identical(cnd$results[[1]], 1L)
    expect_identical(lomp_map(1:2, function(i) i, .workers = workers, .redo = cnd), list(1L, 2L))
  }
})

test_that("compiled code and its programs end, whatever signals they hold off", {
  faults <- native("faults.c")
  loaded <- dyn.load(faults)
  withr::defer(dyn.unload(faults))
  results <- expect_no_leaks(late(function(i) {
    if (i == 1) {
      for (signal in c(1L, 2L, 14L, 15L)) .C("block_signal", signal)
      .C("fault_spin")
    }
    if (i == 3) system("sleep 1000")
    i
  }, 2))
  ended <- vapply(results, inherits, NA, "lomp_timeout", USE.NAMES = FALSE)
  # The build for other systems has only a signal that can be held off, and the parent's check.
  expect_identical(ended, c(TRUE, FALSE, TRUE, FALSE))
  expect_length(descendants_of(Sys.getpid()), 0)
})

# What an item does before it goes on for ever in C code.
obstinate <- list(
  "blocks all signals" = quote(for (signal in 1:31) .C("block_signal", signal)),
  "ignores all signals" = quote(for (signal in setdiff(1:31, c(9, 19))) {
    .C("ignore_signal", signal)
  }),
  "does nothing" = NULL
)

test_that("an item in C code that takes too long is late whatever it does about signals", {
  skip_on_portable_build()
  faults <- native("faults.c")
  loaded <- dyn.load(faults)
  withr::defer(dyn.unload(faults))
  for (before in obstinate) {
    results <- expect_no_leaks(late(function(i) {
      if (i == 2) {
        eval(before)
        .C("fault_spin")
      }
      i
    }, 2))
    expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE, TRUE))
    expect_s3_class(results[[2]], "lomp_timeout")
  }
})

test_that("an item that has used up its stack is late all the same", {
  skip_on_portable_build()
  faults <- native("faults.c")
  loaded <- dyn.load(faults)
  withr::defer(dyn.unload(faults))
  results <- expect_no_leaks(late(function(i) {
    if (i == 2) .C("fault_spin_deep")
    i
  }, 2))
  expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE, TRUE))
  expect_s3_class(results[[2]], "lomp_timeout")
})

test_that("an item whose worker is killed in time has crashed however late that is seen", {
  for (late in c(FALSE, TRUE)) {
    begun <- tempfile()
    it <- lomp_iterate(1:2, function(i) {
      if (i == 2) return(i)
      file.create(begun)
      if (late) repeat NULL
      tools::pskill(Sys.getpid(), 9)
      Sys.sleep(10)
    }, .workers = 1, .timeout = 2, .on_error = "collect", .ordered = TRUE)
    # The session is busy until the item's time is over, and a while longer.
    wait_until(file.exists(begun))
    busy_until <- proc.time()[["elapsed"]] + 3
    while (proc.time()[["elapsed"]] < busy_until) NULL
    cnd <- it()
    expect_s3_class(cnd, if (late) "lomp_timeout" else "lomp_crash")
    if (!late) expect_identical(cnd$signal, "SIGKILL")
    it(close = TRUE)
    unlink(begun)
  }
})

test_that("a session that was stopped meanwhile tells the same", {
  skip_without_proc()
  run <- start_r(values = list(faults = native("faults.c")), quote({
    library(lomp)
    dyn.load(faults)
    results <- suppressWarnings(lomp_map(1:3, function(i) {
      if (i == 1) {
        tools::pskill(.C("parent_pid", 0L)[[1]], tools::SIGSTOP)
        note("stopped")
        tools::pskill(Sys.getpid(), 9)
        Sys.sleep(10)
      }
      i
    }, .workers = 1, .timeout = 3, .on_error = "collect"))
    give(results)
  }))
  expect_true(wait_until(has_noted(run, "stopped")))
  expect_true(wait_until(process_state(run$pid) == "T"))
  began <- proc.time()[["elapsed"]]
  while (proc.time()[["elapsed"]] - began < 4) NULL
  tools::pskill(run$pid, tools::SIGCONT)
  run <- finish_r(run, 20)
  expect_true(run$in_time)
  expect_s3_class(run$value[[1]], "lomp_crash")
  expect_identical(run$value[[1]]$signal, "SIGKILL")
  expect_identical(run$value[-1], list(2L, 3L))
})

test_that("time is an item's own: many short ones take as long as they like", {
  for (workers in counts) {
    expect_identical(lomp_map(1:30, function(i) {
      Sys.sleep(0.02)
      i
    }, .workers = workers, .timeout = 0.5), as.list(1:30))
  }
})

test_that("what an item waits for its consumer doesn't count", {
  withr::local_options(lomp.buffer = 1e5)
  it <- lomp_iterate(1:2, function(i, emit) for (k in 1:20) emit(rep(0, 1e4)), .workers = 1,
                     .timeout = 0.5, .ordered = TRUE)
  values <- 0
  began <- proc.time()[["elapsed"]]
  while (!lomp_done(it())) {
    values <- values + 1
    if (values %% 10 == 0) Sys.sleep(0.4)
  }
  expect_gt(proc.time()[["elapsed"]] - began, 1)
  expect_equal(values, 40)
})

test_that("an item ends in time while the consumer of an iterator is busy", {
  it <- lomp_iterate(1:2, function(i, emit) {
    emit(Sys.getpid())
    if (i == 1) repeat NULL
  }, .workers = 1, .timeout = 0.3, .on_error = "collect",
                     .ordered = TRUE)
  pid <- it()
  # Nobody asks the iterator in the meantime; its worker's state is the kernel's word.
  state <- function() {
    line <- tryCatch(readLines(sprintf("/proc/%d/stat", pid)), error = function(cnd) "x) X")
    substr(sub(".*[)] ", "", line), 1, 1)
  }
  skip_without_proc()
  expect_true(wait_until(state() %in% c("Z", "X")))
  cnd <- it()
  expect_s3_class(cnd, "lomp_timeout")
  expect_false(it() == pid)
  expect_warning(expect_true(lomp_done(it())), class = "lomp_failed")
})

test_that("generators have their items' time", {
  skip_if_not_installed("coro")
  f <- coro::generator(function(i) {
    yield(i)
    if (i == 2) while (TRUE) NULL
    yield(-i)
  })
  # coro compiles a generator when it first runs, which takes a worker its time.
  it <- lomp_iterate(1:3, f, .workers = 1, .timeout = 5, .ordered = TRUE, .on_error = "collect")
  values <- suppressWarnings(as.list(it))
  expect_s3_class(values[[4]], "lomp_timeout")
  expect_identical(values[-4], list(1L, -1L, 2L, 3L, -3L))
})

test_that("time limits around a call work, and its own are over with it", {
  for (workers in counts) {
    calls <- list(
      function(f) lomp_map(1:4, f, .workers = workers),
      function(f) lomp_map(1:4, f, .workers = workers, .on_error = "collect"),
      function(f) as.list(lomp_iterate(1:4, f, .workers = workers, .on_error = "collect"))
    )
    for (call in calls) {
      cnd <- tryCatch({
        setTimeLimit(elapsed = 0.4, transient = TRUE)
        call(function(i) for (k in 1:50) Sys.sleep(0.1))
      }, error = function(cnd) cnd)
      setTimeLimit()
      expect_identical(conditionMessage(cnd), "reached elapsed time limit")
      expect_s3_class(cnd, c("simpleError", "error", "condition"), exact = TRUE)
      expect_length(children_left(), 0)
    }
    lomp_map(1:2, function(i) i, .workers = workers, .timeout = 0.2)
    began <- proc.time()[["elapsed"]]
    while (proc.time()[["elapsed"]] - began < 0.4) NULL
    expect_true(TRUE)
  }
})

test_that("R.utils::withTimeout() around a call works", {
  skip_if_not_installed("R.utils")
  for (workers in counts) {
    for (on_error in c("stop", "collect")) {
      call <- function() {
        R.utils::withTimeout(lomp_map(1:4, function(i) repeat NULL, .workers = workers,
                                      .on_error = on_error), timeout = 0.4)
      }
      expect_no_leaks(cnd <- tryCatch(call(), error = identity))
      expect_true(inherits(cnd, "TimeoutException"))
    }
  }
})

test_that("arguments that make no sense are refused", {
  expect_messages(
    caught(lomp_map(1, identity, .timeout = 0)),
    caught(lomp_map(1, identity, .timeout = "1")),
    caught(lomp_iterate(1, identity, .timeout = c(1, 2))),
    caught(lomp_map(1, identity, .timeout = NA_real_))
  )
})
