# A checkpoint's file, as it is read.

content_of <- function(file) readBin(file, "raw", file.size(file))

few <- c(a = 1, b = 2, c = 3)
give_few <- function(x) switch(x, "one", list(2, quote(two)), rep(3, 5))

test_that("what a call has returned is in its file", {
  for (workers in all_workers) {
    file <- new_file_name()
    results <- lomp_map(few, give_few, .workers = workers, .checkpoint = file)
    found <- lomp_read(file)
    mark <- attr(found, "lomp_checkpoint")
    expect_same(without_mark(found), results)
    expect_s3_class(mark, "lomp_checkpoint")
    expect_identical(mark$call, "lomp_map")
    expect_identical(mark$R, as.character(getRversion()))
    unlink(file)
  }
})

test_that("values of all kinds come as they were", {
  values <- list(
    NULL, NA, 1:3, c(a = 1.5), "text", some_strings, list(1, list("a")), factor(c("x", "y")),
    data.frame(x = 1:2, y = c("a", "b")), as.Date("2026-01-01"), raw(3), 1i, quote(f(x)),
    numeric(30000), list(runif(30000), numeric(20000), "between"), as.raw(rep(1:250, 1000)),
    1:1e6, matrix(1:4, 2, dimnames = list(NULL, c("a", "b"))), rep("long string", 50000),
    new("LompBox", items = list(1))
  )
  for (workers in c(0, 2)) {
    file <- new_file_name()
    results <- lomp_map(values, identity, .workers = workers, .checkpoint = file)
    found <- lomp_read(file)
    for (i in seq_along(values)) {
      expect_true(identical(found[[i]], results[[i]]), label = paste("value", i))
    }
    unlink(file)
  }
})

test_that("what isn't there has a condition in its place, by which it draws what it would have", {
  file <- new_file_name()
  set.seed(1)
  expected <- lomp_map(few, function(x) runif(1), .workers = 0)
  set.seed(1)
  caught(lomp_map(few, function(x) if (x == 2) stop("no") else runif(1), .workers = 0,
                  .checkpoint = file))
  found <- lomp_read(file)
  expect_named(found, names(few))
  expect_identical(lomp_ok(found), c(TRUE, FALSE, FALSE))
  expect_s3_class(found$b, "lomp_not_run")
  expect_identical(found$a, expected$a)
  expect_identical(lomp_map(few, function(x) runif(1), .workers = 2, .redo = found), expected)
  plain <- unname(lapply(found, identity))
  expect_identical(lomp_map(few, function(x) runif(1), .workers = 2, .redo = plain), expected)
})

test_that("of a vector's values each is one, with the names that the result has", {
  describe <- function(x) c(low = x, high = 2 * x)
  for (workers in c(0, 2)) {
    file <- new_file_name()
    lomp_vapply(few, describe, numeric(2), .workers = workers, .checkpoint = file)
    expect_identical(without_mark(lomp_read(file)), lapply(few, describe))
    unlink(file)
    lomp_vapply(few, function(x) unname(describe(x)), c(low = 0, high = 0), .workers = workers,
                .checkpoint = file)
    expect_identical(without_mark(lomp_read(file)), lapply(few, describe))
    unlink(file)
    lomp_vapply(few, function(x) matrix(x, 2, 2), matrix(0, 2, 2), .workers = workers,
                .checkpoint = file)
    expect_identical(without_mark(lomp_read(file)), lapply(few, function(x) matrix(x, 2, 2)))
    unlink(file)
    lomp_vapply(few, function(x) letters[[x]], "", .workers = workers, .checkpoint = file)
    expect_identical(without_mark(lomp_read(file)), list(a = "a", b = "b", c = "c"))
    unlink(file)
  }
})

# ---- Damage -------------------------------------------------------------------------------------

# A file of a call of the few items, without any result.
content_of_empty <- function() {
  file <- new_file_name()
  caught(lomp_map(few, function(x) stop("no"), .workers = 0, .checkpoint = file))
  content_of(file)
}

