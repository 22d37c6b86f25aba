# The calls of conditions, as far as they travel.

# ---- One call -----------------------------------------------------------------------------------

test_that("a call with small constants stays the object that it is", {
  small <- list(
    quote(f(x, y = 2, "text", TRUE, NULL, x[, 1], function(a, b = 1) a + b, \(z) z)),
    as.call(list(quote(f), 1:10, letters, list(1, "a"), factor("a"), Sys.Date(), globalenv(), sum)),
    as.call(list(quote(f), structure(1:4, dim = c(2L, 2L)), data.frame(a = 1:3))),
    as.call(c(quote(f), as.list(1:1000))),
    y ~ x, Reduce(function(code, k) call("f", code), 1:200, quote(x))
  )
  environment(small[[5]]) <- globalenv()
  for (call in small) expect_true(is_same_object(light_call(call), call))
  for (no_call in list(NULL, quote(x), numeric(1e5))) {
    expect_true(is_same_object(light_call(no_call), no_call))
  }
})

test_that("large constants are told by what they are", {
  place <- new.env()
  large <- list(
    "<matrix 1000x200>" = matrix(0, 1000, 200), "<array 100x2x3>" = array(0, c(100, 2, 3)),
    "<numeric 1000000>" = numeric(1e6), "<integer 1000000>" = 1:1e6, "<raw 2000>" = raw(2000),
    "<character 1000>" = as.character(1:1000), "<character 1>" = strrep("long", 1000),
    "<list 1000>" = as.list(1:1000), "<list 1>" = list(numeric(1000)),
    "<data.frame 1000x2>" = data.frame(a = 1:1000, b = 0), "<factor 1000>" = factor(1:1000),
    "<own>" = structure(list(numeric(1000)), class = c("own", "list")),
    "<environment>" = place, "<own>" = structure(list(), class = "own", place = place),
    "<list 1>" = list(place), "<list 1>" = list(function(x) place)
  )
  for (k in seq_along(large)) {
    call <- as.call(list(quote(f), quote(x), a = large[[k]], quote(g(y))))
    expected <- as.call(list(quote(f), quote(x), a = as.name(names(large)[[k]]), quote(g(y))))
    expect_identical(light_call(call), expected)
    nested <- as.call(list(quote(h), call, quote(x[, 1])))
    expect_identical(light_call(nested), as.call(list(quote(h), expected, quote(x[, 1]))))
  }
})

test_that("a class has no part in how it is told", {
  local_mocked_s3 <- function(generic) {
    registerS3method(generic, "lomp_hostile", function(x, ...) stop("asked"))
  }
  for (generic in c("length", "dim", "format", "as.character", "$", "[[")) local_mocked_s3(generic)
  hostile <- structure(list(numeric(1000)), class = "lomp_hostile")
  expect_identical(light_call(as.call(list(quote(f), hostile))), quote(f(`<lomp_hostile>`)))
})

test_that("a function without a home is told by its code, another one stays", {
  data <- numeric(1000)
  local_one <- function(x, y = 2, ...) x + y
  call <- light_call(as.call(list(local_one, 1)))
  code <- quote(function(x, y = 2, ...) x + y)[1:3]  # without its source
  expect_identical(call, as.call(list(code, 1)))
  expect_lt(length(serialize(call, NULL)), 1000)
  global <- local_one
  environment(global) <- globalenv()
  call <- as.call(list(global, data))
  expect_identical(light_call(call), as.call(list(global, quote(`<numeric 1000>`))))
  expect_identical(light_call(as.call(list(stats::sd, 1))), as.call(list(stats::sd, 1)))
  with_data <- eval(call("function", as.pairlist(list(x = quote(x))), call("+", quote(x), data)))
  code <- quote(function(x = x) x + `<numeric 1000>`)[1:3]
  expect_identical(light_call(as.call(list(with_data, 1))), as.call(list(code, 1)))
  formula <- y ~ x
  expect_identical(light_call(as.call(list(quote(lm), formula))), quote(lm(y ~ x)))
})

