# foreach's loops on lomp's workers: results, errors, iterators, and what is left behind.

# These take too long for each of CRAN's machines.
skip_on_cran()

skip_if_not_installed("foreach")

# In this process, and by workers: each costs a fork, and two do what a single one does.
all_workers <- c(0, 2)

test_that("results are those of %do%", {
  offset <- 10
  add <- function(...) sum(...)
  m <- matrix(1:12 / 7, 3)
  expect_like_do(foreach(i = 1:10) %op% (i + offset))
  expect_like_do(foreach(i = c(a = 1, b = 2), j = list("x", NULL, "z")) %op% list(i, j))
  expect_like_do(foreach(i = character()) %op% i)
  expect_like_do(foreach(1:3, i = 4:9) %op% i)
  expect_like_do(times(3) %op% offset)
  expect_like_do(foreach(i = icount(120)) %op% i)
  expect_like_do(foreach(x = iter(m, by = "col"), .combine = cbind) %op% (x * 2))
  expect_like_do(foreach(x = iter(mtcars, by = "row"), .combine = rbind) %op% x[1:3])
  expect_like_do(foreach(f = list(sqrt, exp), x = c(4, 0)) %op% f(x))
  expect_like_do(foreach(code = expression(a + b, 3)) %op% code)
  expect_like_do(foreach(i = 1:3) %op% i)
  expect_like_do(foreach(i = 1:3) %op% return(i))
  expect_like_do(foreach(i = 1:3) %op% NULL)
  expect_like_do((function(...) foreach(i = 1:3) %op% sum(i, ...))(4, 5))
  expect_like_do(foreach(i = 1:250, .combine = add, .multicombine = TRUE) %op% i)
})

test_that("results are combined as %do% does it", {
  show <- function(...) paste0("(", paste(..., collapse = ","), ")")
  expect_like_do(foreach(i = 1:7, .combine = show) %op% i)
  expect_like_do(foreach(i = 1:7, .combine = show, .init = "begin") %op% i)
  expect_like_do(foreach(i = 1:7, .combine = show, .final = nchar) %op% i)
  expect_like_do(foreach(i = 1:7, .combine = show, .multicombine = TRUE) %op% i)
  expect_like_do(foreach(i = 1:7, .combine = show, .multicombine = TRUE, .maxcombine = 3) %op% i)
  expect_like_do(foreach(i = icount(7), .combine = show, .init = "", .maxcombine = 3,
                         .multicombine = TRUE) %op% i)
  expect_like_do(foreach(i = 1, .combine = show) %op% i)
  expect_like_do(foreach(i = 1:3, .final = unlist) %op% i)
  expect_like_do(foreach(i = 1:30, .combine = "+", .inorder = FALSE) %op% i)
})

test_that("nested loops give what %do% gives", {
  expect_like_do(foreach(i = 1:3) %:% foreach(j = 1:4) %op% c(i, j))
  expect_like_do(foreach(i = 1:3, .combine = c) %:% foreach(j = icount(i), .combine = "+") %op% j)
  expect_like_do(foreach(i = list(1:2, 3:7), .combine = rbind) %:%
                   foreach(j = i, .combine = "+") %op% (j * 2))
  expect_like_do(foreach(i = 1:5) %:% when(i %% 2 == 1) %:% foreach(j = 1:5) %:%
                   when(j %% 2 == 1 && i != j) %op% c(i, j))
  expect_like_do(foreach(a = 1:2) %:% foreach(b = 1:2) %:% foreach(c = 1:3, .combine = c) %op%
                   (a + b * c))
  expect_like_do(foreach(i = 1:2) %:% foreach(i = 3:4) %op% i)
  expect_like_do(foreach(i = 1:3, .combine = c) %op% {
    sum(unlist(foreach(j = 1:3) %op% (i * j)))
  })
})

test_that("without .inorder results are combined as they come", {
  local_backend(registerDoLomp(2))
  with_flag(function(flag) {
    combine <- function(a, b) {
      raise(flag)
      c(a, b)
    }
    order <- foreach(i = 1:3, .combine = combine, .inorder = FALSE) %dopar% {
      if (i == 1) wait_for(flag)
      i
    }
    expect_identical(order[[3]], 1L)
    expect_setequal(order, 1:3)
  })
})

test_that("results are combined while the loop goes on", {
  local_backend(registerDoLomp(2))
  for (in_order in c(TRUE, FALSE)) {
    with_flag(function(flag) {
      combine <- function(a, b) {
        raise(flag)
        a + b
      }
      sum <- foreach(i = 1:6, .combine = combine, .inorder = in_order) %dopar% {
        if (i == 6) wait_for(flag)
        i
      }
      expect_identical(sum, 21L)
    })
  }
})

