# What print() and summary() tell of an error.

check <- function(x) if (x > 1) stop("boom ", x) else x
logs <- function(x) log(check(x))

test_that("print() has the message, the calls and the time, and gives its argument", {
  for (workers in all_workers) {
    cnd <- caught(lomp_map(c(a = 1, b = 2), logs, .workers = workers))
    output <- capture.output(value <- withVisible(print(cnd)))
    expect_false(value$visible)
    expect_identical(value$value, cnd)
    expect_identical(output[[1]], "<lomp_error> item 2 (\"b\"): boom 2")
    expect_match(output[[4]], "^after .*, by these calls \\(summary\\(\\) tells more\\):$")
    expect_identical(output[5:7], c("  1. FUN(X[[i]], ...)", "  2. check(x)",
                                    "  3. stop(\"boom \", x)"))
    expect_length(output, 7)
  }
})

test_that("of many calls print() has the innermost ones", {
  climb <- function(n) if (n > 0) climb(n - 1) else stop("at the top")
  cnd <- caught(lomp_map(1, function(i) climb(10), .workers = 1))
  expect_identical(utils::tail(utils::capture.output(print(cnd)), 6), c(
    "   ... 8 more", "  9. climb(n - 1)", " 10. climb(n - 1)", " 11. climb(n - 1)",
    " 12. climb(n - 1)", " 13. stop(\"at the top\")"
  ))
})

test_that("summary() has the item's calls and the whole message", {
  text <- strrep("long ", 1000)
  fail <- function(i) stop(text)
  for (workers in all_workers) {
    cnd <- caught(lomp_map(1:2, function(i) fail(i), .workers = workers))
    output <- capture.output(value <- withVisible(print(summary(cnd))))
    expect_false(value$visible)
    expect_s3_class(value$value, "summary.lomp_error")
    expect_true(text %in% output)
    for (call in cnd$calls) expect_true(any(grepl(call, output, fixed = TRUE)))
  }
})

test_that("an error of a call within an item is shown with its own calls, without lomp's", {
  inner <- function(i) lomp_map(1:3, logs, .workers = 0)
  for (workers in all_workers) {
    cnd <- caught(lomp_map(1:2, inner, .workers = workers))
    expect_identical(cnd$calls, c("FUN(X[[i]], ...)", "lomp_map(1:3, logs, .workers = 0)"))
    output <- capture.output(summary(cnd))
    expect_match(output, "^  ->  3. stop\\(\"boom \", x\\)", all = FALSE)
  }
  inner <- function(i) lomp_map(function() 2, logs, .workers = 0)
  cnd <- caught(lomp_map(1:2, inner, .workers = 1))
  expect_identical(cnd$calls, c("FUN(X[[i]], ...)",
                                "lomp_map(function() 2, logs, .workers = 0)"))
})

test_that("elements of a collected list and errors of iterators are shown in the same way", {
  all <- suppressWarnings(lomp_map(1:2, logs, .workers = 1, .on_error = "collect"))
  expect_no_match(capture.output(summary(all[[2]])), "finished")
  it <- lomp_iterate(1:2, logs, .workers = 1)
  cnd <- caught(as.list(it))
  output <- capture.output(summary(cnd))
  expect_match(output[[1]], "^<lomp_error> item 2 failed after ")
  expect_identical(output[[length(output)]], "1 of 1 finished")
})

# ---- Places -------------------------------------------------------------------------------------

# Functions whose source is known.
sourced <- function(text) {
  frame <- new.env(parent = globalenv())
  file <- srcfilecopy("scripts/analysis.R", text)
  eval(parse(text = text, srcfile = file, keep.source = TRUE), frame)
  frame
}

test_that("calls are told with their places in a source file", {
  code <- sourced(c(
    "check <- function(x) {", "  if (x > 1) stop(\"boom \", x)", "  x", "}",
    "logs <- function(x) {", "  y <- check(x)", "  log(y)", "}"
  ))
  for (workers in all_workers) {
    cnd <- caught(lomp_map(1:2, code$logs, .workers = workers))
    expect_identical(cnd$calls, c("FUN(X[[i]], ...)", "check(x)", "stop(\"boom \", x)"))
    expect_identical(cnd$places, paste0("analysis.R:", c(5, 6, 2)))
    expect_identical(grep("analysis", utils::capture.output(summary(cnd)), value = TRUE), c(
      "    1. FUN(X[[i]], ...)  analysis.R:5", "    2. check(x)          analysis.R:6",
      "->  3. stop(\"boom \", x)  analysis.R:2"
    ))
  }
})

