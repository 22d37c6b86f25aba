# Whichever way a call is left, nothing that was finished is lost.

# ---- Ways out of the caller's own ----------------------------------------------------------------

# Each leaves the code when a warning with the word "leave" (or one of lomp's own) comes up in it,
# by a handler that was there before the call.
is_signal <- function(cnd) inherits(cnd, "lomp_failed") || grepl("leave", conditionMessage(cnd))

on_signal <- function(code, leave) {
  withCallingHandlers(code, warning = function(cnd) if (is_signal(cnd)) leave())
}

# As a user's handler hangs until something ends it.
hang <- function() {
  for (k in 1:1000) Sys.sleep(0.01)
  stop("nothing has ended it")
}

ways_out <- list(
  error = function(code) tryCatch(on_signal(code, function() stop("left")), error = identity),
  exiting = function(code) {
    tryCatch(on_signal(code, function() NULL), warning = function(cnd) if (is_signal(cnd)) cnd)
  },
  converted = function(code) with_options(list(warn = 2), try(code, silent = TRUE)),
  restart = function(code) {
    withRestarts(on_signal(code, function() invokeRestart("out")), out = function() "left")
  },
  jump = function(code) callCC(function(k) on_signal(code, function() k("left"))),
  limit = function(code) {
    on.exit(setTimeLimit())
    try(on_signal(code, function() {
      setTimeLimit(elapsed = 0.01, transient = TRUE)
      hang()
    }), silent = TRUE)
  },
  interrupt = function(code) {
    tryCatch(on_signal(code, function() {
      tools::pskill(Sys.getpid(), tools::SIGINT)
      hang()
    }), interrupt = function(cnd) "left")
  }
)

# ---- Who gives the word --------------------------------------------------------------------------

n_items <- 12

# A producer of the numbers 1 to 12.
producer <- function(at = NA, at_close = FALSE) {
  k <- 0
  function(close = FALSE) {
    if (close) return(if (at_close) warning("leave"))
    k <<- k + 1
    if (k %in% at) warning("leave")
    if (k > n_items) lomp_done() else k
  }
}

# Items note that they are through. What a worker had noted and not yet handed over when it was
# killed isn't finished; there is one such item for each worker at the most.
item_noting <- function(flag, at = NA, fails = NA) {
  force(flag)
  function(i) {
    if (i %in% at) warning("leave")
    if (i %in% fails) stop("failed")
    cat(i, "\n", file = flag, append = TRUE)
    i
  }
}

noted <- function(flag) sort(scan(flag, quiet = TRUE))

# function(kind of call, flag, workers): the call to leave, with the word given by the one or other.
who_leaves <- list(
  item = function(call, flag, workers) call(item_noting(flag, at = 7), workers),
  closing = function(call, flag, workers) {
    call(item_noting(flag, fails = 4), workers, .on_error = "collect")
  },
  progress = function(call, flag, workers) {
    tell <- function(done, total) if (done > 5) warning("leave")
    call(item_noting(flag), workers, .progress = tell)
  },
  producer = function(call, flag, workers) {
    call(item_noting(flag), workers, items = producer(at = 8))
  },
  close = function(call, flag, workers) {
    call(item_noting(flag), workers, items = producer(at_close = TRUE))
  }
)

calls <- list(
  map = function(f, workers, items = seq_len(n_items), ...) {
    lomp_map(items, f, .workers = workers, ...)
  },
  stream = function(f, workers, items = producer(), ...) {
    lomp_map(items, f, .workers = workers, ...)
  },
  iterator = function(f, workers, items = seq_len(n_items), ...) {
    kept$it <- lomp_iterate(items, f, .workers = workers, ...)
    as.list(kept$it)
  }
)

kept <- new.env()

# What an iterator that was left still has. Nothing is left of it then, and no collection needed.
go_on <- function() {
  values <- suppressWarnings(as.list(kept$it))
  kept$it <- NULL
  values
}

finished_of <- function(results) sort(as.numeric(unlist(results[lomp_ok(results)])))

surroundings <- function() {
  list(options = options(), sinks = c(sink.number(), sink.number(type = "message")),
       kind = RNGkind(), folder = getwd())
}

expect_left_well <- function(call, who, way, workers) {
  label <- paste(who, "leaves", call, "by", way, "with", workers, "workers")
  with_flag(function(flag) {
    raise(flag)
    before <- surroundings()
    set.seed(1)
    seed <- .Random.seed
    set.seed(1)
    left <- rest <- NULL
    value <- expect_no_leaks({
      end <- ways_out[[way]](who_leaves[[who]](calls[[call]], flag, workers))
      left <- lomp_last()
      rest <- if (call == "iterator") go_on()
      end
    })
    expect_identical(surroundings(), before, label = label)
    expect_identical(.Random.seed, seed, label = label)
    expect_s3_class(left, "lomp_error")
    found <- finished_of(left$results)
    expect_true(all(found %in% 1:n_items) && !anyDuplicated(found), label = label)
    if (inherits(value, "lomp_failed")) expect_identical(finished_of(value$results), found)
    if (call == "iterator" && inherits(left, "lomp_left")) {
      expect_identical(finished_of(rest), found, label = label)
    }
    lost <- setdiff(noted(flag), found)
    expect_lte(length(lost), workers, label = paste(label, "; lost:", toString(lost)))
  })
}

