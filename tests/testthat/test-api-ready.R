# Iterators for callers that must not wait.

# These take too long for each of CRAN's machines.
skip_on_cran()

# Two workers are several, too, and each costs a fork.
all_workers <- c(0, 1, 2)

# Waits for the file, if the item is one of these.
held <- function(flag, items, value = identity) {
  force(value)
  function(i) {
    if (i %in% items) wait_for(paste0(flag, i))
    value(i)
  }
}

# As an event loop sees it: is the descriptor readable now, or within so many milliseconds?
is_readable <- function(fd, milliseconds = 0) {
  library <- native("poll.c")
  if (!is.loaded("poll_fd")) dyn.load(library)
  .C("poll_fd", as.integer(fd), as.integer(milliseconds), ready = 0L)$ready
}

# Looks as long as there is something to be seen: from then on the descriptor tells of more.
settle <- function(it) {
  fd <- lomp_fd(it)
  expect_true(wait_until({
    is_ready <- lomp_ready(it)
    is_ready || is_readable(fd) == 0L
  }))
  is_ready
}

# ---- lomp_ready() -------------------------------------------------------------------------------

test_that("lomp_ready() is TRUE if there is a result, an error or the end, and FALSE before", {
  with_flag(function(flag) {
    it <- lomp_iterate(1:3, held(flag, 1:3, function(i) if (i == 2) stop("no") else i),
                       .workers = 1, .on_error = "collect")
    for (i in 1:3) {
      expect_false(lomp_ready(it))
      raise(paste0(flag, i))
      expect_true(lomp_ready(it, Inf))
      expect_true(lomp_ready(it))
      value <- it()
      if (i == 2) expect_s3_class(value, "lomp_error") else expect_identical(value, i)
    }
    expect_true(lomp_ready(it, Inf))
    expect_warning(expect_true(lomp_done(it())), "1 of 3 items failed")
    expect_true(lomp_ready(it))
    expect_true(lomp_ready(it, Inf))
  })
})

test_that("it() throws, and lomp_ready() doesn't", {
  for (workers in all_workers) {
    # One worker's results are in order by themselves.
    for (ordered in if (workers == 1) FALSE else c(TRUE, FALSE)) {
      it <- lomp_iterate(1:3, function(i) if (i == 2) stop("no") else i, .workers = workers,
                         .ordered = ordered)
      thrown <- NULL
      while (is.null(thrown)) {
        expect_true(lomp_ready(it, Inf))
        thrown <- caught(expect_false(lomp_done(it())))
      }
      expect_s3_class(thrown, "lomp_error")
      expect_identical(thrown$item, 2)
      expect_true(lomp_ready(it))
      expect_true(lomp_done(it()))
    }
  }
})

test_that("it waits for so long", {
  with_flag(function(flag) {
    it <- lomp_iterate(1, held(flag, 1), .workers = 1)
    expect_gte(seconds(expect_false(lomp_ready(it, 0.2))), 0.2)
    expect_false(lomp_ready(it, 0.0001))
    expect_false(lomp_ready(it, 0L))
    raise(paste0(flag, 1))
    expect_true(lomp_ready(it, 1e300))
    it(close = TRUE)
  })
})

test_that("without workers, and of what has ended, it is TRUE at once", {
  begun <- FALSE
  it <- lomp_iterate(1, function(i) begun <<- TRUE, .workers = 0)
  expect_true(lomp_ready(it))
  expect_false(begun)
  for (workers in all_workers) {
    it <- lomp_iterate(1:9, identity, .workers = workers)
    it(close = TRUE)
    expect_true(lomp_ready(it))
  }
  expect_true(lomp_ready(lomp_iterate(list(), identity, .workers = 2), Inf))
})

test_that("in order only the first open item counts", {
  with_flag(function(flag) {
    it <- lomp_iterate(1:3, held(flag, 1), .workers = 2, .ordered = TRUE)
    expect_true(wait_until({
      expect_false(lomp_ready(it))
      lomp_report()$done == 2  # those behind
    }))
    raise(paste0(flag, 1))
    for (i in 1:3) {
      expect_true(lomp_ready(it, Inf))
      expect_identical(it(), i)
      if (i < 3) expect_true(lomp_ready(it))
    }
    it(close = TRUE)
  })
})

