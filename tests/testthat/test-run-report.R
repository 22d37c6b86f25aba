test_that("a call without an item has a trace of the same form as any other", {
  lomp_map(1:2, identity, .workers = 2)
  real <- trace_read(the$traced$trace, 2)
  none <- no_trace()
  expect_identical(sort(names(none)), sort(names(real)))
  for (part in c("processes", "memory", "slowest", "items")) {
    expect_identical(names(none[[part]]), names(real[[part]]))
  }
  expect_setequal(names(none$totals), names(real$totals))
})

test_that("a trace that was saved and read again is none", {
  lomp_map(1:2, identity, .workers = 0)
  read <- unserialize(serialize(the$traced$trace, NULL))
  expect_null(trace_read(read, 2))
})

test_that("an end is told by how the call was left, and else by what it was", {
  traced <- function(how, fun = "lomp_map") {
    list(fate = list2env(list(how = how), parent = emptyenv()), fun = fun)
  }
  over <- list(is_over = 1)
  expect_identical(end_of_traced(traced("left"), list(is_over = 0)), "open")
  expect_identical(end_of_traced(traced("left"), over), "left")
  expect_identical(end_of_traced(traced(NULL), over), "finished")
  expect_identical(end_of_traced(traced(NULL, "lomp_iterate"), over), "closed")
})

test_that("processes in one place are counted, and a life that isn't over lasts until now", {
  processes <- no_trace()$processes
  processes <- lapply(processes, function(column) rep(0, 3))
  processes$place <- c(1, 2, 1)
  processes$begin <- c(0, 1, 2)
  processes$end <- c(1.5, NA, 4)
  processes$run <- c(0.75, 3, 4)
  processes$why <- c(1, 0, 4)
  rows <- processes_of(list(processes = processes), seconds = 5)
  expect_identical(rows$incarnation, c(1L, 1L, 2L))
  expect_identical(rows$busy, c(0.5, 0.75, 1))
  expect_identical(rows$why, c("finished", "running", "crash"))
})

test_that("processes are daemons where machines took part", {
  processes <- lapply(no_trace()$processes, function(column) rep(0, 2))
  processes$place <- c(2, 1)
  processes$end <- c(4, NA)
  processes$run <- c(6, 2)
  raw <- list(processes = processes)
  here <- processes_of(raw, seconds = 5)
  expect_identical(here$host, rep(NA_character_, 2))
  expect_identical(here$workers, c(1L, 1L))
  expect_false(is_on_machines(here))
  lanes <- new_machine_lanes()
  note_machine_lane(lanes, list(lane = 0L, host = "one", workers = 2), NULL)
  note_machine_lane(lanes, list(lane = 1L, host = "two", workers = 2), 3)
  there <- processes_of(raw, seconds = 5, lanes = lanes)
  expect_true(is_on_machines(there))
  expect_identical(there$host, c("two", "one"))
  expect_identical(there$workers, c(3L, 2L))
  expect_identical(there$busy, c(6 / 12, 2 / 10))
  expect_true(all(is.na(there[c("wait_items", "wait_delivery", "collecting")])))
})

test_that("the session's own time is that of its processor, without that of the forks", {
  totals <- no_trace()$totals
  totals[c("seconds", "cpu", "fork_seconds", "run")] <- list(10, 4, 1, 9)
  expect_identical(session_of(totals, list(workers = 2L))$busy, 3)
  expect_identical(session_of(totals, list(workers = 0L))$busy, 1)
  totals$cpu <- 0.5
  expect_identical(session_of(totals, list(workers = 2L))$busy, 0)
})

test_that("the option of glibc is found among others", {
  withr::local_envvar(GLIBC_TUNABLES = "glibc.malloc.check=1:glibc.malloc.hugetlb=1")
  expect_true(has_huge_heap())
  withr::local_envvar(GLIBC_TUNABLES = "glibc.malloc.hugetlb=0")
  expect_false(has_huge_heap())
})

test_that("a call on daemons is told by its machines", {
  machines <- local_machines(2, cores = 2)
  lomp_map(1:8, function(i) i, .compute = machines$profile)
  report <- lomp_report()
  expect_identical(report$workers$host, rep(Sys.info()[["nodename"]], 2))
  expect_identical(report$workers$workers, c(2L, 2L))
  expect_setequal(report$workers$pid, machines$pids)
  expect_identical(sum(report$workers$items), 8)
  expect_identical(report$workers$why, rep("finished", 2))
  expect_match(tell_call(report), " on 2 machines with 4 workers$")
  lomp_map(1:8, function(i) i, .compute = machines$profile, .workers = 1)
  expect_identical(lomp_report()$workers$workers, c(1L, 1L))
})
