# Random numbers: a state of the generator for each item, the same whoever runs it.

# These start many processes and take their time.
skip_on_cran()

local_generator <- function(kind = NULL, normal = NULL, sample = NULL, frame = parent.frame()) {
  old <- RNGkind()
  seed <- get0(".Random.seed", globalenv(), inherits = FALSE)
  withr::defer({
    suppressWarnings(RNGkind(old[[1]], old[[2]], old[[3]]))
    if (is.null(seed)) suppressWarnings(rm(".Random.seed", envir = globalenv())) else put(seed)
  }, frame)
  suppressWarnings(RNGkind(kind, normal, sample))
}

put <- function(seed) assign(".Random.seed", seed, envir = globalenv())
state <- function() get0(".Random.seed", globalenv(), inherits = FALSE)

draw_some <- function(i) list(runif(i %% 4), rnorm(3), sample(10))

all_workers <- c(0, 1, 2)

# Items have these themselves; callers with other kinds have items with the second one.
item_kinds <- c("Mersenne-Twister", "L'Ecuyer-CMRG")

# Once for each, with R's default kinds of normal numbers and samples.
for_item_kinds <- function(test) {
  for (kind in item_kinds) {
    local_generator(kind, "default", "default")
    test()
  }
}

test_that("each item has the stream that parallel::nextRNGStream() gives", {
  local_generator("default", "default", "default")
  for (kind in c("L'Ecuyer-CMRG", "Wichmann-Hill")) {
    for (workers in c(0, 2)) {
      set.seed(1, kind)
      seeds <- lomp_map(1:200, function(i) .Random.seed, .workers = workers)
      expect_equal(seeds[[1]][[1]], 10407L)
      expect_identical(lapply(seeds[-200], parallel::nextRNGStream), seeds[-1])
    }
  }
})

test_that("each item has a state of the Mersenne Twister of its own", {
  local_generator("Mersenne-Twister", "default", "default")
  set.seed(1)
  seeds <- lomp_map(1:200, function(i) .Random.seed, .workers = 0)
  heads <- unique(lapply(seeds, `[`, 1:2))
  expect_identical(heads, list(c(10403L, 624L)))
  expect_setequal(lengths(seeds), 626)
  words <- unlist(lapply(seeds, `[`, -(1:2)))
  # Of so many words some two are equal by chance.
  expect_lt(sum(duplicated(words)), 15)
  set.seed(1)
  expect_identical(lomp_map(1:200, function(i) .Random.seed, .workers = 2), seeds)
  # R finds nothing in them that it would have to put right.
  put(seeds[[1]])
  numbers <- runif(3)
  set.seed(1)
  expect_identical(lomp_map(1, function(i) runif(3))[[1]], numbers)
})

test_that("set.seed() in an item gives what it gives under lapply()", {
  skip_if_not_installed("withr")
  seeding <- list(
    "rnorm()" = function(i) {
      set.seed(i)
      rnorm(1)
    },
    "sample()" = function(i) {
      set.seed(i)
      list(sample(100, 5), sample.int(1e6, 3), RNGkind())
    },
    "with_seed()" = function(i) withr::with_seed(i, c(rnorm(2), runif(2))),
    "simulate()" = function(i) stats::simulate(stats::lm(dist ~ speed, datasets::cars), seed = i),
    "a nested call" = function(i) {
      list(lomp_map(1:2, function(k) {
        set.seed(i + k)
        rnorm(2)
      }, .workers = i %% 2), {
        set.seed(i)
        runif(1)
      })
    }
  )
  fails <- function(f) {
    force(f)
    function(i) if (i %% 2 == 0) stop("even") else f(i)
  }
  expect_as_lapply <- function(f, workers, label) {
    expected <- lapply(1:2, f)
    for (w in workers) {
      expect_identical(lomp_map(1:2, f, .workers = w), expected, label = label)
    }
  }
  expect_redone <- function(f, label) {
    some <- suppressWarnings(lomp_map(1:2, fails(f), .workers = 1, .on_error = "collect"))
    expect_identical(lomp_map(1:2, f, .workers = 1, .redo = some), lapply(1:2, f), label = label)
  }
  kinds <- list(c("Mersenne-Twister", "Inversion", "Rejection"),
                c("Mersenne-Twister", "Box-Muller", "Rounding"),
                c("L'Ecuyer-CMRG", "Inversion", "Rejection"))
  # Each way of seeding is redone by a worker, seen by one, and by two, each with one of the kinds.
  for (k in seq_along(kinds)) {
    local_generator(kinds[[k]][[1]], kinds[[k]][[2]], kinds[[k]][[3]])
    for (j in seq_along(seeding)) {
      label <- paste(names(seeding)[[j]], "with", toString(kinds[[k]]))
      turn <- (j + k) %% 3
      expect_as_lapply(seeding[[j]], c(0, if (turn > 0) turn), label)
      if (turn == 0) expect_redone(seeding[[j]], label)
    }
  }
})

