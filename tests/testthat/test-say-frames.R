# The variables of an item's calls, for debugger().

with_frames <- function(code, ...) with_options(list(lomp.frames = TRUE, ...), code)

# The variables of each frame of an error, in lists.
variables <- function(cnd) lapply(unclass(cnd$frames), as.list, all.names = TRUE)

is_left_out <- function(x, what) inherits(x, "lomp_left_out") && grepl(what, x$what)

fail <- function(x, unused) {
  local <- letters
  stop("boom ", x)
}

# ---- On the way ---------------------------------------------------------------------------------

test_that("an error brings its frames along, in the form of dump.frames()", {
  f <- function(i) fail(i + 1, stop("is never evaluated"))
  for (workers in all_workers) {
    cnd <- with_frames(caught(lomp_map(1:2, f, .workers = workers)))
    expect_s3_class(cnd$frames, "dump.frames", exact = TRUE)
    expect_length(cnd$frames, length(cnd$calls))
    expect_match(names(cnd$frames)[[2]], "fail(i + 1, stop(", fixed = TRUE)
    expect_identical(attr(cnd$frames, "error.message"),
                     "Error in fail(i + 1, stop(\"is never evaluated\")) : boom 2\n")
    inner <- variables(cnd)[[2]]
    expect_setequal(names(inner), c("x", "unused", "local"))
    expect_identical(inner[c("x", "local")], list(x = 2, local = letters))
    expect_true(is_left_out(inner$unused, "^not evaluated: stop\\(\"is never"))
    expect_identical(variables(cnd)[[1]], list(i = 1L))
    expect_identical(cnd$results[[1]]$frames, cnd$frames)
  }
})

test_that("so do errors of the other calls, and of a call within an item its own", {
  for (workers in all_workers) {
    with_frames({
      one <- caught(lomp_vapply(1:2, function(i) fail(i), 0, .workers = workers))
      expect_equal(variables(one)[[2]]$x, one$item)
      it <- lomp_iterate(1:2, function(i) fail(i), .workers = workers)
      two <- caught(as.list(it))
      expect_identical(variables(two)[[2]]$local, letters)
      inner <- function(i) {
        outer <- "outer"
        lomp_map(7, function(j) fail(j), .workers = workers)
      }
      both <- caught(lomp_map(1, inner, .workers = workers))
      expect_identical(variables(both)[[1]]$outer, "outer")
      expect_identical(variables(both$parent)[[2]]$x, 7)
    })
  }
})

test_that("without the option nothing is collected or sent", {
  looked <- FALSE
  look <- function(...) looked <<- TRUE
  sent <- function(options) {
    size <- NULL
    describe <- describe_failure
    note <- function(...) {
      size <<- length(serialize(description <- describe(...), NULL))
      description
    }
    with_options(options, with_lomp("describe_failure", note, caught(
      lomp_map(1, function(i) fail(i), .workers = 0)
    )))
    size
  }
  with_lomp("copy_frames", look, {
    cnd <- caught(lomp_map(1, function(i) fail(i), .workers = 0))
    expect_false("frames" %in% names(cnd))
    expect_false("frames" %in% names(caught(lomp_map(1, function(i) fail(i), .workers = 1))))
  })
  expect_false(looked)
  without <- sent(list(lomp.frames = NULL))
  expect_identical(sent(list(lomp.frames = FALSE)), without)
  expect_gt(sent(list(lomp.frames = TRUE)), without + 200)
})

test_that("the options are checked before anything is begun", {
  wrong <- list(lomp.frames = "yes", lomp.frames_variable = -1, lomp.frames_bytes = "much")
  for (k in seq_along(wrong)) {
    with_frames(with_options(wrong[k], {
      expect_argument_error(lomp_map(1, identity), paste("option", names(wrong)[[k]]))
    }))
  }
})

test_that("an error whose frames can't be copied is told without them", {
  with_lomp("copy_frames", function(...) stop("no"), {
    for (workers in all_workers) {
      cnd <- with_frames(caught(lomp_map(1, function(i) fail(i), .workers = workers)))
      expect_length(cnd$calls, 3)
      expect_null(cnd$frames)
    }
  })
})

