# What is sent and read again: results of all kinds come back as they are.

# These take too long for each of CRAN's machines.
skip_on_cran()

# The values come from several items at once, so that workers mix them, and each of these has some.
expect_round_trip <- function(values, bytes = TRUE) {
  labels <- names(values)
  for (workers in c(0, 2)) {
    results <- lomp_map(values, identity, .workers = workers)
    for (k in seq_along(values)) {
      label <- paste0("`", labels[[k]], "` with ", workers, " workers")
      expect_same(results[[k]], values[[k]], label, bytes)
    }
  }
}

test_that("atomic vectors come back as they are", {
  expect_round_trip(list(
    null = NULL, logical = c(TRUE, NA), integer = c(NA, -1L), double = c(NA, NaN, -0, 1e-310, Inf),
    complex = c(NA, complex(real = NaN, imaginary = NA)), raw = as.raw(0:255), text = some_strings,
    scalar = 1, sequence = 1:10, names = c(a = 1, 2),
    odd_names = stats::setNames(1:3, c(NA, "", "b")),
    encoded_names = stats::setNames(seq_along(some_strings), some_strings)
  ))
})

test_that("vectors without elements come back as they are", {
  expect_round_trip(list(
    logical = logical(), integer = integer(), double = double(), complex = complex(), raw = raw(),
    character = character(), list = list(), expression = expression(), factor = factor(),
    date = as.Date(character()), frame = data.frame(), matrix = matrix(0, 0, 3),
    named = structure(list(), names = character())
  ))
})

test_that("matrices, arrays and time series come back as they are", {
  named_and_dim <- c(a = 1, b = 2)
  attr(named_and_dim, "dim") <- 2L
  dim_and_named <- structure(1:2, dim = 1:2)
  attr(dim_and_named, "names") <- c("a", "b")
  expect_round_trip(list(
    matrix = matrix(1:6, 2, dimnames = list(rows = c("a", "b"), NULL)),
    array = array(runif(24), 2:4, list(NULL, letters[1:3], NULL)),
    one = array(1:3, 3, list(which = letters[1:3])), lists = matrix(list(1, "a", NULL, sum), 2),
    series = stats::ts(matrix(1:6, 3), start = c(2000, 2), frequency = 12),
    named_and_dim = named_and_dim, dim_and_named = dim_and_named
  ))
})

# Another word in the value's serialized form makes what no assignment makes, but C code or a
# damaged file may.
reworded <- function(x, old, new) {
  text <- rawToChar(serialize(x, NULL, ascii = TRUE))
  unserialize(charToRaw(sub(paste0("\n", old, "\n"), paste0("\n", new, "\n"), text, fixed = TRUE)))
}

test_that("factors come back as they are, malformed ones too", {
  unlevelled <- 1:2
  class(unlevelled) <- "factor"
  numbered <- structure(1:2, levels = 3:4)
  class(numbered) <- "factor"
  expect_round_trip(list(
    factor = factor(c("b", NA, "a"), exclude = NULL), ordered = factor(1:3, ordered = TRUE),
    outside = structure(c(1L, 9L, NA), levels = "a", class = "factor"),
    unlevelled = unlevelled, numbered = numbered,
    derived = structure(1L, class = c("mine", "factor")),
    double = reworded(structure(c(1.5, 2), class = "factxr"), "factxr", "factor"),
    list = reworded(structure(list(1), class = "factxr"), "factxr", "factor")
  ))
})

test_that("data frames come back as they are, with compact and other row names", {
  frame <- data.frame(a = 1:5, b = letters[1:5])
  backwards <- list(1, 2)
  attr(backwards, "row.names") <- 2:1
  positive <- list()
  attr(positive, "row.names") <- c(NA, 3L)
  expect_round_trip(list(
    compact = frame, rows = frame[c(2, 4), ], character = datasets::mtcars,
    no_column = data.frame(row.names = 1:3), one = frame[1, ], omitted = stats::na.omit(frame),
    backwards = backwards, positive = positive, vector = structure(1:2, row.names = c("u", "v"))
  ))
})

