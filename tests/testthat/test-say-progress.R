# How far a call is.

# These start many processes and take their time.
skip_on_cran()

counts <- c(0, 1, 3)

slow <- function(i) {
  Sys.sleep(0.06)
  i
}

producer <- function(n) {
  at <- 0
  function() if (at < n) at <<- at + 1 else lomp_done()
}

test_that("a function is told the beginning, the end, and what is done in between", {
  map <- function(...) lomp_map(...)
  iterate <- function(...) as.list(lomp_iterate(...))
  # Each number of workers with each call and with each kind of source, and each call with both.
  look <- function(call, total, workers) {
    told <- list()
    note <- function(done, total) told[[length(told) + 1L]] <<- c(done, total)
    x <- if (is.na(total)) producer(12) else 1:12
    call(x, slow, .workers = workers, .progress = note)
    done <- vapply(told, function(t) t[[1]], 0)
    expect_identical(c(done[[1]], done[[length(done)]]), c(0, 12))
    expect_gt(length(done), 3)
    expect_false(is.unsorted(done, strictly = identical(call, map)))
    expect_identical(unique(vapply(told, function(t) as.numeric(t[[2]]), 0)), as.numeric(total))
  }
  for (workers in counts) {
    look(map, if (workers == 1) NA else 12, workers)
    look(iterate, if (workers == 1) 12 else NA, workers)
  }
})

