# A daemon's part of a call: numbered items go to its workers, and all that comes of them is
# collected as rows.

# These take too long for each of CRAN's machines.
skip_on_cran()

kinds <- c("value", "end", "ignored", "failure", "condition", "output", "urgent", "lost", "unread",
           "unsent")

# A daemon has one at least.
some_workers <- c(1, 3)

# A call of two functions: give(values, numbers) has items in stock, collect() gives rows. `...` is
# for the function. It ends with the test.
open_served <- function(FUN, ..., workers = 2, timeout = Inf, set = list(), # nolint
                        env = parent.frame()) {
  plan <- new_plan(function() lomp_done(), workers, "collect", timeout)
  plan <- as_iterate_plan(plan, FUN, FALSE)
  plan$random <- new_random()
  plan$item_call <- item_call_of(plan, environment())
  plan$call <- new_call(goes_on = FALSE, outlasts = TRUE)
  plan$is_numbered <- TRUE
  plan$retries_dots <- FALSE
  plan[names(set)] <- set
  emit <- if (plan$emits) new_emit(plan$outlet) # nolint: object_usage_linter.
  X <- NULL # nolint
  serve(plan, environment(), env)
}

serve <- function(plan, frame, env) {
  state <- new_state(plan)
  note_session()
  served <- new.env()
  served$values <- served$numbers <- numeric()
  served$from <- 1
  served$heard <- character()
  settings <- call_settings(state, frame)
  settings$trace_rows <- NA
  settings$on_event <- function(event) {
    served$heard <- c(served$heard, event$kind)
    if (event$kind == "request") serve_request(served, event)
  }
  served$handle <- state$handle <- call_open(settings, list())
  served$give <- function(values, numbers = as.numeric(seq_along(values))) {
    served$values <- values
    served$numbers <- numbers
    served$from <- 1
  }
  # On a busy machine a worker's collection of garbage may take seconds.
  served$collect <- function(seconds = 60, bytes = Inf, low = 1) {
    call_collect(served$handle, seconds, bytes, low)
  }
  withr::defer(call_close(served$handle), env)
  served
}

# FALSE where there are no more.
serve_request <- function(served, event) {
  on.exit(call_post(served$handle, event$item, FALSE))
  given <- call_give_some(served$handle, event$item, served$values, served$numbers, served$from,
                          event$value)
  served$from <- served$from + given
  served$from <= length(served$values)
}

# Rows as a data frame, with the numbers of the items instead of those by which they were given;
# values are of one block of items, given at once.
rows_of <- function(got) {
  rows <- as.data.frame(got[c("item", "goes_on", "drawn", "run", "waited", "ended", "bytes")])
  rows$kind <- kinds[got$kind]
  rows$value <- got$value
  rows
}

serve_all <- function(values, FUN, ..., numbers = as.numeric(seq_along(values))) { # nolint
  served <- open_served(FUN, ...)
  served$give(values, numbers)
  served$collect()
}

test_that("values come as rows, each with what is known of its item", {
  for (workers in some_workers) {
    served <- open_served(function(x, y) x + y, y = 1, workers = workers)
    served$give(1:50)
    got <- served$collect()
    expect_named(got, c("kind", "item", "goes_on", "drawn", "value", "run", "waited", "ended",
                        "bytes", "holder", "undone", "is_over"))
    expect_identical(unique(got$kind), 1L)
    expect_identical(sort(got$item), as.numeric(1:50))
    expect_identical(unlist(got$value), got$item + 1)
    expect_false(any(got$goes_on) || any(got$drawn))
    expect_true(all(got$run >= 0 & got$run < 10 & got$waited >= 0))
    expect_true(all(got$ended >= 0 & got$ended < 10))
    expect_null(got$holder)
    expect_identical(got$undone, 0)
    expect_false(got$is_over)
    served$give(list("more"))
    expect_s3_class(caught(stop(class(served$collect()$value[[1]]))), "error")
    call_close(served$handle)
    expect_true(served$collect()$is_over)
  }
})