test_that("attributes of all kinds come back as they are", {
  commented <- 1:3
  comment(commented) <- "a comment"
  odd <- structure(1:3, `a b` = 2, n = 5, na = 6)
  attr(odd, "\u00e9") <- 3
  attr(odd, ".Data") <- 4
  attr(odd, strrep("long", 200)) <- list(stats::sd, quote(y))
  hooked <- 1:3
  class(hooked) <- structure("lomp_hooked", package = "somewhere", hook = sum)
  labelled <- 1:2
  attr(labelled, "names") <- structure(c("a", "b"), note = "mine")
  expect_round_trip(list(
    commented = commented, odd = odd, hooked = hooked, labelled = labelled,
    nested = structure(list(structure(1, a = structure(2, b = 3))), a = list()),
    list = structure(list(1, "b"), class = "lomp_unknown", extra = NULL, `NULL` = list(NULL)),
    match = regexpr("a", "bab")
  ))
})

test_that("attributes that R would refuse, convert or move come back as they are", {
  malformed <- list(
    series = reworded(structure(1:3, txx = c(1, 2, 1)), "txx", "tsp"),
    comment = reworded(structure(1:3, commxnt = 5), "commxnt", "comment"),
    names = reworded(structure(1:2, dim = 2L, namxs = c("a", "b")), "namxs", "names"),
    short = reworded(structure(1:3, namxs = "a"), "namxs", "names"),
    numbers = reworded(structure(1:3, namxs = 4:6), "namxs", "names"),
    no_dim = reworded(structure(1:2, dimnamxs = list(1:2)), "dimnamxs", "dimnames"),
    dimnames = reworded(structure(1:2, dim = 2L, dimnamxs = list(1:2)), "dimnamxs", "dimnames"),
    few = reworded(structure(1:2, dim = 2L, dimnamxs = list("a")), "dimnamxs", "dimnames"),
    dim = reworded(structure(1:3, dxm = 5L), "dxm", "dim"),
    double = reworded(structure(1:3, dxm = 3), "dxm", "dim"),
    empty = reworded(structure(1:3, clxss = character()), "clxss", "class"),
    row_names = reworded(structure(list(1), row.namxs = list("a")), "row.namxs", "row.names")
  )
  expect_identical(attr(malformed$comment, "comment", exact = TRUE), 5)
  expect_identical(dim(malformed$double), 3)
  expect_round_trip(malformed, bytes = FALSE)
})

test_that("dates, times and other objects of base R come back as they are", {
  expect_round_trip(list(
    date = as.Date("2024-02-29"), time = as.POSIXct("2024-01-01", tz = "Europe/Paris"),
    calendar = as.POSIXlt("2024-01-01", tz = "UTC"), difference = as.difftime(1, units = "days"),
    version = packageVersion("base"), noquote = noquote("a"), person = utils::person("A", "B"),
    table = table(c("u", "u", "v")), distance = stats::dist(matrix(1:6, 3))
  ))
})

test_that("errors as values are results", {
  failed <- try(stop("a value"), silent = TRUE)
  for (workers in all_workers) {
    results <- lomp_map(1:2, function(i) failed, .workers = workers)
    expect_same(results, list(failed, failed))
    expect_identical(lomp_ok(results), c(TRUE, TRUE))
  }
  expect_round_trip(list(error = simpleError("x"), warning = simpleWarning("y", quote(f(x))),
                         mine = structure(class = c("mine", "condition"), list(message = "z"))))
})

test_that("functions and language come back as they are", {
  in_global <- function(x, ...) {
    # A comment that only the source has.
    x + 1
  }
  environment(in_global) <- globalenv()
  formula <- y ~ x
  environment(formula) <- globalenv()
  expect_round_trip(list(
    builtin = sum, special = `if`, package = stats::sd, mine = in_global,
    compiled = compiler::cmpfun(in_global), symbol = quote(a), call = quote(f(x, y = 2)[[1]]),
    empty = as.list(function(x, y) 1)[1:2], expression = expression(a, b + 1),
    pairs = pairlist(a = 1, 2), formula = formula
  ), bytes = FALSE)
})

