# Iterators as objects: their protocol, and the packages that know it.

test_that("the end is for ever, and so is a close", {
  for (workers in all_workers) {
    it <- lomp_iterate(1:3, identity, .workers = workers)
    drain(it)
    expect_true(lomp_done(it()))
    expect_true(lomp_done(it(close = TRUE)))
    it <- lomp_iterate(1:3, identity, .workers = workers)
    it()
    it(close = TRUE)
    expect_identical(it(), as.symbol(".__exhausted__."))
    it(close = TRUE)
    expect_true(lomp_done(it(close = FALSE)))
  }
})

test_that("lomp_done() knows the end marker", {
  expect_true(lomp_done(lomp_done()))
  expect_identical(lomp_done(), as.symbol(".__exhausted__."))
  for (value in list(NULL, ".__exhausted__.", quote(x), 1, list(lomp_done()))) {
    expect_false(lomp_done(value))
  }
})

test_that("lomp_item() tells the item and its name", {
  for (workers in all_workers) {
    it <- lomp_iterate(c(a = 1, 2, c = 3), identity, .workers = workers, .ordered = TRUE)
    expect_identical(lomp_item(it), NA_integer_)
    it()
    expect_identical(lomp_item(it), c(a = 1L))
    it()
    expect_identical(lomp_item(it), 2L)
    it()
    it()
    expect_identical(lomp_item(it), NA_integer_)
  }
})

test_that("as.list() takes what is left, with names", {
  it <- lomp_iterate(c(a = 2, b = 1), count_up, .workers = 2, .ordered = TRUE)
  it()
  expect_identical(as.list(it), list(a = c(2, 2), b = c(1, 1)))
  expect_identical(as.list(it), stats::setNames(list(), character()))
  expect_length(as.list(lomp_iterate(1:100, count_up, .workers = 2)), 5050)
})

test_that("print() tells where it stands", {
  it <- lomp_iterate(1:3, function(i) i, .workers = 1, .ordered = TRUE)
  local <- lomp_iterate(1, identity, .workers = 0)
  expect_snapshot(print(local))
  local()
  expect_snapshot(print(local))
  expect_output(print(it), "^<lomp_iterator> 3 items, 1 worker; so far ")
  drain(it)
  expect_snapshot(print(it))
})

test_that("coro's loops and collect() work, and close it", {
  skip_if_not_installed("coro")
  for (workers in all_workers) {
    it <- lomp_iterate(1:3, count_up, .workers = workers, .ordered = TRUE)
    expect_length(coro::collect(it), 6)
    it <- lomp_iterate(1:1000, function(i) i, .workers = workers)
    coro::loop(for (r in it) if (r > 0) break)
    expect_true(lomp_done(it()))
    it <- lomp_iterate(1:1000, function(i) i, .workers = workers)
    expect_s3_class(caught(coro::loop(for (r in it) stop("in the body"))), "simpleError")
    expect_true(lomp_done(it()))
    twice <- coro::generator(function(it) for (r in it) yield(2 * r))
    it <- lomp_iterate(1:3, identity, .workers = workers, .ordered = TRUE)
    expect_identical(coro::collect(twice(it)), list(2, 4, 6))
  }
})

test_that("foreach and iterators take it", {
  skip_if_not_installed("foreach")
  `%do%` <- foreach::`%do%` # nolint: object_name_linter.
  it <- lomp_iterate(1:3, count_up, .workers = 2, .ordered = TRUE)
  sums <- foreach::foreach(r = it) %do% sum(r) # nolint: object_usage_linter.
  expect_identical(sums, list(2L, 3L, 4L, 4L, 5L, 6L))
  it <- iterators::iter(lomp_iterate(1, identity, .workers = 0))
  expect_identical(iterators::nextElem(it), 1)
  expect_error(iterators::nextElem(it), "StopIteration")
})

test_that("emit() outside its item is an error", {
  for (workers in all_workers) {
    it <- lomp_iterate(1:2, function(i, emit) {
      if (i == 1) emit(emit) else emit(i)
    }, .workers = workers, .ordered = TRUE)
    kept <- it()
    expect_identical(it(), 2L)
    expect_error(kept(1), "emit() works only while its item runs", fixed = TRUE)
  }
  in_child <- as.list(lomp_iterate(1, function(i, emit) {
    said <- parallel::mclapply(1:2, function(j) tryCatch(emit(j), error = conditionMessage))
    emit(said[[2]])
  }, .workers = 1))
  expect_match(in_child[[1]], "in the process that runs it")
})
