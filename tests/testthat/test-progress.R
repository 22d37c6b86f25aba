# How far a call is.

# These start many processes and take their time.
skip_on_cran()

counts <- c(0, 1, 3)

# A bar that appears at once, drawn over one line.
local_bar <- function(dynamic = TRUE, frame = parent.frame()) {
  skip_if_not_installed("cli")
  old <- the$bar_delay
  assign("bar_delay", 0, envir = the)
  withr::defer(assign("bar_delay", old, envir = the), frame)
  withr::local_options(cli.dynamic = dynamic, cli.width = 70, .local_envir = frame)
}

# What is written to standard error.
errors_of <- function(code) {
  file <- tempfile()
  connection <- file(file, open = "wb")
  sink(connection, type = "message")
  tryCatch(code, finally = {
    sink(type = "message")
    close(connection)
  })
  text <- readChar(file, file.size(file), useBytes = TRUE)
  unlink(file)
  text
}

slow <- function(i) {
  Sys.sleep(0.06)
  i
}

producer <- function(n) {
  at <- 0
  function() if (at < n) at <<- at + 1 else lomp_done()
}

test_that("a function is told the beginning, the end, and what is done in between", {
  for (workers in counts) {
    for (total in list(12, NA)) {
      told <- list()
      note <- function(done, total) told[[length(told) + 1L]] <<- c(done, total)
      x <- if (is.na(total)) producer(12) else 1:12
      lomp_map(x, slow, .workers = workers, .progress = note)
      done <- vapply(told, function(t) t[[1]], 0)
      expect_identical(c(done[[1]], done[[length(done)]]), c(0, 12))
      expect_gt(length(done), 3)
      expect_false(is.unsorted(done, strictly = TRUE))
      expect_identical(unique(vapply(told, function(t) as.numeric(t[[2]]), 0)), as.numeric(total))

      told <- list()
      x <- if (is.na(total)) producer(12) else 1:12
      as.list(lomp_iterate(x, slow, .workers = workers, .progress = note))
      done <- vapply(told, function(t) t[[1]], 0)
      expect_identical(c(done[[1]], done[[length(done)]]), c(0, 12))
      expect_gt(length(done), 3)
    }
  }
})

test_that("it is called seldom, however short the items are", {
  for (workers in counts) {
    calls <- 0
    began <- proc.time()[["elapsed"]]
    lomp_map(1:200000, function(i) i, .workers = workers,
             .progress = function(done, total) calls <<- calls + 1)
    seconds <- proc.time()[["elapsed"]] - began
    expect_lte(calls, 20 * seconds + 3)
  }
})

test_that("an error of the function ends the call and its workers", {
  for (workers in counts) {
    expect_error(expect_no_leaks(lomp_map(1:12, slow, .workers = workers,
                                          .progress = function(done, total) stop("enough"))),
                 "enough")
    expect_length(children_left(), 0)
  }
})

test_that("a bar is drawn over one line and leaves one behind", {
  local_bar()
  for (workers in counts) {
    text <- errors_of(suppressWarnings(lomp_map(1:12, function(i) {
      if (i == 3) stop("no")
      slow(i)
    }, .workers = workers, .progress = TRUE, .on_error = "collect")))
    lines <- strsplit(text, "\n")[[1]]
    expect_length(lines, 1)
    drawn <- strsplit(lines, "\r")[[1]]
    expect_gt(length(drawn), 4)
    expect_true(all(nchar(drawn) <= 70))
    expect_match(drawn[[3]], "^\\[=*>? *\\] [0-9]+/12, [0-9.]+/s(, [0-9.]+ s left)?(, 1 failed)?")
    expect_match(drawn[[length(drawn)]], "^12/12 done in [0-9.]+ s, [0-9.]+/s, 1 failed$")
  }
})

test_that("a message has a line of its own while there is a bar", {
  local_bar()
  for (workers in counts) {
    text <- errors_of(withCallingHandlers(
      lomp_map(1:12, function(i) {
        slow(i)
        if (i == 6) message("by the way")
      }, .workers = workers, .progress = TRUE),
      message = function(cnd) {
        cat(conditionMessage(cnd), file = stderr())
        invokeRestart("muffleMessage")
      }
    ))
    expect_match(text, "\rby the way\n", fixed = TRUE)
  }
})