test_that("environments that every session has keep their identity", {
  expect_round_trip(list(
    global = globalenv(), base = baseenv(), empty = emptyenv(), namespace = asNamespace("stats"),
    package = as.environment("package:stats")
  ), bytes = FALSE)
})

test_that("S4 objects come back as they are", {
  expect_round_trip(list(
    slots = new("LompBox", items = list(a = 1, b = some_strings)), list = new("LompList", list(1)),
    numbers = new("LompNumbers", c(1, NA)), basic = asS4(1:3)
  ))
})

test_that("a model comes back with its formula, data and functions", {
  formula <- mpg ~ wt
  environment(formula) <- globalenv()
  model <- stats::lm(formula, datasets::mtcars)
  expect_round_trip(list(model = model))
})

test_that("lists come back as they are, however deep", {
  nest <- function(depth) Reduce(function(inner, k) list(inner, k = k), seq_len(depth), "core")
  expect_round_trip(list(
    nulls = list(NULL, list(NULL), a = NULL), mixed = list(1L, "a", list(b = 2i, sum)),
    deep = nest(200), deeper = nest(1000)
  ))
})

test_that("NULL is a result like any other", {
  expect_like_lapply(list(a = 1, b = 2, c = 3), function(i) NULL)
  expect_like_lapply(1:3, function(i) if (i == 2) "not NULL")
})

test_that("a compact sequence stays compact", {
  sequences <- list(1:1e8, 1e9:1)
  for (workers in c(1, 2)) {
    # Written out, they would be 400 MB and 4 GB.
    before <- sum(gc(reset = TRUE)[, 2])
    results <- lomp_map(1:2, function(i) list(sequences[[i]]), .workers = workers)
    expect_lt(sum(gc()[, 6]) - before, 100)
    expect_identical(lapply(results, function(r) c(r[[1]][[1]], length(r[[1]]))),
                     list(c(1L, 100000000L), c(1000000000L, 1000000000L)))
  }
})

# ---- References ---------------------------------------------------------------------------------

test_that("an environment comes back as a copy, one for each item", {
  shared <- list2env(list(count = 0))
  touch <- function(i) {
    shared$count <- shared$count + i
    shared
  }
  results <- lomp_map(1:2, touch, .workers = 1)
  expect_identical(shared$count, 0)
  expect_false(identical(results[[1]], results[[2]]))
  expect_identical(lapply(results, function(e) e$count), list(1, 3))
})

test_that("sharing within one result is kept", {
  pair <- lomp_map(1, function(i) {
    e <- new.env()
    list(e, e)
  }, .workers = 1)[[1]]
  expect_identical(pair[[1]], pair[[2]])
})

test_that("reference objects work on arrival, and nothing is said to be dead", {
  stores <- NULL
  warnings <- warnings_of(
    stores <- lomp_map(1:2, function(i) lomp_store$new(items = as.list(seq_len(i))), .workers = 2)
  )
  expect_length(warnings, 0)
  expect_s4_class(stores[[2]], "LompStore")
  expect_identical(stores[[2]]$count(), 2L)
})

test_that("R6 objects work on arrival, and nothing is said to be dead", {
  skip_if_not_installed("R6")
  generator <- R6::R6Class("Counter", public = list(count = 1, add = function(n) {
    self$count <- self$count + n
    invisible(self)
  }))
  counter <- generator$new()
  counters <- NULL
  warnings <- warnings_of(counters <- lomp_map(1:2, function(i) counter$add(i), .workers = 2))
  expect_length(warnings, 0)
  expect_identical(counter$count, 1)
  expect_identical(counters[[2]]$add(10)$count, counters[[2]]$count)
  expect_s3_class(counters[[1]], "Counter")
})

