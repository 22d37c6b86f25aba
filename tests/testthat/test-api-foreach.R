# What foreach is told of the backend.

test_that("the backend tells its name, its version and its workers", {
  local_backend(expect_identical(expect_invisible(registerDoLomp(3)), 3L))
  expect_true(foreach::getDoParRegistered())
  expect_identical(foreach::getDoParName(), "doLomp")
  expect_identical(foreach::getDoParVersion(), as.character(packageVersion("lomp")))
  expect_identical(foreach::getDoParWorkers(), 3L)
  expect_null(describe_backend(list(workers = 1L), "something else"))
})

test_that("without workers, and within a worker, there is one that works", {
  local_backend(registerDoLomp(0))
  expect_identical(foreach::getDoParWorkers(), 1L)
  registerDoLomp(2)
  expect_identical(foreach(i = 1:2) %dopar% foreach::getDoParWorkers(), list(1L, 1L))
})

test_that("the default is what any call of lomp has", {
  local_backend(with_options(list(lomp.workers = 4), registerDoLomp()))
  expect_identical(foreach::getDoParWorkers(), 4L)
})

test_that("a wrong number of workers is an error, and leaves the backend that was there", {
  local_backend(registerDoLomp(2))
  expect_argument_error(registerDoLomp("two"), "workers")
  expect_identical(foreach::getDoParWorkers(), 2L)
})

test_that("without foreach there is a word of it", {
  cnd <- caught(check_foreach(FALSE))
  expect_s3_class(cnd, c("lomp_package_error", "error", "condition"), exact = TRUE)
  expect_identical(cnd$package, "foreach")
  expect_messages(cnd)
})