test_that("what running items say is said by lomp_ready()", {
  with_flag(function(flag) {
    it <- lomp_iterate(1, function(i) {
      message("hello")
      warning("careful")
      cat("written\n")
      wait_for(paste0(flag, 1))
      i
    }, .workers = 1)
    heard <- character()
    hear <- function(cnd) {
      heard <<- c(heard, conditionMessage(cnd))
      tryInvokeRestart(if (inherits(cnd, "message")) "muffleMessage" else "muffleWarning")
    }
    written <- capture.output(withCallingHandlers({
      expect_true(wait_until({
        expect_false(lomp_ready(it))
        length(heard) == 2
      }))
      raise(paste0(flag, 1))
      expect_true(lomp_ready(it, Inf))
    }, message = hear, warning = hear))
    expect_match(heard, "hello|careful")
    expect_identical(written, "written")
    expect_identical(it(), 1)
    # A handler may leave it by a jump, which costs nothing.
    it <- lomp_iterate(1:2, function(i) {
      message("hello")
      i
    }, .workers = 1, .ordered = TRUE)
    values <- NULL
    while (length(values) < 2) {
      is_ready <- tryCatch(lomp_ready(it, Inf), message = function(cnd) FALSE)
      if (is_ready) values <- c(values, suppressMessages(it()))
    }
    expect_identical(values, 1:2)
    it(close = TRUE)
  })
})

test_that("an item that never stops talking doesn't hold lomp_ready(it) up", {
  it <- lomp_iterate(1, function(i) repeat message("and"), .workers = 1)
  said <- 0
  count <- function(cnd) {
    said <<- said + 1
    invokeRestart("muffleMessage")
  }
  withCallingHandlers({
    expect_true(wait_until({
      expect_false(lomp_ready(it))
      said > 100
    }))
  }, message = count)
  it(close = TRUE)
})

test_that("it feeds workers, and a producer's error is thrown by it()", {
  given <- 0
  producer <- function() {
    if (given == 20) stop("no more")
    given <<- given + 1
  }
  it <- lomp_iterate(producer, function(i) i, .workers = 2, .ordered = TRUE)
  expect_identical(given, 0)
  taken <- 0
  thrown <- NULL
  while (is.null(thrown)) {
    expect_true(lomp_ready(it, Inf))
    thrown <- caught(taken <- c(taken, it()))
  }
  # What workers have in hand then isn't waited for.
  expect_gt(min(diff(taken)), 0)
  expect_s3_class(thrown, "lomp_error")
  expect_match(conditionMessage(thrown), "no more")
  expect_identical(given, 20)
})

test_that("it sees to deaths and time limits", {
  # The limit is long enough for a death on a busy machine, which would else be late as well.
  it <- lomp_iterate(1:4, function(i) {
    if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
    if (i == 3) Sys.sleep(100)
    i
  }, .workers = 1, .ordered = TRUE, .timeout = 2, .on_error = "collect")
  results <- list()
  while (length(results) < 4) {
    expect_true(lomp_ready(it, Inf))
    results <- c(results, list(it()))
  }
  expect_s3_class(results[[2]], "lomp_crash")
  expect_s3_class(results[[3]], "lomp_timeout")
  expect_identical(results[c(1, 4)], list(1L, 4L))
  it(close = TRUE)
})

test_that("it tells progress", {
  told <- NULL
  with_flag(function(flag) {
    it <- lomp_iterate(1:3, held(flag, 3), .workers = 1,
                       .progress = function(done, total) told <<- c(told, done))
    expect_true(wait_until({
      if (lomp_ready(it)) it()
      identical(max(told), 2)
    }))
    it(close = TRUE)
  })
  expect_false(is.unsorted(told))
})