test_that("bare elements of one type are one vector, and else values are a list", {
  dated <- structure(2, class = "Date")
  vectors <- list(c(TRUE, NA), c(1L, NA), c(1.5, NaN), c(1i, NA), as.raw(1:2),
                  c("a", NA, "\u00e9", "\xe9"))
  for (x in vectors) {
    got <- serve_all(x, function(x) x)
    expect_identical(got$value, x[got$item])
  }
  lists <- list(list(1, 2L), list(1, c(2, 3)), list(1, NULL), list(1, c(a = 2)), list(2, dated),
                list(1, list(2)), list("a", quote(b)), list(1, factor("a")))
  for (x in lists) {
    got <- serve_all(x, function(x) x)
    expect_identical(got$value, x[got$item])
  }
  got <- serve_all(c(1, 2), function(x) if (x == 2) stop("bad") else x)
  expect_type(got$value, "list")
  expect_type(serve_all(1:3, function(x) if (x == 2) 0.5 else x)$value, "list")
  expect_type(serve_all(1:3, function(x) cat(x))$value, "list")
})

test_that("what an item takes is known", {
  got <- serve_all(c(0, 0.1), function(s) Sys.sleep(s))
  run <- got$run[order(got$item)]
  expect_lt(run[[1]], 0.1)
  expect_gte(run[[2]], 0.1)
  expect_lt(got$ended[got$item == 2], 0.1)
})

test_that("items of all kinds arrive as `[[` gives them", {
  vectors <- list(
    c(a = TRUE, b = NA), c(a = 1L, b = NA), c(a = 1.5, b = -Inf), c(a = 1i, b = 2), as.raw(1:3),
    c(a = "x", b = NA, c = "\u00e9"), 1:3, expression(a = x + 1, b = 2),
    list(NULL, a = mtcars, quote(b), function(x) x, matrix(1, 200, 200), as.environment(list()))
  )
  for (x in vectors) {
    got <- serve_all(x, function(x) x, workers = 1)
    for (k in seq_along(x)) {
      if (is.function(x[[k]]) || is.environment(x[[k]])) next
      expect_identical(got$value[[which(got$item == k)]], x[[k]])
    }
  }
  served <- open_served(identity)
  served$give(quote(f(x)), 1)
  expect_error(served$collect(), "must be elements of a list or a plain vector")
})

test_both_ways("an item that was sent is given back when it has ended", {
  skip_without_proc()
  files <- function() vapply(strsplit(payload_mappings(), " +"), `[[`, "", 5L)
  others <- files()
  served <- open_served(function(x) list(x[[1]], files()))
  seen <- character()
  for (k in 1:15) {
    served$give(lapply(1:4, function(i) rep(4 * k + i, 2e5)))
    got <- served$collect()
    expect_setequal(vapply(got$value, `[[`, 0, 1), 4 * k + 1:4)
    seen <- c(seen, unlist(lapply(got$value, `[[`, 2)))
  }
  expect_lt(length(setdiff(seen, others)), 40)
})

test_that("emitted values go on, and generators give values of their own", {
  for (workers in some_workers) {
    got <- serve_all(1:5, count_up, workers = workers)
    expect_identical(sort(got$item[got$kind == 1]), rep(1:5 + 0, 1:5))
    expect_identical(got$goes_on, got$kind == 1)
    expect_identical(kinds[unique(got$kind[!got$goes_on])], "end")
    got <- serve_all(1:2, function(x, emit) x, workers = workers)
    expect_identical(kinds[got$kind], c("ignored", "ignored"))
    skip_if_not_installed("coro")
    count <- coro::generator(function(n) for (i in seq_len(n)) yield(i))
    got <- serve_all(3, count, workers = workers)
    expect_identical(unlist(got$value), 1:3)
    expect_identical(got$goes_on, c(TRUE, TRUE, TRUE, FALSE))
    expect_identical(kinds[got$kind[[4]]], "end")
    got <- serve_all(3, count, workers = workers, set = list(is_single = TRUE))
    expect_identical(got$goes_on, FALSE)
    expect_s3_class(got$value[[1]], "coro_generator_instance")
  }
})

