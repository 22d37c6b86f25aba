# lomp_map() is lapply(): the same items, the same calls, the same results.

# ---- Items --------------------------------------------------------------------------------------

test_that("items of atomic vectors are lapply's", {
  vectors <- list(
    logical = c(TRUE, NA, FALSE), integer = c(1L, NA, -3L), double = c(1.5, NA, NaN, -Inf, -0),
    complex = c(1i, NA, complex(real = NaN, imaginary = 2)), raw = as.raw(0:3),
    character = some_strings, sequence = 1:50, empty = character(), one = 7
  )
  for (label in names(vectors)) expect_like_lapply(vectors[[label]], identity, label = label)
})

test_that("an item may keep the index, or change it", {
  kept <- list()
  keep <- function(x) {
    kept[[x]] <<- parent.frame()$i
    if (x == 3) assign("i", 1L, parent.frame())
    list(x, parent.frame()$i, function() x)
  }
  for (workers in c(0, 1)) {
    results <- lomp_map(1:5, keep, .workers = workers)
    expect_identical(lapply(results, `[[`, 1), as.list(1:5))
    expect_identical(lapply(results, `[[`, 2), list(1L, 2L, 1L, 4L, 5L))
    expect_identical(lapply(results, function(r) r[[3]]()), as.list(1:5))
  }
  expect_identical(kept, as.list(1:5))
  indices <- lomp_map(1:5, function(x) parent.frame()$i, .workers = 0)
  expect_identical(indices, as.list(1:5))
})

test_that("names are kept, whatever they are", {
  named <- c(a = 1, b = NA)
  expect_like_lapply(named, identity)
  expect_like_lapply(named[0], identity, label = "a vector without elements, but with names,")
  expect_like_lapply(structure(list(), names = character()), identity)
  expect_like_lapply(stats::setNames(1:3, c("x", NA, "")), identity)
  expect_like_lapply(stats::setNames(1:3, c("same", "same", strrep("long", 1e4))), identity)
  expect_like_lapply(stats::setNames(seq_along(some_strings), some_strings), identity)
})

test_that("items of lists are lapply's", {
  expect_like_lapply(list(1, "a", NULL, sum, quote(x)), identity)
  expect_like_lapply(list(a = list(b = list(c = 1)), d = list()), identity)
  expect_like_lapply(list(), identity)
  expect_like_lapply(NULL, identity)
})

test_that("a list may have attributes", {
  expect_like_lapply(structure(list(a = 1, b = 2), note = "mine"), identity)
  expect_like_lapply(matrix(list(1, "b", NULL, 4), 2), identity)
  expect_like_lapply(structure(list(1, 2), class = "lomp_unknown"), identity)
  expect_like_lapply(I(list(1, 2)), identity)
  # Data frames get such attributes from na.omit(), and from packages that read files.
  expect_like_lapply(stats::na.omit(datasets::airquality), mean)
})

test_that("vectors with classes, dimensions and other attributes go as under lapply", {
  objects <- list(
    matrix = matrix(1:6, 2), array = array(1:3, 3, list(letters[1:3])), frame = datasets::iris,
    factor = factor(c(u = "x", v = "y", w = NA)), date = as.Date("2024-02-28") + 0:2,
    time = as.POSIXct("2024-01-01", tz = "UTC") + 0:2,
    calendar = as.POSIXlt("2024-01-01", tz = "UTC") + 0:2,
    difference = as.difftime(1:3, units = "mins"), series = stats::ts(1:4, start = 2000),
    table = table(c(1, 1, 2)), version = numeric_version(c("1.2", "3.4")), plain = noquote("a"),
    attribute = structure(c(a = 1, b = 2), note = "mine")
  )
  for (label in names(objects)) expect_like_lapply(objects[[label]], identity, label = label)
})

test_that("language goes as under lapply", {
  expect_like_lapply(expression(a, b + 1, "c"), identity)
  expect_like_lapply(quote(f(x, y = 2)), identity)
  expect_like_lapply(quote(x), identity)
  expect_like_lapply(pairlist(a = 1, b = "2"), identity)
  expect_like_lapply(y ~ x + z, class)
})

test_that("an environment goes by its objects", {
  expect_like_lapply(list2env(list(a = 1, b = "2", c = NULL)), identity)
})

# Its length and elements are its methods', as lapply has them; its names are those it really has.
registerS3method("length", "lomp_shout", function(x) 2L)
registerS3method("[[", "lomp_shout", function(x, i) toupper(unclass(x)[[i]]))
registerS3method("names", "lomp_shout", function(x) rep("wrong", 2))

