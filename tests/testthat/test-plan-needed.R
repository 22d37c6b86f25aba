# What a call's function needs in another process is sent with it, and little else.

# These take too long for each of CRAN's machines.
skip_on_cran()

# Evaluates code in the global environment, and has what it assigns removed at the test's end.
at_top <- function(code, env = parent.frame()) {
  before <- ls(globalenv(), all.names = TRUE)
  withr::defer({
    new <- setdiff(ls(globalenv(), all.names = TRUE), before)
    rm(list = new, envir = globalenv())
  }, envir = env)
  eval(substitute(code), globalenv())
}

# The value of f(x, ...) in another R.
elsewhere <- function(f, x, dots = list()) {
  sent <- constants_of(needed_of(f, dots))
  on.exit(drop_constants(sent))
  run <- run_r({
    sent <- lomp:::received_constants(sent_path)
    for (package in sent$packages) library(package, character.only = TRUE)
    value <- do.call(sent$f, c(list(sent_x), sent$dots))
    saveRDS(value, Sys.getenv("LOMP_TEST_VALUE"))
  }, values = list(sent_path = sent$path, sent_x = x))
  expect_identical(run$status, 0L, info = told(run))
  run$value
}

attached <- function(package, env = parent.frame()) {
  name <- paste0("package:", package)
  if (name %in% search()) return()
  library(package, character.only = TRUE)
  withr::defer(detach(name, character.only = TRUE), envir = env)
}

# Evaluates code without its source references, which hold the whole file of these tests.
unsourced <- function(code, env = parent.frame()) {
  eval(parse(text = deparse(substitute(code)), keep.source = FALSE), env)
}

bytes_of <- function(object) length(serialize(object, NULL))

# As it comes out of the other end, in this process.
sent <- function(f, dots = list()) unserialize(serialize(needed_of(f, dots), NULL))

hash_of <- function(f, dots = list()) {
  constants <- constants_of(needed_of(f, dots))
  drop_constants(constants)
  constants$hash
}

test_that("variables and functions of the global environment are found elsewhere", {
  f <- at_top({
    needed_offset <- 10
    needed_add <- function(x) x + needed_offset
    needed_twice <- function(x) 2 * needed_add(x)
    function(x, by = needed_offset) sapply(needed_twice(x) + by, "needed_add")
  })
  expect_identical(elsewhere(f, 1), f(1))
})

test_that("functions that call each other are found elsewhere", {
  f <- at_top({
    needed_even <- function(n) if (n == 0) TRUE else needed_odd(n - 1)
    needed_odd <- function(n) if (n == 0) FALSE else needed_even(n - 1)
    needed_even
  })
  expect_true(elsewhere(f, 10))
})

test_that("a function that finds itself goes with its environment", {
  make <- function() {
    self <- environment()
    f <- function(n) if (n == 0) identical(self, environment(f)) else f(n - 1)
    f
  }
  expect_true(sent(make())$f(3))
})

test_that("functions of packages go as they are", {
  needed <- sent(stats::sd)
  expect_identical(needed$f, stats::sd)
  expect_identical(environment(needed$f), asNamespace("stats"))
  expect_identical(sent(sum)$f, sum)
  expect_lt(bytes_of(needed_of(tools::toTitleCase, list())), 1e5)
})

test_that("what a package's function has made keeps its package", {
  line <- stats::approxfun(1:3, c(2, 4, 6))
  expect_identical(elsewhere(function(x) line(x), 1.5), 3)
  made <- environment(sent(line)$f)
  expect_identical(parent.env(made), asNamespace("stats"))
})

test_that("packages that names are found in are told of, in their order", {
  at_top({
    needed_a <- function(x) file_ext(x)
    needed_b <- function(x) mclapply(x, needed_a)
  })
  attached("tools")
  attached("parallel")
  expect_identical(needed_of(needed_b, list())$packages,
                   rev(intersect(sub("package:", "", search()), c("tools", "parallel"))))
  expect_identical(needed_of(function(x) stats::sd(x) + median(x), list())$packages, character())
  expect_identical(elsewhere(needed_a, "a.txt"), "txt")
})

test_that("what was attached and isn't a package goes like a global variable", {
  attach(list(needed_attached = 5), name = "needed_things")
  withr::defer(detach("needed_things"))
  f <- at_top(function(x) x + needed_attached)
  expect_identical(elsewhere(f, 1), 6)
})

