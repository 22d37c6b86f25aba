# How many workers there are by default.

# Nothing that this machine, its batch system or its user has set.
unset <- stats::setNames(rep(NA, 7), c("MC_CORES", "_R_CHECK_LIMIT_CORES_", batch_variables))

# What lomp_workers() gives on a machine of 64 processors.
workers_with <- function(..., options = list()) {
  variables <- unset
  variables[names(c(...))] <- c(...)
  none <- list(lomp.workers = NULL, mc.cores = NULL)
  options <- utils::modifyList(none, options, keep.null = TRUE)
  with_lomp("usable_processors", function() 64L, {
    with_variables(variables, with_options(options, lomp_workers()))
  })
}

test_that("all processors are used that this process may use", {
  expect_identical(workers_with(), 64L)
  expect_identical(
    with_variables(unset, with_options(list(lomp.workers = NULL, mc.cores = NULL), lomp_workers())),
    usable_processors()
  )
  expect_gte(usable_processors(), 1L)
})

test_that("what is set for parallel counts, and 1 there means not to fork", {
  expect_identical(workers_with(options = list(mc.cores = 3)), 3L)
  expect_identical(workers_with(options = list(mc.cores = "3")), 3L)
  expect_identical(workers_with(options = list(mc.cores = 1)), 0L)
  expect_identical(workers_with(options = list(mc.cores = 1000L)), 64L)
  expect_identical(workers_with(MC_CORES = "3"), 3L)
  expect_identical(workers_with(MC_CORES = "1"), 0L)
  expect_identical(workers_with(MC_CORES = "1", options = list(mc.cores = 5)), 5L)
})

test_that("what a batch system has granted counts", {
  for (name in batch_variables) {
    expect_identical(workers_with(stats::setNames("1", name)), 1L, label = name)
    expect_identical(workers_with(stats::setNames("1000", name)), 64L, label = name)
  }
  expect_identical(workers_with(SLURM_CPUS_PER_TASK = "8", NSLOTS = "5"), 5L)
  expect_identical(workers_with(SLURM_CPUS_PER_TASK = "8", MC_CORES = "3"), 3L)
})

test_that("settings that make no sense are passed over", {
  expect_identical(workers_with(MC_CORES = "many"), 64L)
  expect_identical(workers_with(NSLOTS = "", NCPUS = "0", PBS_NUM_PPN = "-2"), 64L)
  expect_identical(workers_with(options = list(mc.cores = NA)), 64L)
  expect_identical(workers_with(options = list(mc.cores = 1:3)), 64L)
})

test_that("R CMD check gets two", {
  for (value in c("TRUE", "true", "warn")) {
    expect_identical(workers_with(`_R_CHECK_LIMIT_CORES_` = value), 2L)
  }
  for (value in c("FALSE", "false", "")) {
    expect_identical(workers_with(`_R_CHECK_LIMIT_CORES_` = value), 64L)
  }
  expect_identical(workers_with(`_R_CHECK_LIMIT_CORES_` = "TRUE", MC_CORES = "1"), 0L)
})

test_that("the option lomp.workers goes before all", {
  all_set <- function(workers) {
    workers_with(MC_CORES = "1", NSLOTS = "1", `_R_CHECK_LIMIT_CORES_` = "TRUE",
                 options = list(lomp.workers = workers))
  }
  expect_identical(all_set(5), 5L)
  expect_identical(all_set(0), 0L)
  expect_identical(all_set(100L), 100L)
})

test_that("an option lomp.workers that makes no sense is an error that names it", {
  for (value in list(-1, "a", 1.5, NA, 1:2)) {
    with_options(list(lomp.workers = value), {
      expect_argument_error(lomp_workers(), "option lomp.workers")
      expect_argument_error(lomp_map(1:2, identity), "option lomp.workers")
    })
  }
  expect_messages(with_options(list(lomp.workers = "a"), caught(lomp_workers())))
})

test_that("the default of a call is lomp_workers()", {
  pids <- function() unique(unlist(lomp_map(1:3, function(i) Sys.getpid())))
  expect_identical(with_options(list(lomp.workers = 0), pids()), Sys.getpid())
  expect_false(Sys.getpid() %in% with_options(list(lomp.workers = 1), pids()))
})

test_that("in a worker the default is none, whatever is set, and what is asked for is had", {
  look <- function(i) {
    inner <- function(...) lomp_map(1:3, function(j) Sys.getpid(), ...)
    list(lomp_workers(), unique(unlist(inner())) == Sys.getpid(),
         any(unlist(inner(.workers = 1)) == Sys.getpid()))
  }
  with_options(list(lomp.workers = 2), {
    expect_identical(lomp_map(1:2, look, .workers = 1), rep(list(list(0L, TRUE, FALSE)), 2))
    expect_identical(lomp_map(1, function(i) lomp_workers(), .workers = 0), list(2L))
  })
})

test_that("a process that is bound to one processor uses one", {
  skip_on_cran()
  skip_if(!nzchar(Sys.which("taskset")), "there is no taskset")
  allowed <- system2("taskset", c("-pc", Sys.getpid()), stdout = TRUE)
  first <- sub("[^0-9].*", "", sub(".*: ", "", allowed))
  code <- "cat(lomp::lomp_workers())"
  script <- tempfile(fileext = ".R")
  on.exit(unlink(script))
  writeLines(code, script)
  library <- dirname(getNamespaceInfo("lomp", "path"))
  libraries <- paste(c(library, .libPaths()), collapse = ":")
  with_variables(c(unset, R_LIBS = libraries), {
    said <- system2("taskset", c("-c", first, file.path(R.home("bin"), "Rscript"), script),
                    stdout = TRUE)
  })
  expect_identical(said, "1")
})
