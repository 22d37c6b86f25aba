skip_on_cran()

lomp_fun <- function(name) getFromNamespace(name, "lomp")

# As many as it takes for the function to be looked at.
many <- seq_len(lomp_fun("many_items"))

test_that("functions that ask for their first argument first of all are known", {
  outside <- 2
  ask <- list(
    identity, function(i) i, function(i) (i), function(i) i + 1, function(i) c(1, i),
    function(i) outside * i, function(i, y = stop()) -i, function(x, ...) x[[1]]$a,
    function(i) if (i > 3) "large" else "small", function(i) for (k in i) k,
    function(i) {
      a <- c(i, outside)
      function() a
    },
    function(i) return(!i), function(i) i && outside, function(i) while (i) break,
    function(i) x <- y <- list(1, 2, i)
  )
  for (f in ask) expect_true(lomp_fun("asks_first")(f), label = deparse1(f))
})

test_that("nothing else is taken for such a function", {
  c <- function(...) function() list(...)
  `if` <- base::quote
  later <- list(
    function(i) 1, function(i) NULL, function(...) ..1, function() i, sum, `[[`, mean,
    function(i) function() i, function(i) quote(i), function(i) mean(i), function(i) ~ i,
    function(i) c(i, 1), function(i) if (i) 1, function(i) missing(i), function(i) base::sum(i),
    function(i) (function(x) x)(i), function(i, y = g()) sum(y, i), function(i, sum) sum(i),
    function(i) list(function() i, i), function(i) many[[i]], function(i) sum(, i),
    function(i, ...) sum(..., i), function(i) substitute(i), function(i) {
    }, function(i) return(), function(i) on.exit(i), function(x, i) i, function(i) `[[`(),
    function(i) delayedAssign("x", i)
  )
  for (f in later) expect_false(lomp_fun("asks_first")(f), label = deparse1(f))
})

test_that("byte code is taken for many items of a plain vector and such a function alone", {
  chosen <- function(.x, .f, ...) {
    frame <- (function(X, FUN, ...) environment())(.x, .f, ...)
    lomp_fun("item_call_of")(list(n = as.numeric(length(.x))), frame)
  }
  code <- lomp_fun("item_code")
  expect_identical(typeof(code), "bytecode")
  call <- quote(FUN(X[[i]], ...))
  expect_identical(chosen(many, identity), code)
  expect_identical(chosen(many[-1], identity), call)
  expect_identical(chosen(many, function(x) function() x), call)
  expect_identical(chosen(many, identity, 1), call)
  expect_identical(chosen(structure(as.list(many), class = "own"), identity), call)
})

test_that("the function sees what it sees under lapply, whatever it does with its argument", {
  # The first function is one that asks at once, the second one isn't.
  look <- function(x, y, ...) {
    x
    list(substitute(x), substitute(y), sys.call(), match.call(), nargs(), missing(x), missing(y),
         ...length(), parent.frame()$i[], length(parent.frame()$X))
  }
  late <- look
  body(late)[[2]] <- NULL
  keep <- function(x) {
    if (x %% 2 == 0) return(function() x)
    force(x)
  }
  values <- function(results) lapply(results, function(r) if (is.function(r)) r() else r)
  for (f in list(look, late, keep, function(x) function() x)) {
    expected <- values(lapply(many, f))
    for (workers in c(0, 2)) {
      expect_same(values(lomp_map(many, f, .workers = workers)), expected)
      expect_same(values(as.list(lomp_iterate(many, f, .workers = workers, .ordered = TRUE))),
                  expected)
    }
  }
})

test_that("what is kept of an item is the item's own", {
  before <- NULL
  follow <- function(x) {
    last <- if (x > 1) before$x
    before <<- environment()
    last
  }
  tell <- function(x) {
    last <- if (x > 1) before()
    before <<- function() x
    last
  }
  later <- function(x) {
    keep <- function() x
    last <- if (is.function(before)) before()
    before <<- keep
    last
  }
  for (f in list(follow, tell, later)) {
    before <- NULL
    expected <- lapply(many, f)
    before <- NULL
    expect_identical(lomp_map(many, f, .workers = 0), expected)
  }
})

test_that("failures and warnings have the same calls", {
  fail <- function(i) if (i == 700) i + "a" else if (i == 800) warning("eight") else i
  for (workers in c(0, 2)) {
    said <- NULL
    all <- suppressWarnings(withCallingHandlers(
      lomp_map(many, fail, .workers = workers, .on_error = "collect"),
      warning = function(w) if (!inherits(w, "lomp_failed")) said <<- w
    ))
    expect_identical(conditionCall(all[[700]]$parent), quote(i + "a"))
    expect_identical(all[[700]]$calls, "FUN(X[[i]], ...)")
    expect_identical(conditionCall(said), quote(FUN(X[[i]], ...)))
    expect_identical(all[-c(700, 800)], as.list(many)[-c(700, 800)])
  }
})

test_that("lists, names, NULL and missing values come to such a function as they are", {
  items <- rep_len(list(1L, NULL, NA, "a", list(2), mean, quote(x), c(b = 3)), length(many))
  names(items) <- rep(c("u", "", "v"), length.out = length(many))
  for (x in list(items, as.numeric(many), letters[1 + many %% 26], many > 3, as.factor(many))) {
    expected <- lapply(x, function(i) list(i))
    for (workers in c(0, 2)) {
      expect_identical(lomp_map(x, function(i) list(i), .workers = workers), expected)
    }
  }
})
