# lomp_vapply() gives what vapply() gives, whoever runs the items.

# These start many processes and take their time.
skip_on_cran()

# Two workers are several, too, and each costs a fork. Where a test has many cases each of them is
# seen in this process and, by turns, by one worker or by two.
all_workers <- c(0, 1, 2)
some_workers <- function(k) c(0, 1 + k %% 2)

named <- c(a = 1, b = 2, c = 3)
odd <- list(x = 1, 2, y = 3)

# list(.x, .f, .value, ...): inputs of all kinds.
cases <- list(
  # Types, as they are and promoted.
  list(1:9, function(i) i > 4, NA),
  list(1:9, function(i) i, 0L),
  list(1:9, function(i) i / 2, 0),
  list(1:9, function(i) complex(1, i, -i), 0i),
  list(1:9, function(i) as.raw(i), raw(1)),
  list(1:9, function(i) paste("item", i), ""),
  list(1:9, function(i) list(i, "a")[i %% 2 + 1], list(1)),
  list(c(TRUE, NA), function(x) x, 0L),
  list(c(TRUE, NA), function(x) x, 0),
  list(c(TRUE, NA), function(x) x, 0i),
  list(c(1L, NA), function(x) x, 0),
  list(c(1L, NA), function(x) x, 0i),
  list(c(1.5, NA, NaN, -Inf), function(x) x, 0i),
  list(1:9, function(i) if (i %% 2 == 0) i else i / 2, 0),
  list(1:9, function(i) c(i > 2, NA, FALSE), integer(3)),
  list(1:9, function(i) c(i, NA), numeric(2)),
  # What a value is besides.
  list(1:9, function(i) factor(letters[i], letters), 0L),
  list(1:3, function(i) as.Date(i, "1970-01-01"), 0),
  list(1:9, function(i) structure(i, class = "thing", note = "n"), 0L),
  list(1:4, function(i) i:(i + 4L), 1:5),
  list(1:4, function(i) as.numeric(i:(i + 4L)), numeric(5)),
  list(1:3, function(i) c(x = i), 0L),
  # Names of items.
  list(named, function(x) x + 1, 0),
  list(odd, function(x) x + 1, 0),
  list(letters, nchar, 0L),
  list(letters, toupper, ""),
  list(list("a", "b"), nchar, 0L),
  list(c(u = "a", v = "b"), nchar, 0L),
  list(structure(letters[1:2], names = c("", NA)), nchar, 0L),
  list(named, function(x) c(x, 1), c(0, 0)),
  list(letters[1:3], function(x) c(1, 2), c(0, 0)),
  list(named, function(x) list(x), list(1)),
  # Names of elements: the prototype's, or the first value's.
  list(1:4, function(i) c(a = i, b = 2L), integer(2)),
  list(named, function(i) c(a = i, b = 2), numeric(2)),
  list(1:4, function(i) c(a = i, b = 2L), c(x = 0L, y = 0L)),
  list(1:4, function(i) c(i, 2L), c(x = 0L, y = 0L)),
  list(1:4, function(i) if (i == 1) c(1, 2) else c(a = 1, b = 2), numeric(2)),
  list(1:4, function(i) if (i == 1) c(u = TRUE, v = FALSE) else c(a = 1, b = 2), numeric(2)),
  list(1:4, function(i) matrix(i, 1, 2, dimnames = list("r", c("p", "q"))), integer(2)),
  list(1:4, function(i) array(c(i, i), 2, list(c("p", "q"))), integer(2)),
  list(letters[1:3], function(x) c(one = x, two = "b"), character(2)),
  list(named, function(x) list(one = x, two = "b"), vector("list", 2)),
  # Arrays.
  list(1:4, function(i) matrix(i, 2, 3), matrix(0L, 2, 3)),
  list(named, function(i) i + 1:6, matrix(0, 2, 3)),
  list(1:4, function(i) matrix(i, 2, 3, dimnames = list(c("a", "b"), NULL)), matrix(0L, 2, 3)),
  list(named, function(i) matrix(i, 2, 2, dimnames = list(r = c("a", "b"), k = 1:2)),
       matrix(0, 2, 2)),
  list(named, function(i) 1:4, matrix(0, 2, 2, dimnames = list(r = c("a", "b"), NULL))),
  list(1:4, function(i) array(i, c(2, 1, 2)), array(0L, c(2, 1, 2))),
  list(1:4, function(i) i, matrix(0L)),
  list(1:4, function(i) c(i, i), array(0L, 2)),
  list(1:4, function(i) c(a = i, b = i), array(0L, 2)),
  list(named, function(i) array(i, 2, list(c("p", "q"))), array(0, 2)),
  list(named, identity, array(0, 1)),
  list(1:4, function(i) matrix(letters[i], 2, 2), matrix("", 2, 2)),
  # Nothing.
  list(integer(), identity, 0),
  list(character(), nchar, 0L),
  list(list(), identity, list()),
  list(NULL, identity, ""),
  list(integer(), identity, c(a = 0, b = 0)),
  list(named[0], identity, 0),
  list(character(), identity, matrix(0, 2, 2)),
  list(1:4, function(i) numeric(), numeric()),
  list(named, function(i) integer(), numeric()),
  list(1:4, function(i) character(), character()),
  list(1:4, function(i) list(), list()),
  list(1:4, function(i) integer(), matrix(0L, 0, 3)),
  # What isn't a plain vector.
  list(factor(c("u", "v")), as.character, ""),
  list(as.Date("2024-01-01") + 0:2, function(d) d + 1, 0),
  list(datasets::mtcars, mean, 0),
  list(datasets::mtcars, range, numeric(2)),
  list(expression(a + b, c), length, 0L),
  list(quote(quote(f(x, y))), function(x) nchar(deparse(x)), 0L),
  list(as.POSIXlt("2024-01-01", tz = "UTC"), length, 0L),
  list(array(1:4, c(2, 2)), function(x) x, 0L),
  # Functions and their arguments.
  list(1:4, "sqrt", 0),
  list(list(1:3, 2:9), length, 0L),
  list(1:4, `+`, 0, 2),
  list(1:4, function(x, y, z = 2) x * y + z, 0, 3, z = 4),
  list(1:4, function(x, ...) ...length(), 0L, 1, 2),
  list(1:2000, function(i) i, 0L),
  list(1:2000, function(i) c(i, -i), integer(2)),
  # Large values, that are written elsewhere, and those around the bound.
  list(1:5, function(i) rep(i + 0.5, 20000), numeric(20000)),
  list(1:5, function(i) rep(i, 40000), numeric(40000)),
  list(named, function(i) stats::setNames(rep(i, 20000), seq_len(20000)), numeric(20000)),
  list(1:3, function(i) raw(131071), raw(131071)),
  list(1:3, function(i) as.raw(rep(i, 131072)), raw(131072)),
  list(1:3, function(i) array(i, c(200, 100, 2)), array(0, c(200, 100, 2))),
  list(1:3, function(i) seq_len(50000) + i, integer(50000)),
  list(1:3, function(i) seq(i, by = 1L, length.out = 50000), integer(50000))
)