test_that("whatever the code is, what is left is bounded", {
  deep <- Reduce(function(code, k) call("f", code, numeric(200)), 1:3000, quote(x))
  calls <- list(
    as.call(c(quote(f), as.list(seq(0.5, by = 1, length.out = 1e5)))),
    as.call(c(quote(f), rep(list(numeric(100)), 1000))),
    as.call(c(quote(f), rep(list(quote(g(x, y, z))), 1e4))),
    deep, Reduce(function(code, k) call("f", code), 1:1e5, quote(x))
  )
  for (call in calls) {
    light <- light_call(call)
    expect_lt(length(serialize(light, NULL)), 4 * most_of_call)
    text <- paste(deparse(light), collapse = "")
    expect_true(grepl("[.][.][.]|<numeric 100>", text))
  }
  expect_identical(as.list(light_call(calls[[1]]))[1:3], list(quote(f), 0.5, 1.5))
})

# ---- A condition --------------------------------------------------------------------------------

test_that("of a condition only its calls are cut", {
  data <- matrix(0, 100, 100)
  call <- as.call(list(quote(f), data))
  make <- function(call, parent = NULL) {
    structure(class = c("mine", "error", "condition"), mark = data,
              list(message = "boom", call = call, data = data, code = call, parent = parent))
  }
  short <- quote(f(`<matrix 100x100>`))
  expected <- make(short, make(short))
  expected$code <- expected$parent$code <- call
  expect_identical(light_condition(make(call, make(call))), expected)
  plain <- make(quote(f(x)), make(NULL))
  expect_true(is_same_object(light_condition(plain), plain))
})

test_that("rlang's trace is cut, too", {
  skip_if_not_installed("rlang")
  fail <- function(x) rlang::abort("boom")
  cnd <- tryCatch(do.call(fail, list(numeric(1e5))), error = identity)
  light <- light_condition(cnd)
  expect_gt(length(serialize(cnd, NULL)), 8e5)
  # The calls below are those of whatever runs this test.
  expect_lt(length(serialize(light$trace$call, NULL)), 4e5)
  expect_identical(class(light), class(cnd))
  expect_identical(class(light$trace), class(cnd$trace))
  expect_no_error(utils::capture.output(print(light)))
})

# ---- On the way ---------------------------------------------------------------------------------

# Signals in all ways, in a call that holds the data.
in_large_call <- function(data) {
  warning("told")
  message("said")
  stop("boom")
}

test_that("conditions of items don't bring the data of their calls along", {
  data <- matrix(0, 1000, 200)
  for (workers in all_workers) {
    seen <- list()
    results <- withCallingHandlers(
      lomp_map(1:2, function(i) do.call("in_large_call", list(data)), .workers = workers,
               .on_error = "collect"),
      condition = function(cnd) {
        seen[[length(seen) + 1L]] <<- cnd
        for (name in c("muffleWarning", "muffleMessage")) tryInvokeRestart(name)
      }
    )
    seen <- Filter(function(cnd) inherits(cnd, c("simpleWarning", "simpleMessage")), seen)
    calls <- lapply(c(seen, lapply(results, function(cnd) cnd$parent)), conditionCall)
    expect_length(calls, 6)
    told <- calls[!vapply(calls, function(call) identical(call[[1]], quote(message)), NA)]
    expect_identical(told, rep(list(quote(in_large_call(`<matrix 1000x200>`))), 4))
    expect_match(conditionMessage(results[[1]]), "in in_large_call(`<matrix 1000x200>`)",
                 fixed = TRUE)
  }
})

test_that("an ordinary call is the one that lapply's condition has", {
  f <- function(i) as.integer(paste("x", i))
  expected <- lapply(warnings_of(lapply(1:2, f)), conditionCall)
  for (workers in all_workers) {
    got <- lapply(warnings_of(lomp_map(1:2, f, .workers = workers)), conditionCall)
    expect_identical(got, expected)
  }
})

test_that("many conditions with data in their calls take no memory for them here", {
  skip_without_proc()
  faults <- function() {
    as.numeric(strsplit(sub(".*\\) ", "", readLines("/proc/self/stat")), " ")[[1]][[8]])
  }
  data <- numeric(2e6)
  look <- function(x) warning("told")
  taken <- function(f) {
    before <- faults()
    suppressWarnings(lomp_map(1:10, f, .workers = 2))
    faults() - before
  }
  # The least of some calls, since R's collector comes into one or another.
  least <- function(f) min(replicate(3, taken(f)))
  taken(function(i) look(data))
  plain <- least(function(i) look(data))
  large <- least(function(i) do.call("look", list(data)))
  expect_lt(large, plain + 3000)  # pages of 4 KB, of which the data of one warning have 3906
})
