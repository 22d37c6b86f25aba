# Amounts as they are read.

each <- function(name, values) {
  vapply(values, getFromNamespace(name, "lomp"), "", USE.NAMES = FALSE)
}

test_that("seconds have the unit that a user expects", {
  expect_identical(
    each("format_seconds", c(0, 1e-9, 2.34e-5, 0.0012, 0.00994, 0.01, 0.1234, 0.9994, 0.9996, 3.14,
                             59.8, 3725)),
    c("0 s", "less than 0.01 ms", "0.023 ms", "1.2 ms", "9.9 ms", "10 ms", "123 ms", "999 ms",
      "1.0 s", "3.1 s", "1 min 0 s", "1 h 2 min")
  )
})

test_that("bytes have two digits or three, and never a thousand of a unit", {
  expect_identical(
    each("format_bytes", c(0, 1, 999, 999.7, 1000, 9940, 9960, 123456, 999600, 2e9, 16e9, 3e18)),
    c("0 bytes", "1 byte", "999 bytes", "1.0 kB", "1.0 kB", "9.9 kB", "10 kB", "123 kB", "1.0 MB",
      "2.0 GB", "16 GB", "3000 PB")
  )
})

test_that("a share that is little isn't nothing", {
  expect_identical(each("format_share", c(0, 0.001, 0.005, 0.4949, 1)),
                   c("0%", "under 1%", "under 1%", "49%", "100%"))
})

test_that("one is singular, and many are written out", {
  expect_identical(count_of(1, "item"), "1 item")
  expect_identical(count_of(0, "item"), "0 items")
  expect_identical(count_of(1e6, "item"), "1000000 items")
  expect_identical(count_of(2, "crash", "crashes"), "2 crashes")
})

test_that("lists read as in a sentence", {
  expect_identical(in_a_row(character()), character())
  expect_identical(in_a_row("a"), "a")
  expect_identical(in_a_row(c("a", "b")), "a and b")
  expect_identical(in_a_row(c("a", "b", "c")), "a, b and c")
})

test_that("the greatest of nothing isn't known", {
  expect_identical(greatest(c(1, NA, 3)), 3)
  expect_identical(greatest(c(NA, NA)), NA_real_)
  expect_identical(greatest(numeric()), NA_real_)
})

test_that("each text is wrapped by itself", {
  withr::local_options(width = 40)
  expect_identical(wrapped(c(strrep("word ", 10), "b"), "- "),
                   c("- word word word word word word word", "  word word word", "- b"))
  expect_null(wrapped(character()))
})

test_that("what is empty or isn't known is no text", {
  expect_true(has_text("a"))
  for (none in list("", NA_character_, NULL, character(), c("a", "b"))) expect_false(has_text(none))
})
