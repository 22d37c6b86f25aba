# Iterators as objects: their protocol, and the packages that know it.

# These take too long for each of CRAN's machines.
skip_on_cran()

test_that("the end is for ever, and so is a close", {
  for (workers in all_workers) {
    it <- lomp_iterate(1:3, identity, .workers = workers)
    drain(it)
    expect_true(lomp_done(it()))
    expect_true(lomp_done(it(close = TRUE)))
    it <- lomp_iterate(1:3, identity, .workers = workers)
    it()
    it(close = TRUE)
    expect_identical(it(), as.symbol(".__exhausted__."))
    it(close = TRUE)
    expect_true(lomp_done(it(close = FALSE)))
  }
})

test_that("lomp_done() knows the end marker", {
  expect_true(lomp_done(lomp_done()))
  expect_identical(lomp_done(), as.symbol(".__exhausted__."))
  for (value in list(NULL, ".__exhausted__.", quote(x), 1, list(lomp_done()))) {
    expect_false(lomp_done(value))
  }
})

test_that("lomp_item() tells the item and its name", {
  for (workers in all_workers) {
    it <- lomp_iterate(c(a = 1, 2, c = 3), identity, .workers = workers, .ordered = TRUE)
    expect_identical(lomp_item(it), NA_integer_)
    it()
    expect_identical(lomp_item(it), c(a = 1L))
    it()
    expect_identical(lomp_item(it), 2L)
    it()
    it()
    expect_identical(lomp_item(it), NA_integer_)
  }
})

test_that("as.list() takes what is left, with names", {
  it <- lomp_iterate(c(a = 2, b = 1), count_up, .workers = 2, .ordered = TRUE)
  it()
  expect_identical(as.list(it), list(a = c(2, 2), b = c(1, 1)))
  expect_identical(as.list(it), stats::setNames(list(), character()))
  expect_length(as.list(lomp_iterate(1:100, count_up, .workers = 2)), 5050)
})

test_that("print() tells where it stands", {
  it <- lomp_iterate(1:3, function(i) i, .workers = 1, .ordered = TRUE)
  local <- lomp_iterate(1, identity, .workers = 0)
  expect_snapshot(print(local))
  local()
  expect_snapshot(print(local))
  expect_output(print(it), "^<lomp_iterator> 3 items, 1 worker; so far ")
  drain(it)
  expect_snapshot(print(it))
})

test_that("coro's loops and collect() work, and close it", {
  skip_if_not_installed("coro")
  for (workers in all_workers) {
    it <- lomp_iterate(1:3, count_up, .workers = workers, .ordered = TRUE)
    expect_length(coro::collect(it), 6)
    it <- lomp_iterate(1:1000, function(i) i, .workers = workers)
    coro::loop(for (r in it) if (r > 0) break)
    expect_true(lomp_done(it()))
    it <- lomp_iterate(1:1000, function(i) i, .workers = workers)
    expect_s3_class(caught(coro::loop(for (r in it) stop("in the body"))), "simpleError")
    expect_true(lomp_done(it()))
    twice <- coro::generator(function(it) for (r in it) yield(2 * r))
    it <- lomp_iterate(1:3, identity, .workers = workers, .ordered = TRUE)
    expect_identical(coro::collect(twice(it)), list(2, 4, 6))
  }
})

test_that("foreach and iterators take it", {
  skip_if_not_installed("foreach")
  `%do%` <- foreach::`%do%` # nolint: object_name_linter.
  it <- lomp_iterate(1:3, count_up, .workers = 2, .ordered = TRUE)
  sums <- foreach::foreach(r = it) %do% sum(r) # nolint: object_usage_linter.
  expect_identical(sums, list(2L, 3L, 4L, 4L, 5L, 6L))
  it <- iterators::iter(lomp_iterate(1, identity, .workers = 0))
  expect_identical(iterators::nextElem(it), 1)
  expect_error(iterators::nextElem(it), "StopIteration")
})

test_that("emit() outside its item is an error", {
  for (workers in all_workers) {
    it <- lomp_iterate(1:2, function(i, emit) {
      if (i == 1) emit(emit) else emit(i)
    }, .workers = workers, .ordered = TRUE)
    kept <- it()
    expect_identical(it(), 2L)
    expect_error(kept(1), "emit() works only while its item runs", fixed = TRUE)
  }
  in_child <- as.list(lomp_iterate(1, function(i, emit) {
    said <- parallel::mclapply(1:2, function(j) tryCatch(emit(j), error = conditionMessage))
    emit(said[[2]])
  }, .workers = 1))
  expect_match(in_child[[1]], "in the process that runs it")
})

# ---- Left and gone on with -----------------------------------------------------------------------