test_that("failures, conditions and output are rows", {
  say_in_ways <- function(x) {
    if (x == 1) stop("bad")
    if (x == 2) warning("oh")
    if (x == 3) cat("said\n")
    if (x == 4) tell_now("now")
    x
  }
  rows <- rows_of(serve_all(1:4, say_in_ways, workers = 1))
  expect_identical(rows$kind[rows$item == 1], "failure")
  expect_identical(conditionMessage(rows$value[[1]]$condition), "bad")
  expect_identical(rows$kind[rows$item == 2], c("condition", "value"))
  expect_identical(rows$goes_on[rows$item == 2], c(TRUE, FALSE))
  expect_identical(conditionMessage(rows$value[rows$item == 2][[1]][[1]]), "oh")
  expect_identical(rows$kind[rows$item == 3], c("output", "value"))
  expect_identical(rawToChar(rows$value[rows$kind == "output"][[1]]), "said\n")
  expect_identical(rows$kind[rows$item == 4], c("urgent", "value"))
  expect_identical(is.na(rows$run), rows$goes_on)
})

test_that("a death is a row, and other items of its worker are run by others", {
  got <- serve_all(1:60, function(x) {
    if (x %in% c(7, 31)) tools::pskill(Sys.getpid(), tools::SIGKILL)
    x
  })
  rows <- rows_of(got)
  expect_identical(sort(rows$item[rows$kind == "lost"]), c(7, 31))
  lost <- rows$value[rows$kind == "lost"][[1]]
  expect_identical(lost[["signal"]], 9L)
  expect_identical(lost[["late"]], 0L)
  expect_false(any(rows$goes_on))
  expect_setequal(unlist(rows$value[rows$kind == "value"]), setdiff(1:60, c(7, 31)))
  expect_identical(got$undone, 0)
})

test_that("items that a dead worker had in store are run by others as they were", {
  die_of <- function(x) {
    if (identical(x, "die")) tools::pskill(Sys.getpid(), tools::SIGKILL)
    x
  }
  vectors <- list(
    c("a", NA, "\u00e9", "die", rep(letters, 20), "die", LETTERS),
    rep(list(NULL, 1:3, factor("a"), "die", mtcars, quote(b), rep(0.5, 2e5)), 3),
    c(list("die"), as.list(1:300))
  )
  for (workers in some_workers) {
    served <- open_served(die_of, workers = workers)
    for (x in vectors) {
      served$give(x)
      rows <- rows_of(served$collect())
      rows$item <- rows$item - min(rows$item) + 1
      expect_setequal(rows$item, seq_along(x))
      expect_identical(anyDuplicated(rows$item), 0L)
      dies <- vapply(x, identical, NA, "die", USE.NAMES = FALSE)
      expect_identical(rows$kind == "lost", dies[rows$item])
      lived <- !dies[rows$item]
      expect_identical(as.list(rows$value[lived]), as.list(x)[rows$item[lived]])
    }
  }
})

test_that("an item that can't be written is given later, and none is given twice", {
  lazy <- native("lazy.c")
  dyn.load(lazy)
  on.exit(dyn.unload(lazy))
  .C("lazy_prepare")
  for (workers in some_workers) {
    for (bad in c(1, 20, 60)) {
      is_bad <- TRUE
      make <- function(i) if (is_bad && i == bad) stop("no such element") else as.integer(i)
      served <- open_served(function(x) x, workers = workers)
      served$give(.Call("lazy_integers", make, 60))
      said <- tryCatch(served$collect(), error = conditionMessage)
      expect_identical(said, "no such element")
      is_bad <- FALSE
      got <- served$collect()
      expect_identical(as.numeric(unlist(got$value)), got$item)
      expect_identical(sort(got$item), as.numeric(1:60))
    }
  }
})

test_that("items are let go of when all of their row have ended", {
  freed <- FALSE
  keep <- function() {
    item <- new.env(parent = globalenv())
    reg.finalizer(item, function(item) freed <<- TRUE)
    list(1, item, 2)
  }
  served <- open_served(function(x) NULL, workers = 1)
  served$give(keep())
  expect_length(served$collect()$item, 3)
  served$values <- NULL
  gc()
  expect_true(freed)
})

test_that("an item whose time is over is lost", {
  got <- serve_all(1:3, function(x) if (x == 2) repeat NULL else x, timeout = 1)
  rows <- rows_of(got)
  expect_identical(rows$item[rows$kind == "lost"], 2)
  expect_identical(rows$value[rows$kind == "lost"][[1]][["late"]], 1L)
})

