# Which items an iterator's file has as delivered.

# So many results of each item: none of the first one.
one_less <- function(i, emit) for (k in seq_len(i - 1)) emit(c(i, k))

test_that("an item is delivered when its caller comes back after its last result", {
  for (workers in c(0, 2)) {
    file <- new_file_name()
    it <- lomp_iterate(1:4, one_less, .workers = workers, .ordered = TRUE, .checkpoint = file)
    expect_identical(it(), c(2L, 1L))
    expect_identical(in_file(file), 1L)
    expect_identical(it(), c(3L, 1L))
    expect_identical(in_file(file), 1:2)
    expect_identical(it(), c(3L, 2L))
    expect_identical(in_file(file), 1:2)
    it()
    expect_identical(in_file(file), 1:3)
    it()
    it()
    expect_identical(in_file(file), 1:3)
    expect_true(lomp_done(it()))
    expect_identical(in_file(file), 1:4)
    expect_identical(lapply(lomp_read(file), length), list(0L, 1L, 2L, 3L))
    unlink(file)
  }
})

test_that("closing the iterator is coming back", {
  for (workers in c(0, 2)) {
    file <- new_file_name()
    it <- lomp_iterate(1:4, sqrt, .workers = workers, .ordered = TRUE, .checkpoint = file)
    it()
    expect_identical(in_file(file), integer())
    it(close = TRUE)
    expect_identical(in_file(file), 1L)
    unlink(file)
  }
})

test_that("several results at once are delivered at the next call, and all at the end", {
  for (workers in c(0, 2)) {
    file <- new_file_name()
    it <- lomp_iterate(1:4, sqrt, .workers = workers, .ordered = TRUE, .checkpoint = file)
    head(it, 2)
    expect_identical(in_file(file), integer())
    head(it, 1)
    expect_identical(in_file(file), 1:2)
    as.list(it)
    expect_identical(in_file(file), 1:4)
    unlink(file)
  }
})

test_that("results that a jump puts back aren't delivered", {
  for (workers in c(0, 2)) {
    file <- new_file_name()
    it <- lomp_iterate(1:4, function(i) {
      if (i == 3) warning("out")
      i
    }, .workers = workers, .ordered = TRUE, .checkpoint = file)
    tryCatch(head(it, 4), warning = function(cnd) NULL)
    expect_identical(in_file(file), integer())
    expect_identical(it(), 1L)
    expect_identical(in_file(file), integer())
    expect_identical(it(), 2L)
    expect_identical(in_file(file), 1L)
    it(close = TRUE)
    expect_identical(in_file(file), 1:2)
    unlink(file)
  }
})

test_that("what failed, was left or cut isn't delivered, nor what comes in an error", {
  for (workers in c(0, 2)) {
    file <- new_file_name()
    it <- lomp_iterate(1:4, function(i, emit) {
      emit(i)
      if (i == 2) stop("no")
    }, .workers = workers, .on_error = "collect", .ordered = TRUE, .checkpoint = file)
    suppressWarnings(as.list(it))
    expect_identical(in_file(file), c(1L, 3L, 4L))
    unlink(file)
    it <- lomp_iterate(1:4, function(i) if (i == 2) stop("no") else i, .workers = workers,
                       .ordered = TRUE, .checkpoint = file)
    it()
    caught(it())
    expect_identical(in_file(file), 1L)
    unlink(file)
    it <- lomp_iterate(1:4, function(i) if (i == 2) stop("no") else i, .workers = workers,
                       .ordered = TRUE, .checkpoint = file)
    caught(as.list(it))
    expect_identical(in_file(file), integer())
    unlink(file)
  }
})

test_that("an item that a jump leaves in this process isn't delivered", {
  file <- new_file_name()
  it <- lomp_iterate(1:3, function(i, emit) {
    emit(i)
    if (i == 2) warning("out")
    emit(-i)
  }, .workers = 0, .checkpoint = file)
  expect_identical(c(it(), it()), c(1L, -1L))
  tryCatch(it(), warning = function(cnd) NULL)
  while (!lomp_done(it())) NULL
  expect_identical(in_file(file), c(1L, 3L))
})

test_that("that an item has drawn random numbers stands in the file, if it is the only one, too", {
  f <- function(i, emit) {
    emit(runif(1))
    emit(i)
  }
  for (workers in c(0, 2)) {
    file <- new_file_name()
    as.list(lomp_iterate(1, f, .workers = workers, .checkpoint = file))
    expect_identical(lomp_ok(lomp_read(file)), TRUE)
    expect_true(attr(lomp_read(file), "lomp_checkpoint")$drawn)
    unlink(file)
  }
})

test_that("only what wasn't delivered is run again, under its own name and number", {
  x <- c(a = 1, b = 2, c = 3, d = 4)
  f <- function(i, emit) for (k in seq_len(i - 1)) emit(runif(1))
  for (workers in c(0, 2)) {
    file <- new_file_name()
    set.seed(1)
    expected <- as.list(lomp_iterate(x, f, .workers = workers, .ordered = TRUE))
    after <- runif(1)
    set.seed(1)
    it <- lomp_iterate(x, f, .workers = workers, .ordered = TRUE, .checkpoint = file)
    for (k in 1:4) it()
    it(close = TRUE)
    set.seed(1)
    found <- lomp_read(file)
    expect_identical(unname(lomp_ok(found)), c(TRUE, TRUE, TRUE, FALSE))
    it <- lomp_iterate(x, f, .workers = workers, .ordered = TRUE, .redo = found,
                       .checkpoint = file)
    it()
    expect_identical(lomp_item(it), c(d = 4L))
    rest <- as.list(it)
    expect_identical(rest, expected[5:6])
    expect_identical(runif(1), after)
    all <- lomp_read(file)
    expect_identical(unname(unlist(lapply(all, identity))), unname(unlist(expected)))
    unlink(file)
  }
})

test_that("an item that was delivered in part comes again from its first result on", {
  file <- new_file_name()
  f <- function(i, emit) for (k in 1:3) emit(c(i, k))
  it <- lomp_iterate(1:2, f, .workers = 2, .ordered = TRUE, .checkpoint = file)
  for (k in 1:5) it()
  rm(it)
  invisible(gc())
  found <- lomp_read(file)
  it <- lomp_iterate(1:2, f, .workers = 2, .redo = found, .checkpoint = file)
  expect_identical(as.list(it), list(c(2L, 1L), c(2L, 2L), c(2L, 3L)))
  expect_identical(lapply(lomp_read(file), length), list(3L, 3L))
})

test_that("failures of a call that goes on name their items", {
  file <- new_file_name()
  f <- function(i) if (i == 3) stop("no") else i
  it <- lomp_iterate(c(a = 1, b = 2, c = 3), f, .workers = 2, .ordered = TRUE, .checkpoint = file)
  expect_identical(c(it(), it()), c(1, 2))
  caught(it())
  it <- lomp_iterate(c(a = 1, b = 2, c = 3), f, .workers = 2, .redo = lomp_read(file),
                     .checkpoint = file)
  cnd <- caught(it())
  expect_identical(cnd$item, 3)
  expect_identical(cnd$name, "c")
})
