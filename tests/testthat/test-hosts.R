# Sessions that are more than an Rscript: front ends, other owners of signals and descriptors,
# thread pools, old kernels.

# These start many processes and take minutes.
skip_on_cran()

# ---- A front end ---------------------------------------------------------------------------------

# R inside a program of ours that is made like RStudio's session; see tools/front_end.cpp.
start_front_end <- function(code, options, values = list()) {
  # Only what the program itself refers to: R's own flags for the linker name libraries, too, whose
  # development files needn't be there.
  flags <- paste("$(R CMD config --cppflags) -Wl,--export-dynamic -pthread", "-lR",
                 paste0("-L", shQuote(R.home("lib"))))
  program <- native("front_end.cpp", program = TRUE, flags = flags)
  libraries <- paste(R.home("lib"), Sys.getenv("LD_LIBRARY_PATH"), sep = ":")
  start_r(code, values, command = paste(shQuote(program), options),
          env = c(R_HOME = R.home(), LD_LIBRARY_PATH = libraries))
}

run_front_end <- function(code, options, values = list()) {
  run <- finish_r(start_front_end(code, options, values), 60)
  expect_true(run$in_time, info = told(run))
  run
}

test_that("in a front end no worker touches its console, its events or its end", {
  skip_without_proc()
  run <- run_front_end(quote({
    library(lomp)
    dyn.load(faults)
    actions <- list(
      print = function() print(1:3), message = function() message("text"),
      warning = function() warning("a warning"), error = function() stop("an error"),
      segv = function() .C("fault_segv"), exit = function() .C("fault_exit", 1L),
      quit = function() quit("ask"), readline = function() readline("? "),
      menu = function() menu(c("a", "b")), sleep = function() Sys.sleep(0.05),
      flush = function() flush.console(), help = function() file.show(tempfile()),
      choose = function() file.choose()
    )
    results <- suppressWarnings(
      lomp_map(actions, function(action) action(), .workers = 3, .on_error = "collect")
    )
    note("script goes on")
    give(list(interactive = interactive(), results = results, tempdir = dir.exists(tempdir()),
              children = children_left()))
    q("no")
  }), "--own-signals --polled --lock=50 --threads=2", list(faults = native("faults.c")))
  expect_equal(run$status, 0)
  expect_equal(grep("child:", c(run$out, run$err), value = TRUE), character())
  expect_true(run$value$interactive)
  expect_true(run$value$tempdir)
  expect_length(run$value$children, 0)
  expect_equal(nrow(run$ledger), 1)
  results <- run$value$results
  expect_equal(results$print, 1:3)
  expect_equal(results$readline, "")
  crashed <- vapply(results, inherits, NA, "lomp_crash")
  expect_equal(names(results)[crashed], c("segv", "exit", "quit"))
  expect_match(conditionMessage(results$error), "an error")
  expect_match(conditionMessage(results$choose), "file choice cancelled")
})

test_that("a console's lock that another thread holds at the fork stops no worker", {
  skip_without_proc()
  run <- run_front_end(quote({
    library(lomp)
    # Many forks, so that some come while the lock is held.
    call <- function(k) {
      lomp_map(1:3, function(i) {
        cat("output\n")
        message("message")
        Sys.sleep(0.005)
        i
      }, .workers = 3)
    }
    give(lapply(1:5, call))
    q("no")
  }), "--lock=50")
  expect_equal(run$value, rep(list(list(1L, 2L, 3L)), 5))
  expect_equal(grep("child:", c(run$out, run$err), value = TRUE), character())
})

# ---- Streams of the C library --------------------------------------------------------------------