test_that("whoever leaves a call, by whichever way, finds all that was finished", {
  skip_on_cran()
  old <- RNGkind("Mersenne-Twister")
  on.exit(do.call(RNGkind, as.list(old)))
  # In turn with workers and without, such that any two of the others meet with both.
  all <- expand.grid(call = seq_along(calls), way = seq_along(ways_out),
                     who = seq_along(who_leaves))
  all$workers <- ifelse(rowSums(all) %% 2 == 0, 0, 2)
  for (k in seq_len(nrow(all))) {
    call <- names(calls)[[all$call[[k]]]]
    who <- names(who_leaves)[[all$who[[k]]]]
    if (call == "map" && who %in% c("producer", "close")) next
    expect_left_well(call, who, names(ways_out)[[all$way[[k]]]], all$workers[[k]])
  }
})

# ---- While it waits ------------------------------------------------------------------------------

# Item 4 never ends, so there is only the wait when the limit is over or the interrupt comes.
waiting_item <- function(i) {
  if (i == 4) hang()
  i
}

test_that("a time limit of the session's leaves what was finished", {
  skip_on_cran()
  within_limit <- function(code) {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 0.5, transient = TRUE)
    code
  }
  for (workers in c(0, 2)) for (call in names(calls)) {
    cnd <- expect_no_leaks({
      cnd <- caught(within_limit(calls[[call]](waiting_item, workers)))
      kept$it <- NULL
      gc()
      cnd
    })
    expect_match(conditionMessage(cnd), "reached elapsed time limit", fixed = TRUE)
    expect_true(all(1:3 %in% finished_of(lomp_last()$results)), label = paste(call, workers))
    expect_s3_class(lomp_last(), "lomp_left")
    # Nor is the limit any item's own.
    rest <- lomp_last()$results[!lomp_ok(lomp_last()$results)]
    expect_true(all(vapply(rest, inherits, NA, "lomp_not_run")))
  }
})

test_that("what was left goes on with .redo, and draws what it would have drawn", {
  draw <- function(i) {
    if (i == 3) warning("leave")
    stats::runif(1)
  }
  for (workers in c(0, 2)) {
    set.seed(7)
    all <- suppressWarnings(lomp_map(1:6, draw, .workers = workers))
    set.seed(7)
    ways_out$restart(lomp_map(1:6, draw, .workers = workers))
    expect_s3_class(lomp_last(), "lomp_left")
    expect_match(conditionMessage(lomp_last()), "go on with .redo = lomp_last()", fixed = TRUE)
    expect_identical(
      suppressWarnings(lomp_map(1:6, draw, .workers = workers, .redo = lomp_last())), all
    )
    expect_null(lomp_last())
  }
})

test_that("a second interrupt doesn't cost what the first one has left", {
  skip_on_cran()
  twice <- function(i) {
    if (i == 300) for (k in 1:2) tools::pskill(session, tools::SIGINT)
    i
  }
  session <- Sys.getpid()
  for (workers in c(0, 2)) for (k in 1:4) {
    end <- tryCatch(lomp_map(1:600, twice, .workers = workers), interrupt = identity)
    # The second one may come when the first is through, and is R's own then.
    tryCatch(for (k in 1:20) Sys.sleep(0.001), interrupt = identity)
    expect_s3_class(lomp_last(), "lomp_interrupt")
    expect_gte(sum(lomp_ok(lomp_last()$results)), 250)
    expect_length(children_left(), 0)
  }
})

test_that("an interrupt after an error leaves the error's results", {
  skip_on_cran()
  session <- Sys.getpid()
  f <- function(i) {
    if (i == 5) {
      tools::pskill(session, tools::SIGINT)
      stop("boom")
    }
    i
  }
  for (workers in c(0, 2)) {
    tryCatch({
      lomp_map(1:8, f, .workers = workers)
      hang()
    }, error = identity, interrupt = identity)
    expect_true(all(1:4 %in% finished_of(lomp_last()$results)))
  }
})

test_that("neither a call that returns its list nor one within another one keeps anything", {
  for (workers in c(0, 2)) {
    suppressWarnings(lomp_map(1:3, function(i) warning("leave"), .workers = workers))
    expect_null(lomp_last())
    inner <- function(i) {
      ways_out$restart(lomp_map(1:3, function(i) warning("leave"), .workers = 0))
      i
    }
    lomp_map(1:2, inner, .workers = workers)
    expect_null(lomp_last())
  }
})

# ---- Code of the caller's that fails beside `.f` -------------------------------------------------

