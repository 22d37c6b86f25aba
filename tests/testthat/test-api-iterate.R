# lomp_iterate(): any number of results for each item, one by one, and nothing left behind.

# These take too long for each of CRAN's machines.
skip_on_cran()

# Two are several, too, and each costs a fork.
all_workers <- c(0, 1, 2)

# In this process and in a single worker, items are in order by themselves.
every_kind <- data.frame(workers = c(0, 1, 2, 2), ordered = c(FALSE, TRUE, FALSE, TRUE))

# Runs `check(workers, ordered)` for all of them.
for_every_kind <- function(check) {
  for (k in seq_len(nrow(every_kind))) check(every_kind$workers[[k]], every_kind$ordered[[k]])
}

# ---- What `.f` gives -----------------------------------------------------------------------------

test_that("what is emitted comes, in the order of its emission within each item", {
  for_every_kind(function(workers, ordered) {
    got <- drain(lomp_iterate(c(3, 0, 5, 40), count_up, .workers = workers, .ordered = ordered))
    values <- do.call(rbind, got$values)
    expect_identical(c(3, 0, 5, 40)[got$items], values[, 1])
    expect_identical(as.vector(table(values[, 1])), c(3L, 5L, 40L))
    for (k in unique(values[, 1])) expect_false(is.unsorted(values[values[, 1] == k, 2]))
    if (ordered) expect_false(is.unsorted(got$items))
  })
})

test_that("a function without `emit` gives one result", {
  for_every_kind(function(workers, ordered) {
    got <- drain(lomp_iterate(1:20, function(i) i^2, .workers = workers, .ordered = ordered))
    expect_identical(unlist(got$values)[order(got$items)], (1:20)^2)
    if (ordered) expect_identical(got$items, 1:20)
  })
})

test_that("a generator gives what it yields", {
  skip_if_not_installed("coro")
  count <- coro::generator(function(i) for (k in seq_len(i)) yield(10 * i + k))
  for_every_kind(function(workers, ordered) {
    got <- drain(lomp_iterate(0:3, count, .workers = workers, .ordered = ordered))
    expect_identical(sort(unlist(got$values)), c(11, 21, 22, 31, 32, 33))
  })
})

test_that("results may be anything, NULL and functions among it", {
  values <- list(NULL, "text", quote(x), function(x) x + 1, list(NULL), 1:3, NA, mtcars)
  for (workers in all_workers) {
    got <- as.list(lomp_iterate(values, identity, .workers = workers, .ordered = TRUE))
    expect_identical(got[-4], values[-4])
    expect_identical(got[[4]](1), 2)
    emitted <- as.list(lomp_iterate(1, function(i, emit) lapply(values, emit), .workers = workers))
    expect_identical(emitted[-4], values[-4])
  }
})

test_that("results of any size are emitted as they are", {
  sizes <- c(0, 1, 10, 1000, 15000, 20000, 300000)
  f <- function(i, emit) {
    for (n in sizes) emit(rep(i + 0.5, n))
    for (n in sizes[-7]) emit(sprintf("%d of %d", seq_len(n), i))
  }
  for (workers in all_workers) {
    got <- as.list(lomp_iterate(1:2, f, .workers = workers, .ordered = TRUE))
    expected <- list()
    lapply(1:2, f, emit = function(value) expected <<- c(expected, list(value)))
    expect_identical(got, expected)
  }
})

test_that("helpers may emit, and arguments come as in lomp_map()", {
  helper <- function(give, ...) for (x in list(...)) give(x)
  f <- function(x, emit, ..., factor = 1) helper(emit, x * factor, missing(factor), ...length())
  for (workers in all_workers) {
    got <- as.list(lomp_iterate(1:2, f, "a", "b", factor = 10, .workers = workers, .ordered = TRUE))
    expect_identical(got, list(10, FALSE, 2L, 20, FALSE, 2L))
  }
  by_name <- as.list(lomp_iterate(c(4, 9), "sqrt", .workers = 2, .ordered = TRUE))
  expect_identical(by_name, list(2, 3))
})

