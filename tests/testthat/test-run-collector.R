# What the session finds out about R's garbage collector.

# Collections of young objects until R makes one of older ones, as it reports them itself.
count_young <- function() {
  n <- 0
  repeat {
    report <- capture.output(gc(verbose = TRUE, full = FALSE), type = "message")
    if (!any(grepl("level 0", report, fixed = TRUE))) return(n)
    n <- n + 1
  }
}

test_that("it is known when R will look at old objects", {
  skip_on_cran()
  run <- run_r(values = list(count_young = count_young), code = {
    library(lomp)
    told <- counted <- integer()
    for (k in 1:3) {
      told <- c(told, attr(lomp:::observe_collections(), "left"))
      counted <- c(counted, values$count_young())
    }
    give(list(told = told, counted = counted))
  })
  expect_equal(run$value$told, run$value$counted, info = told(run))
  expect_equal(run$value$told[2:3], c(19, 19))
})

test_that("R's report is read for what it says, and nothing else is", {
  of <- function(young, level) {
    c(sprintf("Garbage collection 40 = %d+2+9 (level %d) ... ", young, level),
      "14.7 Mbytes of cons cells used (41%)", "3.6 Mbytes of vectors used (5%)")
  }
  expect_identical(young_left(of(7, 0)), 13L)
  expect_identical(young_left(of(59, 0)), 1L)
  expect_identical(young_left(of(60, 0)), 0L)
  expect_identical(young_left(of(60, 1)), 20L)
  expect_identical(young_left(of(61, 2)), 19L)
  expect_identical(young_left(character()), NA_integer_)
  expect_identical(young_left("Garbage collected."), NA_integer_)
})

test_that("R's messages go where they went before", {
  others <- showConnections()
  expect_message(message("heard"), "heard")
  observe_collections()
  expect_identical(sink.number(type = "message"), 2L)
  told <- character()
  log <- textConnection("told", "w", local = TRUE)
  sink(log, type = "message")
  observe_collections()
  number <- sink.number(type = "message")
  message("said")
  sink(type = "message")
  expect_identical(number, as.integer(log))
  close(log)
  expect_identical(told, "said")
  expect_identical(showConnections(), others)
})

test_that("what finalizers say meanwhile is heard", {
  run <- run_r(code = {
    library(lomp)
    one <- new.env()
    reg.finalizer(one, function(e) message("the database is closed"))
    rm(one)
    use <- lomp:::observe_collections()
    give(attr(use, "left") > 0)
  })
  expect_true(run$value, info = told(run))
  expect_match(run$err, "^the database is closed$", all = FALSE)
  expect_length(grep("Garbage|Mbytes", run$err), 0)
})

test_that("reports of collections start no others", {
  skip_on_cran()
  run <- run_r(seconds = 120, code = {
    library(lomp)
    invisible(lomp:::observe_collections())
    gctorture(TRUE)
    use <- lomp:::observe_collections()
    gctorture(FALSE)
    give(is.matrix(use))
  })
  expect_true(run$value, info = told(run))
})

test_that("without a connection to be had a call is as it was", {
  skip_on_cran()
  run <- run_r(code = {
    library(lomp)
    open <- list()
    repeat {
      one <- tryCatch(textConnection("a"), error = function(cnd) NULL)
      if (is.null(one)) break
      open <- c(open, list(one))
    }
    results <- lomp_map(seq_len(3e4), function(i) i, .workers = 2)
    for (connection in open) close(connection)
    give(length(open) > 0 && identical(results, as.list(seq_len(3e4))))
  })
  expect_true(run$value, info = told(run))
})