test_that("random numbers are those of the number, in any order and place", {
  draw <- function(x) if (x == 0) 0 else runif(2)
  expected <- with_seed(1, lomp_map(1:40, draw, .workers = 2))
  numbers <- with_seed(2, as.numeric(sample(40)))
  for (workers in some_workers) {
    with_seed(1, served <- open_served(draw, workers = workers))
    drawn <- list()
    given <- numeric()
    for (block in split(numbers, rep(1:4, each = 10))) {
      served$give(block, block)
      got <- served$collect()
      expect_true(all(got$drawn))
      given <- c(given, block)
      drawn[given[got$item]] <- got$value
    }
    expect_identical(drawn, expected)
    expect_identical(unique(served$heard[served$heard == "drawn"]), "drawn")
    served$give(0, 41)
    expect_false(served$collect()$drawn)
  }
})

test_that("a value that doesn't fit is refused by the number of its item", {
  for (workers in some_workers) {
    plan <- new_plan(1:3, workers, "collect")
    value <- new_value(numeric(1), TRUE, 1:3, plan)
    value$is_vector <- FALSE
    set <- list(value = value, is_single = TRUE)
    got <- serve_all(1:3, function(x) if (x == 2) "two" else x, numbers = c(11, 12, 13),
                     workers = workers, set = set)
    rows <- rows_of(got)
    expect_identical(unlist(rows$value[rows$kind == "value"]), c(1L, 3L))
    message <- conditionMessage(rows$value[rows$item == 2][[1]]$condition)
    expect_match(message, "FUN(X[[12]])", fixed = TRUE)
  }
})

test_that("dead references are told by the class that holds them", {
  hold <- function(x) {
    if (x == 1) return(x)
    pointer <- getNativeSymbolInfo("unif_rand")$address
    attributes(pointer) <- NULL
    if (x == 2) structure(list(pointer), class = "lomp_test") else pointer
  }
  got <- serve_all(1:3, hold, workers = 1)
  expect_identical(got$holder, c(NA, "lomp_test", ""))
})

test_that("it returns when its time is over, and what is finished isn't held back", {
  skip_on_cran()
  with_flag(function(flag) {
    # Cheap ones come first, so that a long one shares a batch with others. A third worker has
    # nothing to wait for, and gets what these have in store.
    served <- open_served(function(x) if (x %in% c(50, 120)) wait_for(flag) else x, workers = 3)
    served$give(1:120)
    took <- seconds(items <- served$collect(0.3)$item)
    expect_gte(took, 0.3)
    expect_lt(took, 3)
    collect_until <- function(n) {
      expect_true(wait_until({
        items <<- c(items, served$collect(0.2)$item)
        length(items) == n
      }))
    }
    collect_until(118)
    raise(flag)
    collect_until(120)
    expect_setequal(items, 1:120)
  })
})

test_that("what is finished comes though its worker has begun a long item of the same batch", {
  with_flag(function(flag) {
    served <- open_served(function(x) if (x == 2) wait_for(flag) else x, workers = 1)
    for (k in 1:8) {
      served$give(rep(0, 200))
      served$collect()
    }
    served$give(c(1, 2, 3))
    got <- served$collect(0.1, low = 1)
    expect_identical(unlist(got$value), 1)
    expect_identical(got$undone, 2)
    raise(flag)
    expect_identical(served$collect(low = 1)$value, list(NULL, 3))
  })
})

test_that("it returns when rows take enough, and goes on with the rest", {
  served <- open_served(function(x) rep(x, 1000), workers = 2)
  served$give(1:200)
  items <- numeric()
  times <- 0
  while (length(items) < 200) {
    got <- served$collect(bytes = 1e5)
    cost <- got$bytes + 64
    expect_true(length(items) + length(got$item) == 200 || sum(cost) >= 1e5)
    expect_lt(sum(utils::head(cost, -1)), 1e5)
    items <- c(items, got$item)
    times <- times + 1
  }
  expect_setequal(items, 1:200)
  expect_gt(times, 7)
  expect_length(served$collect(0)$item, 0)
})

test_that("it returns when few items are underway and there are no more", {
  with_flag(function(flag) {
    served <- open_served(function(x) if (x > 4) wait_for(flag) else x, workers = 2)
    served$give(1:6)
    got <- served$collect(low = 3)
    expect_setequal(unlist(got$value), 1:4)
    expect_identical(got$undone, 2)
    expect_length(served$collect(60, low = 3)$item, 0)
    served$give(7:8)
    raise(flag)
    got <- served$collect(low = 1)
    expect_identical(sort(got$item), c(5, 6, 7, 8))
  })
})

