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
  rows <- processes_of(list(processes = processes, totals = list(forks = 3)), seconds = 5)
  expect_identical(rows$incarnation, c(1L, 1L, 2L))
  expect_identical(rows$busy, c(0.5, 0.75, 1))
  expect_identical(rows$why, c("finished", "running", "crash"))
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