test_that("an interrupt ends its wait as it ends that of it()", {
  run <- run_r({
    library(lomp)
    it <- lomp_iterate(1:2, function(i) if (i == 2) Sys.sleep(100) else i, .workers = 2)
    parent <- Sys.getpid()
    lomp_ready(it, Inf)
    value <- it()
    parallel::mcparallel({
      Sys.sleep(0.5)
      tools::pskill(parent, tools::SIGINT)
    }, detached = TRUE)
    how <- tryCatch(lomp_ready(it, Inf), interrupt = function(cnd) "interrupted")
    give(list(value, how, lomp_ready(it), lomp_pids(it)))
  })
  expect_identical(run$value[1:3], list(1L, "interrupted", TRUE))
  expect_length(run$value[[4]], 0)
})

test_that("with a checkpoint, a look delivers nothing", {
  file <- new_file_name()
  it <- lomp_iterate(1:3, function(i, emit) emit(i), .workers = 1, .ordered = TRUE,
                     .checkpoint = file)
  expect_identical(it(), 1L)
  expect_true(lomp_ready(it, Inf))
  expect_identical(in_file(file), integer())
  it()
  expect_identical(in_file(file), 1L)
  it(close = TRUE)
})

# ---- lomp_fd() ----------------------------------------------------------------------------------

test_that("the descriptor is readable as long as there is something, and not otherwise", {
  with_flag(function(flag) {
    it <- lomp_iterate(1:4, held(flag, c(2, 4), function(i) i * 10), .workers = 1)
    fd <- lomp_fd(it)
    expect_type(fd, "integer")
    expect_identical(is_readable(fd, 20000), 1L)
    expect_true(settle(it))
    expect_identical(is_readable(fd), 1L)
    expect_identical(it(), 10)
    expect_false(settle(it))
    expect_identical(is_readable(fd), 0L)
    raise(paste0(flag, 2))
    expect_identical(is_readable(fd, 20000), 1L)
    # Both are here, or on their way: it stays readable until the last one was taken.
    for (value in c(20, 30)) {
      expect_true(wait_until(is_readable(fd) == 1L && lomp_ready(it)))
      expect_identical(is_readable(fd), 1L)
      expect_identical(it(), value)
    }
    expect_false(settle(it))
    raise(paste0(flag, 4))
    expect_identical(is_readable(fd, 20000), 1L)
    expect_identical(as.list(it), list(40))
    expect_identical(is_readable(fd), 1L)
    expect_identical(lomp_fd(it), fd)
  })
})

test_that("a quiet iterator wakes nobody", {
  with_flag(function(flag) {
    it <- lomp_iterate(1, held(flag, 1), .workers = 2)
    expect_false(settle(it))
    # At most once a second, for what no descriptor tells.
    woken <- 0
    deadline <- proc.time()[["elapsed"]] + 1.5
    while (proc.time()[["elapsed"]] < deadline) {
      if (is_readable(lomp_fd(it), 100) == 0L) next
      woken <- woken + 1
      expect_false(lomp_ready(it))
    }
    expect_lte(woken, 3)
    it(close = TRUE)
  })
})

test_that("each result of a small item wakes at once, though the worker goes on", {
  with_flag(function(flag) {
    it <- lomp_iterate(1:2, held(flag, 2), .workers = 1)
    fd <- lomp_fd(it)
    expect_true(wait_until(is_readable(fd, 100) == 1L && lomp_ready(it)))
    expect_identical(it(), 1L)
    it(close = TRUE)
  })
})

test_that("an event loop hears of what is said, of deaths, time limits and the end", {
  with_flag(function(flag) {
    it <- lomp_iterate(1:4, function(i) {
      if (i == 1) message("hello")
      wait_for(paste0(flag, 1))
      if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
      if (i == 3) Sys.sleep(100)
      i
    }, .workers = 1, .timeout = 3, .on_error = "collect", .ordered = TRUE)
    fd <- lomp_fd(it)
    heard <- 0
    results <- list()
    turn <- function() {
      if (is_readable(fd, 20000) != 1L) stop("nothing more came")
      while (lomp_ready(it) && !lomp_done(result <- it())) results <<- c(results, list(result))
    }
    withCallingHandlers({
      while (heard == 0) turn()
      raise(paste0(flag, 1))
      suppressWarnings(while (length(results) < 4) turn())
    }, message = function(cnd) {
      heard <<- heard + 1
      invokeRestart("muffleMessage")
    })
    expect_identical(vapply(results, function(r) class(r)[[1]], ""),
                     c("integer", "lomp_crash", "lomp_timeout", "integer"))
    it(close = TRUE)
  })
})