test_that("values, types, dimensions and names are vapply's", {
  for (k in seq_along(cases)) {
    case <- cases[[k]]
    expected <- do.call(vapply, case)
    for (workers in some_workers(k)) {
      result <- do.call(lomp_vapply, c(case, .workers = workers))
      expect_same(result, expected, sprintf("case %d of %d workers", k, workers))
    }
  }
})

test_that("names are left out where they are not wanted", {
  for (k in seq_along(cases)) {
    case <- cases[[k]]
    expected <- do.call(vapply, c(case, USE.NAMES = FALSE))
    result <- do.call(lomp_vapply, c(case, .use_names = FALSE, .workers = as.numeric(k %% 4 == 0)))
    expect_same(result, expected, sprintf("case %d", k))
  }
})

test_that("the function sees what vapply's sees", {
  f <- function(x) c(deparse(substitute(x)), deparse(sys.call()), nargs())
  local_one <- function(x) x / 2
  for (workers in all_workers) {
    expect_identical(lomp_vapply(1:3, f, character(3), .workers = workers),
                     vapply(1:3, f, character(3)))
    expect_identical(lomp_vapply(4:6, "local_one", 0, .workers = workers),
                     vapply(4:6, "local_one", 0))
  }
})

test_that("random numbers are those of lomp_map()", {
  for (workers in all_workers) {
    set.seed(7)
    expected <- lomp_map(1:20, function(i) rnorm(2), .workers = workers)
    state <- .Random.seed
    set.seed(7)
    result <- lomp_vapply(1:20, function(i) rnorm(2), numeric(2), .workers = workers)
    expect_identical(result, do.call(cbind, expected))
    expect_identical(.Random.seed, state)
    lomp_vapply(1:20, function(i) i, 0, .workers = workers)
    expect_identical(.Random.seed, state)
  }
})