test_that("numbers don't depend on the workers, the function or the kind of items", {
  for_item_kinds(function() {
    producer <- function(n) {
      at <- 0
      function() if (at < n) at <<- at + 1 else lomp_done()
    }
    set.seed(7)
    expected <- lomp_map(1:12, draw_some, .workers = 0)
    after <- state()
    expect_false(identical(expected[[1]][[2]], expected[[2]][[2]]))
    # A single worker is seen with one of the kinds.
    for (workers in if (RNGkind()[[1]] == item_kinds[[1]]) all_workers else c(0, 2)) {
      set.seed(7)
      expect_identical(lomp_map(1:12, draw_some, .workers = workers), expected)
      expect_identical(state(), after)
      set.seed(7)
      expect_identical(lomp_map(producer(12), draw_some, .workers = workers), expected)
      expect_identical(state(), after)
      for (ordered in c(TRUE, FALSE)) {
        set.seed(7)
        it <- lomp_iterate(1:12, draw_some, .workers = workers, .ordered = ordered)
        expect_false(identical(state(), after))
        values <- vector("list", 12)
        while (!lomp_done(value <- it())) {
          values[[lomp_item(it)]] <- value
          expect_identical(identical(state(), after), ordered)
        }
        expect_identical(values, expected)
        expect_identical(state(), after)
      }
      set.seed(7)
      it <- lomp_iterate(producer(12), draw_some, .workers = workers, .ordered = TRUE)
      expect_identical(as.list(it), expected)
      expect_identical(state(), after)
    }
  })
})

test_that("what an item emits is drawn from its stream", {
  for_item_kinds(function() {
    run <- function(workers) {
      set.seed(8)
      as.list(lomp_iterate(1:12, function(i, emit) for (k in seq_len(i %% 5)) emit(rnorm(1)),
                           .workers = workers, .ordered = TRUE))
    }
    expected <- run(0)
    expect_length(unique(unlist(expected)), length(expected))
    for (workers in c(1, 2)) expect_identical(run(workers), expected)
  })
})

test_that("a generator goes on in its stream, whatever the consumer draws", {
  skip_if_not_installed("coro")
  f <- coro::generator(function(i) for (k in 1:3) yield(rnorm(1)))
  run <- function(workers) {
    set.seed(9)
    it <- lomp_iterate(1:2, f, .workers = workers, .ordered = TRUE)
    values <- numeric()
    while (!lomp_done(value <- it())) {
      values <- c(values, value)
      runif(1)
    }
    list(values, state())
  }
  for_item_kinds(function() {
    expected <- run(0)
    expect_identical(run(2), expected)
    expect_length(unique(expected[[1]]), 6)
  })
})