test_that("data frames go by column and objects by as.list()", {
  got <- as.list(lomp_iterate(data.frame(a = 1:3, b = 4:6), sum, .workers = 2, .ordered = TRUE))
  expect_identical(got, list(a = 6L, b = 15L))
})

test_that("of no items there are no results", {
  for_every_kind(function(workers, ordered) {
    it <- lomp_iterate(list(), stop, .workers = workers, .ordered = ordered)
    expect_true(lomp_done(it()))
    expect_true(lomp_done(it()))
  })
})

test_that("an item that catches its own failed emission goes on", {
  f <- function(i, emit) {
    emit(1)
    try(emit(stop("no value")), silent = TRUE)
    emit(2)
  }
  for (workers in all_workers) {
    expect_identical(as.list(lomp_iterate(1, f, .workers = workers)), list(1, 2))
  }
})

# ---- Errors --------------------------------------------------------------------------------------

fail_at <- function(i, emit) {
  emit(i)
  if (i == 3) stop("bad luck")
  emit(-i)
}

test_that("an error comes after the results before it, and ends the iterator", {
  for_every_kind(function(workers, ordered) {
    it <- lomp_iterate(c(a = 1, b = 2, c = 3, d = 4), fail_at, .workers = workers,
                       .ordered = ordered)
    values <- list()
    cnd <- caught(while (!lomp_done(r <- it())) values <- c(values, list(r)))
    expect_s3_class(cnd, c("lomp_error", "error", "condition"), exact = TRUE)
    expect_identical(cnd$item, 3)
    expect_identical(cnd$name, "c")
    expect_identical(conditionMessage(cnd$parent), "bad luck")
    expect_true(3 %in% values)
    # What later items had finished by then, out of turn.
    if (workers == 0) expect_length(cnd$results, 0)
    expect_true(all(names(cnd$results) == "d"))
    if (ordered) expect_identical(values, list(1, -1, 2, -2, 3))
    expect_true(lomp_done(it()))
    expect_identical(lomp_last()$item, 3)
  })
})

test_that("with \"collect\" errors are values, and one warning comes at the end", {
  for (workers in all_workers) {
    it <- lomp_iterate(1:4, fail_at, .workers = workers, .ordered = TRUE, .on_error = "collect")
    warnings <- warnings_of(values <- as.list(it))
    expect_identical(values[-6], list(1L, -1L, 2L, -2L, 3L, 4L, -4L))
    expect_identical(values[[6]]$item, 3)
    expect_identical(lomp_ok(values), !seq_along(values) == 6)
    expect_length(warnings, 1)
    expect_s3_class(warnings[[1]], "lomp_failed")
    expect_identical(warnings[[1]]$items, 3)
  }
})

test_that("messages read well", {
  it <- lomp_iterate(c(a = 1, b = 2, c = 3, d = 4), fail_at, .workers = 0)
  expect_messages(
    caught(drain(it)), caught(lomp_iterate(1:3, count_up, emit = print, .workers = 0)),
    caught(lomp_map(1:3, count_up)), caught(lomp_iterate(1:3, identity, .order = TRUE)),
    caught(it(1)), caught(lomp_item()), caught(lomp_item(1)),
    caught(lomp_iterate(1:3, identity, .ordered = NA)),
    caught(with_options(list(lomp.buffer = 0), lomp_iterate(1:3, identity)))
  )
})

test_that("a worker that dies costs its item's rest, and nothing twice", {
  die_at <- function(i, emit) {
    for (k in 1:3) emit(c(i, k))
    if (i %% 7 == 0) tools::pskill(Sys.getpid(), tools::SIGKILL)
    emit(c(i, 4))
  }
  for (ordered in c(FALSE, TRUE)) {
    it <- lomp_iterate(1:20, die_at, .workers = 2, .ordered = ordered, .on_error = "collect")
    values <- suppressWarnings(as.list(it))
    ok <- lomp_ok(values)
    expect_identical(sort(vapply(values[!ok], function(v) v$item, 0)), c(7, 14))
    expect_s3_class(values[!ok][[1]], "lomp_crash")
    pairs <- do.call(rbind, values[ok])
    expected <- lapply(1:20, function(i) if (i %% 7 == 0) 1:3 else 1:4)
    expect_identical(unname(split(as.integer(pairs[, 2]), pairs[, 1])), expected)
  }
})

