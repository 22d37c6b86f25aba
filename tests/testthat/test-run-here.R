# Without workers: the same contract in this process.

test_that("all is done in this process, in order", {
  seen <- integer()
  results <- lomp_map(1:5, function(i) {
    seen <<- c(seen, i)
    Sys.getpid()
  }, .workers = 0)
  expect_identical(seen, 1:5)
  expect_identical(unique(unlist(results)), Sys.getpid())
})

# How many forks the last call in this code has counted; NULL if none was opened.
forks_of <- function(code) {
  forks <- NULL
  close <- call_close
  note <- function(handle) {
    forks <<- c(call_summary(handle)$forks, forks)[[1L]]
    close(handle)
  }
  with_lomp("call_close", note, force(code))
  forks
}

test_that("nothing is forked", {
  expect_identical(forks_of(lomp_map(1:3, identity, .workers = 0)), 0L)
  expect_identical(forks_of(unlist(lomp_iterate(1:3, identity, .workers = 0))), 0L)
  expect_identical(forks_of(lomp_map(1:3, identity, .workers = 1)), 1L)
  expect_null(forks_of(lomp_map(list(), identity, .workers = 3)))
})

test_that("references stay what they are", {
  place <- new.env()
  results <- lomp_map(1:2, function(i) place, .workers = 0)
  expect_identical(results, list(place, place))
})

test_that("warnings and messages are the caller's, as under lapply", {
  chatter <- function(i) {
    message("message ", i)
    warning("warning ", i)
    i
  }
  said <- character()
  results <- withCallingHandlers(
    lomp_map(1:2, chatter, .workers = 0),
    message = function(cnd) {
      said <<- c(said, conditionMessage(cnd))
      invokeRestart("muffleMessage")
    },
    warning = function(cnd) {
      said <<- c(said, conditionMessage(cnd))
      invokeRestart("muffleWarning")
    }
  )
  expect_identical(said, c("message 1\n", "warning 1", "message 2\n", "warning 2"))
  expect_identical(results, list(1L, 2L))
})

test_that("the first error ends the call: what comes after isn't begun", {
  begun <- integer()
  f <- function(i) {
    begun <<- c(begun, i)
    if (i == 3) stop("boom")
    i
  }
  cnd <- caught(lomp_map(1:5, f, .workers = 0))
  expect_identical(begun, 1:3)
  expect_identical(cnd$item, 3)
  expect_identical(cnd$results[1:2], list(1L, 2L))
  expect_s3_class(cnd$results[[3]], c("lomp_error", "error", "condition"), exact = TRUE)
  expect_s3_class(cnd$results[[4]], "lomp_not_run")
  expect_s3_class(cnd$results[[5]], "lomp_not_run")
})

test_that("an error of the first or the last item ends the call in the same way", {
  for (bad in c(1, 3)) {
    cnd <- caught(lomp_map(1:3, function(i) if (i == bad) stop("boom") else i, .workers = 0))
    expect_identical(cnd$item, bad)
    expect_identical(lomp_ok(cnd$results), 1:3 < bad)
  }
})

test_that("collected errors stand in their places, and one warning tells of them", {
  begun <- integer()
  f <- function(i) {
    begun <<- c(begun, i)
    if (i %in% c(1, 3, 4)) stop("boom ", i)
    i
  }
  results <- NULL
  warnings <- warnings_of(results <- lomp_map(1:5, f, .workers = 0, .on_error = "collect"))
  expect_identical(begun, 1:5)
  expect_length(warnings, 1)
  expect_s3_class(warnings[[1]], "lomp_failed")
  expect_identical(warnings[[1]]$items, c(1, 3, 4))
  expect_identical(lomp_ok(results), c(FALSE, TRUE, FALSE, FALSE, TRUE))
  expect_identical(conditionMessage(results[[4]]$parent), "boom 4")
})

test_that("ways out that are no errors lead where they lead under lapply", {
  condition <- function(class) structure(class = c(class, "condition"), list(message = "m"))
  map <- function(leave) lomp_map(1:2, leave, .workers = 0)
  leave_by_promise <- function() {
    delayedAssign("leave", return("left"))
    map(function(i) leave)
    "stayed"
  }
  jumps <- list(
    callCC(function(k) map(function(i) k("left"))),
    withRestarts(map(function(i) invokeRestart("out", "left")), out = identity),
    tryCatch(map(function(i) stop(condition("mine"))), mine = function(c) "left"),
    tryCatch(map(function(i) stop(condition("interrupt"))), interrupt = function(c) "left"),
    leave_by_promise()
  )
  expect_identical(jumps, rep(list("left"), 5))
})

test_that("a jump out of a call leaves the package as it was", {
  state <- function() mget(c("depth", "base"), the)
  before <- state()
  within <- function(f) lomp_map(1, function(i) lomp_map(1, f, .workers = 0), .workers = 0)
  callCC(function(k) within(function(j) k(j)))
  caught(within(function(j) stop("boom")))
  expect_identical(state(), before)
  cnd <- caught(lomp_map(1, function(i) stop("boom"), .workers = 0))
  expect_identical(cnd$calls, c("FUN(X[[i]], ...)", "stop(\"boom\")"))
})

test_that("a call within a call tells its own frames", {
  inner <- function(j) stop("boom")
  cnd <- caught(lomp_map(1:2, function(i) lomp_map(1:2, inner, .workers = 0), .workers = 0))
  expect_identical(cnd$item, 1)
  expect_identical(cnd$parent$calls, c("FUN(X[[i]], ...)", "stop(\"boom\")"))
  expect_match(cnd$calls[[2]], "^lomp_map\\(1:2, inner")
  expect_length(cnd$parent$results, 2)
})

test_that("a call in the arguments or handlers of another one does no harm", {
  twice <- function(i) lomp_map(i, function(j) 2 * j, .workers = 0)[[1]]
  expect_identical(lomp_map(lomp_map(1:2, twice, .workers = 0), twice, .workers = 0), list(4, 8))
  saved <- withCallingHandlers(
    tryCatch(lomp_map(1:2, function(i) stop("boom"), .workers = 0), error = function(cnd) cnd$item),
    error = function(cnd) lomp_map(1:2, identity, .workers = 0)
  )
  expect_identical(saved, 1)
})

test_that("the calling process's random numbers go on", {
  draw <- function(i) stats::runif(1)
  drawn <- with_seed(1, c(unlist(lomp_map(1:2, draw, .workers = 0)), draw(3)))
  expect_length(unique(drawn), 3)
})

test_that("many results of one item take no more than their number does", {
  f <- function(i, emit) for (k in seq_len(i)) emit(k)
  run <- function(n) {
    it <- lomp_iterate(n, f, .workers = 0)
    taken <- 0
    while (!lomp_done(it())) taken <- taken + 1
    expect_equal(taken, n)
  }
  run(100)
  few <- vector_bytes(run(3000))
  # Ten times, if what is kept grows as a whole; a hundred times if it is copied for each result.
  expect_lt(vector_bytes(run(30000)), 40 * few)
})

test_that("a time limit of the caller's leaves an item at once that has emitted", {
  emit_and_spin <- function(i, emit) {
    emit(i)
    if (i == 1) repeat NULL
  }
  it <- lomp_iterate(1:3, emit_and_spin, .workers = 0)
  limited <- function() {
    on.exit(setTimeLimit())
    setTimeLimit(elapsed = 0.3, transient = TRUE)
    it()
  }
  expect_error(limited(), "reached elapsed time limit", fixed = TRUE)
  expect_output(print(it), "0 of 3 items done")
  expect_identical(as.list(it), list(1L, 2L, 3L))
})