test_that("debugger() looks around in them", {
  skip_without_terminal()
  session <- terminal_r(values = list(fail = fail), code = {
    library(lomp)
    options(lomp.frames = TRUE)
    cnd <- tryCatch(lomp_map(1:2, function(i) fail(i), .workers = 2), error = identity)
  }, steps = c(
    type("debugger(cnd$frames)"), await("Selection: $"), type("2"), await("Browse.*> $"),
    type("paste0('x is ', x + 40L, toupper(local[[2]]))"), await("x is 4[12]B"), type("Q"),
    await("> $")
  ))
  expect_all_steps(session)
})

# ---- Bounds -------------------------------------------------------------------------------------

test_that("a variable of 1 GB doesn't travel, nor is it copied", {
  skip_without_proc()
  skip_if(free_megabytes() < 2500, "too little memory")
  large <- function(i) {
    big <- numeric(1.3e8)
    dim(big) <- c(1.3e4, 1e4)
    listed <- list(image = big, name = "a")
    stop("boom")
  }
  for (workers in c(0, 1)) {
    cnd <- NULL
    taken <- vector_bytes(cnd <- with_frames(caught(lomp_map(1, large, .workers = workers))))
    if (workers == 0) expect_lt(taken, 1.3e8 * 8 + 1e8)
    expect_lt(length(serialize(cnd$frames, NULL)), 1e4)
    frame <- variables(cnd)[[1]]
    expect_true(is_left_out(frame$big, "^left out: matrix 13000x10000, 1[.]0 GB$"))
    expect_true(is_left_out(frame$listed$image, "1.0 GB"))
    expect_identical(frame$listed$name, "a")
  }
})

test_that("what all errors of a process bring along is bounded, the innermost calls first", {
  f <- function(i) {
    outer <- numeric(1000)
    g <- function() {
      inner <- numeric(1000)
      stop("boom")
    }
    g()
  }
  limits <- list(lomp.frames_bytes = 12000, lomp.frames_variable = 1e5)
  for (workers in c(0, 1)) {
    results <- do.call(with_frames, c(list(quote(suppressWarnings(
      lomp_map(1:3, f, .workers = workers, .on_error = "collect")
    ))), limits))
    frames <- variables(results[[1]])
    expect_identical(frames[[2]]$inner, numeric(1000))
    expect_true(is_left_out(frames[[1]]$outer, "numeric 1000, 8.0 kB"))
    sizes <- vapply(results, function(cnd) length(serialize(cnd$frames, NULL)), 0L)
    expect_lt(sum(sizes), 30000)
  }
  one <- with_frames(caught(lomp_map(1, f, .workers = 1)), lomp.frames_variable = 100)
  expect_true(is_left_out(variables(one)[[2]]$inner, "numeric 1000"))
})

test_that("a frame that is an environment with a name isn't copied, and many variables are cut", {
  room <- new_room(1e6)
  for (named in list(globalenv(), baseenv(), asNamespace("stats"))) {
    expect_length(ls(copy_frame(named, 1e5, room), all.names = TRUE), 0)
  }
  many <- list2env(stats::setNames(as.list(1:5000), paste0("v", 1:5000)))
  expect_length(ls(copy_frame(many, 1e5, room)), most_variables)
})

# ---- Variables ----------------------------------------------------------------------------------

test_that("no promise is forced, and no active binding called", {
  ran <- character()
  frame <- new.env()
  delayedAssign("delayed", ran <<- c(ran, "promise"), assign.env = frame)
  delayedAssign("forced", 2 + 2, assign.env = frame)
  force(frame$forced)
  makeActiveBinding("active", function() ran <<- c(ran, "active"), frame)
  list2env(list(missing = formals(identity)$x), frame)
  frame$null <- NULL
  frame$value <- 1:3
  copy <- as.list(copy_frame(frame, 1e5, new_room(1e5)), all.names = TRUE)
  expect_identical(ran, character())
  expect_true(is_left_out(copy$delayed, "^not evaluated: ran <<- c\\(ran, \"promise\"\\)$"))
  expect_true(is_left_out(copy$active, "^an active binding$"))
  expect_true(is_left_out(copy$missing, "^a missing argument$"))
  expect_identical(copy[c("forced", "value")], list(forced = 4, value = 1:3))
  expect_true("null" %in% names(copy))
  expect_identical(held_value(frame, "value"), list(1:3))
  for (name in c("delayed", "active", "missing")) expect_null(held_value(frame, name))
})

