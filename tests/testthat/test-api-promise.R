# Promises of an iterator's next results, in an event loop.

skip_if_not_installed("promises")
skip_if_not_installed("later")

# Runs this process's event loop until the condition holds.
run_loop_until <- function(condition, seconds = 20) {
  test <- substitute(condition)
  env <- parent.frame()
  deadline <- proc.time()[["elapsed"]] + seconds
  while (!isTRUE(eval(test, env)) && proc.time()[["elapsed"]] < deadline) later::run_now(0.1)
  isTRUE(eval(test, env))
}

# What becomes of promises: their values or errors, by their places.
fates_of <- function(promises) {
  fates <- vector("list", length(promises))
  n <- 0
  note <- function(k, fate) {
    fates[[k]] <<- fate
    n <<- n + 1
  }
  for (k in seq_along(promises)) local({
    place <- k
    promises::then(promises[[place]], function(value) note(place, list(value)),
                   function(reason) note(place, reason))
  })
  expect_true(run_loop_until(n == length(promises)))
  fates
}

next_results <- function(it, n) lapply(seq_len(n), function(k) promises::as.promise(it))

test_that("promises are kept with the next results, in their order, and with the end", {
  for (workers in all_workers) {
    it <- lomp_iterate(1:3, function(i) 10 * i, .workers = workers, .ordered = TRUE)
    fates <- fates_of(next_results(it, 5))
    expect_equal(fates[1:3], list(list(10), list(20), list(30)))
    expect_true(lomp_done(fates[[4]][[1]]))
    expect_true(lomp_done(fates[[5]][[1]]))
  }
})

test_that("to ask for a promise waits for nothing", {
  gate <- withr::local_tempfile()
  it <- lomp_iterate(1, function(i) wait_until(file.exists(gate)), .workers = 1)
  fate <- NULL
  promises::then(promises::as.promise(it), function(value) fate <<- value)
  for (k in 1:5) later::run_now(0.01)
  expect_null(fate)
  file.create(gate)
  expect_true(run_loop_until(!is.null(fate)))
  expect_true(fate)
  it(close = TRUE)
})

test_that("an error rejects its promise, and what comes behind it is told the end", {
  it <- lomp_iterate(c(a = 1), function(i) stop("no"), .workers = 1)
  fates <- fates_of(next_results(it, 2))
  expect_s3_class(fates[[1]], "lomp_error")
  expect_equal(fates[[1]]$item, 1)
  expect_true(lomp_done(fates[[2]][[1]]))
})

test_that("an iterator that is closed keeps its open promises with the mark of the end", {
  it <- lomp_iterate(1:2, function(i) Sys.sleep(60), .workers = 2)
  promises <- next_results(it, 2)
  it(close = TRUE)
  fates <- fates_of(promises)
  expect_true(lomp_done(fates[[1]][[1]]))
  expect_true(lomp_done(fates[[2]][[1]]))
  expect_length(children_left(), 0)
})

test_that("what items say is relayed by the loop", {
  it <- lomp_iterate(1, function(i) {
    message("said by an item")
    i
  }, .workers = 1)
  # A callback's handlers aren't those of who runs the loop.
  said <- utils::capture.output(fates <- fates_of(next_results(it, 2)), type = "message")
  expect_equal(said, "said by an item")
  expect_equal(fates[[1]], list(1))
})

test_that("an iterator that is waited for isn't dropped", {
  fate <- NULL
  promises::then(promises::as.promise(lomp_iterate(1, function(i) i + 1, .workers = 1)),
                 function(value) fate <<- value)
  gc()
  expect_true(run_loop_until(!is.null(fate)))
  expect_equal(fate, 2)
  gc()
  expect_length(children_left(), 0)
})

test_that("a loop with nothing to do but wait is quiet", {
  skip_if_not("later_fd" %in% getNamespaceExports("later"), "later is older than 1.4.0")
  gate <- withr::local_tempfile()
  it <- lomp_iterate(1, function(i) wait_until(file.exists(gate)), .workers = 1)
  promise <- promises::as.promise(it)
  later::run_now(0.01)
  looks <- vapply(1:30, function(k) later::run_now(0.01), NA)
  expect_lt(sum(looks), 3)
  file.create(gate)
  it(close = TRUE)
})