a_pointer <- function() getDLLRegisteredRoutines("stats")$.Call$cutree$address

test_that("dead pointers and connections are told, in one warning that names the item", {
  f <- function(i) if (i > 1) list(a_pointer())
  for (workers in c(1, 2)) {
    results <- NULL
    warnings <- warnings_of(results <- lomp_map(c(a = 1, b = 2, c = 3), f, .workers = workers))
    expect_length(warnings, 1)
    expect_s3_class(warnings[[1]], c("lomp_dead_reference", "warning", "condition"), exact = TRUE)
    expect_identical(warnings[[1]]$items, c(2, 3))
    expect_match(conditionMessage(warnings[[1]]), "item 2 (\"b\")", fixed = TRUE)
    expect_identical(typeof(results$c[[1]]), "externalptr")
  }
  warnings <- warnings_of(lomp_map(1, function(i) file(nullfile()), .workers = 1))
  expect_s3_class(warnings[[1]], "lomp_dead_reference")
  expect_identical(warnings[[1]]$items, 1)
})

test_that("a pointer inside an environment or a function is dead too", {
  hide <- function(i) {
    pointer <- a_pointer()
    function() pointer
  }
  warnings <- warnings_of(lomp_map(1:2, hide, .workers = 1))
  expect_identical(warnings[[1]]$items, c(1, 2))
})

test_that("nothing is dead that stays in this process", {
  pointer <- a_pointer()
  warnings <- warnings_of(results <- lomp_map(1, function(i) pointer, .workers = 0))
  expect_length(warnings, 0)
  expect_identical(results[[1]], pointer)
})

test_that("data tables come back alive and without a word", {
  skip_if_not_installed("data.table")
  loadNamespace("data.table")
  make <- function(i) {
    table <- data.table::data.table(id = i:1, value = i, key = "id")
    if (i == 2) list(nested = table) else table
  }
  for (workers in c(1, 2)) {
    tables <- NULL
    warnings <- warnings_of(tables <- lomp_map(1:3, make, .workers = workers))
    expect_length(warnings, 0)
    expect_true(all.equal(tables[[3]], make(3)))
    expect_identical(data.table::key(tables[[2]]$nested), "id")
  }
})

# ---- Sizes --------------------------------------------------------------------------------------

test_that("large results among tiny ones, in any order, come back as they are", {
  sizes <- with_seed(1, sample(rep(c(0, 1, 100, 16e3, 130e3, 260e3, 1e6, 1.1e6, 3e6),
                                   c(30, 60, 20, 10, 8, 8, 4, 4, 4))))
  make <- function(k) {
    x <- raw(sizes[[k]])
    x[seq.int(1, length(x), length.out = min(length(x), 50))] <- as.raw(k)
    if (k %% 3 == 0) list(x, k = x, sum) else x
  }
  expected <- lapply(seq_along(sizes), make)
  for (workers in c(1, 2)) {
    expect_identical(lomp_map(seq_along(sizes), make, .workers = workers), expected)
  }
})

test_that("long vectors of strings come back as they are, marks and all", {
  many <- rep(some_strings, length.out = 1e5)
  many[seq(1, 1e5, 7)] <- paste("text", seq(1, 1e5, 7))
  expect_round_trip(list(many = many, names = stats::setNames(seq_along(many), many),
                         deferred = as.character(1:1e5)))
})

test_that("a hundred thousand tiny items come back in order", {
  items <- seq_len(1e5)
  for (workers in c(0, 2)) {
    expect_identical(lomp_map(items, function(i) i, .workers = workers), as.list(items))
  }
})