test_that("what isn't used stays here, however large", {
  make <- unsourced(function() {
    large <- numeric(1e5)
    unused <- numeric(1e5)
    small <- 1
    list(function(x) x + small, function(x) {
      large <- x
      length(large)
    })
  })
  made <- make()
  for (f in made) expect_lt(bytes_of(needed_of(f, list())), 1e4)
  expect_lt(bytes_of(needed_of(made[[1]], list(other = made[[2]], more = list(made)))), 3e4)
  expect_gt(bytes_of(made[[1]]), 1e6)
})

test_that("functions that share an environment share it elsewhere", {
  make <- function() {
    count <- 0
    list(add = function() count <<- count + 1, get = function() count)
  }
  counter <- make()
  f <- function(x, get) {
    counter$add()
    counter$add()
    c(counter$get(), get())
  }
  expect_identical(elsewhere(f, 1, list(get = counter$get)), c(2, 2))
  expect_identical(counter$get(), 0)
})

test_that("formulas bring along what they name", {
  make <- function() {
    large <- numeric(1e5)
    power <- 2
    y ~ I(x^power)
  }
  formula <- make()
  f <- unsourced(function(x) unname(round(stats::coef(stats::lm(formula, x)), 3)))
  data <- data.frame(x = 1:4, y = c(2, 5, 10, 17))
  expect_lt(bytes_of(needed_of(f, list())), 2e4)
  expect_identical(elsewhere(f, data), c(1, 1))
  model <- stats::lm(make(), data)
  tell <- unsourced(function(x) unname(stats::predict(model, x)))
  expect_lt(bytes_of(needed_of(tell, list())), 3e4)
  expect_equal(elsewhere(tell, data), c(2, 5, 10, 17))
})

test_that("dots of a function around it are there, without their callers' variables", {
  make <- unsourced(function(...) function(x) list(x, ..., ...length(), ..2))
  caller <- unsourced(function() {
    large <- numeric(1e5)
    small <- 3
    make(small + 1, b = small, c = function() small)
  })
  f <- caller()
  expect_lt(bytes_of(needed_of(f, list())), 1e4)
  there <- elsewhere(f, 1)
  expect_identical(there[c(1, 2, 3, 5, 6)], list(1, 4, b = 3, 3L, 3)) # nolint
  expect_identical(there$c(), 3)
})

test_that("dots without arguments, and frames as data, go like others", {
  make <- function(...) {
    frame <- environment()
    function(x) list(x, ..., ...length(), identical(frame, environment(sys.function())))
  }
  expect_identical(elsewhere(make(), 1), list(1, 0L, TRUE))
  expect_identical(elsewhere(make(2), 1), list(1, 2, 1L, TRUE))
})

test_that("promises are forced, and those that fail are left out", {
  make <- function(a, b) function(x) if (x > 1) b else a
  f <- make(1 + 1, stop("never"))
  expect_identical(elsewhere(f, 1), 2)
  expect_silent(there <- sent(f))
  expect_error(there$f(2), "not found")
  missing <- (function(a) function(x) a)()
  expect_error(sent(missing)$f(1), "not found")
})

test_that("active bindings that are used have their values", {
  env <- new.env()
  makeActiveBinding("now", function() 7, env)
  f <- local(function(x) x + now, env)
  expect_identical(elsewhere(f, 1), 8)
})

test_that("names that are nowhere fail there as here", {
  f <- at_top(function(x) needed_nowhere + 1)
  expect_error(sent(f)$f(1), "object 'needed_nowhere' not found")
})

test_that("a variable in between hides no function", {
  f <- at_top({
    needed_area <- function(x) x^2
    local({
      needed_area <- 3
      function(x) needed_area(x) + needed_area
    })
  })
  expect_identical(elsewhere(f, 2), 7)
})

test_that("an environment that is data goes with all that is in it", {
  store <- new.env()
  store$a <- 1
  store$self <- store
  store$f <- function() store$a
  lockBinding("a", store)
  lockEnvironment(store)
  f <- function(x) {
    list(ls(store), identical(store$self, store), store$f(), environmentIsLocked(store),
         bindingIsLocked("a", store))
  }
  expect_identical(elsewhere(f, 1), list(c("a", "f", "self"), TRUE, 1, TRUE, TRUE))
})

