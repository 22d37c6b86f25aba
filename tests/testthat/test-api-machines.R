# The table of a profile's machines, and what these keep.

# One that is busy for a while isn't in the table: so all are waited for.
table_of_all <- function(machines, ...) {
  wait_until(nrow(table <- lomp_machines(machines$profile, ...)) == length(machines$pids))
  table
}

# Runs the call, again where a busy daemon didn't get what it needs, until all of them have.
run_until_kept <- function(call, machines, bytes) {
  wait_until({
    call()
    all(table_of_all(machines)$kept >= bytes)
  }, seconds = 60)
}

test_that("each daemon has a row, that tells what it is and keeps", {
  machines <- local_machines(2, cores = c(1, 3))
  table <- table_of_all(machines)
  expect_named(table, c("host", "pid", "workers", "lomp", "R", "kept", "problem"))
  expect_setequal(table$pid, machines$pids)
  expect_identical(sort(table$workers), c(1L, 3L))
  expect_identical(table$host, rep(Sys.info()[["nodename"]], 2))
  expect_identical(table$R, rep(as.character(getRversion()), 2))
  expect_identical(table$lomp, rep(own_version(), 2))
  expect_identical(table$kept, c(0, 0))
  expect_identical(table$problem, rep(NA_character_, 2))
})

test_that("what a call needs is kept, until it is forgotten", {
  machines <- local_machines(2)
  profile <- machines$profile
  data <- runif(1e5)
  f <- function(i) sum(data) + i
  expect_true(run_until_kept(function() lomp_map(1:2, f, .compute = profile), machines, 8e5))
  kept <- table_of_all(machines)$kept
  lomp_map(3:4, f, .compute = profile)
  expect_identical(table_of_all(machines)$kept, kept)
  expect_identical(table_of_all(machines, forget = TRUE)$kept, c(0, 0))
  expect_identical(lomp_map(3:4, f, .compute = profile), lapply(3:4, f))
})

test_that("no more is kept than a daemon's option allows, and the last call's in any case", {
  machines <- local_machines(0)
  machines$add(options = list(lomp.kept_bytes = 1e6))
  call <- function(n) {
    data <- runif(n)
    lomp_map(1, function(i) length(data), .compute = machines$profile)
    table_of_all(machines)$kept
  }
  expect_gt(call(1e5), 8e5)
  expect_lt(call(1e5), 1e6)
  expect_gt(call(2e5), 16e5)
})

test_that("what is kept isn't sent again", {
  machines <- local_machines(0)
  relay <- local_relay(machines)
  for (k in 1:2) machines$add(url = relay$url)
  data <- runif(625000)
  f <- function(i) data[[i]]
  sent_for <- function(call) {
    before <- relay$bytes()[["from"]]
    force(call)
    relay$bytes()[["from"]] - before
  }
  call <- function() lomp_map(1:4, f, .compute = machines$profile)
  first <- sent_for(expect_true(run_until_kept(call, machines, 5e6)))
  expect_gt(first, 2 * 5e6)
  expect_lt(first, 2.1 * 5e6)
  expect_lt(sent_for(expect_identical(lomp_map(5:8, f, .compute = machines$profile),
                                      lapply(5:8, f))), 5e5)
})

test_that("what is no flag is refused", {
  skip_without_mirai()
  profile <- local_machines(1)$profile
  expect_argument_error(lomp_machines(profile, forget = 1), "forget")
  expect_messages(caught(lomp_machines(profile, forget = NA)))
})