take_on <- function(it, left = NA) {
  values <- list()
  while (!lomp_done(r <- tryCatch(it(), warning = function(w) left, error = function(e) left))) {
    values <- c(values, list(r))
  }
  values
}

test_that("an iterator that a handler leaves goes on with the next result", {
  loud <- function(i) {
    if (i %in% c(2, 5)) warning("loud")
    i
  }
  between <- function(i, emit) {
    emit(i)
    warning("between")
    emit(-i)
  }
  it <- lomp_iterate(1:6, loud, .workers = 2, .ordered = TRUE)
  expect_identical(take_on(it), list(1L, NA, 2L, 3L, 4L, NA, 5L, 6L))
  values <- unlist(take_on(lomp_iterate(1:6, loud, .workers = 2)))
  expect_identical(sort(values), 1:6)
  expect_identical(sum(is.na(values)), 2L)
  it <- lomp_iterate(1:2, between, .workers = 2, .ordered = TRUE)
  expect_identical(take_on(it), list(1L, NA, -1L, 2L, NA, -2L))
  # Without workers the handler leaves the item, too. What that had emitted by then isn't lost.
  it <- lomp_iterate(1:6, loud, .workers = 0)
  expect_identical(take_on(it), list(1L, NA, 3L, 4L, NA, 6L))
  expect_output(print(it), "ended: 4 of 6 items done, 4 results taken")
  expect_identical(take_on(lomp_iterate(1:2, between, .workers = 0)), list(NA, 1L, NA, 2L))
})

test_that("one that a producer leaves goes on with the producer's next item", {
  for (workers in c(0, 2)) {
    k <- 0
    produce <- function() {
      k <<- k + 1
      if (k == 3) warning("this one is bad")
      if (k > 6) lomp_done() else k
    }
    values <- unlist(take_on(lomp_iterate(produce, identity, .workers = workers)))
    expect_identical(sort(values), c(1, 2, 4, 5, 6))
    expect_identical(sum(is.na(values)), 1L)
  }
})

test_that("a time limit leaves an iterator as it is", {
  within_limit <- function(code) {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 0.2, transient = TRUE)
    code
  }
  with_flag(function(flag) {
    it <- lomp_iterate(1:2, function(i) {
      wait_for(flag)
      i
    }, .workers = 2)
    for (use in list(it, it, function() head(it, 2))) {
      expect_match(conditionMessage(caught(within_limit(use()))), "time limit")
    }
    raise(flag)
    expect_setequal(as.list(it), list(1L, 2L))
  })
})

test_that("head() that is left loses nothing", {
  it <- lomp_iterate(1:6, function(i) {
    if (i == 4) warning("loud")
    i
  }, .workers = 2, .ordered = TRUE)
  tryCatch(head(it, 5), warning = function(w) NULL)
  expect_identical(it(), 1L)
  expect_identical(lomp_item(it), 1L)
  expect_identical(head(it, 4), as.list(2:5))
  expect_identical(as.list(it), list(6L))
  expect_true(lomp_done(it()))
})

test_that("as.list() that is left ends the workers, and what was finished is there", {
  for (workers in c(0, 2)) {
    it <- lomp_iterate(1:6, function(i) {
      if (i == 4) warning("loud")
      i
    }, .workers = workers, .ordered = TRUE)
    gc()
    tryCatch(as.list(it), warning = function(w) NULL)
    expect_length(children_left(), 0)
    expect_output(print(it), "left by a jump: [3-6] ")
    left <- lomp_last()$results
    expect_true(all(1:3 %in% left))
    expect_identical(it(), 1L)
    expect_identical(suppressWarnings(as.list(it)), left[-1])
    expect_true(lomp_done(it()))
  }
})

test_that("after an interrupt the results that had come are still there", {
  for (workers in c(0, 2)) {
    interrupt <- function(done, total) if (done > 2) hang_up()
    hang_up <- function() {
      tools::pskill(Sys.getpid(), tools::SIGINT)
      for (k in 1:1000) Sys.sleep(0.01)
    }
    it <- lomp_iterate(1:400, function(i) {
      Sys.sleep(0.05)
      i
    }, .workers = workers, .ordered = TRUE, .progress = interrupt)
    gc()
    end <- tryCatch(while (!lomp_done(it())) NULL, interrupt = function(cnd) cnd)
    expect_s3_class(end, "interrupt")
    expect_length(children_left(), 0)
    expect_output(print(it), "interrupted: [0-9]+ of 400 items done")
    values <- NULL
    warnings <- warnings_of(values <- as.list(it))
    expect_identical(class(warnings[[1]])[[1]], "lomp_interrupted")
    expect_false(is.unsorted(unlist(values), strictly = TRUE))
    expect_output(print(it), "interrupted: [0-9]+ of 400 items done, [0-9]+ results taken")
    expect_true(lomp_done(it()))
  }
})