test_that("items that no worker has begun are taken back, and nothing comes of them", {
  with_flag(function(flag) {
    served <- open_served(function(i) {
      wait_for(flag)
      i
    }, workers = 1)
    served$give(as.numeric(1:6))
    taken <- numeric()
    for (try in 1:100) {
      if (length(taken) > 0L) break
      expect_length(served$collect(0.05)$item, 0)
      taken <- call_take_back(served$handle)
    }
    raise(flag)
    rows <- rows_of(served$collect())
    expect_gte(length(taken), 1)
    expect_equal(sort(c(rows$item, taken)), 1:6)
    expect_identical(unlist(rows$value), as.numeric(rows$item))
    expect_identical(call_take_back(served$handle), numeric())
  })
})

test_that("it returns when the call has ended", {
  for (workers in some_workers) {
    served <- open_served(identity, workers = workers)
    served$give(1:10)
    expect_false(served$collect()$is_over)
    call_stop(served$handle)
    got <- served$collect(60)
    expect_true(got$is_over)
    expect_length(got$item, 0)
  }
})

test_that("a worker that has nothing to do isn't asked about again and again", {
  with_flag(function(flag) {
    served <- open_served(function(x) if (x == 1) wait_for(flag), workers = 2)
    served$give(1)
    got <- served$collect(0.2)
    expect_identical(got$undone, 1)
    expect_lt(sum(served$heard == "request"), 5)
    raise(flag)
    expect_identical(served$collect()$item, 1)
  })
})

test_that("workers are at work between two looks, up to the bound of what waits", {
  skip_on_cran()
  counted <- withr::local_tempfile()
  run <- function(x) {
    cat("x", file = counted, append = TRUE)
    rep(x, 1e4)
  }
  with_options(list(lomp.buffer = 5e5), served <- open_served(run, workers = 1))
  served$give(rep(1, 50))
  served$collect(0, bytes = 1)
  expect_true(wait_until({
    served$collect(0, bytes = 1)
    isTRUE(file.size(counted) >= 6)
  }))
  got <- 0
  expect_true(wait_until((got <- got + length(served$collect(0.1)$item)) > 0))
})

test_that("an interrupt on the way loses nothing", {
  skip_on_cran()
  interrupts <- 0
  session <- Sys.getpid()
  with_flag(function(flag) {
    served <- open_served(function(x) {
      if (x == 100) {
        tools::pskill(session, tools::SIGINT)
        wait_for(flag)
      }
      x
    }, workers = 2)
    served$give(1:200)
    got <- list()
    while (length(unlist(lapply(got, `[[`, "item"))) < 200) {
      tryCatch(got <- c(got, list(served$collect(5))), interrupt = function(cnd) {
        interrupts <<- interrupts + 1
        raise(flag)
      })
    }
    expect_identical(interrupts, 1)
    expect_setequal(unlist(lapply(got, `[[`, "item")), as.numeric(1:200))
    expect_setequal(unlist(lapply(got, `[[`, "value")), 1:200)
  })
})

test_that("an error of on_event() on the way loses nothing", {
  for (workers in 1:2) {
    served <- open_served(identity, workers = workers)
    served$give(as.list(1:100))
    values <- served$values
    served$values <- quote(bad())
    expect_error(served$collect(), "must be elements")
    served$values <- values
    expect_setequal(unlist(served$collect()$value), 1:100)
  }
})

test_that("a hundred thousand small rows are collected at once", {
  skip_on_cran()
  served <- open_served(function(x) x, workers = 2)
  n <- 1e5
  served$give(as.numeric(seq_len(n)))
  items <- numeric()
  while (length(items) < n) {
    got <- served$collect(60)
    expect_identical(unlist(got$value), got$item)
    items <- c(items, got$item)
  }
  expect_setequal(items, seq_len(n))
})

test_that("nothing is left of a call that was served", {
  skip_on_cran()
  expect_no_leaks({
    served <- open_served(function(x) rep(x, 1e5), workers = 2)
    served$give(1:20)
    served$collect(bytes = 1e6)
    call_close(served$handle)
    rm(served)
    gc()
  })
})