test_that("a thread of the host that waits for input holds up neither session nor workers", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), seconds = 30, code = {
    library(lomp)
    dyn.load(faults)
    .C("read_in_a_thread", 0L)
    file <- tempfile()
    con <- file(file, "w")
    cat("before\n", file = con)
    results <- lomp_map(1:4, function(i) {
      cat("item", i, "\n", file = con)
      .C("print_line", i)
      i
    }, .workers = 2)
    cat("after\n", file = con)
    close(con)
    printed <- utils::capture.output(lomp_map(1:2, function(i) .C("print_line", i), .workers = 2))
    give(list(results = results, lines = readLines(file), printed = sort(printed)))
    .C("fault_exit_now", 0L)  # newer C libraries wait at the end for what a thread holds
  })
  expect_equal(run$value$results, as.list(1:4))
  lines <- run$value$lines
  expect_equal(lines[c(1, 6)], c("before", "after"))
  expect_setequal(lines[2:5], paste("item", 1:4, ""))
  expect_true(all(c("compiled 1", "compiled 2") %in% run$value$printed))
})

test_that("what a stream holds that another thread is using is written once", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), seconds = 30, code = {
    library(lomp)
    dyn.load(faults)
    file <- tempfile()
    .C("open_log", file)
    .C("write_log", "of the session")
    lomp_map(1:2, function(i) .C("write_log", paste("item", i)), .workers = 2)
    unused <- readLines(file)
    .C("write_log", "held")
    .C("hold_log_in_a_thread")
    results <- lomp_map(1:3, function(i) i, .workers = 2)
    give(list(unused = unused, results = results, held = sum(readLines(file) == "held")))
    .C("fault_exit_now", 0L)  # newer C libraries wait at the end for what a thread holds
  })
  expect_equal(run$value$unused[[1]], "of the session")
  expect_setequal(run$value$unused[-1], c("item 1", "item 2"))
  expect_equal(run$value$results, as.list(1:3))
  expect_equal(run$value$held, 0)
})

# ---- Events --------------------------------------------------------------------------------------

handle_event_code <- quote({
  library(lomp)
  dyn.load(faults)
  .C("watch_events")
  .C("send_event")
  # Workers that sleep look for events.
  in_workers <- lomp_map(1:4, function(i) {
    Sys.sleep(0.1)
    .C("count_events", 0L)[[1]]
  }, .workers = 2)
  before <- .C("count_events", 0L)[[1]]
  handled <- wait_until(.C("count_events", 0L)[[1]] == 1L)
  give(list(in_workers = unlist(in_workers), before = before, handled = handled))
  q("no")
})

test_that("an event that waits at the fork is handled by the parent, not by a worker", {
  skip_without_proc()
  values <- list(faults = native("faults.c"))
  runs <- list(
    finish_r(start_r(handle_event_code, values)),
    run_front_end(handle_event_code, "--polled", values)
  )
  for (run in runs) {
    expect_equal(run$value, list(in_workers = integer(4), before = 0L, handled = TRUE))
  }
})

# ---- Old kernels ---------------------------------------------------------------------------------

test_that("a kernel that refuses newer system calls gives the same results", {
  skip_without_proc()
  program <- native("deny_syscalls.c", program = TRUE)
  skip_if(system2(program, c("EPERM", "true")) == 77, "no seccomp filters")
  for (error in c("EPERM", "ENOSYS")) {
    run <- finish_r(start_r(quote({
      library(lomp)
      dyn.load(faults)
      f <- function(i) {
        switch(i, i, tools::pskill(Sys.getpid(), 9), stop("no"), rep(i, 1e5), quit(), i, {
          # Its pipe stays open, so that its end alone tells of its death.
          .C("fault_leave_behind", 0L, 0L)
          .C("fault_exit_now", 7L)
        }, i)
      }
      before <- traces()
      results <- suppressWarnings(lomp_map(1:8, f, .workers = 3, .on_error = "collect"))
      setTimeLimit(elapsed = 0.5)
      limited <- outcome_of(lomp_map(1:2, function(i) repeat Sys.sleep(1), .workers = 2))
      setTimeLimit()
      give(list(results = results, limited = limited, same = identical(traces(), before)))
    }), list(faults = native("faults.c")),
    command = paste(shQuote(program), error, rscript_command())))
    expect_true(run$in_time)
    results <- run$value$results
    expect_equal(lomp::lomp_ok(results), !1:8 %in% c(2, 3, 5, 7))
    expect_equal(results[c(1, 4, 6, 8)], list(1L, rep(4L, 1e5), 6L, 8L))
    expect_equal(results[[2]]$signal, "SIGKILL")
    expect_equal(results[[7]]$status, 7)
    expect_match(conditionMessage(run$value$limited), "time limit")
    expect_true(run$value$same)
  }
})

