# What a plot shows of workers, as data.

lanes <- function(report, cells = 400, xlim = c(0, report$seconds)) {
  getFromNamespace("lanes_of", "lomp")(report, xlim, cells)
}

test_that("each item that ran has a bar in its worker's lane", {
  report <- a_report(c(1, 2, 3, 4), 2, outcome = c("4" = "not run"), wait = c(0, 0.5, 0, 0),
                      names = c("a", "b", "c", "d"))
  found <- lanes(report)
  expect_true(found$is_exact)
  expect_null(found$shares)
  expect_identical(found$names, c("worker 1", "worker 2"))
  expect_identical(found$bars$label, c("a", "b", "c"))
  expect_identical(found$bars$lane, report$items$worker[1:3])
  expect_equal(found$bars$ran - found$bars$from, 1:3)
  expect_equal(found$bars$to - found$bars$ran, c(0, 0.5, 0))
})

test_that("lanes are numbered from the top, whatever their workers' numbers are", {
  report <- a_report(rep(1, 4), 2)
  report$items$worker <- c(3L, 7L, 3L, 7L)
  report$workers$worker <- c(3L, 7L)
  found <- lanes(report)
  expect_identical(found$names, c("worker 3", "worker 7"))
  expect_identical(found$bars$lane, c(1L, 2L, 1L, 2L))
  expect_identical(lanes(a_report(1, 0))$names, "session")
})

test_that("a process that goes on is there until now", {
  report <- a_report(c(1, 1), 1)
  report$workers$end <- NA_real_
  report$seconds <- 9
  expect_identical(lanes(report)$bands$to, 9)
})

test_that("items that are narrower than what can be told apart become shares of time", {
  many <- a_report(rep(0.01, 2000), 2)
  expect_false(lanes(many)$is_exact)
  expect_true(lanes(many, cells = 1e5)$is_exact)
  expect_true(lanes(many, xlim = c(1, 1.5))$is_exact || nrow(lanes(many)$shares) > 0)
  # A few have bars in any case.
  expect_true(lanes(a_report(rep(1e-9, 20), 2))$is_exact)
})

test_that("shares and their widths make up the time in .f and waiting", {
  many <- a_report(rep(0.004, 2000), 2, wait = c(0, 0.002))
  spent <- function(report, what) {
    shares <- lanes(report)$shares
    sum((shares$to - shares$from) * shares[[what]])
  }
  for (report in list(many, binned(many))) {
    expect_equal(spent(report, "run"), 8, tolerance = 0.02)
    expect_equal(spent(report, "wait"), 2, tolerance = 0.02)
  }
})

test_that("what is little is to be seen", {
  expect_equal(in_steps(c(0, 1e-6, 0.5, 1), 24), c(0, 1, 12, 24))
})

test_that("spans of two processes in one lane are added", {
  report <- binned(a_report(rep(0.01, 500), 1))
  half <- report$items
  half[c("run", "wait")] <- half[c("run", "wait")] / 2
  twice <- report
  twice$items <- rbind(half, transform(half, incarnation = 2L))
  expect_equal(lanes(twice)$shares, lanes(report)$shares)
})

test_that("a share is of the cell, and amounts are spread evenly", {
  share <- getFromNamespace("share_in_cells", "lomp")
  expect_equal(share(c(0, 2), c(1, 4), c(1, 1), 0:4), c(1, 0, 0.5, 0.5))
  expect_equal(share(0.5, 0.5, 0, 0:2), c(0, 0))
  expect_equal(share(numeric(), numeric(), numeric(), 0:2), c(0, 0))
  # What is outside of the cells isn't counted.
  expect_equal(share(0, 4, 4, c(1, 2)), 1)
})

test_that("a lane in which nothing was has no shares", {
  report <- a_report(rep(0.001, 5000), 2)
  report$items$worker <- 2L
  expect_identical(unique(lanes(report)$shares$lane), 2L)
})

