# Finalizers of the session, and those of items.

# Where an item has collected all garbage, and what of it was finalized where.
finalized <- function(run) run$ledger[grepl("^finalized ", run$ledger$text), ]

test_that("the session's finalizers don't run in workers, and those of items do", {
  skip_without_proc()
  run <- run_r({
    library(lomp)
    register <- function(name, onexit = FALSE) {
      thing <- new.env()
      reg.finalizer(thing, function(thing) note(paste("finalized", name)), onexit)
      thing
    }
    garbage <- lapply(1:50, function(i) register("garbage"))
    held <- register("held")
    at_exit <- register("at exit", TRUE)
    result <- lomp_map(1:6, function(i) {
      if (i == 1) rm(garbage, held, at_exit, envir = globalenv())
      mine <- register(paste("of item", i))
      rm(mine)
      gc()
      i
    }, .workers = 2)
    give(list(result = result, pid = Sys.getpid(), class = class(held)))
    rm(garbage, held)
    invisible(gc())
  })
  expect_equal(run$value$result, as.list(1:6))
  expect_equal(run$value$class, "environment")
  done <- finalized(run)
  in_session <- done$pid == run$value$pid
  expect_setequal(done$text[!in_session], paste("finalized of item", 1:6))
  expect_equal(sort(table(done$text[in_session])),
               sort(table(paste("finalized", c("held", "at exit", rep("garbage", 50))))))
})

test_that("what was garbage at the fork isn't finalized in workers, whoever collects", {
  skip_without_proc()
  run <- run_r({
    library(lomp)
    invisible(gc())
    items <- list(
      young = function(i) gc(full = FALSE), all = function(i) gc(),
      # Forks before it has collected.
      forks = function(i) {
        lomp_map(1:2, function(k) gc(), .workers = 1)
        gc()
      },
      # R collects by itself.
      makes = function(i) for (k in 1:200) as.list(1:1e4)
    )
    for (item in items) {
      for (i in 1:5) reg.finalizer(new.env(), function(thing) note("finalized garbage"))
      lomp_map(1:4, item, .workers = 2)
    }
    invisible(gc())
    give(Sys.getpid())
  })
  done <- finalized(run)
  expect_equal(done$pid, rep(run$value, 20))
})

test_that("weak references are what they were in workers", {
  skip_if_not_installed("rlang")
  key <- new.env()
  reference <- rlang::new_weakref(key, list("value"), function(key) key$is_finalized <- TRUE)
  seen <- lomp_map(1:2, function(i) {
    gc()
    before <- rlang::wref_value(reference)
    rm(key, envir = environment(sys.function()))
    gc()
    list(before, rlang::wref_key(reference))
  }, .workers = 2)
  for (one in seen) expect_equal(one, list(list("value"), NULL))
  expect_identical(rlang::wref_key(reference), key)
})