test_that("the caller's generator advances by one draw, or not at all", {
  for_item_kinds(function() {
    for (workers in c(0, 2)) {
      set.seed(2)
      before <- state()
      lomp_map(1:10, function(i) i, .workers = workers)
      expect_identical(state(), before)
      # Code that could draw but doesn't, as in packages with compiled code, is no draw.
      lomp_map(1:10, function(i) sample.int(1L, 0L), .workers = workers)
      expect_identical(state(), before)
      # A look at the state, or a copy of it, is none, either.
      lomp_map(1:10, function(i) sum(is.na(.Random.seed)), .workers = workers)
      expect_identical(state(), before)
      lomp_map(1:10, function(i) if (i == 9) runif(1), .workers = workers)
      after <- state()
      # As many as the Mersenne Twister makes at a time: its position is then what it was.
      set.seed(2)
      lomp_map(1:10, function(i) if (i == 9) runif(624), .workers = workers)
      expect_identical(state(), after)
      set.seed(2)
      runif(1)
      expect_identical(after, state())
      set.seed(2)
      try(lomp_map(1:3, function(i) stop(runif(1)), .workers = workers), silent = TRUE)
      expect_identical(state(), after)
      set.seed(2)
      lomp_map(integer(), function(i) runif(1), .workers = workers)
      expect_identical(state(), before)
      as.list(lomp_iterate(1:3, function(i) i, .workers = workers))
      expect_identical(state(), before)
      try(as.list(lomp_iterate(1:3, function(i) stop("no"), .workers = workers)), silent = TRUE)
      expect_identical(state(), before)
      as.list(lomp_iterate(1:3, function(i) if (i == 2) runif(1), .workers = workers))
      expect_identical(state(), after)
    }
  })
})

# ---- Iterators ----------------------------------------------------------------------------------

test_that("an iterator's caller advances with the first result of an item that has drawn", {
  # Items 2 and 3 draw, in the middle of what they emit.
  f <- function(i, emit) {
    emit(i)
    if (i %in% 2:3) emit(runif(1))
    emit(-i)
  }
  for_item_kinds(function() {
    for (workers in all_workers) {
      set.seed(2)
      before <- state()
      it <- lomp_iterate(1:4, f, .workers = workers, .ordered = TRUE)
      is_before <- logical()
      while (!lomp_done(it())) is_before <- c(is_before, identical(state(), before))
      expect_identical(is_before, rep(c(TRUE, FALSE), c(3, 7)))
      after <- state()
      set.seed(2)
      runif(1)
      expect_identical(after, state())
    }
  })
})

test_that("draws that give no result are paid for at the end, and those of a closed one never", {
  for (workers in all_workers) {
    set.seed(2)
    before <- state()
    it <- lomp_iterate(1:3, function(i, emit) runif(1), .workers = workers)
    suppressWarnings(expect_length(as.list(it), 0), classes = "lomp_nothing_emitted")
    expect_false(identical(state(), before))
    set.seed(2)
    it <- lomp_iterate(1:3, function(i) runif(1), .workers = workers)
    expect_true(lomp_ready(it, Inf))
    it(close = TRUE)
    expect_identical(state(), before)
  }
  # What a dead worker's item drew is part of it, too.
  it <- lomp_iterate(1, function(i) {
    runif(1)
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  }, .workers = 1, .on_error = "collect")
  expect_s3_class(suppressWarnings(as.list(it))[[1]], "lomp_crash")
  expect_identical(state(), before)
})

test_that("iterators and calls that begin in the same state share no stream", {
  draw <- function(i) runif(2)
  numbers <- function(workers) {
    open <- function() lomp_iterate(1:5, draw, .workers = workers, .ordered = TRUE)
    set.seed(3)
    its <- list(open(), open())
    called <- lomp_map(1:5, draw, .workers = workers)  # advances
    its <- c(its, open(), open())
    results <- c(lapply(its[c(4, 2, 1, 3)], as.list), list(called, as.list(open())))
    list(results, state())
  }
  for_item_kinds(function() {
    expected <- numbers(0)
    expect_length(unique(unlist(expected[[1]])), 60)
    for (workers in 1:2) expect_identical(numbers(workers), expected)
  })
})