# ---- coro ---------------------------------------------------------------------------------------

test_that("await_each() takes results as they come while the loop goes on", {
  skip_if_not_installed("coro")
  gate <- withr::local_tempfile()
  wait <- function(i) if (i == 2) wait_until(file.exists(gate)) else TRUE
  it <- lomp_iterate(1:2, wait, .workers = 2)
  seen <- character()
  take <- coro::async(function() {
    for (result in coro::await_each(it)) seen <<- c(seen, "result")
    seen <<- c(seen, "end")
  })
  take()
  expect_true(run_loop_until(length(seen) == 1))
  later::later(function() {
    seen <<- c(seen, "else")
    file.create(gate)
  })
  expect_true(run_loop_until("end" %in% seen))
  expect_equal(seen, c("result", "else", "result", "end"))
  expect_length(children_left(), 0)
})

test_that("a loop in an async function may wait, and await takes a promise", {
  skip_if_not_installed("coro")
  ended <- NULL
  take <- coro::async(function(it) {
    first <- coro::await(promises::as.promise(it))
    all <- first
    for (result in it) all <- c(all, result)
    ended <<- all
  })
  take(lomp_iterate(1:3, function(i) i * 2, .workers = 2, .ordered = TRUE))
  expect_true(run_loop_until(!is.null(ended)))
  expect_equal(ended, c(2, 4, 6))
})

test_that("await_each() that is left by an error closes the iterator", {
  skip_if_not_installed("coro")
  reason <- NULL
  take <- coro::async(function(it) for (result in coro::await_each(it)) stop("in the body"))
  it <- lomp_iterate(1:4, function(i) if (i > 1) Sys.sleep(60), .workers = 2)
  promises::catch(take(it), function(cnd) reason <<- cnd)
  expect_true(run_loop_until(!is.null(reason)))
  expect_match(conditionMessage(reason), "in the body")
  expect_length(children_left(), 0)
})

# ---- Shiny --------------------------------------------------------------------------------------

test_that("a task of Shiny's takes all results of its items", {
  skip_if_not_installed("shiny", "1.8.1")
  skip_if_not_installed("coro")
  # What tests a server attaches the package, whose functions have names that others use.
  if (!"package:shiny" %in% search()) withr::defer(detach("package:shiny"))
  roots <- NULL
  shiny::testServer(function(input, output, session) {
    task <- shiny::ExtendedTask$new(coro::async(function(items, f) {
      results <- list()
      for (result in coro::await_each(lomp_iterate(items, f, .workers = 2))) {
        results <- c(results, list(result))
      }
      results
    }))
  }, {
    task$invoke(c(4, 9), sqrt)
    expect_equal(task$status(), "running")
    run_loop_until({
      session$flushReact()
      task$status() != "running"
    })
    roots <<- task$result()
  })
  expect_setequal(unlist(roots), c(2, 3))
})

# ---- Ways out -----------------------------------------------------------------------------------

test_that("an interrupt while the loop looks leaves no promise unkept", {
  withr::local_options(warn = -1)  # the loop has no handlers of the test's
  session <- Sys.getpid()
  k <- 0
  produce <- function() {
    k <<- k + 1
    if (k == 2) {
      tools::pskill(session, tools::SIGINT)
      for (i in 1:100) Sys.sleep(0.01)
    }
    k
  }
  it <- lomp_iterate(produce, identity, .workers = 1)
  settled <- 0
  count <- function(...) settled <<- settled + 1
  for (promise in next_results(it, 3)) promises::then(promise, count, count)
  tryCatch(run_loop_until(settled == 3, 5), interrupt = function(cnd) NULL)
  expect_true(run_loop_until(settled == 3))
  promises::then(promises::as.promise(it), count, count)
  expect_true(run_loop_until(settled == 4))
  it(close = TRUE)
})
