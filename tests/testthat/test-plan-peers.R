# Names that arguments have elsewhere.

# These take too long for each of CRAN's machines.
skip_on_cran()

plain <- function(i) i
dots <- function(i, ...) list(i, ...)

call_with <- function(name, f, lomp = lomp_map) {
  do.call(lomp, c(list(1:3, f, .workers = 0), structure(list(2), names = name)))
}

all_names <- function() c(peers_arguments, ambiguous_arguments)

test_that("each name that is known means an argument of lomp's, or is followed by a text", {
  own <- unlist(lapply(list(lomp_map, lomp_vapply, lomp_iterate), function(f) names(formals(f))))
  expect_false(anyDuplicated(names(all_names())) > 0)
  for (meant in unique(c(all_names(), other_names))) {
    if (startsWith(meant, ".")) {
      expect_true(meant %in% own, label = meant)
    } else {
      expect_match(meant, "^(is not needed|has no counterpart): ")
    }
  }
  expect_true(all(other_names %in% c(".x", ".f", ".value")))
})

test_that("where the function can't take it, the call is refused before anything is begun", {
  for (lomp in list(lomp_map, lomp_iterate)) {
    for (name in setdiff(names(all_names()), names(formals(lomp)))) {
      cnd <- expect_argument_error(call_with(name, plain, lomp), name)
      meant <- all_names()[[name]]
      expect_match(conditionMessage(cnd), meant, fixed = TRUE)
    }
  }
})

test_that("lomp_vapply() knows them, too, and vapply's own names", {
  for (name in setdiff(names(all_names()), names(formals(lomp_vapply)))) {
    cnd <- expect_argument_error(
      do.call(lomp_vapply, c(list(1:3, plain, 0, .workers = 0), structure(list(2), names = name))),
      name
    )
    expect_match(conditionMessage(cnd), all_names()[[name]], fixed = TRUE)
    expect_match(conditionMessage(cnd), "lomp_vapply()", fixed = TRUE)
  }
  expect_argument_error(lomp_vapply(1:3, plain, 0, .workes = 2), ".workes")
  expect_argument_error(lomp_vapply(1:3, plain, 0, .use_name = FALSE), ".use_name")
})

test_that("an argument that only the other function has is told of as its own", {
  cnd <- expect_argument_error(lomp_map(1:3, plain, .ordered = TRUE), ".ordered")
  expect_match(conditionMessage(cnd), "`.ordered` of lomp_iterate()?", fixed = TRUE)
  cnd <- expect_argument_error(lomp_iterate(1:3, plain, .use_names = TRUE), ".use_names")
  expect_match(conditionMessage(cnd), "`.use_names` of lomp_vapply()?", fixed = TRUE)
})

test_that("where the function has dots alone, one warning tells it and the argument is passed on", {
  for (name in names(peers_arguments)) {
    # Such a name is taken for a misspelt one of lomp's.
    if (startsWith(name, ".") && !is.null(nearest_argument(name, lomp_map))) next
    warnings <- warnings_of(result <- call_with(name, dots))
    expect_length(warnings, 1)
    expect_s3_class(warnings[[1]], c("lomp_argument_passed_on", "warning", "condition"),
                    exact = TRUE)
    expect_identical(warnings[[1]]$argument, name)
    expect_null(conditionCall(warnings[[1]]))
    expect_identical(result, lapply(1:3, function(i) structure(list(i, 2), names = c("", name))))
  }
})

test_that("a warning that is an error comes before anything is begun", {
  begun <- function(...) stop("work was begun")
  with_options(list(warn = 2), with_lomp("call_open", begun, {
    expect_error(lomp_map(1:3, dots, mc.cores = 2), "mc.cores", fixed = TRUE)
  }))
})

test_that("an iterator's argument is told of at its call", {
  warnings <- warnings_of(it <- lomp_iterate(1:3, dots, mc.cores = 2, .workers = 0))
  expect_identical(class(warnings[[1]])[[1]], "lomp_argument_passed_on")
  expect_silent(expect_identical(it(), list(1L, mc.cores = 2)))
})

