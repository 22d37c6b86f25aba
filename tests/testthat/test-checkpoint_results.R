# What is made of a file that somebody else has written.

skip_on_cran()

# A file like that of a call, with one result of this kind and these bytes.
forged <- function(kind, bytes, item = 0, call = function(file) {
  caught(lomp_map(1:2, function(i) stop("no"), .workers = 0, .checkpoint = file))
}) {
  include <- system.file("include", package = "lomp")
  program <- native("forge.cpp", program = TRUE,
                    flags = paste("-std=c++17 -pthread -I", shQuote(include), sep = ""))
  files <- tempfile(c("from", "to", "bytes"))
  on.exit(unlink(files[-2]))
  call(files[[1]])
  writeBin(bytes, files[[3]])
  status <- system2(program, c(shQuote(files[1:2]), kind, shQuote(files[[3]]), item))
  expect_identical(status, 0L)
  files[[2]]
}

# As lomp's workers write it.
stream_of <- function(x) serialize(x, NULL, xdr = FALSE, version = 3)

expect_refused <- function(file) {
  on.exit(unlink(file))
  cnd <- caught(lomp_read(file))
  expect_s3_class(cnd, "lomp_argument_error")
  expect_match(conditionMessage(cnd), "`file` can't be read: it has a result that lomp can't have")
}

test_that("what is forged well is read", {
  file <- forged(1, stream_of(quote(a + b)))
  on.exit(unlink(file))
  found <- lomp_read(file)
  expect_identical(found[[1]], quote(a + b))
  expect_identical(lomp_ok(found), c(TRUE, FALSE))
})

test_that("kinds that are no results, and items that there aren't, are refused", {
  for (kind in c(3:11, 255)) expect_refused(forged(kind, stream_of(1)))
  expect_refused(forged(1, stream_of(1), item = 2))
  expect_refused(forged(1, stream_of(1), item = 2^40))
})

test_that("streams that lomp doesn't write are refused", {
  expect_refused(forged(1, serialize(1, NULL, ascii = TRUE)))
  expect_refused(forged(1, serialize(1, NULL, xdr = TRUE)))
  expect_refused(forged(1, serialize(1, NULL, xdr = FALSE, version = 2)))
  expect_refused(forged(1, raw()))
})

test_that("a file whose call isn't told as lomp tells it is refused", {
  with_header <- function(header, call = 1L, items = 2) {
    file <- tempfile()
    on.exit(unlink(file))
    handle <- lomp:::checkpoint_publish(lomp:::checkpoint_create(file, call, items, header))
    lomp:::checkpoint_close(handle, FALSE)
    tryCatch(lomp_read(file), lomp_argument_error = conditionMessage)
  }
  right <- list(names = NULL, elements = NULL, seed = c(10403L, 1:6), is_seeded = TRUE,
                value = NULL, lomp = "1.0.0", R = "4.2.2")
  other <- function(...) utils::modifyList(right, list(...))
  expect_length(with_header(right), 2)
  expect_type(with_header(right), "list")
  refusal <- "`file` is no checkpoint of lomp's"
  expect_identical(with_header(right, 4L), refusal)
  expect_identical(with_header(other(seed = 1:3)), refusal)
  expect_identical(with_header(other(seed = 1:7 + 0.5)), refusal)
  expect_identical(with_header(other(names = "a")), refusal)
  expect_identical(with_header(other(is_seeded = "yes")), refusal)
  expect_identical(with_header(other(lomp = 1)), refusal)
  other_lists <- list(list(1, 2), right["seed"], list(value = 1), other(value = list(type = "z")))
  for (header in other_lists) {
    expect_match(with_header(header), "`file` ")
  }
})

test_that("values that end too early are errors", {
  for (bytes in list(raw(), as.raw(14), as.raw(c(19, rep(255, 8))))) {
    file <- forged(0, bytes)
    expect_s3_class(caught(lomp_read(file)), "lomp_argument_error")
    unlink(file)
  }
  file <- forged(1, head(stream_of(1:10 + 0), -5))
  expect_s3_class(caught(lomp_read(file)), "lomp_argument_error")
  unlink(file)
})

test_that("a promise in a list is refused before anybody looks at it", {
  int <- function(x) writeBin(as.integer(x), raw())
  begin <- head(stream_of(NULL), -4)
  with_flag(function(flag) {
    code <- tail(stream_of(call("file.create", flag)), -length(begin))
    # Its type, with an environment; the global one; no value yet; the code.
    promise <- c(int(5 + 2^10), int(253), int(252), code)
    expect_refused(forged(1, c(begin, int(19), int(1), promise)))
    expect_refused(forged(1, c(begin, int(19), int(1), int(19), int(1), promise)))
    expect_false(file.exists(flag))
  })
})

test_that("elements of another size than the call's are refused", {
  of_two <- function(file) {
    caught(lomp_vapply(1:2, function(i) stop("no"), numeric(2), .workers = 0, .checkpoint = file))
  }
  for (size in c(0, 8, 15, 17, 24)) expect_refused(forged(9, raw(size), call = of_two))
  file <- forged(9, raw(16), call = of_two)
  on.exit(unlink(file))
  expect_identical(lomp_read(file)[[1]], c(0, 0))
})

test_that("large vectors are copies, which outlive the file", {
  file <- tempfile()
  on.exit(unlink(file))
  x <- lomp_map(1:2, function(i) list(i + numeric(50000), letters, i + numeric(60000)),
                .workers = 2, .checkpoint = file)
  found <- lomp_read(file)
  writeLines("other", file)
  expect_identical(found[1:2], x)
})