test_that("a progress function that fails is a warning at the end, and isn't called again", {
  for (workers in c(0, 2)) for (at in c(0, 1)) {
    called <- 0
    tell <- function(done, total) {
      called <<- called + 1
      if (done >= at) stop("no display")
    }
    for (call in calls[1:3]) {
      called <- 0
      results <- NULL
      warnings <- warnings_of(results <- call(identity, workers, .progress = tell))
      expect_identical(finished_of(results), as.numeric(1:n_items))
      expect_length(warnings, 1)
      expect_identical(class(warnings[[1]]), c("lomp_progress_failed", "warning", "condition"))
      expect_identical(finished_of(warnings[[1]]$results), as.numeric(1:n_items))
      expect_identical(conditionMessage(warnings[[1]]$parent), "no display")
      if (at == 0) expect_equal(called, 1)
    }
  }
})

test_that("a producer whose close() fails is a warning, beside the outcome", {
  stubborn <- function() {
    give <- producer()
    function(close = FALSE) if (close) stop("jammed") else give()
  }
  for (workers in c(0, 2)) for (call in calls[2:3]) {
    results <- NULL
    warnings <- warnings_of(results <- call(identity, workers, items = stubborn()))
    expect_identical(finished_of(results), as.numeric(1:n_items))
    expect_length(warnings, 1)
    expect_s3_class(warnings[[1]], c("lomp_close_failed", "warning", "condition"), exact = TRUE)
    cnd <- NULL
    f <- function(i) if (i == 5) stop("boom") else i
    warnings <- warnings_of(cnd <- caught(call(f, workers, items = stubborn())))
    expect_s3_class(cnd, c("lomp_error", "error", "condition"), exact = TRUE)
    expect_identical(cnd$item, 5)
    expect_identical(class(warnings[[1]])[[1]], "lomp_close_failed")
  }
  it <- lomp_iterate(stubborn(), identity, .workers = 2)
  it()
  expect_s3_class(warnings_of(it(close = TRUE))[[1]], "lomp_close_failed")
  expect_silent(it(close = TRUE))
})

test_that("messages about the end read well", {
  jammed <- function() {
    give <- producer()
    function(close = FALSE) if (close) stop("jammed") else give()
  }
  first <- function(code) warnings_of(code)[[1]]
  silent <- function(i, emit) i
  leave <- function() {
    ways_out$restart(lomp_map(1:4, item_noting(nullfile(), at = 3), .workers = 0))
    lomp_last()
  }
  expect_messages(
    first(lomp_map(1:3, identity, .workers = 0, .progress = function(...) stop("no display"))),
    first(lomp_map(jammed(), identity, .workers = 0)),
    first(as.list(lomp_iterate(1:3, silent, .workers = 0))), leave()
  )
})

# ---- Where a result is being read ---------------------------------------------------------------

# R warns of a namespace that isn't there while it reads a result that refers to one.
missing_namespace <- function() {
  namespace <- new.env(parent = baseenv())
  info <- new.env()
  info$spec <- c(name = "there.is.none", version = "1")
  assign(".__NAMESPACE__.", info, namespace)
  list(namespace)
}

test_that("a handler may leave the call while a result is being read", {
  run <- run_r(env = c("_R_NO_REPORT_MISSING_NAMESPACES_" = "false"), code = {
    library(lomp)
    f <- function(i) {
      Sys.sleep(0.05 * i)
      if (i == 3) missing_namespace() else i
    }
    left <- tryCatch(lomp_map(1:4, f, .workers = 1), warning = function(cnd) "left")
    last <- lomp_last()
    it <- lomp_iterate(1:4, f, .workers = 1, .on_error = "collect")
    taken <- list()
    while (!lomp_done(value <- tryCatch(it(), warning = function(cnd) "left"))) {
      taken <- c(taken, list(value))
    }
    give(list(left = left, last = last, taken = taken))
  }, values = list(missing_namespace = missing_namespace))
  expect_identical(run$value$left, "left")
  expect_s3_class(run$value$last, "lomp_left")
  expect_identical(run$value$last$results[1:2], list(1L, 2L))
  expect_match(conditionMessage(run$value$last$results[[3]]), "can't be read here: a handler has")
  expect_identical(run$value$taken[c(1, 2, 3)], list(1L, 2L, "left"))
  expect_s3_class(run$value$taken[[4]], "lomp_error")
  expect_identical(run$value$taken[[5]], 4L)
})

test_that("the function that hears of progress may leave the call at its beginning", {
  for (workers in c(0, 2)) {
    call <- function() {
      lomp_map(1:3, identity, .workers = workers,
               .progress = function(done, total) invokeRestart("leave"))
    }
    expect_identical(expect_no_leaks(withRestarts(call(), leave = function() "left")), "left")
    expect_s3_class(lomp_last(), "lomp_left")
    expect_identical(lomp_ok(lomp_last()$results), rep(FALSE, 3))
  }
})