test_that("it is called seldom, however short the items are", {
  for (workers in counts) {
    calls <- 0
    began <- proc.time()[["elapsed"]]
    lomp_map(1:20000, function(i) i, .workers = workers,
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
    bar <- "^\\[=*>? *\\] [0-9]+/12, [0-9.]+/s(, [0-9.]+ s left)?(, 1 failed)?"
    expect_match(drawn, bar, all = FALSE)
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

# The lines that a terminal shows after this text.
shown_by <- function(text) {
  overwrite <- function(line, text) paste0(text, substring(line, nchar(text) + 1))
  lines <- strsplit(strsplit(text, "\r?\n")[[1]], "\r", fixed = TRUE)
  trimws(vapply(lines, function(parts) Reduce(overwrite, parts, ""), ""), "right")
}

test_that("at a terminal, what the consumer of an iterator prints has lines of its own", {
  skip_without_terminal()
  session <- terminal_r(code = {
    library(lomp)
    assign("bar_delay", 0, envir = lomp:::the)
    slow <- function(i) {
      Sys.sleep(0.2)
      i
    }
    consume <- function(workers, ordered) {
      it <- lomp_iterate(1:4, slow, .workers = workers, .ordered = ordered, .progress = TRUE)
      while (!lomp_done(r <- it())) cat("result", r, "of the consumer's\n")
      cat("consumed with", workers, ordered, "\n")
    }
    head_of <- function(workers) {
      it <- lomp_iterate(1:4, slow, .workers = workers, .progress = TRUE)
      first <- head(it, 3)
      cat("three were", length(first), "\n")
      it(close = TRUE)
    }
    leave <- function(workers) {
      it <- lomp_iterate(1:6, function(i) if (slow(i) == 3) warning("leave"), .workers = workers,
                         .progress = TRUE)
      tryCatch(for (i in 1:4) it(), warning = function(cnd) cat("was left\n"))
      it(close = TRUE)
      invisible()
    }
  }, steps = c(
    type("consume(1, FALSE)"), await("consumed with 1 FALSE"),
    type("consume(2, TRUE)"), await("consumed with 2 TRUE"),
    type("consume(0, FALSE)"), await("consumed with 0 FALSE"),
    type("head_of(2)"), await("three were 3 \r"), type("leave(1)"), await("was left"),
    type("cat(6 * 7, 'is all\\n')"), await("42 is all")
  ))
  expect_all_steps(session)
  lines <- shown_by(session$screen)
  expect_length(grep("^result [1-4] of the consumer's$", lines), 12)
  expect_length(grep("^consumed with", lines), 3)
  expect_length(grep("^three were 3", lines), 1)  # what is typed next may be echoed behind it
  expect_length(grep("^was left$", lines), 1)
  # There is a bar while a result is waited for.
  expect_gt(lengths(gregexpr("\\[[=> ]*\\] [0-4]/4", session$screen)), 9)
})

# What an iterator's user sees of it on standard error, where results wait and where he does.
errors_of_consumer <- function(workers, waits, end = function(it) NULL) {
  errors_of({
    it <- lomp_iterate(1:4, function(i) slow(slow(slow(i))), .workers = workers, .progress = TRUE)
    for (i in 1:3) {
      it()
      cat("mine\n", file = stderr())
      Sys.sleep(waits)
    }
    end(it)
  })
}

test_that("a bar is gone when the consumer of an iterator goes on", {
  local_bar()
  close <- function(it) it(close = TRUE)
  for (workers in counts) {
    text <- errors_of_consumer(workers, 0, close)
    expect_match(text, "\\[[=> ]*\\] [0-3]/4")
    expect_identical(shown_by(text)[1:3], rep("mine", 3))
    expect_match(shown_by(text)[[4]], "^[34]/4 done in")
  }
})

test_that("where results wait for their consumer, a line now and then tells how far it is", {
  local_bar()
  old <- the$log_interval
  assign("log_interval", 0.3, envir = the)
  withr::defer(assign("log_interval", old, envir = the))
  for (workers in counts) {
    lines <- shown_by(errors_of_consumer(workers, 0.4, function(it) it(close = TRUE)))
    told <- grep("^[0-4]/4, [0-9.]+/s", lines)
    expect_gte(length(told), 1)
    expect_length(grep("^mine$", lines), 3)
    expect_identical(length(lines), length(told) + 4L)
  }
  # The bar itself is seen: no line is needed.
  text <- errors_of(lomp_map(1:20, slow, .workers = 2, .progress = TRUE))
  expect_length(shown_by(text), 1)
})

test_that("in Jupyter, progress is told by messages, since nobody sees standard error", {
  local_bar()
  withr::local_options(jupyter.in_kernel = TRUE)
  for (workers in counts) {
    said <- list()
    text <- errors_of(withCallingHandlers(
      lomp_map(1:6, slow, .workers = workers, .progress = TRUE),
      message = function(cnd) {
        said[[length(said) + 1L]] <<- cnd
        invokeRestart("muffleMessage")
      }
    ))
    expect_identical(text, "")
    expect_s3_class(said[[1]], c("lomp_progress", "message", "condition"), exact = TRUE)
    said <- vapply(said, conditionMessage, "")
    expect_length(said, 2)
    expect_match(said[[2]], "^6/6 done in [0-9.]+ s, [0-9.]+/s\n$")
  }
})

test_that("a bar makes way for a handler that prints", {
  local_bar()
  signal <- function(i) {
    if (slow(i) == 4) signalCondition(structure(list(), class = c("news", "condition")))
    slow(i)
  }
  for (workers in counts) {
    text <- errors_of(withCallingHandlers(
      lomp_map(1:6, signal, .workers = workers, .progress = TRUE),
      news = function(cnd) cat("there is news\n", file = stderr())
    ))
    expect_match(text, "\\] [1-6]/6, [0-9.]+/s")
    expect_true("there is news" %in% shown_by(text))
  }
})

test_that("a bar makes way for what a producer says", {
  local_bar()
  make <- producer(6)
  talk <- function() {
    item <- make()
    if (identical(item, 5)) message("from the producer")
    slow(item)
  }
  for (workers in counts) {
    make <- producer(6)
    text <- errors_of(lomp_map(talk, slow, .workers = workers, .progress = TRUE))
    expect_match(text, "\\r[0-9], [0-9.]+/s")
    expect_true("from the producer" %in% shown_by(text))
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