test_that("items that all crash end by themselves", {
  it <- lomp_iterate(1:4, function(i) tools::pskill(Sys.getpid(), 9), .workers = 2,
                     .on_error = "collect")
  values <- suppressWarnings(as.list(it))
  expect_length(values, 4)
  expect_false(any(lomp_ok(values)))
})

test_that("a refused fork leaves the others, or is a clear error", {
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  for (free in c(1, 3)) {
    it <- with_descriptors(free, lomp_iterate(1:3, identity, .workers = 2))
    cnd <- expect_no_leaks(caught(it()))
    expect_s3_class(cnd, "lomp_fork_error")
    expect_match(conditionMessage(cnd), "can't fork a worker")
    expect_true(lomp_done(it()))
    expect_output(print(it), "ended by an error: 0 of 3 items done")
  }
})

test_that("bad arguments are named before anything is begun", {
  refused <- function(code, argument) {
    begun <- function(...) stop("work was begun")
    cnd <- with_lomp("call_open", begun, caught(code))
    expect_s3_class(cnd, "lomp_argument_error")
    expect_identical(cnd$argument, argument)
  }
  refused(lomp_iterate(), ".x")
  refused(lomp_iterate(1:3), ".f")
  refused(lomp_iterate(globalenv, identity), ".x")
  refused(lomp_iterate(1:3, 7), ".f")
  refused(lomp_iterate(1:3, identity, .workers = -1), ".workers")
  refused(lomp_iterate(1:3, identity, .on_error = "warn"), ".on_error")
  for (value in list(NA, 1, "yes", c(TRUE, FALSE), NULL)) {
    refused(lomp_iterate(1:3, identity, .ordered = value), ".ordered")
  }
  for (value in list("much", 0, -1, NA_real_, c(1, 2))) {
    refused(with_options(list(lomp.buffer = value), lomp_iterate(1:3, identity, .workers = 2)),
            "option lomp.buffer")
  }
})

# ---- As they come --------------------------------------------------------------------------------

test_that("a result comes while its item goes on", {
  for (ordered in c(FALSE, TRUE)) {
    with_flag(function(flag) {
      it <- lomp_iterate(1:2, function(i, emit) {
        emit(i)
        wait_for(flag)
        emit(-i)
      }, .workers = 2, .ordered = ordered)
      # Without the flag, the second one would never come.
      expect_identical(abs(it()), 1L * lomp_item(it))
      raise(flag)
      expect_length(as.list(it), 3)
    })
  }
})

test_that("what was finished while the consumer was busy comes at once", {
  with_flag(function(flag) {
    emitted <- paste0(flag, "emitted")
    it <- lomp_iterate(1, function(i, emit) {
      for (k in 1:10) emit(k)
      raise(emitted)
      wait_for(flag)
    }, .workers = 1)
    wait_for(emitted)
    expect_identical(lapply(1:10, function(k) it()), as.list(1:10))
    raise(flag)
    expect_true(lomp_done(it()))
  })
})

test_that("in this process an item is begun when its first result is asked for", {
  begun <- integer()
  it <- lomp_iterate(1:3, function(i) {
    begun <<- c(begun, i)
    i
  }, .workers = 0)
  expect_length(begun, 0)
  it()
  expect_identical(begun, 1L)
  it()
  expect_identical(begun, 1:2)
})

test_that("an iterator that is used from within is an error", {
  it <- NULL
  it <- lomp_iterate(1, function(i) it(), .workers = 0)
  cnd <- caught(it())
  expect_match(conditionMessage(cnd), "being used already")
})