test_that("a log gets a line now and then", {
  local_bar(dynamic = FALSE)
  text <- errors_of(lomp_map(1:12, slow, .workers = 2, .progress = TRUE))
  lines <- strsplit(text, "\n")[[1]]
  expect_length(lines, 2)
  expect_false(grepl("\r", text, fixed = TRUE))
  expect_match(lines[[2]], "^12/12 done in")
})

test_that("a short call shows nothing, and neither does a worker", {
  expect_identical(errors_of(lomp_map(1:3, function(i) i, .workers = 2, .progress = TRUE)), "")
  local_bar()
  inner <- function(i) {
    lomp_map(1:6, slow, .workers = 0, .progress = TRUE)
    i
  }
  text <- errors_of(lomp_map(1:2, inner, .workers = 2))
  expect_identical(text, "")
})

test_that("the option is a default, but for documents", {
  local_bar()
  withr::local_options(lomp.progress = TRUE)
  expect_match(errors_of(lomp_map(1:4, slow, .workers = 1)), "4/4 done")
  withr::local_options(knitr.in.progress = TRUE)
  expect_identical(errors_of(lomp_map(1:4, slow, .workers = 1)), "")
  expect_match(errors_of(lomp_map(1:4, slow, .workers = 1, .progress = TRUE)), "4/4 done")
})

test_that("the texts of a bar read well", {
  lines <- c(
    bar_line(0, 100, 0, 2.5, 80), bar_line(36, 100, 2, 2.93, 80), bar_line(100, 100, 2, 8, 80),
    bar_line(123456, NA, 0, 75, 80), bar_line(36, 100, 2, 2.93, 30), bar_line(5, 1e6, 0, 2, 80),
    summary_text(100, 100, 0, 3725), summary_text(98, NA, 3, 59.8)
  )
  expect_snapshot(writeLines(lines))
})

test_that("a bar is in the style that cli's option asks for", {
  skip_if_not_installed("cli")
  withr::local_options(cli.progress_bar_style = list(complete = "#", incomplete = "."))
  expect_match(bar_line(1, 4, 0, 2, 60), "[########..........................] 1/4", fixed = TRUE)
  withr::local_options(cli.progress_bar_style = "classic")
  expect_match(bar_line(1, 4, 0, 2, 60), "^.#+[^#]+ 1/4")
  withr::local_options(cli.num_colors = 256, cli.progress_bar_style = "bar")
  expect_identical(columns_of(bar_line(1, 4, 0, 2, 60)), 59L)
})

test_that("what is no progress is refused", {
  expect_messages(
    caught(lomp_map(1, identity, .progress = NA)),
    caught(lomp_map(1, identity, .progress = "bar")),
    caught(lomp_iterate(1, identity, .progress = 1)),
    caught(lomp_map(1, identity, .progress = function(x) 1)),
    caught(with_options(list(lomp.progress = "bar"), lomp_map(1, identity)))
  )
})

test_that("a function that can't take what is done and the total is refused at the call", {
  for (lomp in list(lomp_map, lomp_iterate)) {
    for (f in list(function(x) 1, function() 1, sqrt, invisible)) {
      expect_argument_error(lomp(1, identity, .progress = f), ".progress")
      with_options(list(lomp.progress = f), {
        expect_argument_error(lomp(1, identity), "option lomp.progress")
      })
    }
  }
})

test_that("one that takes more, or anything, will do", {
  calls <- 0
  note <- function(...) calls <<- calls + 1
  takes <- list(function(...) note(), function(done, ...) note(), function(a, b, c) note(),
                function(a, b = 1) note())
  for (f in takes) lomp_map(1, identity, .workers = 0, .progress = f)
  expect_gte(calls, 4)
  expect_identical(lomp_map(1:2, identity, .workers = 0, .progress = max), list(1L, 2L))
})