test_that("the same seed gives the same numbers, whatever became of an earlier iterator", {
  draw <- function(i) runif(1)
  for (workers in all_workers) {
    open <- function(f = draw) lomp_iterate(1:5, f, .workers = workers, .ordered = TRUE)
    set.seed(4)
    expected <- lomp_map(1:5, draw, .workers = workers)
    set.seed(4)
    first <- open()
    set.seed(4)
    second <- open()
    first()
    set.seed(4)
    third <- open()
    expect_identical(as.list(second), expected)
    expect_identical(as.list(third), expected)
    expect_identical(as.list(first), expected[-1])
    # One that has ended, or was closed, and of which nothing was drawn, is as if it hadn't been.
    set.seed(4)
    as.list(open(identity))
    closed <- open()
    closed(close = TRUE)
    expect_identical(lomp_map(1:5, draw, .workers = workers), expected)
    # One that nobody has closed is in the way, collected or not.
    followers <- lapply(c(TRUE, FALSE), function(collects) {
      set.seed(4)
      open()
      if (collects) gc()
      lomp_map(1:5, draw, .workers = workers)
    })
    expect_identical(followers[[1]], followers[[2]])
    expect_false(identical(followers[[1]], expected))
  }
})

test_that("a state that was written back is the same state", {
  draw <- function(i) runif(1)
  write_back <- function() {
    seed <- get(".Random.seed", globalenv()) + 0L
    assign(".Random.seed", seed, globalenv())
  }
  local_generator("Mersenne-Twister", "default", "default")
  set.seed(5)
  runif(1)  # from here on it isn't what set.seed() makes
  first <- lomp_iterate(1:3, draw, .workers = 1, .ordered = TRUE)
  write_back()
  second <- lomp_iterate(1:3, draw, .workers = 1, .ordered = TRUE)
  write_back()
  third <- lomp_map(1:3, draw, .workers = 1)
  expect_length(unique(c(unlist(as.list(first)), unlist(as.list(second)), unlist(third))), 9)
})

test_that("an iterator that goes on draws as one that wasn't left", {
  draw <- function(i) runif(1)
  for (workers in c(0, 2)) {
    file <- withr::local_tempfile()
    set.seed(6)
    expected <- lomp_map(1:6, draw, .workers = workers)
    after <- state()
    set.seed(6)
    other <- lomp_iterate(1:6, draw, .workers = workers, .ordered = TRUE)
    it <- lomp_iterate(1:6, draw, .workers = workers, .ordered = TRUE, .checkpoint = file)
    taken <- head(it, 3)
    expect_identical(state(), after)
    it(close = TRUE)
    other(close = TRUE)
    set.seed(6)
    other <- lomp_iterate(1:6, draw, .workers = workers, .ordered = TRUE)
    it <- lomp_iterate(1:6, draw, .workers = workers, .ordered = TRUE, .redo = lomp_read(file))
    expect_identical(state(), after)
    numbers <- c(unlist(taken), unlist(as.list(it)))
    expect_identical(state(), after)
    expect_length(unique(c(numbers, unlist(expected))), 12)  # of the second stream
    expect_identical(unlist(as.list(other)), unlist(expected))
  }
})

test_that("without a seed so far there is none afterwards, unless an item drew", {
  local_generator("default", "Ahrens-Dieter", "Rounding")
  kinds <- RNGkind()
  for (workers in c(0, 2)) {
    if (!is.null(state())) rm(".Random.seed", envir = globalenv())
    lomp_map(1:3, function(i) i, .workers = workers)
    expect_null(state())
    expect_identical(RNGkind(), kinds)
    numbers <- unlist(lomp_map(1:6, function(i) runif(1), .workers = workers))
    expect_length(unique(numbers), 6)
    expect_false(is.null(state()))
    expect_identical(RNGkind(), kinds)
    rm(".Random.seed", envir = globalenv())
    again <- unlist(lomp_map(1:6, function(i) runif(1), .workers = workers))
    expect_false(identical(again, numbers))
  }
})