test_that("neighbours that look the same are one", {
  merge <- getFromNamespace("merge_equal", "lomp")
  rows <- merge(0:5, c(2, 2, 0, 1, 1), c(0, 0, 0, 1, 0), 2)
  expect_identical(rows$from, c(0L, 3L, 4L))
  expect_identical(rows$to, c(2L, 4L, 5L))
  expect_identical(rows$run, c(1, 0.5, 0.5))
  expect_identical(rows$wait, c(0, 0.5, 0))
})

test_that("however many items and workers there are, what is drawn is bounded", {
  report <- binned(a_report(some_seconds(20000, 1e-4), 200, fork = 1e-6), spans = 1000)
  shares <- lanes(report, cells = 5000)$shares
  expect_lte(nrow(shares), 40000)
  expect_gt(nrow(shares), 200)
})

test_that("failures and new processes have marks, however short they are", {
  short <- a_report(rep(1e-6, 2000), 2, worn = 7,
                     outcome = c("5" = "error", "9" = "crash", "1999" = "timeout"))
  for (cells in c(10, 1e6)) {
    marks <- lanes(short, cells)$marks
    expect_identical(as.vector(table(marks$kind)[c("error", "crash", "timeout", "restart")]),
                     c(1L, 1L, 1L, 3L))
  }
})

test_that("spans tell errors from deaths by how their workers ended", {
  report <- binned(a_report(rep(0.01, 400), 2, outcome = c(
    "50" = "error", "100" = "crash", "300" = "timeout"
  )))
  marks <- lanes(report)$marks
  expect_identical(sort(marks$kind), c("crash", "error", "restart", "restart", "timeout"))
  expect_equal(marks$at[marks$kind == "error"], 0.25, tolerance = 0.1)
})

test_that("marks that would cover each other are thinned out by kind and lane", {
  marks <- data.frame(lane = c(1, 1, 1, 2), at = c(0.1, 0.2, 0.3, 0.2),
                      kind = c("error", "error", "crash", "error"))
  expect_identical(thin_out(marks, 1)$kind, c("error", "crash", "error"))
  expect_identical(nrow(thin_out(marks, 0.01)), 4L)
})

test_that("a call without items has lanes, and nothing in them", {
  found <- lanes(a_report(numeric(), 2))
  expect_true(found$is_empty)
  expect_false(lanes(a_report(1, 2))$is_empty)
  expect_identical(nrow(found$marks), 0L)
  expect_identical(nrow(found$bands), 2L)
})

# ---- Machines -----------------------------------------------------------------------------------

test_that("a machine with several workers shows the share of their time", {
  report <- a_report(c(4, 2, 2, 1), 1)
  report$items$start <- c(0, 0, 2, 4)
  report$seconds <- report$workers$end <- 5
  report$items$wait <- c(0, 0, 0, 1)
  found <- lanes(on_machines(report, "near", 2))
  expect_false(found$is_exact)
  expect_identical(found$names, "near")
  spent <- function(what) sum((found$shares$to - found$shares$from) * found$shares[[what]])
  expect_equal(spent("run"), 9 / 2, tolerance = 0.02)
  expect_equal(spent("wait"), 0, tolerance = 0.02)
  at <- function(t) found$shares$run[found$shares$from <= t & found$shares$to > t]
  expect_equal(at(1), 1)
  expect_equal(at(3), 1)
  expect_equal(at(4.5), 0.5)
  expect_true(lanes(on_machines(report, "near", 1))$is_exact)
})

test_that("spans of a machine are scaled by its workers, too", {
  report <- binned(a_report(rep(0.01, 400), 1))
  spent <- function(report) {
    shares <- lanes(report)$shares
    sum((shares$to - shares$from) * shares$run)
  }
  expect_equal(spent(on_machines(report, "near", 4)), spent(report) / 4, tolerance = 0.05)
})

test_that("a machine that was lost has a mark at its end", {
  report <- on_machines(a_report(rep(1, 4), 2), c("near", "far"), c(2, 2))
  expect_identical(nrow(lanes(report)$marks), 0L)
  report$workers$why[[2]] <- "crash"
  report$workers$end[[2]] <- 1.5
  for (each in list(report, binned(report))) {
    marks <- lanes(each)$marks
    expect_identical(marks$lane, 2L)
    expect_identical(marks$at, 1.5)
    expect_identical(marks$kind, "crash")
  }
})