test_that("a file that was cut at any byte gives what is whole in it", {
  file <- new_file_name()
  results <- lomp_map(few, give_few, .workers = 0, .checkpoint = file)
  content <- content_of(file)
  # The header has a copy of what the call knew, and the first result begins behind it.
  begin <- length(content_of_empty())
  n <- 0L
  for (size in seq(begin, length(content))) {
    writeBin(content[seq_len(size)], file)
    found <- lomp_read(file)
    expect_gte(sum(lomp_ok(found)), n)
    n <- sum(lomp_ok(found))
    expect_identical(without_mark(found)[seq_len(n)], results[seq_len(n)])
  }
  expect_identical(n, 3L)
})

test_that("from a tail that is torn at any byte a call goes on, and the file is whole afterwards", {
  file <- new_file_name()
  results <- lomp_map(few, give_few, .workers = 0, .checkpoint = file)
  content <- content_of(file)
  for (size in seq(length(content_of_empty()), length(content), by = 7)) {
    writeBin(c(content[seq_len(size)], as.raw(rep(7, size %% 3))), file)
    again <- lomp_map(few, give_few, .workers = 0, .redo = lomp_read(file), .checkpoint = file)
    expect_identical(again, results)
    expect_identical(without_mark(lomp_read(file)), results)
  }
})

test_that("a bit that has flipped anywhere gives no wrong result", {
  file <- new_file_name()
  results <- lomp_map(few, give_few, .workers = 0, .checkpoint = file)
  content <- content_of(file)
  for (at in seq_along(content)) {
    damaged <- content
    damaged[[at]] <- xor(damaged[[at]], as.raw(2^(at %% 8)))
    writeBin(damaged, file)
    found <- suppressWarnings(tryCatch(lomp_read(file), lomp_argument_error = function(cnd) NULL))
    if (is.null(found)) next
    is_there <- lomp_ok(found)
    expect_gte(sum(is_there), 2)
    expect_identical(without_mark(found)[is_there], results[is_there])
  }
})

test_that("what was damaged before the end is told", {
  file <- new_file_name()
  lomp_map(few, give_few, .workers = 0, .checkpoint = file)
  content <- content_of(file)
  at <- length(content_of_empty()) + 5L
  content[[at]] <- xor(content[[at]], as.raw(1))
  writeBin(content, file)
  expect_warning(found <- lomp_read(file), class = "lomp_checkpoint_damaged")
  expect_identical(unname(lomp_ok(found)), c(FALSE, TRUE, TRUE))
})

# ---- What is refused ----------------------------------------------------------------------------

test_that("what is no checkpoint, or can't be read, is refused", {
  folder <- tempfile("folder")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  old <- setwd(folder)
  on.exit(setwd(old), add = TRUE, after = FALSE)
  writeLines("something else", "text")
  file.create("empty")
  lomp_map(1:3, sqrt, .workers = 0, .checkpoint = "checkpoint")
  content <- content_of("checkpoint")
  writeBin(content[1:70], "cut")
  other <- content
  other[[9]] <- as.raw(99)
  writeBin(other, "version")
  dir.create("folder")
  expect_messages(
    caught(lomp_read()),
    caught(lomp_read(1)),
    caught(lomp_read(NA_character_)),
    caught(lomp_read("none")),
    caught(lomp_read("folder")),
    caught(lomp_read("text")),
    caught(lomp_read("empty")),
    caught(lomp_read("cut")),
    caught(lomp_read("version"))
  )
  expect_argument_error(lomp_read("text"), "file")
})

test_that("a checkpoint's mark prints as a line", {
  file <- new_file_name()
  lomp_map(1:3, sqrt, .workers = 0, .checkpoint = file)
  mark <- attr(lomp_read(file), "lomp_checkpoint")
  mark$lomp <- "1.0.0"
  mark$R <- "4.2.2"
  expect_snapshot(mark)
})