test_that("workers wait for a .combine that is slower than they are", {
  local_backend(registerDoLomp(2))
  note <- tempfile("begun")
  withr::defer(unlink(note))
  begun <- function() length(readLines(note))
  ahead <- 0
  combine <- function(a, b) {
    # As long as they go on they do so while this waits.
    last <- -1
    while (begun() > last) {
      last <- begun()
      Sys.sleep(0.02)
    }
    ahead <<- max(ahead, last - b[[1L]])
    b
  }
  for (x in list(1:15, iterators::icount(15))) {
    with_options(list(lomp.buffer = 1e6), {
      foreach(i = x, .combine = combine) %dopar% {
        cat("task\n", file = note, append = TRUE)
        rep(i, 1e5)
      }
    })
    unlink(note)
  }
  # Two workers, 800 KB for each result: one in hand, and one or two that wait.
  expect_lte(ahead, 8)
})

# ---- Errors -------------------------------------------------------------------------------------

test_that("an error ends the loop, and is told as foreach tells it", {
  local_backend(registerDoLomp(2))
  for (workers in all_workers) {
    registerDoLomp(workers)
    cnd <- expect_no_leaks(caught(
      foreach(i = 1:10) %dopar% if (i == 3) stop("too \"large\"") else i
    ))
    expect_s3_class(cnd, c("lomp_error", "simpleError", "error", "condition"), exact = TRUE)
    expect_identical(conditionMessage(cnd), "task 3 failed - \"too \"large\"\"")
    expect_identical(conditionCall(cnd), quote(if (i == 3) stop("too \"large\"") else i))
    expect_equal(cnd$item, 3)
    expect_identical(conditionMessage(cnd$parent), "too \"large\"")
    expect_true("stop(\"too \\\"large\\\"\")" %in% cnd$calls)
  }
})

test_that("the first one in order is told, or without .inorder the first one", {
  local_backend(registerDoLomp(2))
  with_flag(function(flag) {
    task <- function(i) {
      if (i == 2) wait_for(flag)
      if (i == 3) raise(flag)
      stop("no ", i)
    }
    expect_error(foreach(i = 2:3) %dopar% task(i), "task 1 failed - \"no 2\"", fixed = TRUE)
    # Where nobody raises it, only the loop's end ends that task.
    unlink(flag)
    task <- function(i) if (i == 2) wait_for(flag) else stop("no ", i)
    expect_error(foreach(i = 2:3, .inorder = FALSE) %dopar% task(i), "task 2 failed - \"no 3\"",
                 fixed = TRUE)
  })
})

test_that("errors are removed, or passed on as %do% does it", {
  expect_like_do(foreach(i = 1:3, .errorhandling = "remove") %op% if (i %% 2) stop("odd") else i)
  expect_like_do(foreach(i = 1:2, .errorhandling = "remove", .combine = c) %op% stop("all"))
  expect_like_do(foreach(i = 1:3, .errorhandling = "pass") %op% if (i %% 2) stop("odd") else i)
  expect_like_do(foreach(i = icount(2), .errorhandling = "pass") %op% log(-1, "base"))
  expect_like_do(foreach(i = 1:3, .errorhandling = "remove", .combine = "+", .inorder = FALSE) %op%
                   if (i == 2) stop("even") else i)
  expect_like_do(foreach(i = 1:2) %:% foreach(j = 1:2, .errorhandling = "remove") %op%
                   if (j == i) stop("same") else j)
  expect_like_do(foreach(i = 1:2) %:% foreach(j = 1:2, .errorhandling = "pass") %op%
                   if (j == i) stop("same") else j)
  expect_like_do(foreach(i = 1:2, .errorhandling = "stop") %:%
                   foreach(j = 1:2, .errorhandling = "pass") %op% if (j == i) stop("same") else j)
  expect_like_do(foreach(i = 1:3, .errorhandling = "remove") %:% foreach(j = 1:2) %op%
                   if (j == i) stop("same") else j)
})

test_that("of errors that are removed there is no warning", {
  local_backend(registerDoLomp(2))
  expect_silent(foreach(i = 1:3, .errorhandling = "remove") %dopar% stop("no"))
  expect_silent(foreach(i = 1:3, .errorhandling = "pass") %dopar% stop("no"))
  # A task's own call says so itself.
  expect_warning(
    foreach(i = 1, .errorhandling = "remove") %dopar%
      lomp_map(1:2, function(x) stop("no"), .on_error = "collect", .workers = 0),
    class = "lomp_failed"
  )
})