test_that("several may be open, with a lomp_map() between", {
  first <- lomp_iterate(1:50, count_up, .workers = 2, .ordered = TRUE)
  second <- lomp_iterate(1:50, function(i) -i, .workers = 2, .ordered = TRUE)
  expect_identical(first(), c(1L, 1L))
  expect_identical(second(), -1L)
  expect_identical(lomp_map(1:10, identity, .workers = 2), as.list(1:10))
  expect_identical(parallel::mclapply(1:4, identity, mc.cores = 2), as.list(1:4))
  expect_identical(unlist(as.list(second)), -(2:50))
  expect_length(as.list(first), 1274)
})

test_that("an iterator works inside a worker, one of its parent's doesn't", {
  sums <- lomp_map(3:5, function(n) {
    length(as.list(lomp_iterate(seq_len(n), count_up, .workers = 1)))
  }, .workers = 2)
  expect_identical(sums, list(6L, 10L, 15L))
  it <- lomp_iterate(1:3, identity, .workers = 1)
  said <- lomp_map(1, function(i) conditionMessage(caught(it())), .workers = 1)
  expect_match(said[[1]], "belongs to the process that made it")
  expect_length(as.list(it), 3)
})

# ---- Nothing is left behind ----------------------------------------------------------------------

endless <- function(i, emit) repeat emit(i)

test_that("however an iterator ends it leaves nothing", {
  expect_no_leaks(as.list(lomp_iterate(1:10, count_up, .workers = 2)))
  expect_no_leaks({
    it <- lomp_iterate(1:2, endless, .workers = 2)
    it()
    it(close = TRUE)
  })
  expect_no_leaks(lomp_iterate(1:2, endless, .workers = 2)(close = TRUE))
  expect_no_leaks({
    lomp_iterate(1:2, endless, .workers = 2)()
    gc()
  })
  expect_no_leaks(with_options(list(lomp.buffer = 4e6), {
    it <- lomp_iterate(1:2, function(i, emit) repeat emit(numeric(1e5)), .workers = 2)
    it()
    rm(it)
    gc()
  }))
  expect_no_leaks(caught(drain(lomp_iterate(1:4, fail_at, .workers = 2))))
})

test_that("an interrupt while waiting ends the workers", {
  skip_without_terminal()
  session <- terminal_r(values = list(), code = {
    library(lomp)
    it <- lomp_iterate(1:2, function(i, emit) {
      emit(i)
      Sys.sleep(100)
    }, .workers = 2)
    take <- function() {
      it()
      it()
      cat("now", "waiting\n")
      it()
    }
    check <- function() {
      give(list(children = children_left(), done = lomp_done(it())))
      cat("all", "checked\n")
    }
  }, steps = c(type("take()"), await("now waiting"), ctrl_c(), await("> $"), type("check()"),
               await("all checked"), await("> $")))
  expect_all_steps(session)
  expect_length(session$value$children, 0)
  expect_true(session$value$done)
})

test_that("a session that ends takes its workers along", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    it <- lomp_iterate(1:2, function(i, emit) {
      note("runs")
      emit(i)
      Sys.sleep(100)
    }, .workers = 2)
    it()
    it()
  })
  expect_identical(run$status, 0L)
  pids <- run$ledger$pid
  expect_length(pids, 2)
  expect_true(wait_until(!any(is_alive(pids)), 5))
})

test_that("a replacement sees the data as at the call", {
  data <- 1:10
  setting <- "old"
  it <- lomp_iterate(data, function(i, emit) {
    if (i == 1) tools::pskill(Sys.getpid(), tools::SIGKILL)
    emit(list(i, setting))
  }, .workers = 1, .on_error = "collect")
  data <- NULL
  setting <- "new"
  values <- suppressWarnings(as.list(it))
  expect_s3_class(values[[1]], "lomp_crash")
  expect_identical(lapply(values[-1], `[[`, 1), as.list(2:10))
  # As documented: variables are as they are when the new worker is forked.
  expect_identical(values[[10]][[2]], "new")
})

# ---- Back-pressure -------------------------------------------------------------------------------

