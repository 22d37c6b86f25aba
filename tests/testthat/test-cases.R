# One table of cases, each of which must come out the same in this process, in one worker, in three,
# and on two machines: values, failures, conditions, output and what is left of the caller's random
# numbers.

# These start many processes and take their time.
skip_on_cran()

# Arguments that tell where a case runs.
places <- list("one worker" = list(.workers = 1), "three workers" = list(.workers = 3))

# All that a call lets its caller see. What several workers do has no order among items, so what
# they say is sorted.
observe <- function(call) {
  said <- character()
  set.seed(20)
  lines <- utils::capture.output(value <- withCallingHandlers(
    tryCatch(call(), lomp_error = function(cnd) cnd),
    condition = function(cnd) {
      if (inherits(cnd, c("error", "interrupt"))) return()
      said <<- c(said, paste(c(class(cnd), conditionMessage(cnd)), collapse = "|"))
      for (name in c("muffleWarning", "muffleMessage")) tryInvokeRestart(name)
    }
  ))
  list(value = comparable(value), said = sort(said), lines = sort(lines), seed = .Random.seed)
}

# A failure's time and frames are its own, and which others were finished is a matter of chance.
comparable <- function(value) {
  if (inherits(value, "lomp_error")) {
    message <- sub("\n[0-9]+ of [0-9]+ finished.*", "", conditionMessage(value))
    return(list(class(value), value$item, value$name, message, conditionMessage(value$parent)))
  }
  if (is.list(value)) lapply(value, comparable) else value
}

quiet <- structure(class = c("quiet", "condition"), list(message = "psst", call = NULL))

items <- list(a = 1, b = "two", c = 3, d = NULL, e = 5)

producer <- function(n) {
  at <- 0
  function() if (at < n) at <<- at + 1 else lomp_done()
}