test_that("arguments in dots and data in a promise's code are left out", {
  look <- function(...) copy_frame(environment(), 1e5, new_room(1e5))
  expect_length(ls(look(1, 2), all.names = TRUE), 0)
  lazy <- function(x) copy_frame(environment(), 1e5, new_room(1e5))$x
  expect_true(is_left_out(do.call(lazy, list(matrix(0, 100, 100))), "^(not evaluated|left out): "))
})

# ---- Values -------------------------------------------------------------------------------------

fitted <- function(x, bytes = 1e4) {
  room <- new_room(bytes)
  value <- fit(x, room, 0L)
  expect_gte(room$left, -200)
  value
}

test_that("small values stay the objects that they are", {
  for (x in list(1:10, letters, list(a = 1, b = list("x")), datasets::women, quote(f(x)), NULL,
                 globalenv(), sum, factor("a"))) {
    expect_true(is_same_object(fitted(x), x))
  }
})

test_that("of a function its code stays, without its environment and source", {
  data <- numeric(1e5)
  f <- function(x = 1) x + length(data)
  got <- fitted(f)
  expect_identical(body(got), quote(x + length(data)))
  expect_identical(formals(got), formals(f))
  expect_identical(environment(got), globalenv())
  expect_lt(length(serialize(got, NULL)), 1000)
  expect_identical(environment(fitted(stats::sd)), asNamespace("stats"))
  long <- eval(call("function", NULL, as.call(c(quote(`{`), as.list(seq(0.5, 5000))))))
  expect_true(is_left_out(fitted(long), "^left out: function$"))
})

test_that("environments are copied, those in them are not", {
  outer <- new.env()
  outer$data <- 1:3
  outer$large <- numeric(1e5)
  outer$self <- outer
  outer$method <- function() outer
  class(outer) <- "thing"
  got <- fitted(outer)
  expect_s3_class(got, "thing", exact = TRUE)
  expect_identical(got$data, 1:3)
  expect_true(is_left_out(got$large, "^left out: numeric 100000, 800 kB$"))
  expect_true(is_left_out(got$self, "^left out: thing$"))
  expect_identical(environment(got$method), globalenv())
  expect_true(is_left_out(fitted(list(1, outer))[[2]], "thing"))
  expect_s3_class(outer, "thing")
  expect_identical(outer$self, outer)
})

test_that("of lists and tables the parts that fit are there", {
  got <- fitted(list(a = 1:3, b = numeric(1e5), c = list(d = "x", e = new.env())))
  expect_identical(got[["a"]], 1:3)
  expect_true(is_left_out(got[["b"]], "numeric 100000"))
  expect_identical(got[["c"]][["d"]], "x")
  expect_true(is_left_out(got[["c"]][["e"]], "environment"))
  table <- fitted(data.frame(x = as.numeric(1:1e5), y = 1))
  expect_type(table, "list")
  expect_null(attr(table, "class"))
  expect_true(is_left_out(fitted(as.list(1:1e4)), "^left out: list 10000$"))
  deep <- Reduce(function(inner, k) list(inner, numeric(1e4)), 1:1e4, NULL)
  expect_lt(length(serialize(fitted(deep), NULL)), 1e4)
  deeper <- Reduce(function(inner, k) list(inner), 1:1e5, NULL)
  expect_lt(length(serialize(fitted(deeper, 1e7), NULL)), 1e4)
})

test_that("an attribute that doesn't fit is dropped", {
  x <- structure(1:3, names = c("a", "b", "c"), place = new.env())
  expect_identical(fitted(x), c(a = 1L, b = 2L, c = 3L))
  formula <- local({
    data <- numeric(1e5)
    y ~ x
  })
  expect_identical(environment(fitted(formula)), globalenv())
  expect_identical(deparse(fitted(formula)), "y ~ x")
  wide <- factor(1, levels = 1:1e5)
  expect_identical(as.integer(unclass(fitted(wide))), 1L)
})

test_that("what can't be looked into is told by its class", {
  expect_true(is_left_out(fitted(methods::new("LompBox", items = list(new.env()))), "LompBox"))
  pointer <- methods::getClass("externalptr")@prototype
  expect_true(is_left_out(fitted(pointer), "^left out: externalptr$"))
  expect_true(is_left_out(fitted(strrep("x", 1e5)), "^left out: character 1$"))
})