test_that("an error condition that a task returns is an error of the task, as in foreach", {
  broken <- simpleError("returned")
  expect_like_do(foreach(i = 1:3, .errorhandling = "remove") %op% if (i == 2) broken else i)
  expect_like_do(foreach(i = 1:3, .errorhandling = "pass") %op% if (i == 2) broken else i)
  local_backend(registerDoLomp(2))
  cnd <- caught(foreach(i = iterators::icount()) %dopar% if (i == 2) broken else i)
  expect_s3_class(cnd, "lomp_error")
  expect_identical(conditionMessage(cnd), "task 2 failed - \"returned\"")
  expect_equal(cnd$item, 2)
  expect_identical(cnd$parent, broken)
})

test_that("a crash and a timeout are errors of their tasks", {
  local_backend(registerDoLomp(2))
  crash <- function(i) if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL) else i
  hang <- function(i) if (i == 2) Sys.sleep(100) else i
  # Long enough for the other tasks on a busy machine.
  limit <- list(timeout = 2)
  crashed <- caught(foreach(i = 1:4) %dopar% crash(i))
  expect_s3_class(crashed, c("lomp_crash", "lomp_error"))
  expect_match(conditionMessage(crashed), "^task 2 failed - \"its worker was killed by SIGKILL")
  expect_identical(crashed$signal, "SIGKILL")
  late <- caught(foreach(i = iterators::icount(4), .options.lomp = limit) %dopar% hang(i))
  expect_s3_class(late, c("lomp_timeout", "lomp_error"))
  expect_match(conditionMessage(late), "^task 2 failed - \"it took longer than 2 s")

  expect_identical(foreach(i = 1:4, .errorhandling = "remove") %dopar% crash(i), list(1L, 3L, 4L))
  passed <- foreach(i = 1:4, .errorhandling = "pass", .options.lomp = limit) %dopar% hang(i)
  expect_identical(passed[-2], list(1L, 3L, 4L))
  expect_s3_class(passed[[2]], "lomp_timeout")
  expect_equal(passed[[2]]$item, 2)
})

test_that("errors of iterators and of .combine are the caller's own", {
  local_backend(registerDoLomp(2))
  broken <- iterators::iter(function() stop("no more of it"))
  cnd <- expect_no_leaks(caught(foreach(i = broken) %dopar% i))
  expect_identical(conditionMessage(cnd), "no more of it")
  combine <- function(a, b) if (b > 3) stop("too much") else a + b
  for (x in list(1:9, iterators::icount(9))) {
    cnd <- expect_no_leaks(caught(foreach(i = x, .combine = combine) %dopar% i))
    expect_s3_class(cnd, c("simpleError", "error", "condition"), exact = TRUE)
    expect_identical(conditionMessage(cnd), "too much")
  }
  # By the last call of it, when nothing comes any more.
  for (x in list(1:3, iterators::icount(3))) {
    loop <- foreach(i = x, .combine = function(...) stop("at last"), .multicombine = TRUE)
    expect_error(loop %dopar% i, "at last", fixed = TRUE)
  }
})

# ---- Iterators ----------------------------------------------------------------------------------

test_that("iterators are pulled as tasks are begun, and an endless one is ended by an error", {
  local_backend(registerDoLomp(2))
  pulled <- 0
  endless <- iterators::iter(function() pulled <<- pulled + 1)
  cnd <- expect_no_leaks(caught(foreach(i = endless) %dopar% if (i == 30) stop("enough") else i))
  expect_equal(cnd$item, 30)
  expect_gte(pulled, 30)
  cnd <- caught(foreach(i = iterators::icount(), .combine = function(a, b) {
    if (b > 50) stop("enough") else b
  }) %dopar% i)
  expect_identical(conditionMessage(cnd), "enough")
})

test_that("a result may be what ends an iterator, or what yields others", {
  local_backend(registerDoLomp(2))
  for (workers in all_workers) {
    registerDoLomp(workers)
    expect_identical(foreach(i = 1:3) %dopar% lomp_done(), rep(list(lomp_done()), 3))
    it <- foreach(i = iterators::icount(2)) %dopar% function(close = FALSE) i
    expect_type(it[[2]], "closure")
    expect_identical(it[[2]](), 2L)
  }
})

# ---- What tasks see and leave -------------------------------------------------------------------

test_that("a task's variables are its own", {
  local_backend(registerDoLomp(2))
  x <- 0
  for (workers in all_workers) {
    registerDoLomp(workers)
    expect_identical(foreach(i = 1:5, .combine = c) %dopar% {
      x <- x + i
      x
    }, 1:5 + 0)
    expect_identical(x, 0)
    expect_false(exists("i", inherits = FALSE))
  }
})

test_that("packages are attached before the fork, unless they are already", {
  local_backend(registerDoLomp(2))
  skip_if("package:splines" %in% search())
  withr::defer(if ("package:splines" %in% search()) detach("package:splines"))
  made <- foreach(i = 1:2, .packages = c("stats", "splines")) %dopar% xyVector(1:3, 4:6)[[1]]
  expect_identical(made, list(1:3, 1:3))
  expect_true("package:splines" %in% search())
  expect_error(foreach(i = 1:2, .packages = "no.such.package") %dopar% i, "no.such.package")
})