# ---- Thread pools --------------------------------------------------------------------------------

test_that("OpenMP code that has run in the parent runs in workers too, on one thread", {
  skip_without_proc()
  library <- native("openmp.c", flags = "-fopenmp")
  run <- run_r(values = list(openmp = library), env = c(OMP_NUM_THREADS = "3"), code = {
    library(lomp)
    dyn.load(openmp)
    x <- as.numeric(1:10000)
    add <- function(threads) .C("openmp_sum", x, length(x), threads, 0)[[4]]
    before <- c(add(0L), add(2L))
    calls <- function() {
      lomp_map(1:4, function(i) c(add(0L), add(2L), .C("openmp_threads", 0L)[[1]]), .workers = 2)
    }
    first <- calls()
    between <- c(add(0L), add(4L))
    second <- calls()
    give(list(before, first, between, second, threads = .C("openmp_threads", 0L)[[1]]))
  })
  right <- sum(1:10000)
  expect_equal(run$value[[1]], c(right, right))
  expect_equal(run$value[[3]], c(right, right))
  for (workers in run$value[c(2, 4)]) expect_equal(workers, rep(list(c(right, right, 1)), 4))
  expect_equal(run$value$threads, 3)
})

# ---- Other owners --------------------------------------------------------------------------------

test_that("packages that own SIGCHLD and lomp don't disturb each other", {
  skip_without_proc()
  skip_if_not_installed("processx")
  run <- run_r(code = {
    library(lomp)
    status <- function() processx::run("sh", c("-c", "exit 3"), error_on_status = FALSE)$status
    call <- function() {
      lomp_map(1:6, function(i) {
        if (i == 4) tools::pskill(Sys.getpid(), 9)
        i
      }, .workers = 2, .on_error = "collect")
    }
    check <- function() {
      results <- suppressWarnings(call())
      list(signal = results[[4]]$signal, results = results[-4], status = status())
    }
    first <- suppressWarnings(call())
    running <- processx::process$new("sleep", "100")
    second <- check()
    jobs <- parallel::mclapply(1:2, function(i) i, mc.cores = 2)
    third <- check()
    inside <- lomp_map(1:2, function(i) status(), .workers = 2)
    alive <- running$is_alive()
    running$kill()
    give(list(first = list(signal = first[[4]]$signal, results = first[-4], status = 3L),
              second = second, third = third, inside = inside, jobs = jobs, alive = alive,
              children = children_left()))
  })
  right <- list(signal = "SIGKILL", results = as.list(c(1:3, 5:6)), status = 3L)
  for (check in run$value[c("first", "second", "third")]) expect_equal(check, right)
  expect_equal(run$value$inside, list(3L, 3L))
  expect_equal(run$value$jobs, list(1L, 2L))
  expect_true(run$value$alive)
})

test_that("a host that ignores SIGCHLD loses the cause of death and nothing else", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    .C("ignore_signal", 17L)
    f <- function(i) {
      if (i == 2) tools::pskill(Sys.getpid(), 9)
      if (i == 4) quit()
      i
    }
    began <- proc.time()[["elapsed"]]
    results <- suppressWarnings(lomp_map(1:6, f, .workers = 2, .on_error = "collect"))
    give(list(results = results, seconds = proc.time()[["elapsed"]] - began,
              children = children_left()))
  })
  results <- run$value$results
  expect_equal(results[-c(2, 4)], list(1L, 3L, 5L, 6L))
  expect_s3_class(results[[2]], "lomp_crash")
  # That nothing is known must not be told as an ordinary end.
  expect_no_match(conditionMessage(results[[2]]), "status 0")
  expect_match(conditionMessage(results[[4]]), "called quit()", fixed = TRUE)
  expect_lt(run$value$seconds, 20)
  expect_length(run$value$children, 0)
})