test_that("methods of an object's class decide on its elements", {
  shout <- structure(list(a = "one", b = "two"), class = "lomp_shout")
  expect_identical(lapply(shout, identity), list(a = "ONE", b = "TWO"))
  expect_like_lapply(shout, identity)
})

registerS3method("as.list", "LompBox", function(x, ...) x@items)
registerS3method("as.list", "LompStore", function(x, ...) x$items)
registerS3method("as.list", "lomp_pairs", function(x, ...) pairlist(a = 1, b = 2))
registerS3method("as.list", "lomp_nothing", function(x, ...) NULL)

test_that("S4 and reference objects go by their S3 methods of as.list", {
  expect_like_lapply(new("LompBox", items = list(a = 1, b = "2")), identity)
  expect_like_lapply(lomp_store$new(items = list(a = 1, b = "2")), identity)
  expect_like_lapply(new("LompList", list(1, "2")), identity)
  expect_like_lapply(new("LompNamed", list(1, "2"), names = c("a", "b")), identity)
  expect_like_lapply(new("LompNumbers", c(1, 2)), identity)
  expect_like_lapply(structure(1, class = "lomp_pairs"), identity)
  expect_like_lapply(structure(1, class = "lomp_nothing"), identity)
})

test_that("an S4 method of as.list is used where the caller sees it", {
  suppressMessages(setMethod("as.list", "LompCrate", function(x, ...) x@items, globalenv()))
  on.exit(removeGeneric("as.list", globalenv()))
  call <- function(x, workers) lomp::lomp_map(x, identity, .workers = workers)
  environment(call) <- globalenv()
  items <- list(a = 1, b = "2")
  for (workers in all_workers) expect_same(call(new("LompCrate", items = items), workers), items)
})

# ---- The function -------------------------------------------------------------------------------

test_that("a function may be given in all ways that match.fun takes", {
  twice <- function(i) 2 * i
  by_argument <- function(f, workers) lomp_map(1:3, f, .workers = workers)
  for (workers in all_workers) {
    expected <- list(2, 4, 6)
    expect_same(lomp_map(1:3, twice, .workers = workers), expected)
    expect_same(lomp_map(1:3, "twice", .workers = workers), expected)
    expect_same(lomp_map(1:3, quote(twice), .workers = workers), expected)
    expect_same(by_argument("twice", workers), expected)
    expect_same(by_argument(twice, workers), expected)
    expect_same(lomp_map(1:3, `*`, 2, .workers = workers), expected)
    expect_same(lomp_map(1:3, "*", 2, .workers = workers), expected)
    expect_same(lomp_map(.f = twice, .x = 1:3, .workers = workers), expected)
    expect_same(do.call(lomp_map, list(1:3, twice, .workers = workers)), expected)
  }
})

test_that("the caller's function is meant where lomp has an object of this name too", {
  own_names <- function(workers) {
    FUN <- function(i) i + 1
    plan <- function(i) i + 2
    c(lomp_map(1, "FUN", .workers = workers), lomp_map(1, FUN, .workers = workers),
      lomp_map(1, "plan", .workers = workers))
  }
  for (workers in all_workers) expect_identical(own_names(workers), list(2, 2, 3))
})

test_that("primitives are called without a word, those without formals among them", {
  nested <- list(list(a = 1, b = 2), list(a = 3, b = 4))
  for (workers in all_workers) {
    expect_silent(second <- lomp_map(nested, "[[", "b", .workers = workers))
    expect_identical(second, list(2, 4))
    expect_silent(sums <- lomp_map(list(1:2, 3:4), sum, 10L, .workers = workers))
    expect_identical(sums, list(13L, 17L))
  }
})

test_that("closures bring the variables that they see", {
  make <- function(by) function(i) i * by
  for (workers in all_workers) {
    expect_identical(lomp_map(1:2, make(10), .workers = workers), list(10, 20))
    adders <- lomp_map(1:3, function(i) function(x) x + i, .workers = workers)
    expect_identical(vapply(adders, function(add) add(100L), 0L), 101:103)
  }
})

# ---- The dots -----------------------------------------------------------------------------------

test_that("further arguments go to the function, positional and named", {
  f <- function(image, factor, palette = "grey", ...) list(image, factor, palette, ...)
  expect_like_lapply(1:2, f, 3)
  expect_like_lapply(1:2, f, palette = "red", 3)
  expect_like_lapply(1:2, f, 3, "blue", 4, extra = NULL)
})

