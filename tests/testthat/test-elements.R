# Where the elements of a result lie: also those of a vector that R has wrapped around another one.

# These take too long for each of CRAN's machines.
skip_on_cran()

# R's own wrapper around a vector that something else refers to, too.
is_wrapped <- function(x) {
  any(grepl(" wrapper ", utils::capture.output(.Internal(inspect(x, 1))), fixed = TRUE))
}

# What structure() gives, wrapped once more for what is known of its order.
wrap_twice <- function(x) .Internal(wrap_meta(structure(x, note = "kept"), TRUE, FALSE))

numbers <- 2^22
shared <- list(
  logical = rep_len(c(TRUE, NA, FALSE), numbers), integer = rev(seq_len(numbers)) + 0L,
  double = seq_len(numbers) / 7, complex = complex(numbers, 1, -1),
  raw = as.raw(rep_len(0:255, 4 * numbers))
)

# Page faults of this process so far.
page_faults <- function() {
  fields <- strsplit(sub(".*[)] ", "", readLines("/proc/self/stat")), " ")[[1]]
  as.numeric(fields[[8]])
}

# Those of the only worker while it makes and sends what the function makes of x.
# A worker that collects garbage copies what is new here, so that this is done before; it takes some
# 1,400 pages nevertheless, and more if many packages are loaded.
faults_of <- function(make, x) {
  gc()
  results <- lomp_map(1:3, function(i) if (i == 2) make(x) else page_faults(), .workers = 1)
  results[[3]] - results[[1]]
}

pages_of <- function(x) as.numeric(object.size(x)) / 4096

test_that("a wrapper comes back as it is, whatever it wraps", {
  texts <- sprintf("text %d \u00e9", 1:200)
  values <- c(shared, list(1:1e6, seq(1, 1e6), 1:100, as.character(1:200), texts,
                           as.list(1:200), lapply(1:100, function(i) numeric(20000) + i),
                           structure(shared$double, dim = c(2048, 2048), class = "mine")))
  for (make in list(function(x) structure(x, note = "kept"), function(x) structure(x, note = x))) {
    expect_same(lomp_map(values, make, .workers = 2), lapply(values, make))
  }
  numeric <- shared[c("integer", "double")]
  expect_same(lomp_map(numeric, wrap_twice, .workers = 2), lapply(numeric, wrap_twice))
  named <- function(x) structure(x, names = texts, class = c("mine", "list"))
  expect_same(lomp_map(values[9:11], named, .workers = 1), lapply(values[9:11], named))
})

test_that("a worker that sends a wrapper doesn't copy what it wraps", {
  skip_if_not(file.exists("/proc/self/maps"), "no /proc")
  annotate <- function(x) structure(x, note = "kept")
  for (x in shared) {
    expect_true(is_wrapped(annotate(x)))
    expect_lt(faults_of(annotate, x), pages_of(x))
  }
  expect_true(is_wrapped(wrap_twice(shared$double)))
  expect_lt(faults_of(wrap_twice, shared$double), pages_of(shared$double))
})

test_that("a long sequence within a wrapper stays a sequence", {
  skip_if_not(file.exists("/proc/self/maps"), "no /proc")
  sequence <- 1:5000000
  expect_lt(faults_of(function(x) structure(x, note = "kept"), sequence), 5e6 * 4 / 4096 / 2)
})

test_that("the large elements of a wrapped list are mapped, not copied", {
  skip_if_not(file.exists("/proc/self/maps"), "no /proc")
  parts <- lapply(1:100, function(i) numeric(20000) + i)
  gc()
  results <- lomp_map(1, function(i) structure(parts, note = "kept"), .workers = 1)
  expect_identical(results[[1]], structure(parts, note = "kept"))
  # As many as the worker had descriptors for; the others came in the record.
  expect_gt(length(payload_mappings()), 10)
})
