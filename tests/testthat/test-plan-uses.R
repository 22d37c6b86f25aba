# The names that code uses, found without running it.

names_in <- function(f) sort(uses_of(f)$names)

calls_in <- function(f) setdiff(uses_of(f)$functions, "{")

test_that("arguments and what is assigned before aren't used from elsewhere", {
  expect_identical(names_in(function(x, n = N) {
    y <- x
    y + n + Z
  }), c("N", "Z"))
})

test_that("what is used before it is assigned comes from elsewhere", {
  expect_identical(names_in(function(x) {
    count <- count + x
    total[[x]] <- count
    total
  }), c("count", "total"))
})

test_that("what only one branch assigns may be another's", {
  expect_identical(names_in(function(x) {
    if (x > 1) limit <- 2
    if (x > 2) both <- 1 else both <- 2
    if (x > 3) rest <- 1 else stop("none")
    if (x > 4) return(1) else last <- 3
    limit + both + rest + last
  }), "limit")
})

test_that("what arguments assign is there afterwards, and what may not be evaluated isn't", {
  expect_identical(names_in(function(x) {
    for (k in x) image <- k
    while ((rest <- x) > 5) below <- x
    x > 1 && (both <- 2)
    switch(text <- x, a = {
      one <- 2
      one
    }, b = one)
    suppressWarnings(data <- log(x))
    image + data + k + rest + below + both + text
  }), c("below", "both", "image", "one"))
})

test_that("functions that are assigned know what is assigned later", {
  f <- function(x) {
    step <- function(n) if (n > 0) step(n - 1) + later
    later <- 1
    step(x)
  }
  expect_identical(names_in(f), character())
  expect_false("step" %in% calls_in(f))
})

test_that("functions that are called at once don't", {
  expect_identical(names_in(function(x) {
    parts <- lapply(x, function(k) k + total)
    total <- sum(parts)
  }), "total")
})

test_that("<<- assigns to what is around the function", {
  expect_identical(names_in(function(x) {
    found <- 0
    lapply(x, function(k) found <<- k)
    other <- 1
    other <<- 2
  }), "other")
})

test_that("elements, namespaces and left out arguments are no names", {
  f <- function(x) stats::sd(x$part, x@slot, x[, 1], x$`other`)
  expect_identical(names_in(f), character())
  expect_identical(calls_in(f), c("$", "@", "[", "::")[c(4, 1, 2, 3)])
})

test_that("functions that assign to parts are used", {
  expect_true(all(c("names<-", "[<-") %in% calls_in(function(x) names(x)[2] <- "b")))
})

test_that("dots are found, whatever asks for them", {
  expect_identical(names_in(function(x) f(...)), "...")
  expect_identical(names_in(function(x) ..2), "...")
  expect_identical(names_in(function(x) ...length()), "...")
  expect_identical(names_in(function(x, ...) f(...)), character())
})

test_that("texts may be names", {
  uses <- uses_of(function(x) {
    get("variable")
    do.call("called", list())
    sapply(x, "applied")
    UseMethod("generic")
  })
  expect_true("variable" %in% uses$names)
  expect_true(all(c("called", "generic") %in% uses$functions))
  expect_true("applied" %in% uses$texts)
})

test_that("quoted code and formulas count, and assign nothing", {
  expect_identical(names_in(function(x) {
    quote(a <- b)
    y ~ z
    local(own <- 1)
    a + own
  }), c("a", "b", "own", "y", "z"))
})