test_that("all kinds of generators serve, and normal and sample kinds are kept", {
  kinds <- c("Wichmann-Hill", "Marsaglia-Multicarry", "Super-Duper", "Mersenne-Twister",
             "Knuth-TAOCP", "Knuth-TAOCP-2002", "L'Ecuyer-CMRG")
  normals <- c("Kinderman-Ramage", "Ahrens-Dieter", "Box-Muller", "Inversion")
  local_generator("default", "default", "default")
  bases <- list()
  for (kind in kinds) {
    # Items of callers with other kinds have one and the same, so that these share them out. All
    # have the last one.
    some <- if (kind == "Mersenne-Twister") normals[-4] else normals[1 + match(kind, kinds) %% 3]
    for (normal in c(some, normals[[4]])) {
      run <- function(workers) {
        suppressWarnings(set.seed(3, kind, normal, "Rounding"))
        rnorm(1)
        values <- lomp_map(1:5, function(i) list(RNGkind(), rnorm(3), sample(5)),
                           .workers = workers)
        list(values, state(), rnorm(2))
      }
      forked <- run(1)
      expect_identical(run(0), forked)
      own <- if (kind == "Mersenne-Twister") kind else "L'Ecuyer-CMRG"
      expect_identical(forked[[1]][[1]][[1]], c(own, normal, "Rounding"))
      suppressWarnings(expect_identical(RNGkind(), c(kind, normal, "Rounding")))
    }
    bases[[kind]] <- forked[[1]][[1]][[2]]
  }
  expect_length(unique(bases), length(kinds))
})

test_that("a generator of the user's own serves, one draw for a call", {
  local_generator("default", "default", "default")
  library <- native("user_unif.c")
  loaded <- dyn.load(library)
  withr::defer(dyn.unload(library))
  withr::defer(RNGkind("default"))
  draws <- function() .C("user_unif_count", 0L)[[1]]
  RNGkind("user-supplied")
  run <- function(workers, f) {
    .C("user_unif_restart")
    list(lomp_map(1:5, f, .workers = workers), draws())
  }
  forked <- run(2, function(i) runif(2))
  expect_identical(run(0, function(i) runif(2)), forked)
  expect_identical(forked[[2]], 1L)
  expect_identical(RNGkind()[[1]], "user-supplied")
  # The next call has other streams.
  expect_false(identical(lomp_map(1:5, function(i) runif(2), .workers = 2), forked[[1]]))
})

test_that("successive and nested calls share no stream", {
  local_generator("default", "default", "default")
  for (kind in c("Mersenne-Twister", "L'Ecuyer-CMRG")) {
    set.seed(4, kind)
    numbers <- list()
    for (call in 1:2) {
      numbers[[call]] <- lomp_map(1:4, function(i) {
        own <- runif(20)
        inner <- lomp_map(1:3, function(k) runif(20), .workers = i %% 2)
        again <- lomp_map(1:3, function(k) runif(20), .workers = 0)
        list(own, inner, again, runif(20))
      }, .workers = 2)
    }
    numbers <- c(unlist(numbers), runif(100))
    # Of so many numbers of 32 bits hardly two are equal by chance; overlaps would be dozens.
    expect_lt(sum(duplicated(numbers)), 5)
    expect_length(numbers, 2 * 4 * 160 + 100)
  }
})

