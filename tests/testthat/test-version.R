# The headers' version, as what is installed has it, is the package's.

macro_value <- function(name) {
  header <- system.file("include", "lomp", "api", "version.hpp", package = "lomp", mustWork = TRUE)
  pattern <- paste0("^#define ", name, " ([0-9]+)$")
  as.integer(sub(pattern, "\\1", grep(pattern, readLines(header), value = TRUE)))
}

test_that("the version macros of the headers are the package's version", {
  parts <- paste0("LOMP_VERSION_", c("MAJOR", "MINOR", "PATCH"))
  version <- unlist(packageVersion("lomp"))[1:3]
  expect_identical(vapply(parts, macro_value, 0L, USE.NAMES = FALSE), version)
})
