# Large results where R can't make ordinary vectors around mappings: ALTREP vectors, which own them.
# What is to be said of both kinds is in test-mapped_vector.R.

is_altrep <- function(x) {
  any(grepl("mapped by lomp", utils::capture.output(.Internal(inspect(x)))))
}

# As they arrive from a worker.
as_altrep <- function(values) {
  without_allocator(lomp_map(values, identity, .workers = 1))
}

n <- 40000
vectors <- list(
  logical = rep_len(c(TRUE, NA, FALSE), 2 * n), integer = c(NA, rev(seq_len(n))),
  double = c(NA, NaN, -Inf, seq_len(n) / 7), complex = complex(n, 1:n, -1),
  raw = as.raw(rep_len(0:255, 8 * n))
)

# On any version of R, so that nobody tests the ordinary ones twice.
test_that("large results of all types are of that kind, and no others", {
  results <- as_altrep(vectors)
  expect_identical(results, vectors)
  for (type in names(vectors)) expect_true(is_altrep(results[[type]]), label = type)
  expect_false(any(vapply(lomp_map(vectors, identity, .workers = 1), is_altrep, NA)))
  expect_false(is_altrep(as_altrep(list(as.character(1:40000)))[[1]]))
})

test_that("elements are chosen as those of ordinary vectors", {
  results <- as_altrep(vectors)
  indices <- list(3, 2:50, c(2, NA, 5), c(1L, NA, 90000L), n:1, c(2.9, 1e10), -(1:39990), TRUE,
                  c(TRUE, FALSE, NA), integer(), 0, seq(2, 30000, 7), 1:80000)
  for (type in names(vectors)) {
    x <- results[[type]]
    for (i in indices) expect_same(x[i], vectors[[type]][i], paste(type, deparse1(i[1:3])))
    for (i in c(1, 17, n)) expect_same(x[[i]], vectors[[type]][[i]])
    expect_same(rev(x), rev(vectors[[type]]))
    expect_identical(sum(is.na(x)), sum(is.na(vectors[[type]])))
  }
  expect_same(sort(results$double), sort(vectors$double))
  expect_same(range(results$integer, na.rm = TRUE), range(vectors$integer, na.rm = TRUE))
})

test_that("elements and attributes are set as those of ordinary vectors", {
  results <- as_altrep(vectors)
  for (type in names(vectors)) {
    x <- results[[type]]
    y <- vectors[[type]]
    x[c(2, 30)] <- y[c(2, 30)] <- y[[7]]
    expect_same(x, y)
    x[length(x) + 2] <- y[length(y) + 2] <- y[[7]]
    expect_same(x, y)
    length(x) <- length(y) <- 33000
    dim(x) <- dim(y) <- c(330, 100)
    attr(x, "note") <- attr(y, "note") <- type
    expect_same(x, y)
    expect_same(results[[type]], vectors[[type]])
  }
})

test_that("copies, and what is saved or sent of them, are ordinary vectors", {
  results <- as_altrep(vectors)
  for (type in names(vectors)) {
    copy <- results[[type]]
    copy[[1]] <- vectors[[type]][[1]]
    expect_false(is_altrep(copy))
    expect_identical(copy, vectors[[type]])
    bytes <- serialize(results[[type]], NULL)
    expect_identical(bytes, serialize(vectors[[type]], NULL))
    expect_false(is_altrep(unserialize(bytes)))
    expect_identical(object.size(results[[type]]), object.size(vectors[[type]]))
  }
})

test_that("one that a finalizer brings back can't be used, and ends nothing", {
  holder <- new.env()
  back <- NULL
  reg.finalizer(holder, function(e) back <<- e$x)
  holder$x <- as_altrep(vectors["double"])[[1]]
  rm(holder)
  gc()
  expect_length(back, length(vectors$double))
  for (use in list(sum, function(x) x[[1]], function(x) x[2:3], function(x) serialize(x, NULL))) {
    expect_error(use(back), "this result is gone")
  }
  expect_messages(caught(sum(back)))
})