test_that("arguments of any name that doesn't begin with a dot are the function's", {
  f <- function(a, x, f, i, n, X, FUN, plan, ...) list(a, x, f, i, n, X, FUN, plan, ...)
  for (workers in all_workers) {
    expect_identical(
      lomp_map(1, f, x = 2, f = 3, i = 4, n = 5, X = 6, FUN = 7, plan = 8, workers = 9,
               .workers = workers),
      list(list(1, 2, 3, 4, 5, 6, 7, 8, workers = 9))
    )
  }
})

test_that("dotted arguments are the function's if it has them or they are far from lomp's", {
  f <- function(i, .worker, .by = 1, ...) list(i, .worker, .by, ...)
  for (workers in all_workers) {
    expect_identical(
      lomp_map(1, f, .worker = 2, .by = 3, .encoding = 4, .workers = workers),
      list(list(1, 2, 3, .encoding = 4))
    )
  }
})

test_that("a function may even have arguments of lomp's own names", {
  f <- function(x, .f = "default") .f
  for (workers in all_workers) expect_identical(lomp_map(1, f, .workers = workers), list("default"))
})

test_that("arguments may be left out", {
  f <- function(i, a, b, d = 5) {
    list(i, missing(a), if (!missing(b)) b, missing(d), nargs(), ...names = names(match.call()))
  }
  expected <- lapply(1:2, f, , 3)
  pass_on <- function(z, workers) lomp_map(1:2, function(i, y) missing(y), z, .workers = workers)
  for (workers in all_workers) {
    expect_same(lomp_map(1:2, f, , 3, .workers = workers), expected)
    expect_same(pass_on(workers = workers), lapply(1:2, function(i) TRUE))
    expect_same(pass_on(1, workers = workers), lapply(1:2, function(i) FALSE))
  }
})

test_that("an argument is evaluated once, in the calling process", {
  for (workers in all_workers) {
    times <- 0
    count <- function() {
      times <<- times + 1
      c(times, Sys.getpid())
    }
    got <- lomp_map(1:4, function(i, y) y, count(), .workers = workers)
    expect_identical(got, rep(list(c(1, Sys.getpid())), 4))
    expect_identical(times, 1)
  }
})

test_that("a failing argument is nobody's matter until it is used", {
  for (workers in all_workers) {
    unused <- lomp_map(1:3, function(i, y) i, stop("never seen"), .workers = workers)
    expect_identical(unused, list(1L, 2L, 3L))
    cnd <- caught(suppressWarnings(
      lomp_map(1:3, function(i, y) if (i == 2) y, stop("used"), .workers = workers)
    ))
    expect_s3_class(cnd, "lomp_error")
    expect_identical(cnd$item, 2)
    expect_identical(conditionMessage(cnd$parent), "used")
  }
})

test_that("an argument may leave the caller's function or loop, as under lapply", {
  leave <- function(workers) {
    lomp_map(1:2, function(i, y) y, return("left"), .workers = workers)
    "stayed"
  }
  loop <- function(workers) {
    seen <- integer()
    for (k in 1:3) {
      if (k == 2) lomp_map(1:2, function(i, y) y, next, .workers = workers)
      if (k == 3) lomp_map(1:2, function(i, y) y, break, .workers = workers)
      seen <- c(seen, k)
    }
    seen
  }
  for (workers in all_workers) {
    expect_no_leaks(expect_identical(leave(workers), "left"))
    expect_no_leaks(expect_identical(loop(workers), 1L))
  }
})

# ---- The call -----------------------------------------------------------------------------------

test_that("the function sees the call that it sees under lapply", {
  look <- function(x, y, ...) {
    list(substitute(x), substitute(y), sys.call(), match.call(), nargs(), missing(y),
         substitute(list(...)), ...length(), names(list(...)))
  }
  expected <- lapply(1:2, look, a + b, u = 3, 1 + 2)
  a <- b <- 1
  for (workers in all_workers) {
    expect_same(lomp_map(1:2, look, a + b, u = 3, 1 + 2, .workers = workers), expected)
  }
})

test_that("parent.frame(2) of the function is the caller", {
  caller <- function(workers) {
    mark <- "the caller's"
    lomp_map(1:2, function(i) get("mark", parent.frame(2)), .workers = workers)
  }
  for (workers in all_workers) {
    expect_identical(caller(workers), list("the caller's", "the caller's"))
  }
})

test_that("each item has an index of its own, which a lazy function may look up late", {
  lazy <- function(x) function() x
  for (workers in all_workers) {
    late <- lomp_map(c(5, 6, 7), lazy, .workers = workers)
    expect_identical(vapply(late, function(f) f(), 0), c(5, 6, 7))
  }
})
