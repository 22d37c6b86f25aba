# One table of cases, each of which must come out the same in this process, in one worker and in
# three: values, failures, conditions, output and what is left of the caller's random numbers.

# These start many processes and take their time.
skip_on_cran()

counts <- c(0, 1, 3)

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
  "values, names and NULL" = function(w) lomp_map(items, function(x) x, .workers = w),
  "nothing" = function(w) lomp_map(list(), function(x) x, .workers = w),
  "arguments" = function(w) lomp_map(1:7, function(x, y, z = 2) x * y + z, 3, z = 4, .workers = w),
  "lapply's expression" = function(w) lomp_map(1:3, function(x) substitute(x), .workers = w),
  "warnings, messages and signals" = function(w) {
    lomp_map(1:5, function(i) {
      warning("warning ", i)
      message("message ", i)
      signalCondition(quiet)
    }, .workers = w)
  },
  "what an item muffles" = function(w) {
    lomp_map(1:5, function(i) suppressWarnings(as.integer("x")), .workers = w)
  },
  "output" = function(w) {
    lomp_map(1:5, function(i) {
      cat("item", i, "\n")
      print(i)
    }, .workers = w)
  },
  "an error" = function(w) lomp_map(items["b"], function(x) x + 1, .workers = w),
  "an error of a class" = function(w) {
    own <- structure(class = c("mine", "error", "condition"), list(message = "m", call = NULL))
    lomp_map(1, function(i) stop(own), .workers = w)
  },
  "failures in their places" = function(w) {
    lomp_map(items, function(x) x + 1, .workers = w, .on_error = "collect")
  },
  "random numbers" = function(w) lomp_map(1:9, function(i) c(rnorm(i), sample(5)), .workers = w),
  "numbers that one item draws" = function(w) {
    lomp_map(1:9, function(i) if (i == 7) runif(2), .workers = w)
  },
  "calls within calls" = function(w) {
    lomp_map(1:3, function(i) {
      inner <- lomp_map(1:3, function(j) c(i, j, runif(1)), .workers = w)
      c(unlist(inner), rnorm(1))
    }, .workers = w)
  },
  "a time limit" = function(w) {
    lomp_map(1:4, function(i) if (i == 2) repeat NULL else i, .workers = w, .timeout = 0.5,
             .on_error = "collect")
  },
  "a redo" = function(w) {
    first <- lomp_map(1:6, function(i) if (i %% 2) stop("odd") else rnorm(1), .workers = w,
                      .on_error = "collect")
    list(first, lomp_map(1:6, function(i) rnorm(1), .workers = w, .redo = first))
  },
  "a stream of items" = function(w) lomp_map(producer(7), function(i) i + runif(1), .workers = w),
  "a vector" = function(w) {
    lomp_vapply(1:9, function(i) {
      cat("item", i, "\n")
      if (i == 4) warning("four")
      c(i, rnorm(1))
    }, numeric(2), .workers = w)
  },
  "a vector with failures" = function(w) {
    f <- function(x) if (identical(x, 3)) c(x, x) else x + runif(1)
    first <- lomp_vapply(items, f, 0, .workers = w, .on_error = "collect")
    last <- lomp_last()
    list(first, last$results,
         lomp_vapply(items, function(x) runif(1), 0, .workers = w, .redo = last))
  },
  "a value that doesn't fit" = function(w) lomp_vapply(3, function(x) "three", 0, .workers = w),
  "strings" = function(w) {
    lomp_vapply(letters, function(x) if (x == "c") stop("c") else c(a = x, b = "!"), c("", ""),
                .workers = w, .on_error = "collect")
  },
  "a vector of a stream" = function(w) {
    lomp_vapply(producer(7), function(i) c(i, runif(1)), numeric(2), .workers = w)
  },
  "an iterator" = function(w) {
    as.list(lomp_iterate(c(a = 1, b = 2, c = 3), function(i, emit) {
      for (k in seq_len(i)) emit(rnorm(1))
      cat("item", i, "\n")
      if (i == 2) warning("two")
    }, .workers = w, .ordered = TRUE))
  },
  "an iterator with failures" = function(w) {
    as.list(lomp_iterate(1:4, function(i, emit) {
      emit(i)
      if (i == 3) stop("three")
      emit(-i)
    }, .workers = w, .ordered = TRUE, .on_error = "collect"))
  },
  "progress" = function(w) {
    told <- NULL
    lomp_map(1:5, function(i) i, .workers = w,
             .progress = function(done, total) told <<- c(told, done))
    range(told)
  },
  "mistakes" = function(w) {
    tryCatch(lomp_map(1:3, function(i) i, .worker = w),
             lomp_argument_error = function(cnd) conditionMessage(cnd))
  }
)

for (name in names(cases)) {
  test_that(paste("the same for any number of workers:", name), {
    seen <- lapply(counts, function(workers) observe(function() cases[[name]](workers)))
    expect_identical(seen[[2]], seen[[1]])
    expect_identical(seen[[3]], seen[[1]])
    expect_length(children_left(), 0)
  })
}

# As far as lapply has it, it is lapply's.
plain <- list(
  function(map) map(items, function(x) x),
  function(map) map(1:5, function(i) warning("warning ", i)),
  function(map) map(1:5, function(i) message("message ", i)),
  function(map) map(1:5, function(i) signalCondition(quiet)),
  function(map) map(1:5, function(i) print(i))
)

test_that("what lapply shows is shown", {
  for (workers in counts) {
    map <- function(...) lomp_map(..., .workers = workers)
    for (case in plain) {
      expect_identical(observe(function() case(map)), observe(function() case(lapply)))
    }
  }
})