test_that("it comes to results of later items, whatever a bound holds back", {
  with_options(list(lomp.buffer = 1000), {
    it <- lomp_iterate(1:12, function(i) rep(i, 500), .workers = 2, .ordered = TRUE)
    fd <- lomp_fd(it)
    for (i in 1:12) {
      expect_true(wait_until(is_readable(fd, 100) == 1L && lomp_ready(it)))
      expect_identical(it(), rep(i, 500))
    }
    it(close = TRUE)
  })
})

test_that("an event loop feeds workers with produced items", {
  given <- 0
  it <- lomp_iterate(function() if (given < 20) given <<- given + 1 else lomp_done(),
                     function(i) i, .workers = 2)
  fd <- lomp_fd(it)
  taken <- NULL
  repeat {
    expect_identical(is_readable(fd, 20000), 1L)
    if (!lomp_ready(it)) next
    if (lomp_done(result <- it())) break
    taken <- c(taken, result)
  }
  expect_setequal(taken, as.numeric(1:20))
})

test_that("who comes late hears of the end, until the iterator is closed or collected", {
  skip_without_proc()
  gc()
  before <- descriptors()
  for (workers in c(0, 1)) {
    it <- lomp_iterate(1:2, identity, .workers = workers)
    drain(it)
    fd <- lomp_fd(it)
    expect_identical(is_readable(fd), 1L)
    it(close = TRUE)
    expect_identical(lomp_fd(it), NA_integer_)
    expect_identical(descriptors(), before)
    it <- lomp_iterate(1:2, identity, .workers = workers)
    expect_identical(is_readable(lomp_fd(it), 20000), 1L)
    rm(it)
    gc()
    expect_identical(descriptors(), before)
    it <- lomp_iterate(1:2, identity, .workers = workers)
    lomp_fd(it)
    it(close = TRUE)
    it(close = TRUE)
    expect_identical(descriptors(), before)
  }
})

test_that("programs that items start don't have it, and neither do later ones of the session", {
  skip_without_proc()
  it <- lomp_iterate(1, function(i) Sys.sleep(100), .workers = 1)
  lomp_fd(it)
  other <- lomp_iterate(1, function(i) system("ls -l /proc/self/fd", intern = TRUE), .workers = 1)
  for (listed in list(other(), system("ls -l /proc/self/fd", intern = TRUE))) {
    expect_no_match(listed, "eventpoll|eventfd|timerfd")
  }
  other(close = TRUE)
  it(close = TRUE)
})

test_that("a program with the package later takes results as they come", {
  skip_if_not_installed("later", "1.4.0")
  take <- function(it, use) {
    later::later_fd(function(...) {
      while (lomp_ready(it)) {
        if (lomp_done(result <- it())) return(use(NULL))
        use(result)
      }
      take(it, use)
    }, readfds = lomp_fd(it))
  }
  results <- list()
  ends <- 0
  other <- 0
  use <- function(result) {
    if (is.null(result)) ends <<- ends + 1
    results <<- c(results, result)
  }
  with_flag(function(flag) {
    its <- list(lomp_iterate(1:30, held(flag, 1), .workers = 2), lomp_iterate(31:40, identity,
                                                                             .workers = 1))
    for (it in its) take(it, use)
    later::later(function() other <<- other + 1)
    expect_true(wait_until({
      later::run_now(0.1)
      length(results) >= 10 && other == 1
    }))
    expect_false(1L %in% results)
    raise(paste0(flag, 1))
    expect_true(wait_until({
      later::run_now(0.1)
      ends == 2
    }))
    expect_setequal(unlist(results), 1:40)
    # The end is heard of by one who asks after it.
    take(its[[1]], use)
    expect_true(wait_until({
      later::run_now(0.1)
      ends == 3
    }))
    for (it in its) it(close = TRUE)
  })
})