test_that("a result that can't be written fails its item alone", {
  too_deep <- Reduce(function(inner, k) list(inner), seq_len(2e5), 1)
  # One of them is half written when this is found out.
  f <- function(i) switch(i, raw(2e5), list(raw(3e6), sum, too_deep), too_deep, raw(3e5))
  warnings <- warnings_of(results <- lomp_map(1:4, f, .workers = 1, .on_error = "collect"))
  expect_identical(lomp_ok(results), c(TRUE, FALSE, FALSE, TRUE))
  expect_identical(results[c(1, 4)], list(raw(2e5), raw(3e5)))
  for (k in 2:3) {
    expect_s3_class(results[[k]], c("lomp_error", "error", "condition"), exact = TRUE)
    expect_s3_class(results[[k]]$parent, "error")
  }
})

free_memory <- function() {
  if (!file.exists("/proc/meminfo")) return(0)
  line <- grep("^MemAvailable", readLines("/proc/meminfo"), value = TRUE)
  as.numeric(gsub("[^0-9]", "", line)) * 1024
}

test_that("a result of more than 2^31 bytes comes back", {
  skip_on_cran()
  skip_if(free_memory() < 10e9, "there is too little memory")
  marks <- c(1, 2^31, 2^31 + 1, 2.2e9)
  make <- function(i) {
    x <- raw(2.2e9)
    x[marks] <- as.raw(1:4)
    x
  }
  result <- lomp_map(1, make, .workers = 1)[[1]]
  expect_identical(length(result), 2.2e9)
  expect_identical(result[marks], as.raw(1:4))
  expect_identical(result[marks[-1] - 1], as.raw(c(0, 2, 0)))
})

# ---- Any value ----------------------------------------------------------------------------------

one_of <- function(choices) choices[[sample.int(length(choices), 1)]]

random_atomic <- function(n) {
  one_of(list(
    function() sample(c(TRUE, FALSE, NA), n, TRUE), function() sample(c(-5:5, NA), n, TRUE),
    function() sample(c(stats::rnorm(3), NA, NaN, Inf, -0), n, TRUE),
    function() complex(real = stats::rnorm(n), imaginary = sample(c(0, NA), n, TRUE)),
    function() as.raw(sample.int(255, n, TRUE)), function() sample(some_strings, n, TRUE)
  ))()
}

random_list <- function(n, depth) lapply(seq_len(n), function(k) random_value(depth - 1))

random_other <- function() {
  one_of(list(NULL, quote(x), quote(f(x, y)), expression(a, 1), sum, stats::sd, globalenv(),
              pairlist(a = 1, 2), datasets::women, factor(c("u", "v")), 1:2000,
              new("LompBox", items = list(1)), as.POSIXlt("2024-01-01", tz = "UTC")))
}

# Attributes that fit the vector; NULL leaves it as it is.
random_attribute <- function(x, depth) {
  n <- length(x)
  one_of(list(
    function() stats::setNames(x, sample(some_strings, n, TRUE)),
    function() structure(x, dim = n), function() structure(x, dim = c(1L, n)),
    function() structure(x, dim = n, dimnames = list(as.character(seq_len(n)))),
    function() structure(x, class = c("lomp_any", one_of(letters))),
    function() structure(x, note = random_value(depth - 1)),
    function() structure(x, names = sample(letters, n, TRUE), `odd name` = 1L),
    function() structure(x, comment = "a comment"), function() x
  ))()
}

random_value <- function(depth) {
  kind <- sample(c("atomic", "list", "other"), 1, prob = c(4, if (depth > 0) 4 else 0, 1))
  if (kind == "other") return(random_other())
  n <- sample(c(0:4, if (kind == "atomic") 40), 1)
  x <- if (kind == "list") random_list(n, depth) else random_atomic(n)
  for (k in seq_len(sample(0:2, 1))) x <- random_attribute(x, depth)
  x
}

test_that("any value makes the trip", {
  values <- with_seed(20240229, lapply(1:400, function(k) random_value(3)))
  for (workers in c(1, 2)) {
    results <- lomp_map(seq_along(values), function(i) values[[i]], .workers = workers)
    same <- mapply(is_same, results, values)
    expect(all(same), paste("not the same:", toString(which(!same))))
  }
})