test_that("workers wait for a consumer that sleeps", {
  skip_without_proc()
  with_options(list(lomp.buffer = 20e6), with_flag(function(flag) {
    # 80 KB each, and 8 MB in a payload.
    for (n in c(1e4, 1e6)) {
      made <- paste0(flag, "made", n)
      it <- lomp_iterate(1:4, function(i, emit) {
        for (k in 1:300) {
          cat(".", file = paste0(made, Sys.getpid()), append = TRUE)
          emit(rep(k + 0, n))
        }
      }, .workers = 2)
      it()
      bytes <- function() sum(file.size(Sys.glob(paste0(made, "*")))) * 8 * n
      last <- -1
      wait_until({
        same <- bytes() == last
        last <- bytes()
        Sys.sleep(0.2)
        same
      }, 20)
      # Each worker may be one result beyond, and wait with another; the first one is taken.
      expect_lte(last, 20e6 + 5 * 8 * n + 2e5)
      it(close = TRUE)
    }
  }))
})

test_that("the memory of the whole tree stays bounded", {
  skip_if(nzchar(Sys.getenv("LOMP_TEST_SANITIZED")), "the sanitizer keeps what is freed")
  skip_without_proc()
  run <- run_r(seconds = 120, code = {
    library(lomp)
    options(lomp.buffer = 32e6)
    it <- lomp_iterate(1:2, function(i, emit) for (k in 1:80) emit(rep(k + 0, 5e5)), .workers = 2)
    pss <- function() {
      files <- sprintf("/proc/%d/smaps_rollup", c(Sys.getpid(), children_of()))
      lines <- grep("^Pss:", unlist(lapply(files, lines_of)), value = TRUE)
      sum(as.numeric(gsub("[^0-9]", "", lines))) / 1024
    }
    before <- pss()
    n <- 0
    most <- 0
    while (!lomp_done(value <- it())) {
      n <- n + 1
      if (n %% 10 == 0) most <- max(most, pss())
    }
    give(list(n = n, grown = most - before))
  })
  # 160 results of 4 MB: 640 MB. A worker's own garbage and the files that it keeps are in it.
  expect_equal(run$value$n, 160)
  expect_lt(run$value$grown, 320)
})

# What a mix of an iterator's numbers comes to; a hang would be the test's time limit.
try_mix <- function(seed) {
  mix <- with_seed(seed, list(
    n = sample(0:30, 1), workers = sample(1:3, 1), ordered = sample(c(TRUE, FALSE), 1),
    buffer = sample(c(1, 1000, 1e5, 1e8), 1), counts = sample(c(0, 0, 1, 2, 20), 30, TRUE),
    sizes = sample(c(0, 1, 100, 3000, 20000), 30, TRUE), deaths = sample(c(NA, 1:30), 2),
    pause = sample(c(0, 0, 3), 1)
  ))
  f <- function(i, emit) {
    for (k in seq_len(mix$counts[[i]])) emit(c(i, k, numeric(mix$sizes[[i]])))
    if (i %in% mix$deaths) tools::pskill(Sys.getpid(), tools::SIGKILL)
  }
  it <- with_options(list(lomp.buffer = mix$buffer), lomp_iterate(
    seq_len(mix$n), f, .workers = mix$workers, .ordered = mix$ordered, .on_error = "collect"
  ))
  values <- suppressWarnings(as.list(it))
  ok <- lomp_ok(values)
  got <- vapply(values[ok], function(v) v[1:2], c(0, 0))
  expected <- do.call(cbind, lapply(seq_len(mix$n), function(i) {
    rbind(rep(i, mix$counts[[i]]), seq_len(mix$counts[[i]]))
  }))
  died <- sort(vapply(values[!ok], function(v) v$item, 0))
  sorted <- if (length(got) > 0) got[, order(got[1, ]), drop = FALSE] else got
  list(
    exact = length(got) == length(expected) && all(sorted == expected),
    in_order = !mix$ordered || length(got) == 0 || !is.unsorted(got[1, ]),
    died = identical(died, as.numeric(sort(mix$deaths[mix$deaths <= mix$n])))
  )
}

test_that("no mix of orders, sizes, buffers and deaths hangs or loses anything", {
  for (seed in 1:12) {
    outcome <- try_mix(seed)
    expect_true(all(unlist(outcome)), label = paste("all well with seed", seed))
  }
})