# ---- Many of them --------------------------------------------------------------------------------

test_that("descriptors with large numbers do", {
  skip_without_proc()
  skip_if(system2("sh", c("-c", shQuote("ulimit -S -n 2000")), stderr = FALSE) != 0L,
          "a low limit to descriptors")
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    opened <- .C("open_many", 1100L)[[1]]
    f <- function(i) {
      if (i == 5) tools::pskill(Sys.getpid(), 9)
      rep(i, 1e4)
    }
    give(list(
      opened = opened,
      results = suppressWarnings(lomp_map(1:12, f, .workers = 4, .on_error = "collect"))
    ))
  }, before = "ulimit -S -n 2000 2>/dev/null")
  expect_gte(run$value$opened, 1100)
  expect_equal(run$value$results[-5], lapply((1:12)[-5], rep, 1e4))
  expect_equal(run$value$results[[5]]$signal, "SIGKILL")
})

test_that("a hundred workers work at once", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    .C("build_gate")
    meeting <- tempfile()
    dir.create(meeting)
    # Nobody leaves before all are there; the last one counts.
    f <- function(i) {
      file.create(file.path(meeting, i))
      if (i == 100) {
        wait_until(length(list.files(meeting)) == 100, 60)
        .C("open_gate", 100L)
      }
      .C("wait_at_gate")
      c(i, length(list.files(meeting)), Sys.getpid())
    }
    before <- traces()
    results <- do.call(rbind, lomp_map(1:100, f, .workers = 100))
    unlink(meeting, recursive = TRUE)
    before$files <- setdiff(before$files, basename(meeting))
    give(list(results = results, before = before, after = traces()))
  }, before = "ulimit -S -n 2000 2>/dev/null", seconds = 120)
  expect_equal(run$value$results[, 1], 1:100)
  expect_equal(run$value$results[, 2], rep(100, 100))
  expect_length(unique(run$value$results[, 3]), 100)
  expect_equal(run$value$after, run$value$before)
})

test_that("programs that an item starts hold none of lomp's descriptors", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    open <- function() {
      # What the pipe to the program's own output is called differs.
      lines <- system("ls -l /proc/self/fd | sed 's/.* -> //'", intern = TRUE)
      sum(grepl("^(pipe|socket|anon_inode)", lines))
    }
    f <- function(i) {
      Sys.sleep(0.05)
      open()
    }
    give(c(open(), unlist(lomp_map(1:6, f, .workers = 3))))
  })
  expect_equal(run$value[-1], rep(run$value[[1]], 6))
})

# ---- Documents -----------------------------------------------------------------------------------

test_that("a chunk of a document may use workers, and may lose one", {
  skip_without_proc()
  skip_if_not_installed("knitr")
  run <- run_r(values = list(faults = native("faults.c")), code = {
    dyn.load(faults)
    lines <- c(
      "# Title", "```{r}", "library(lomp)",
      "results <- lomp_map(1:6, function(i) if (i == 3) .C('fault_exit', 0L) else i^2,",
      "                    .workers = 2, .on_error = 'collect')",
      "sum(unlist(results[lomp_ok(results)]))", "```", "", "The end: `r length(results)`."
    )
    give(knitr::knit(text = lines, quiet = TRUE))
    note("script ends")
  })
  document <- strsplit(paste(run$value, collapse = "\n"), "\n")[[1]]
  expect_equal(sum(document == "# Title"), 1)
  expect_equal(sum(grepl("## [1] 82", document, fixed = TRUE)), 1)
  expect_equal(sum(grepl("1 of 6 items failed (3)", document, fixed = TRUE)), 1)
  expect_equal(document[length(document)], "The end: 6.")
  expect_equal(nrow(run$ledger), 1)
})