test_that("without a source a package's functions are told with the package", {
  bare <- function(code) eval(parse(text = code, keep.source = FALSE), globalenv())
  fail <- bare("function(i) stats::lm(y ~ x, list(y = 1))")
  for (workers in all_workers) {
    cnd <- caught(lomp_map(1, fail, .workers = workers))
    expect_identical(cnd$places[1:2], c("", "[stats]"))
    own <- caught(lomp_map(1, bare("function(i) i + 'a'"), .workers = workers))
    expect_false("places" %in% names(own))
    expect_identical(utils::tail(utils::capture.output(summary(own)), 2)[[1]],
                     "->  1. FUN(X[[i]], ...)")
  }
})

test_that("a source without a file's name, or with an odd one, does no harm", {
  expect_identical(place_of_source(structure(1:8, srcfile = new.env())), "")
  odd <- list2env(list(filename = strrep("x", 1000)))
  expect_lt(nchar(place_of_source(structure(1:8, srcfile = odd))), 200)
  for (name in list("", character(), 1)) {
    expect_identical(place_of_source(structure(1:8, srcfile = list2env(list(filename = name)))), "")
  }
})

# ---- Time ---------------------------------------------------------------------------------------

# Keeps the processor busy for so long.
work <- function(seconds) {
  end <- proc.time()[["elapsed"]] + seconds
  while (proc.time()[["elapsed"]] < end) NULL
}

test_that("an error tells how long its item had run, and no other one", {
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_map(1:3, function(i) {
      work(if (i == 2) 0.2 else if (i == 1) 0.5 else 0)
      if (i == 2) stop("boom")
    }, .workers = workers))
    expect_gte(cnd$seconds, 0.19)
    expect_lt(cnd$seconds, cnd$time)
    short <- caught(lomp_map(1:2, function(i) if (i == 1) work(0.5) else stop("boom"),
                             .workers = workers))
    expect_lt(short$seconds, 0.5)
  }
})

test_that("so does one that left by a jump, timed out or died", {
  jumped <- caught(lomp_map(1, function(i) {
    work(0.1)
    invokeRestart("abort")
  }, .workers = 1))
  expect_gte(jumped$seconds, 0.09)
  for (workers in c(0, 1)) {
    late <- caught(lomp_map(1, function(i) repeat NULL, .workers = workers, .timeout = 0.2))
    expect_identical(late$seconds, 0.2)
  }
  dies <- function(i) {
    work(0.1)
    tools::pskill(Sys.getpid(), tools::SIGKILL)
    Sys.sleep(10)
  }
  expect_gte(caught(lomp_map(1, dies, .workers = 1))$seconds, 0.09)
  # Nobody may have looked at an iterator for an hour.
  expect_identical(caught(lomp_iterate(1, dies, .workers = 1)())$seconds, NA_real_)
})

test_that("what a generator's consumer does isn't its item's time", {
  skip_if_not_installed("coro")
  f <- coro::generator(function(i) {
    yield(i)
    stop("boom")
  })
  it <- lomp_iterate(1, f, .workers = 0)
  it()
  work(2)
  expect_lt(caught(it())$seconds, 2)
})

test_that("time is told in words", {
  expect_null(tell_seconds(NULL))
  expect_null(tell_seconds(NA_real_))
  expect_identical(
    vapply(c(0.001, 0.06, 3, 75, 4000), tell_seconds, ""),
    paste("after", c("less than 0.1 s", "0.1 s", "3.0 s", "1 min 15 s", "1 h 6 min"))
  )
})

# ---- All of it ----------------------------------------------------------------------------------

# With times and places that are always the same. The same of what failed within it.
settled <- function(cnd, places = paste0("analysis.R:", seq_along(cnd$calls))) {
  if (length(cnd$calls) > 0L) cnd$places <- places
  if (!is.na(cnd$seconds)) cnd$seconds <- 1.5
  if (inherits(cnd$parent, "lomp_error")) cnd$parent <- settled(cnd$parent, NULL)
  cnd
}

# Versions of testthat don't write longer code alike.
show_all <- function(conditions) {
  for (cnd in conditions) {
    print(settled(cnd))
    print(summary(settled(cnd)))
  }
}

test_that("what stands for a variable that was left out says what it was", {
  left <- left_out(large(matrix(0, 1000, 200)), new_room(1000))
  output <- utils::capture.output(value <- withVisible(print(left)))
  expect_identical(output, "<left out: matrix 1000x200, 1.6 MB>")
  expect_false(value$visible)
})

test_that("what is shown reads well", {
  killed <- c(pid = 7L, signal = 9L, status = NA, reason = 0L, errno = 0L, late = 0L,
              ran = 2500L)
  deep <- function(i) lomp_map(c(x = 2), logs, .workers = 0)
  conditions <- list(
    caught(lomp_map(c(a = 1, b = 2), logs, .workers = 0)),
    caught(lomp_map(1:2, deep, .workers = 0)),
    new_crash(2, killed, list(names = letters, is_map = TRUE)),
    caught(lomp_map(function() stop("on fire"), logs, .workers = 0)),
    new_not_run(list())
  )
  expect_snapshot(show_all(conditions))
})