test_that("nothing is said of an argument that the function has", {
  for (name in names(all_names())) {
    for (f in list(plain, dots)) {
      formals(f) <- c(formals(f), structure(list(1), names = name))
      expect_silent(check_dots(f, name))
    }
  }
  expect_silent(result <- lomp_map(1:3, function(i, cores) cores, cores = 2, .workers = 0))
  expect_identical(result, list(2, 2, 2))
  expect_silent(lomp_map(1:3, parallel::mclapply, identity, mc.cores = 1, .workers = 0))
})

test_that("a beginning of an argument's name is that argument, as R has it", {
  expect_silent(result <- lomp_map(1:3, function(i, progress_of) progress_of, progress = 2))
  expect_identical(result, list(2, 2, 2))
  behind <- function(i, ..., progress_of = 1) progress_of
  expect_warning(lomp_map(1:3, behind, progress = 2), class = "lomp_argument_passed_on")
  two <- function(i, cores_a, cores_b) i
  expect_argument_error(lomp_map(1:3, two, cores = 2), "cores")
})

test_that("names that many functions have are left to the dots", {
  for (name in setdiff(names(ambiguous_arguments), ".id")) {
    expect_silent(check_dots(dots, name))
  }
  expect_silent(lomp_map(list(1:2), function(x, ...) sapply(x, ...), identity, simplify = FALSE))
})

test_that("what a primitive takes is known as far as R knows it", {
  expect_warning(result <- lomp_map(1:3, sum, mc.cores = 4), class = "lomp_argument_passed_on")
  expect_identical(result, lapply(1:3, sum, 4))
  expect_warning(lomp_map(list(1:3), `[[`, cores = 2), class = "lomp_argument_passed_on")
  expect_argument_error(lomp_map(1:3, sqrt, mc.cores = 2), "mc.cores")
})

test_that("names that come through the dots of another function are looked at", {
  wrapper <- function(x, ...) lomp_map(x, plain, ...)
  expect_argument_error(wrapper(1:3, mc.cores = 2), "mc.cores")
})

test_that("messages about peers' names read well", {
  expect_messages(
    caught(lomp_map(1:3, plain, mc.cores = 4)),
    caught(lomp_iterate(1:3, plain, timeout = 4)),
    caught(lomp_map(1:3, plain, .ordered = TRUE)),
    caught(lomp_iterate(1:3, plain, .use_names = TRUE)),
    caught(lomp_map(1:3, plain, future.seed = TRUE)),
    caught(lomp_map(1:3, plain, mc.preschedule = FALSE)),
    caught(lomp_map(1:3, plain, future.globals = TRUE)),
    caught(lomp_map(1:3, plain, mc.silent = TRUE)),
    caught(lomp_map(1:3, plain, mc.cleanup = TRUE)),
    caught(lomp_map(1:3, plain, mc.share.vectors = TRUE)),
    caught(lomp_map(1:3, plain, SIMPLIFY = FALSE)),
    caught(lomp_map(1:3, plain, USE.NAMES = FALSE)),
    caught(lomp_map(1:3, plain, FUN.VALUE = 0)),
    caught(lomp_map(1:3, plain, .value = 0)),
    caught(lomp_vapply(1:3, plain, 0, USE.NAMES = FALSE)),
    caught(lomp_vapply(1:3, plain, FUN.VALUE = 0)),
    caught(lomp_vapply(X = 1:3, FUN = plain, FUN.VALUE = 0)),
    caught(lomp_vapply(1:3, plain, 0, FUN.VALUE = 0)),
    caught(lomp_vapply(1:3, plain, 0, .ordered = TRUE)),
    caught(lomp_vapply(1:3, plain)),
    caught(lomp_map(1:3, plain, MoreArgs = list())),
    caught(lomp_map(1:3, plain, .options = NULL)),
    caught(lomp_map(1:3, .y = 1:3, function(x, y) x + y))
  )
  expect_messages(
    warnings_of(lomp_map(1:3, dots, mc.cores = 4))[[1]],
    warnings_of(lomp_map(1:3, dots, .ordered = TRUE))[[1]],
    warnings_of(lomp_map(1:3, dots, mc.set.seed = TRUE))[[1]]
  )
})