test_that("one ordered iterator's error has what came out of turn", {
  with_flag(function(flag) {
    flags <- paste0(flag, 2:3)
    it <- lomp_iterate(1:3, function(i) {
      if (i == 1) {
        wait_for(flags)
        stop("late")
      }
      raise(flags[[i - 1]])
      i
    }, .workers = 3, .ordered = TRUE)
    cnd <- caught(it())
    expect_identical(cnd$item, 1)
    # Item 3 may not have handed over its result when it was ended.
    expect_true(all(unlist(cnd$results) %in% 2:3))
    expect_true(lomp_done(it()))
  })
})

test_that("an error is thrown although the progress function leaves when it hears of the end", {
  for (workers in c(0, 2)) for (ordered in c(TRUE, FALSE)) for (at in 2:4) {
    calls <- 0
    leave <- function(done, total) {
      calls <<- calls + 1
      if (calls == at) invokeRestart("out")
    }
    it <- lomp_iterate(1:4, function(i) {
      if (i != 3) return(i)
      Sys.sleep(0.1)
      stop("boom")
    }, .workers = workers, .ordered = ordered, .progress = leave)
    one <- function() withRestarts(it(), out = function() NULL)
    cnd <- caught(while (!lomp_done(one())) NULL)
    expect_s3_class(cnd, "lomp_error")
    expect_type(cnd$results, "list")
    expect_true(lomp_done(it()))
  }
})

test_that("what as.list() that is left has finished is told once, and counts upwards", {
  for (workers in c(0, 2)) {
    told <- numeric()
    it <- lomp_iterate(1:300, function(i) {
      if (i == 20) warning("loud")
      i
    }, .workers = workers, .progress = function(done, total) told <<- c(told, done))
    tryCatch(as.list(it), warning = function(w) NULL)
    left <- length(lomp_last()$results)
    expect_length(suppressWarnings(as.list(it)), left)
    expect_false(is.unsorted(told, strictly = TRUE))
    expect_equal(told[length(told)], left)
  }
})

# ---- Any value -----------------------------------------------------------------------------------

test_that("the end marker is no result of an iterator, and one like any other of a map", {
  marks <- function(i) if (i == 2) lomp_done() else i
  for (workers in c(0, 2)) {
    expect_identical(lomp_map(1:3, marks, .workers = workers), list(1L, lomp_done(), 3L))
    k <- 0
    produce <- function() if (k < 3) k <<- k + 1 else lomp_done()
    expect_identical(lomp_map(produce, marks, .workers = workers), list(1, lomp_done(), 3))
    emits <- function(i, emit) emit(marks(i))
    for (f in list(marks, emits)) {
      it <- lomp_iterate(1:3, f, .workers = workers, .ordered = TRUE, .on_error = "collect")
      values <- suppressWarnings(as.list(it))
      expect_identical(lomp_ok(values), c(TRUE, FALSE, TRUE))
      expect_identical(values[[2]]$item, 2)
      expect_match(conditionMessage(values[[2]]), "can't be a result")
    }
  }
})

test_that("the empty symbol is a result, too", {
  empty <- function(i) if (i == 2) substitute() else i
  for (workers in c(0, 2)) {
    expected <- lapply(1:3, empty)
    expect_identical(lomp_map(1:3, empty, .workers = workers), expected)
    expect_identical(lomp_ok(lomp_map(1:3, empty, .workers = workers)), rep(TRUE, 3))
    it <- lomp_iterate(1:3, empty, .workers = workers, .ordered = TRUE)
    expect_identical(as.list(it), expected)
    it <- lomp_iterate(1:3, empty, .workers = workers, .ordered = TRUE)
    n <- 0
    while (!lomp_done(it())) n <- n + 1
    expect_identical(n, 3)
  }
})

# ---- What it is, and what it isn't ---------------------------------------------------------------

test_that("print() says how an iterator has ended", {
  for (workers in c(0, 2)) {
    run <- function(f, ...) lomp_iterate(1:4, f, .workers = workers, .ordered = TRUE, ...)
    it <- run(identity)
    it()
    it(close = TRUE)
    expect_output(print(it), "; closed: .* done, 1 result taken")
    it <- run(function(i) if (i == 3) stop("bad luck") else i)
    caught(drain(it))
    expect_output(print(it), "; ended by an error: .* done, [23] results taken\nitem 3: bad luck")
    it <- run(identity)
    drain(it)
    expect_output(print(it), "; ended: 4 items done, 4 results taken")
  }
})