# ---- Failures -----------------------------------------------------------------------------------

test_that("an error ends the call, and what was finished isn't lost", {
  for (workers in c(0, 2)) {
    set.seed(3)
    expected <- lomp_vapply(named, function(x) c(x, rnorm(1)), numeric(2), .workers = workers)
    set.seed(3)
    cnd <- caught(lomp_vapply(named, function(x) {
      if (x == 3) stop("no three")
      c(x, rnorm(1))
    }, numeric(2), .workers = workers))
    expect_identical(class(cnd), c("lomp_error", "lomp_deferred", "error", "condition"))
    expect_identical(cnd$item, 3)
    expect_identical(cnd$name, "c")
    expect_identical(conditionMessage(cnd$parent), "no three")
    expect_identical(lomp_last()$item, 3)
    expect_named(cnd$results, names(named))
    for (name in names(named)[lomp_ok(cnd$results)]) {
      expect_identical(cnd$results[[name]], expected[, name])
    }
    again <- lomp_vapply(named, function(x) c(x, rnorm(1)), numeric(2), .workers = workers,
                         .redo = lomp_last())
    expect_identical(again, expected)
    expect_null(lomp_last())
  }
})

test_that("values that don't fit are their items' errors, with vapply's messages", {
  # Where each item fails there is one, since any of several may be the first in time.
  seen <- 0
  messages <- function(f, value, items = 1:4) {
    expected <- conditionMessage(caught(vapply(items, f, value)))
    seen <<- seen + 1
    for (workers in some_workers(seen)) {
      cnd <- caught(lomp_vapply(items, f, value, .workers = workers))
      expect_s3_class(cnd, "lomp_error")
      expect_identical(conditionMessage(cnd$parent), expected)
      expect_null(conditionCall(cnd$parent))
    }
    cnd
  }
  at_three <- function(bad) function(i) if (i == 3) bad else i
  messages(at_three(1:2), 0L)
  messages(at_three(NULL), 0L)
  messages(at_three("a"), 0L)
  messages(at_three(1.5), 0L)
  messages(at_three(list(1)), 0)
  messages(at_three(quote(a + b)), 0)
  messages(at_three(sum), 0)
  messages(at_three(quote(a)), 0)
  messages(at_three(structure(list(a = 1, b = 2), class = "POSIXlt")), 0)
  messages(function(i) globalenv(), 0, 1L)
  messages(function(i) as.raw(i), 0, 1L)
  messages(function(i) i, raw(1), 1L)
  messages(function(i) i, "", 1L)
  messages(function(i) i, list(1), 1L)
  messages(function(i) list(1), "", 1L)
  messages(function(i) array(i, c(1, 2, 2), list("a", NULL, NULL)), matrix(0L, 2, 2), 1L)
  expect_snapshot(cat(conditionMessage(caught(
    lomp_vapply(c(a = 1, b = 2), function(x) c(x, x), 0, .workers = 0)
  ))))
})