# ---- lomp_pids() --------------------------------------------------------------------------------

test_that("lomp_pids() are the workers that run, by their places", {
  with_flag(function(flag) {
    it <- lomp_iterate(1:3, function(i) {
      wait_for(paste0(flag, i))
      Sys.getpid()
    }, .workers = 2, .ordered = TRUE)
    pids <- lomp_pids(it)
    expect_type(pids, "integer")
    expect_named(pids, c("1", "2"))
    expect_true(all(is_alive(pids)))
    raise(paste0(flag, 1:3))
    expect_true(all(unlist(as.list(it)) %in% pids))
    expect_identical(lomp_pids(it), stats::setNames(integer(), character()))
  })
  expect_length(lomp_pids(lomp_iterate(1, identity, .workers = 0)), 0)
})

test_that("a worker that has died isn't among them, and the one that follows is", {
  with_flag(function(flag) {
    held <- held(flag, 1:2)
    begin <- function(i) {
      raise(paste0(flag, "begun", i))
      held(i)
    }
    it <- lomp_iterate(1:2, begin, .workers = 1, .on_error = "collect")
    pid <- lomp_pids(it)
    wait_for(paste0(flag, "begun1"))
    tools::pskill(pid, tools::SIGKILL)
    expect_true(wait_until(length(lomp_pids(it)) == 0))
    expect_true(lomp_ready(it, Inf))
    expect_s3_class(it(), "lomp_crash")
    raise(paste0(flag, 2))
    expect_true(lomp_ready(it, Inf))
    expect_identical(it(), 2L)
    it(close = TRUE)
    expect_length(lomp_pids(it), 0)
  })
})

# ---- What is refused ----------------------------------------------------------------------------

test_that("bad arguments are named", {
  it <- lomp_iterate(1, identity, .workers = 0)
  expect_argument_error(lomp_ready(), "it")
  for (f in list(lomp_ready, lomp_fd, lomp_pids)) expect_argument_error(f(1), "it")
  for (timeout in list(-1, NA, NA_real_, NaN, "1", NULL, c(1, 2), list(1))) {
    expect_argument_error(lomp_ready(it, timeout), "timeout")
  }
  expect_messages(caught(lomp_ready(it, -1)), caught(lomp_fd(identity)))
})

test_that("an iterator of another process, or one that was saved, can't be used", {
  it <- lomp_iterate(1, function(i) Sys.sleep(100), .workers = 1)
  fd <- lomp_fd(it)
  expect_false(settle(it))
  uses <- list(lomp_ready, lomp_fd, lomp_pids)
  refused <- function(it) {
    all(vapply(uses, function(use) inherits(caught(use(it)), "lomp_iterator_error"), NA))
  }
  expect_true(refused(unserialize(serialize(it, NULL))))
  child <- parallel::mcparallel({
    is_refused <- refused(it)
    rm(it)
    gc()
    is_refused
  })
  expect_true(parallel::mccollect(child)[[1]])
  # What becomes of its copy is nothing to the session.
  expect_false(settle(it))
  expect_identical(is_readable(fd), 0L)
  expect_length(lomp_pids(it), 1)
  it(close = TRUE)
})

test_that("a handler that it() has called can't ask lomp_ready()", {
  it <- lomp_iterate(1, function(i) message("hello"), .workers = 1)
  refused <- NULL
  withCallingHandlers(it(), message = function(cnd) {
    refused <<- caught(lomp_ready(it))
    tryInvokeRestart("muffleMessage")
  })
  expect_s3_class(refused, "lomp_iterator_error")
  it(close = TRUE)
})

test_that("a forked process that asks for the descriptor is refused, and changes nothing", {
  it <- lomp_iterate(1:100, function(i) {
    if (i == 75) Sys.sleep(0.3)
    raw(1e5)
  }, .workers = 2, .ordered = TRUE)
  first <- it()
  job <- parallel::mcparallel(tryCatch(lomp_fd(it), error = class), mc.set.seed = FALSE)
  expect_true("lomp_iterator_error" %in% parallel::mccollect(job)[[1]])
  expect_length(as.list(it), 99)
})