test_that("an iterator that isn't alive in this process says so", {
  file <- tempfile()
  on.exit(unlink(file))
  for (workers in c(0, 2)) {
    it <- lomp_iterate(1:4, identity, .workers = workers)
    saveRDS(it, file)
    copy <- readRDS(file)
    expect_output(print(copy), "not alive in this process")
    for (use in list(function() copy(), function() as.list(copy), function() copy(close = TRUE))) {
      cnd <- caught(use())
      expect_s3_class(cnd, c("lomp_iterator_error", "error", "condition"), exact = TRUE)
      expect_match(conditionMessage(cnd), "isn't alive in this process")
    }
    expect_identical(lomp_item(copy), NA_integer_)
    # The one in this process goes on.
    expect_setequal(as.list(it), as.list(1:4))
  }
})

test_that("functions for vectors are refused, or do what one would expect", {
  for (workers in c(0, 2)) {
    new <- function() {
      lomp_iterate(c(a = 1, b = 2, c = 3), identity, .workers = workers, .ordered = TRUE)
    }
    it <- new()
    uses <- expression(length(it), seq_along(it), it[[1]], it[1], it$a, it[[1]] <- 2, it$a <- 2,
                       it[1] <- 2, Reduce(`+`, it), tail(it), rev(it))
    for (use in uses) {
      cnd <- caught(eval(use))
      expect_s3_class(cnd, "lomp_iterator_error")
      expect_match(conditionMessage(cnd), "as.list() of the iterator", fixed = TRUE)
    }
    expect_identical(head(it, 2), list(a = 1, b = 2))
    expect_identical(head(it), list(c = 3))
    expect_identical(head(it, 0), stats::setNames(list(), character()))
    expect_argument_error(head(it, -1), "n")
    expect_identical(unlist(new()), c(a = 1, b = 2, c = 3))
    expect_identical(lapply(new(), function(x) 2 * x), list(a = 2, b = 4, c = 6))
    expect_identical(Reduce(`+`, as.list(new())), 6)
    expect_output(utils::str(it), "<lomp_iterator>")
  }
})

test_that("a forgotten emit() is told, once", {
  for (workers in c(0, 2)) {
    values <- NULL
    warnings <- warnings_of(
      values <- as.list(lomp_iterate(1:5, function(i, emit) i, .workers = workers))
    )
    expect_identical(values, list())
    expect_length(warnings, 1)
    expect_s3_class(warnings[[1]], "lomp_nothing_emitted")
    warnings <- warnings_of(drain(lomp_iterate(1:5, function(i, emit) i, .workers = workers)))
    expect_length(warnings, 1)
    # Items that have no results on purpose return nothing, and others emit.
    expect_silent(as.list(lomp_iterate(1:5, function(i, emit) NULL, .workers = workers)))
    expect_silent(as.list(lomp_iterate(1:5, function(i, emit) if (i == 5) emit(i) else i,
                                       .workers = workers)))
  }
})

# ---- Closed from within -------------------------------------------------------------------------

test_that("a handler of the last warning may close the iterator and leave", {
  for (workers in c(0, 2)) {
    it <- lomp_iterate(1:4, function(i) if (i == 2) stop("no") else i, .workers = workers,
                       .on_error = "collect")
    closing <- function(cnd) it(close = TRUE)
    cnd <- tryCatch(withCallingHandlers(as.list(it), warning = closing), warning = identity)
    expect_s3_class(cnd, "lomp_failed")
    expect_true(lomp_done(it()))
  }
})

test_that("a producer may close the iterator that asks it, and give an item nevertheless", {
  for (workers in c(0, 2)) {
    n <- 0
    produce <- function() {
      n <<- n + 1
      if (n == 4) it(close = TRUE)
      n
    }
    it <- lomp_iterate(produce, identity, .workers = workers)
    expect_no_leaks(while (!lomp_done(it())) NULL)
    expect_identical(n, 4)
    expect_true(lomp_done(it()))
  }
})

test_that("a forked process that closes an iterator ends no worker of its parent's", {
  skip_if_not(.Platform$OS.type == "unix")
  it <- lomp_iterate(1:6, identity, .workers = 2)
  values <- it()
  child <- parallel::mcparallel(it(close = TRUE))
  parallel::mccollect(child)
  expect_setequal(c(values, unlist(as.list(it))), 1:6)
})

test_that("the data of an iterator go when it is left, though its results stay", {
  for (workers in c(0, 1)) {
    freed <- 0
    make <- function(i) {
      item <- new.env()
      reg.finalizer(item, function(item) freed <<- freed + 1)
      item
    }
    it <- lomp_iterate(lapply(1:3, make), function(item) warning("leave"), .workers = workers)
    expect_identical(tryCatch(as.list(it), warning = function(cnd) "left"), "left")
    gc()
    expect_identical(freed, 3)
    it(close = TRUE)
  }
})
