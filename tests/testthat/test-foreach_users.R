# Packages that parallelize by foreach, and foreach's own tests: with lomp's workers they give what
# they give without. What isn't installed is skipped.

# These take too long for each of CRAN's machines.
skip_on_cran()

skip_if_not_installed("foreach")

# Without loading it, since what is loaded stays: each test has an R of its own.
skip_without <- function(package) {
  skip_if_not(nzchar(system.file(package = package)), paste(package, "is installed"))
}

# The code's value is that of foreach's own sequential backend, with lomp's workers and without.
expect_as_sequential <- function(code, workers = c(0, 2)) {
  script <- bquote({
    library(foreach)
    give(lapply(.(c(NA, workers)), function(n) {
      if (is.na(n)) registerDoSEQ() else lomp::registerDoLomp(n)
      .(substitute(code))
    }))
  })
  # Without a time zone, lubridate asks for it where systemd may not run, and warns of that.
  run <- finish_r(start_r(script, env = c(TZ = "UTC")))
  expect_length(run$value, 1L + length(workers))
  for (k in seq_along(workers)) {
    expect(identical(run$value[[k + 1L]], run$value[[1L]]),
           paste("what", workers[[k]], "workers give isn't what comes without\n", told(run)))
  }
}

test_that("doRNG's loops draw what they draw without workers, and so does what follows", {
  skip_without("doRNG")
  expect_as_sequential({
    library(doRNG)
    draw <- function() runif(2)
    set.seed(1, "Mersenne-Twister")
    first <- list(foreach(i = 1:5) %dorng% draw(), foreach(i = 1:5) %dorng% rnorm(1), draw())
    seeded <- foreach(i = 1:5, .options.RNG = 123) %dorng% draw()
    set.seed(7, "L'Ecuyer-CMRG")
    other <- list(foreach(i = 1:3) %dorng% draw(), foreach(i = 1:3) %dorng% draw(), draw())
    registerDoRNG(5)
    list(first, seeded, other, foreach(i = 1:3) %dopar% draw(), foreach(i = 1:3) %dopar% draw())
  })
})

test_that("plyr's functions with .parallel", {
  skip_without("plyr")
  expect_as_sequential(suppressWarnings({  # of one worker, it says that it is one
    means <- function(part) data.frame(mpg = mean(part$mpg), n = nrow(part))
    options <- list(.options.lomp = list(timeout = 60))
    list(plyr::ddply(mtcars, "cyl", means, .parallel = TRUE),
         plyr::llply(1:10, sqrt, .parallel = TRUE),
         plyr::aaply(matrix(1:6, 2), 1, sum, .parallel = TRUE, .paropts = options))
  }))
})

test_that("glmnet's cross-validation", {
  skip_without("glmnet")
  expect_as_sequential({
    set.seed(1)
    x <- matrix(rnorm(1000), 100)
    y <- x[, 1] + rnorm(100)
    glmnet::cv.glmnet(x, y, nfolds = 5, parallel = TRUE)
  })
})

test_that("BiocParallel's DoparParam", {
  skip_without("BiocParallel")
  expect_as_sequential({
    lapply_by <- function(f) {
      param <- BiocParallel::DoparParam(stop.on.error = FALSE)
      BiocParallel::bpRNGseed(param) <- 7L
      BiocParallel::bptry(BiocParallel::bplapply(1:6, f, BPPARAM = param))
    }
    failed <- lapply_by(function(i) if (i == 2) stop("no") else i)
    list(lapply_by(function(i) i + runif(1)), failed[-2], class(failed[[2]]),
         conditionMessage(failed[[2]]))
  })
})

test_that("caret's training", {
  skip_without("caret")
  expect_as_sequential(workers = 2, {
    library(caret)
    train_by <- function(method, control) {
      set.seed(2)
      fit <- train(mpg ~ wt + hp, mtcars, method = method, trControl = control)
      list(fit$results, fit$resample, fit$bestTune, predict(fit))
    }
    list(train_by("lm", trainControl("cv", 5)), train_by("knn", trainControl("boot", 4)))
  })
})

# ---- foreach's own tests ------------------------------------------------------------------------

# Packages that are installed with their tests have them there (R CMD INSTALL --install-tests);
# LOMP_FOREACH_TESTS names another folder that has them.
foreach_tests <- function() {
  folder <- Sys.getenv("LOMP_FOREACH_TESTS", system.file("tests/testthat", package = "foreach"))
  if (length(list.files(folder, "^test")) > 0L) folder else ""
}

test_that("foreach's own tests pass with any number of workers", {
  skip_if_not(nzchar(foreach_tests()), "foreach is installed with its tests")
  folder <- tempfile("foreach")
  dir.create(folder)
  withr::defer(unlink(folder, recursive = TRUE))
  file.copy(list.files(foreach_tests(), "^test", full.names = TRUE), folder)
  for (workers in c(0, 2)) {
    run <- run_r({
      library(testthat)
      library(foreach)
      library(iterators)
      lomp::registerDoLomp(workers)
      tests <- test_dir(folder, reporter = "silent", stop_on_failure = FALSE)
      give(as.data.frame(tests)[c("test", "nb", "failed", "skipped", "error")])
    }, list(workers = workers, folder = folder), seconds = 300,
    env = c(FOREACH_BACKEND = "PAR", NOT_CRAN = "true"))
    expect_gt(sum(run$value$nb), 500)
    expect_equal(sum(run$value$failed + run$value$error + run$value$skipped), 0, info = told(run))
  }
})