test_that("what an item does with the generator is over with the item", {
  for_item_kinds(function() {
    disturb <- function(i) {
      kinds <- RNGkind()
      if (i %% 5 == 0) {
        suppressWarnings(RNGkind("Marsaglia-Multicarry", "Ahrens-Dieter", "Rounding"))
        set.seed(i)
      } else if (i %% 5 == 1) {
        rm(".Random.seed", envir = globalenv())
      } else if (i %% 5 == 2) {
        RNGkind(normal.kind = "Kinderman-Ramage")
      } else {
        return(list(kinds, runif(2), rnorm(1)))
      }
      kinds
    }
    set.seed(5)
    calm <- lomp_map(1:12, function(i) {
      if (i %% 5 < 3) RNGkind() else list(RNGkind(), runif(2), rnorm(1))
    }, .workers = 0)
    kinds <- RNGkind()
    for (workers in c(0, 1, 2)) {
      set.seed(5)
      expect_identical(lomp_map(1:12, disturb, .workers = workers), calm)
      expect_identical(RNGkind(), kinds)
    }
  })
})

test_that("a seed that an item keeps doesn't change under its hands", {
  for_item_kinds(function() {
    for (workers in c(0, 1)) {
      set.seed(6)
      kept <- lomp_map(1:4, function(i) {
        seed <- .Random.seed
        function() seed
      }, .workers = workers)
      set.seed(6)
      seeds <- lomp_map(1:4, function(i) .Random.seed + 0L, .workers = 0)
      expect_identical(lapply(kept, function(f) f()), seeds)
    }
  })
})

test_that("a seed that nobody has looked at yet stays its item's", {
  for_item_kinds(function() {
    kept <- list()
    keep <- function(i) {
      kept[i] <<- list(get(".Random.seed", globalenv()))
      if (i %% 2 == 0) rm(".Random.seed", envir = globalenv())
      NULL
    }
    set.seed(8)
    lomp_map(1:5, keep, .workers = 0)
    lomp_map(1:5, function(i) runif(1), .workers = 0)  # another call's streams
    set.seed(8)
    seeds <- lomp_map(1:5, function(i) .Random.seed + 0L, .workers = 0)
    expect_identical(kept, seeds)
    expect_identical(unserialize(serialize(kept, NULL)), seeds)
  })
})

test_that("an item whose seed goes without having been read takes nothing from the next one", {
  for_item_kinds(function() {
    for (workers in c(0, 1)) {
      set.seed(9)
      lose <- function(i) {
        kept <<- get(".Random.seed", globalenv())
        rm(".Random.seed", envir = globalenv())
      }
      drawn <- lomp_map(1:6, function(i) if (i %% 2 == 0) runif(1) else lose(i), .workers = workers)
      set.seed(9)
      expected <- lomp_map(1:6, function(i) if (i %% 2 == 0) runif(1), .workers = 0)
      expect_identical(drawn, expected)
    }
  })
})

test_that("a seed that an item writes to has been used, and the next item has its own", {
  for_item_kinds(function() {
    for (workers in c(0, 1)) {
      set.seed(11)
      before <- state()
      seconds <- lomp_map(1:4, function(i) {
        second <- .Random.seed[2]
        if (i == 2) .Random.seed[2] <<- 77L
        second
      }, .workers = workers)
      expect_false(identical(state(), before))
      set.seed(11)
      expect_identical(seconds, lomp_map(1:4, function(i) .Random.seed[2], .workers = 0))
    }
  })
})

test_that("a worker that takes a dead one's place draws the same", {
  for_item_kinds(function() {
    set.seed(10)
    expected <- lomp_map(1:20, draw_some, .workers = 0)
    set.seed(10)
    results <- suppressWarnings(lomp_map(1:20, function(i) {
      if (i %% 10 == 5) tools::pskill(Sys.getpid(), tools::SIGKILL)
      draw_some(i)
    }, .workers = 2, .on_error = "collect"))
    expect_identical(results[lomp_ok(results)], expected[lomp_ok(results)])
    expect_equal(sum(!lomp_ok(results)), 2)
  })
})

