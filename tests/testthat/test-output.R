# What items write to standard output: written again by the session.

# These start many processes and take their time.
skip_on_cran()

counts <- c(0, 1, 3)

test_that("it is captured as lapply's is, whole lines of one item after the other", {
  f <- function(i) {
    cat("item", i, "\n")
    print(c(a = i))
    for (k in 1:20) cat("part ", if (k == 20) "\n", sep = "")
    invisible(i)
  }
  each <- lapply(1:6, function(i) utils::capture.output(f(i)))
  for (workers in counts) {
    lines <- utils::capture.output(result <- lomp_map(1:6, f, .workers = workers))
    expect_identical(result, as.list(1:6))
    expect_setequal(lines, unlist(each))
    expect_length(lines, length(unlist(each)))
    if (workers < 2) expect_identical(lines, unlist(each))
  }
})

test_that("a sink of the caller's gets it, and a sink of the item's keeps its own", {
  for (workers in counts) {
    file <- withr::local_tempfile()
    withr::with_output_sink(file, {
      inner <- lomp_map(1:3, function(i) {
        cat("outside\n")
        utils::capture.output(cat("inside\n"))
      }, .workers = workers)
    })
    expect_identical(readLines(file), rep("outside", 3))
    expect_identical(inner, rep(list("inside"), 3))
    expect_identical(sink.number(), 0L)
  }
})

test_that("compiled code and programs are heard, too", {
  faults <- native("faults.c")
  dyn.load(faults)
  withr::defer(dyn.unload(faults))
  for (workers in c(1, 3)) {
    lines <- utils::capture.output(result <- lomp_map(1:4, function(i) {
      cat("before\n")
      system("echo program")
      .C("print_line", i)
      cat("after\n")
      i
    }, .workers = workers))
    expect_identical(result, as.list(1:4))
    expect_setequal(lines, c("before", "program", paste("compiled", 1:4), "after"))
    expect_length(lines, 16)
    one <- utils::capture.output(lomp_map(1, function(i) {
      cat("before\n")
      system("echo program")
      cat("after\n")
    }, .workers = workers))
    expect_identical(one[1:3], c("before", "program", "after"))
    alone <- utils::capture.output(invisible(lomp_map(1:50, function(i) {
      .C("print_line", i)
      NULL
    }, .workers = workers)))
    expect_setequal(alone, paste("compiled", 1:50))
  }
})

test_that("megabytes come whole, and bytes that are no text unchanged", {
  long <- strrep("0123456789", 3e5)
  for (workers in counts) {
    lines <- utils::capture.output({
      x <- lomp_map(1:4, function(i) cat(i, long, "\n", sep = ""), .workers = workers)
    })
    expect_setequal(lines, paste0(1:4, long))
    file <- withr::local_tempfile()
    withr::with_output_sink(file, lomp_map(1:2, function(i) cat("a\xffb\xe2\x82\xac\n"),
                                           .workers = workers))
    expected <- withr::local_tempfile()
    withr::with_output_sink(expected, lapply(1:2, function(i) cat("a\xffb\xe2\x82\xac\n")))
    expect_identical(readBin(file, "raw", 100), readBin(expected, "raw", 100))
  }
})

test_that("output, conditions and results of an item keep their order", {
  for (workers in counts) {
    said <- character()
    f <- function(i, emit) {
      cat("one\n")
      message("two")
      cat("three\n")
      emit("four")
      cat("five\n")
    }
    lines <- utils::capture.output({
      it <- lomp_iterate(1:2, f, .workers = workers, .ordered = TRUE)
      withCallingHandlers(
        while (!lomp_done(value <- it())) cat(value, "\n", sep = ""),
        message = function(cnd) {
          cat(conditionMessage(cnd))
          invokeRestart("muffleMessage")
        }
      )
    })
    expected <- c("one", "two", "three", "four", "five")
    if (workers == 0) expected <- c("one", "two", "three", "five", "four")
    expect_identical(lines, rep(expected, 2))
  }
})

test_that("what was written before a failure or a death is there", {
  for (workers in counts) {
    lines <- utils::capture.output(try(lomp_map(1, function(i) {
      cat("before the error")
      stop("no")
    }, .workers = workers), silent = TRUE))
    expect_identical(lines, "before the error")
  }
  lines <- utils::capture.output(try(lomp_map(1, function(i) {
    cat("before the death\n")
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }, .workers = 1), silent = TRUE))
  expect_identical(lines, "before the death")
})

test_that("a call within an item is heard through it, and so is a process that it forks", {
  for (inner in c(0, 2)) {
    lines <- utils::capture.output(invisible(lomp_map(1:2, function(i) {
      lomp_map(1:2, function(j) cat("at", i, j, "\n"), .workers = inner)
    }, .workers = 2)))
    expect_setequal(lines, c("at 1 1 ", "at 1 2 ", "at 2 1 ", "at 2 2 "))
  }
  lines <- utils::capture.output(invisible(lomp_map(1, function(i) {
    parallel::mclapply(1:2, function(j) cat("job", j, "\n"), mc.cores = 2)
    NULL
  }, .workers = 1)))
  expect_setequal(lines, c("job 1 ", "job 2 "))
})

test_that("output is written while its item goes on", {
  run <- run_r(code = {
    library(lomp)
    flag <- tempfile()
    heard <- character()
    con <- textConnection("heard", open = "w", local = FALSE)
    sink(con)
    it <- lomp_iterate(1, function(i, emit) {
      cat("I am here\n")
      emit("a result")
      wait_until(file.exists(flag), 30)
    }, .workers = 1)
    first <- it()
    at_first <- heard
    file.create(flag)
    rest <- as.list(it)
    sink()
    give(list(first = first, heard = at_first, rest = length(rest)))
  })
  expect_identical(run$value, list(first = "a result", heard = "I am here", rest = 0L))
})

test_that("a script's output is that of lapply", {
  shown <- function(call) {
    run_r(values = list(call = call), code = {
      library(lomp)
      f <- function(i) {
        cat("line", i, "\n")
        print(letters[i])
        invisible(i)
      }
      invisible(eval(call))
    })$out
  }
  expected <- shown(quote(lapply(1:3, f)))
  expect_identical(shown(quote(lomp_map(1:3, f, .workers = 1))), expected)
  expect_identical(shown(quote(lomp_map(1:3, f, .workers = 0))), expected)
})

# What a session with such a sink shows of an item that writes to standard error by itself.
shown_with_message_sink <- function(call, sink) {
  run <- run_r(values = list(call = call, sink = sink), code = {
    library(lomp)
    file <- tempfile()
    con <- if (sink == "a file") file(file, "w") else stdout()
    sink(con, type = "message")
    invisible(call(1:2, function(i) cat("direct\n", file = stderr())))
    sink(type = "message")
    if (sink == "a file") close(con)
    give(if (file.exists(file)) readLines(file))
  })
  list(file = run$value, out = run$out, err = run$err)
}

test_that("messages that go to standard output go there from workers, as under lapply", {
  by_workers <- shown_with_message_sink(function(...) lomp_map(..., .workers = 1), "output")
  expect_identical(by_workers$out, c("direct", "direct"))
  expect_identical(by_workers, shown_with_message_sink(lapply, "output"))
})

test_that("a worker doesn't write to a connection that messages go to", {
  shown <- shown_with_message_sink(function(...) lomp_map(..., .workers = 1), "a file")
  expect_identical(shown$file, character())
  expect_identical(shown$err, c("direct", "direct"))
})