test_that("objects and classes of R6 work, with the global functions that they use", {
  skip_if_not_installed("R6")
  at_top({
    needed_half <- function(x) x / 2
    NeededBase <- R6::R6Class("NeededBase", public = list( # nolint
      value = 4, get = function() needed_half(self$value)
    ))
    NeededSon <- R6::R6Class("NeededSon", inherit = NeededBase, public = list( # nolint
      add = function() {
        self$value <- self$value + 2
        invisible(self)
      }
    ), active = list(double = function() self$value * 2))
    needed_object <- NeededSon$new()
    needed_f <- function(x) {
      other <- NeededSon$new()
      c(needed_object$add()$get(), needed_object$double, other$get(), other$add()$double)
    }
  })
  expect_identical(elsewhere(needed_f, 1), c(3, 12, 2, 12))
  expect_identical(needed_object$value, 4)
})

test_that("S3 methods of functions that are called go along", {
  f <- at_top({
    needed_tell <- function(x) UseMethod("needed_tell")
    needed_tell.default <- function(x) "any"
    needed_tell.thing <- function(x) "thing"
    length.thing <- function(x) 99L
    Ops.thing <- function(e1, e2) "ops"
    function(x) c(needed_tell(1), needed_tell(x), length(x), x + x)
  })
  expect_identical(elsewhere(f, structure(1, class = "thing")), c("any", "thing", "99", "ops"))
})

test_that("S4's generic functions and values of its classes go as they are", {
  expect_s4_class(sent(methods::show)$f, "standardGeneric")
  object <- methods::new("numeric")
  expect_identical(sent(function(x) object)$f(1), object)
})

test_that("nothing of the caller's is changed", {
  make <- function(a) {
    b <- list(function(x) x, y ~ a)
    function(x) list(a, b, x)
  }
  f <- make(1)
  before <- list(environment(f), as.list(environment(f)), environment(environment(f)$b[[1]]))
  needed <- needed_of(f, list(f))
  environment(needed$f)$a <- 2
  after <- list(environment(f), as.list(environment(f)), environment(environment(f)$b[[1]]))
  expect_identical(after, before)
  expect_identical(f(1)[[1]], 1)
  expect_identical(ls(environment(f)), c("a", "b"))
})

test_that("source and attributes of functions are kept", {
  f <- eval(parse(text = "function(x) {\n  x # here\n}", keep.source = TRUE)[[1]])
  attr(f, "note") <- "kept"
  class(f) <- "decorated"
  there <- sent(f)$f
  expect_identical(as.character(attr(there, "srcref")), as.character(attr(f, "srcref")))
  expect_identical(attr(there, "note"), "kept")
  expect_s3_class(there, "decorated")
})

test_that("functions with odd bodies go, too", {
  expect_null(sent(function(x) NULL)$f(1))
  expect_identical(sent(as.function(list(NULL, 5)[2]))$f(), 5)
  expect_identical(sent(function(x) x)$f(3), 3)
})

test_that("the hash is the same after functions were called and compiled", {
  f <- at_top({
    needed_inner <- function(x) {
      for (k in 1:3) x <- x + k
      x
    }
    function(x, g) needed_inner(x) + g(x)
  })
  g <- function(x) x + 1
  first <- hash_of(f, list(g = g))
  for (k in 1:5) f(k, g)
  expect_identical(hash_of(f, list(g = g)), first)
  expect_identical(hash_of(compiler::cmpfun(f), list(g = g)), first)
  g <- function(x) x + 2
  expect_false(hash_of(f, list(g = g)) == first)
})

test_that("the hash is that of values, in whatever order they were assigned", {
  make <- function(reverse) {
    env <- new.env(hash = !reverse)
    for (name in if (reverse) letters[26:1] else letters) assign(name, 1, env)
    local(function(x) a + z + b, env)
  }
  expect_identical(hash_of(make(FALSE)), hash_of(make(TRUE)))
})

test_that("tables are the same where R has none by identity", {
  table <- new_searched_table()
  one <- new.env()
  table$set(one, 1)
  table$set(new.env(), 2)
  expect_identical(table$get(one), 1)
  expect_null(table$get(new.env()))
})

test_that("long chains of objects take no deep recursion", {
  chain <- NULL
  for (k in 1:3000) {
    link <- new.env(parent = emptyenv())
    link$previous <- chain
    chain <- link
  }
  f <- function(x) {
    n <- 0
    while (!is.null(chain)) {
      chain <- chain$previous
      n <- n + 1
    }
    n
  }
  expect_identical(needed_of(f, list())$f(1), 3000)
})