# R writes its state into the caller's vector where it may, from 4.4 on: what a call looks at must
# stay what it was.
test_that("the numbers of a seed are the same on every version of R", {
  numbers <- list(
    "Mersenne-Twister" = c(0.035366257419809699, 0.872688479255884886, 0.165166532853618264),
    "L'Ecuyer-CMRG" = c(0.39967976071252265, 0.51278884212022635, 0.58998580060830497),
    "Wichmann-Hill" = c(0.60976165435985297, 0.91846199241469029, 0.19011976582578183)
  )
  for (kind in names(numbers)) {
    local_generator(kind, "Inversion", "Rejection")
    for (workers in c(0, 2)) {
      set.seed(1)
      expect_equal(unlist(lomp_map(1:3, function(i) runif(1), .workers = workers)),
                   numbers[[kind]], tolerance = 1e-15)
      after_draws <- runif(1)
      set.seed(1)
      lomp_map(1:3, identity, .workers = workers)
      after_none <- runif(1)
      set.seed(1)
      expect_identical(runif(2), c(after_none, after_draws))
      if (kind == "Mersenne-Twister") {
        expect_equal(c(after_draws, after_none), c(0.37212389963679016, 0.26550866314209998),
                     tolerance = 1e-15)
      }
    }
  }
})

# ---- Generators of packages ---------------------------------------------------------------------

test_that("dqrng's generator repeats itself in workers, unless items seed it from theirs", {
  skip_if_not_installed("dqrng")
  local_generator("default", "default", "default")
  seeded <- function(i) {
    dqrng::dqset.seed(sample.int(.Machine$integer.max, 1))
    list(dqrng::dqrunif(2), dqrng::dqrnorm(1))
  }
  set.seed(12)
  expected <- lomp_map(1:8, seeded, .workers = 0)
  expect_length(unique(expected), 8)
  for (workers in 1:2) {
    set.seed(12)
    expect_identical(lomp_map(1:8, seeded, .workers = workers), expected)
  }
  # Each of two workers has one item, since both wait for the other.
  repeated <- with_flag(function(flag) {
    lomp_map(1:2, function(i) {
      raise(paste0(flag, i))
      wait_for(paste0(flag, 3 - i))
      dqrng::dqrunif(2)
    }, .workers = 2)
  })
  expect_identical(repeated[[1]], repeated[[2]])
})

test_that("a producer that draws gives the same numbers, however far ahead of the results it is", {
  run <- function(workers, pause = 0) {
    set.seed(2)
    k <- 0
    produce <- function() {
      k <<- k + 1
      if (k > 5) lomp_done() else rnorm(1)
    }
    it <- lomp_iterate(produce, function(x) {
      Sys.sleep(pause)
      x + runif(1)
    }, .workers = workers, .ordered = TRUE)
    list(unlist(as.list(it)), runif(1))
  }
  expected <- run(0)
  for (workers in c(1, 3)) expect_identical(run(workers), expected)
  expect_identical(run(2, 0.02), expected)
})

test_that("where results come as they are made, the caller's generator advances at the end", {
  run <- function(slow) {
    set.seed(1)
    it <- lomp_iterate(1:6, function(i) {
      Sys.sleep(if (i %% 2 == slow) 0.05 else 0)
      if (i == 1) runif(1) else i
    }, .workers = 2)
    drawn <- NULL
    while (!lomp_done(it())) drawn <- c(drawn, runif(1))
    c(drawn, runif(1))
  }
  expect_identical(run(0), run(1))
})

test_that("a draw of a generator's last step counts, which fails", {
  skip_if_not_installed("coro")
  steps <- coro::generator(function(i) {
    yield(1)
    rnorm(1)
    stop("late")
  })
  for (workers in c(0, 2)) {
    set.seed(1)
    before <- .Random.seed
    it <- lomp_iterate(1, steps, .workers = workers, .on_error = "collect")
    expect_length(suppressWarnings(as.list(it)), 2)
    expect_false(identical(.Random.seed, before))
  }
})