test_that("variables that are named in .export or .noexport are there anyway", {
  local_backend(registerDoLomp(2))
  offset <- 5
  expect_identical(foreach(i = 1:2, .export = "offset", .noexport = "offset") %dopar% (i + offset),
                   list(6, 7))
})

test_that("a loop within a task runs in its worker, unless its options say otherwise", {
  local_backend(registerDoLomp(2))
  pids <- foreach(i = 1:2) %dopar% {
    c(Sys.getpid(), foreach(j = 1:3, .combine = c) %dopar% Sys.getpid())
  }
  for (of_task in pids) expect_length(unique(of_task), 1)
  pids <- foreach(i = 1:2) %dopar% {
    c(Sys.getpid(), foreach(j = 1, .options.lomp = list(workers = 1)) %dopar% Sys.getpid())
  }
  for (of_task in pids) expect_length(unique(of_task), 2)
})

test_that("what tasks print and signal comes in their order", {
  local_backend(registerDoLomp(2))
  said <- NULL
  out <- capture.output(warnings <- warnings_of(withCallingHandlers(
    foreach(i = 1:4) %dopar% {
      cat("task", i, "\n")
      message("message ", i)
      warning("warning ", i)
    },
    message = function(cnd) {
      said <<- c(said, conditionMessage(cnd))
      invokeRestart("muffleMessage")
    }
  )))
  expect_identical(out, paste("task", 1:4, ""))
  expect_identical(said, sprintf("message %d\n", 1:4))
  expect_identical(vapply(warnings, conditionMessage, ""), paste("warning", 1:4))
})

test_that("no way out of a loop leaves anything behind", {
  local_backend(registerDoLomp(2))
  session <- Sys.getpid()
  expect_no_leaks({
    foreach(i = 1:10) %dopar% i
    tryCatch(foreach(i = 1:10) %dopar% warning("left"), warning = identity)
    interrupted <- tryCatch(
      foreach(i = iterators::icount()) %dopar% {
        if (i == 5) tools::pskill(session, tools::SIGINT)
        i
      },
      interrupt = function(cnd) "interrupted"
    )
  })
  expect_identical(interrupted, "interrupted")
})

test_that("the report names the loop as it is written", {
  local_backend(registerDoLomp(2))
  foreach(i = 1:3) %dopar% sqrt(i)
  report <- lomp_report()
  expect_identical(report$done, 3)
  expect_identical(name_loop(new.env(), quote(f(x))), NULL)
  foreach(i = 1:3) %dopar% sqrt(i)
  expect_identical(lomp_report()$call, "foreach(i = 1:3) %dopar% sqrt(i)")
})

# ---- Random numbers and checkpoints -------------------------------------------------------------

test_that("set.seed() makes a loop reproducible, by any number of workers and any iterator", {
  local_backend(registerDoLomp(2))
  draw <- function(x, workers) {
    registerDoLomp(workers)
    with_seed(1, list(foreach(i = x) %dopar% stats::runif(2), stats::runif(1)))
  }
  expected <- draw(1:5, 0)
  for (workers in all_workers) {
    expect_identical(draw(1:5, workers), expected)
    expect_identical(draw(iterators::icount(5), workers), expected)
  }
  expect_false(anyDuplicated(unlist(expected)) > 0)
})

test_that("a loop with a checkpoint goes on, to the same results", {
  local_backend(registerDoLomp(2))
  file <- tempfile("fits")
  withr::defer(unlink(file))
  ran <- tempfile("ran")
  withr::defer(unlink(ran))
  loop <- function(fails, ...) {
    options <- list(...)
    foreach(i = 1:8, .combine = c, .options.lomp = options) %dopar% {
      cat(i, "\n", file = ran, append = TRUE)
      if (i == fails) stop("killed")
      i + stats::runif(1)
    }
  }
  whole <- with_seed(4, loop(0))
  unlink(ran)
  expect_error(with_seed(4, loop(6, checkpoint = file)), "task 6 failed")
  earlier <- lomp_read(file)
  had <- which(lomp_ok(earlier))
  expect_true(length(had) > 0)
  unlink(ran)
  resumed <- with_seed(4, loop(0, checkpoint = file, redo = earlier))
  expect_identical(resumed, whole)
  expect_setequal(scan(ran, quiet = TRUE), setdiff(1:8, had))
  unlink(ran)
  expect_identical(with_seed(4, loop(0, checkpoint = file, redo = lomp_read(file))), whole)
  expect_false(file.exists(ran))
})