test_that("what fails is NA, and the warning and lomp_last() have the conditions", {
  fail <- function(x) if (x == 2) stop("no two") else x
  missing <- list(NA, 0L, 0, 0i, "", list(1))
  for (workers in all_workers) {
    for (value in missing[workers == 0 | seq_along(missing) %% 2 == workers %% 2]) {
      as_type <- function(x) as.vector(fail(x), typeof(value))
      warnings <- warnings_of(result <- lomp_vapply(named, as_type, value, .workers = workers,
                                                    .on_error = "collect"))
      expected <- vapply(named, as.vector, value, typeof(value))
      # R 4.4 and later make NA+0i of a logical NA.
      expected[2] <- if (is.complex(value)) NA_complex_ else NA
      expect_same(result, expected)
      expect_length(warnings, 1)
      expect_s3_class(warnings[[1]], "lomp_failed")
      expect_identical(warnings[[1]]$items, 2)
      for (results in list(warnings[[1]]$results, lomp_last()$results)) {
        expect_named(results, names(named))
        expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE))
        expect_identical(results[-2], lapply(named[-2], as.vector, typeof(value)))
        expect_identical(conditionMessage(results$b$parent), "no two")
      }
      expect_s3_class(lomp_last(), c("lomp_collected", "lomp_deferred", "lomp_error"))
    }
    bytes <- suppressWarnings(lomp_vapply(named, function(x) as.raw(fail(x)), raw(1),
                                          .workers = workers, .on_error = "collect"))
    expect_identical(bytes, c(a = as.raw(1), b = as.raw(0), c = as.raw(3)))
  }
})

test_that("only what is missing is run by a redo, from wherever that is", {
  for (workers in c(0, 2)) {
    set.seed(5)
    expected <- lomp_vapply(named, function(x) c(x = x, r = rnorm(1)), numeric(2),
                            .workers = workers)
    set.seed(5)
    suppressWarnings(lomp_vapply(named, function(x) {
      value <- c(x = x, r = rnorm(1))
      if (x < 3) stop("not yet")
      value
    }, numeric(2), .workers = workers, .on_error = "collect"))
    once <- lomp_last()
    ran <- with_flag(function(flag) {
      again <- lomp_vapply(named, function(x) {
        raise(paste0(flag, x))
        c(x = x, r = rnorm(1))
      }, numeric(2), .workers = workers, .redo = once)
      expect_identical(again, expected)
      Sys.glob(paste0(flag, "*"))
    })
    expect_length(ran, 2)
    expect_identical(lomp_vapply(named, function(x) c(x = x, r = rnorm(1)), numeric(2),
                                 .workers = workers, .redo = once$results), expected)
    twice <- suppressWarnings(lomp_vapply(named, function(x) stop("never"), numeric(2),
                                          .workers = workers, .redo = once,
                                          .on_error = "collect"))
    expect_identical(unname(twice[, 1:2]), matrix(NA_real_, 2, 2))
    expect_identical(unname(twice[, 3]), unname(expected[, 3]))
    expect_identical(lomp_ok(lomp_last()$results), c(FALSE, FALSE, TRUE))
  }
})

test_that("a redo takes what lomp_map() has finished, if it fits", {
  results <- suppressWarnings(lomp_map(1:3, function(i) if (i == 2) stop("no") else i,
                                       .workers = 0, .on_error = "collect"))
  expect_identical(lomp_vapply(1:3, function(i) i, 0, .redo = results, .workers = 0),
                   c(1, 2, 3))
  results[[3]] <- "three"
  cnd <- expect_argument_error(lomp_vapply(1:3, function(i) i, 0, .redo = results), ".redo")
  expect_snapshot(cat(conditionMessage(cnd)))
})

test_that("crashes and slow items cost themselves alone", {
  # The limit is long enough for a crash on a busy machine, which would else be late as well.
  for (each in c(1, 20000)) {
    result <- suppressWarnings(lomp_vapply(1:8, function(i) {
      if (i == 3) tools::pskill(Sys.getpid(), tools::SIGKILL)
      if (i == 6) Sys.sleep(100)
      rep(i + 0, each)
    }, numeric(each), .workers = 2, .timeout = 2, .on_error = "collect"))
    expected <- vapply(1:8, function(i) rep(if (i %in% c(3, 6)) NA else i + 0, each), numeric(each))
    expect_identical(result, expected)
    results <- lomp_last()$results
    expect_s3_class(results[[3]], "lomp_crash")
    expect_s3_class(results[[6]], "lomp_timeout")
    again <- lomp_vapply(1:8, function(i) rep(i + 0, each), numeric(each), .workers = 2,
                         .redo = lomp_last())
    expect_identical(again, vapply(1:8, function(i) rep(i + 0, each), numeric(each)))
  }
})