cases <- list(
  "values, names and NULL" = function(...) lomp_map(items, function(x) x, ...),
  "nothing" = function(...) lomp_map(list(), function(x) x, ...),
  "arguments" = function(...) lomp_map(1:7, function(x, y, z = 2) x * y + z, 3, z = 4, ...),
  "lapply's expression" = function(...) lomp_map(1:3, function(x) substitute(x), ...),
  "warnings, messages and signals" = function(...) {
    lomp_map(1:5, function(i) {
      warning("warning ", i)
      message("message ", i)
      signalCondition(quiet)
    }, ...)
  },
  "what an item muffles" = function(...) {
    lomp_map(1:5, function(i) suppressWarnings(as.integer("x")), ...)
  },
  "output" = function(...) {
    lomp_map(1:5, function(i) {
      cat("item", i, "\n")
      print(i)
    }, ...)
  },
  "an error" = function(...) lomp_map(items["b"], function(x) x + 1, ...),
  "an error of a class" = function(...) {
    own <- structure(class = c("mine", "error", "condition"), list(message = "m", call = NULL))
    lomp_map(1, function(i) stop(own), ...)
  },
  "failures in their places" = function(...) {
    lomp_map(items, function(x) x + 1, ..., .on_error = "collect")
  },
  "random numbers" = function(...) lomp_map(1:9, function(i) c(rnorm(i), sample(5)), ...),
  "numbers that one item draws" = function(...) {
    lomp_map(1:9, function(i) if (i == 7) runif(2), ...)
  },
  # Items run calls in workers beside them, on whichever machine they are.
  "calls within calls" = function(.workers, ...) {
    lomp_map(1:3, function(i) {
      inner <- lomp_map(1:3, function(j) c(i, j, runif(1)), .workers = .workers)
      c(unlist(inner), rnorm(1))
    }, .workers = .workers, ...)
  },
  "a time limit" = function(...) {
    lomp_map(1:4, function(i) if (i == 2) repeat NULL else i, ..., .timeout = 0.5,
             .on_error = "collect")
  },
  "a redo" = function(...) {
    first <- lomp_map(1:6, function(i) if (i %% 2) stop("odd") else rnorm(1), ...,
                      .on_error = "collect")
    list(first, lomp_map(1:6, function(i) rnorm(1), ..., .redo = first))
  },
  "a stream of items" = function(...) lomp_map(producer(7), function(i) i + runif(1), ...),
  "a vector" = function(...) {
    lomp_vapply(1:9, function(i) {
      cat("item", i, "\n")
      if (i == 4) warning("four")
      c(i, rnorm(1))
    }, numeric(2), ...)
  },
  "a vector with failures" = function(...) {
    f <- function(x) if (identical(x, 3)) c(x, x) else x + runif(1)
    first <- lomp_vapply(items, f, 0, ..., .on_error = "collect")
    last <- lomp_last()
    list(first, last$results,
         lomp_vapply(items, function(x) runif(1), 0, ..., .redo = last))
  },
  "a value that doesn't fit" = function(...) lomp_vapply(3, function(x) "three", 0, ...),
  "strings" = function(...) {
    lomp_vapply(letters, function(x) if (x == "c") stop("c") else c(a = x, b = "!"), c("", ""),
                ..., .on_error = "collect")
  },
  "a vector of a stream" = function(...) {
    lomp_vapply(producer(7), function(i) c(i, runif(1)), numeric(2), ...)
  },
  "an iterator" = function(...) {
    as.list(lomp_iterate(c(a = 1, b = 2, c = 3), function(i, emit) {
      for (k in seq_len(i)) emit(rnorm(1))
      cat("item", i, "\n")
      if (i == 2) warning("two")
    }, ..., .ordered = TRUE))
  },
  "an iterator with failures" = function(...) {
    as.list(lomp_iterate(1:4, function(i, emit) {
      emit(i)
      if (i == 3) stop("three")
      emit(-i)
    }, ..., .ordered = TRUE, .on_error = "collect"))
  },
  "progress" = function(...) {
    told <- NULL
    lomp_map(1:5, function(i) i, ...,
             .progress = function(done, total) told <<- c(told, done))
    range(told)
  },
  "mistakes" = function(...) {
    tryCatch(lomp_map(1:3, function(i) i, .worker = 2, ...),
             lomp_argument_error = function(cnd) conditionMessage(cnd))
  }
)

# What is seen of a case in this process, and where else it is expected.
expect_same_case <- function(case, places, name) {
  expected <- observe(function() case(.workers = 0))
  for (place in names(places)) {
    seen <- observe(function() do.call(case, places[[place]]))
    expect_identical(seen, expected, info = paste(name, "in", place))
  }
}

for (name in names(cases)) {
  test_that(paste("the same for any number of workers:", name), {
    expect_same_case(cases[[name]], places, name)
    expect_length(children_left(), 0)
  })
}

test_that("the same on two machines", {
  machines <- local_machines(2)
  places <- list("two machines" = list(.compute = machines$profile, .workers = 1))
  for (name in names(cases)) expect_same_case(cases[[name]], places, name)
  expect_no_machine_children(machines)
})

# As far as lapply has it, it is lapply's.
plain <- list(
  function(map) map(items, function(x) x),
  function(map) map(1:5, function(i) warning("warning ", i)),
  function(map) map(1:5, function(i) message("message ", i)),
  function(map) map(1:5, function(i) signalCondition(quiet)),
  function(map) map(1:5, function(i) print(i))
)

expect_plain <- function(...) {
  map <- function(.x, .f) lomp_map(.x, .f, ...)
  for (case in plain) {
    expect_identical(observe(function() case(map)), observe(function() case(lapply)))
  }
}

test_that("what lapply shows is shown", {
  for (workers in c(0, 1, 3)) expect_plain(.workers = workers)
  profile <- local_machines(2)$profile
  expect_plain(.compute = profile, .workers = 1)
})