test_that("an interrupt keeps what was finished", {
  session <- Sys.getpid()
  stopping <- function(i) {
    if (i == 10) tools::pskill(session, tools::SIGINT)
    i
  }
  for (workers in c(0, 2)) {
    cnd <- tryCatch(lomp_vapply(1:100000, stopping, 0L, .workers = workers),
                    interrupt = function(cnd) cnd)
    expect_s3_class(cnd, c("lomp_interrupt", "interrupt", "condition"))
    is_there <- lomp_ok(cnd$results)
    expect_length(is_there, 100000)
    expect_identical(as.integer(unlist(cnd$results[is_there])), which(is_there))
    expect_length(child_processes(), 0)
    expect_identical(lomp_vapply(1:100000, identity, 0L, .workers = workers, .redo = cnd),
                     1:100000)
  }
})

test_that("a handler that leaves the call leaves what was finished", {
  for (workers in c(0, 2)) {
    left <- withCallingHandlers(
      withRestarts(lomp_vapply(named, function(x) {
        if (x == 3) message("three")
        x
      }, 0, .workers = workers), away = function() "left"),
      message = function(cnd) invokeRestart("away")
    )
    expect_identical(left, "left")
    expect_s3_class(lomp_last(), "lomp_left")
    expect_identical(lomp_vapply(named, identity, 0, .workers = workers, .redo = lomp_last()),
                     named)
  }
})

# ---- Other ways of items ------------------------------------------------------------------------

test_that("items may come from a producer", {
  counter <- function(most) {
    at <- 0
    function() if (at < most) at <<- at + 1 else lomp_done()
  }
  for (workers in all_workers) {
    expect_identical(lomp_vapply(counter(50), function(i) c(a = i, b = -i), numeric(2),
                                 .workers = workers),
                     vapply(1:50, function(i) c(a = i, b = -i), numeric(2)))
    expect_identical(lomp_vapply(counter(0), identity, 0, .workers = workers), numeric())
    result <- suppressWarnings(lomp_vapply(counter(5), function(i) if (i == 2) "two" else i, 0,
                                           .workers = workers, .on_error = "collect"))
    expect_identical(result, c(1, NA, 3, 4, 5))
  }
})

test_that("a call within an item is one like others", {
  inner <- function(i) sum(lomp_vapply(1:3, function(j) i * j, 0, .workers = 2))
  expect_identical(lomp_vapply(1:4, inner, 0, .workers = 2), vapply(1:4, inner, 0))
  fails <- function(i) lomp_vapply(1:3, function(j) stop("within"), 0, .workers = 1)
  cnd <- caught(lomp_vapply(1:4, fails, 0, .workers = 1))
  expect_s3_class(cnd$parent, "lomp_error")
  expect_identical(lomp_ok(cnd$parent$results), c(FALSE, FALSE, FALSE))
})

test_that("progress and what items say come as from lomp_map()", {
  for (workers in c(0, 2)) {
    seen <- c()
    lines <- utils::capture.output(
      warnings <- warnings_of(
        result <- lomp_vapply(1:4, function(i) {
          cat("item", i, "\n")
          warning("warning ", i)
          i
        }, 0L, .workers = workers, .progress = function(done, total) seen <<- c(seen, done, total))
      )
    )
    expect_identical(result, 1:4)
    expect_identical(lines, paste("item", 1:4, ""))
    expect_identical(vapply(warnings, conditionMessage, ""), paste("warning", 1:4))
    expect_identical(utils::tail(seen, 2), c(4, 4))
  }
})

test_that("nothing is left behind, however a call ends", {
  large <- function(i) rep(i + 0, 20000)
  expect_no_leaks(lomp_vapply(1:8, function(i) i, 0L, .workers = 2))
  expect_no_leaks({
    result <- lomp_vapply(1:8, large, numeric(20000), .workers = 2)
    rm(result)
    gc()
  })
  expect_no_leaks(caught(lomp_vapply(1:8, function(i) if (i == 5) stop("no") else large(i),
                                     numeric(20000), .workers = 2)))
  expect_no_leaks(caught(lomp_vapply(1:8, function(i) quit("no"), 0, .workers = 2)))
})
