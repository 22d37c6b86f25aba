# Input streams: items from a producer in this process, for lomp_map() and lomp_iterate().

# The numbers 1, ..., n, from a function of one's own.
counter <- function(n) {
  i <- 0
  function() {
    if (i >= n) return(lomp_done())
    i <<- i + 1
    i
  }
}

# Large ones, each of the length n.
vectors <- function(times, n) {
  nextone <- counter(times)
  function() {
    i <- nextone()
    if (lomp_done(i)) i else rep(i, n)
  }
}

test_that("a function of one's own is a stream for both", {
  for (workers in all_workers) {
    for (n in c(0, 1, 2, 100)) {
      expected <- lapply(seq_len(n), function(i) i^2)
      expect_identical(lomp_map(counter(n), function(x) x^2, .workers = workers), expected)
      it <- lomp_iterate(counter(n), function(x) x^2, .workers = workers, .ordered = TRUE)
      expect_identical(as.list(it), expected)
    }
    emitted <- as.list(lomp_iterate(counter(20), function(x, emit) {
      for (k in seq_len(x)) emit(c(x, k))
    }, .workers = workers))
    expect_length(emitted, 210)
    expect_identical(sort(vapply(emitted, `[`, 0, 1)), rep(1:20 + 0, 1:20))
  }
})

test_that("generators, iterators and lomp's own iterators are streams", {
  skip_if_not_installed("coro")
  skip_if_not_installed("iterators")
  count <- coro::generator(function(n) for (i in seq_len(n)) yield(i))
  for (workers in all_workers) {
    map <- function(x) lomp_map(x, function(i) -i, .workers = workers)
    expect_identical(map(count(10)), as.list(-(1:10)))
    expect_identical(map(iterators::iter(1:10)), as.list(-(1:10)))
    expect_identical(map(iterators::iter(list())), list())
    inner <- lomp_iterate(1:10, function(i) i, .workers = 1, .ordered = TRUE)
    expect_identical(map(inner), as.list(-(1:10)))
  }
})

test_that("items of all kinds and sizes arrive as they are", {
  values <- list(
    NULL, NA, "text", 1:10, quote(a + b), function(x) x, list(1, list("b", NULL)), mtcars,
    rep(1.5, 2e4), as.raw(rep(1:255, 1e4)), sprintf("string %d", 1:20000),
    list(rep(2, 3e4), letters, rep(3L, 5e4)), matrix(runif(1e6), 1000), numeric(500)
  )
  produce <- function() {
    k <- 0
    function() {
      if (k == length(values)) return(lomp_done())
      k <<- k + 1
      values[[k]]
    }
  }
  for (workers in all_workers) {
    got <- lomp_map(produce(), identity, .workers = workers)
    expect_identical(got[-6], values[-6])
    expect_identical(got[[6]](3), 3)
  }
})

test_both_ways("many small items are told apart, and so are many files", {
  expect_identical(lomp_map(counter(3000), identity, .workers = 2), as.list(1:3000 + 0))
  expect_identical(lomp_map(vectors(100, 2e4), sum, .workers = 2), as.list(1:100 * 2e4))
  lists <- function() {
    nextone <- vectors(8, 2e4)
    function() if (lomp_done(x <- nextone())) x else rep(list(x), 50)
  }
  got <- lomp_map(lists(), function(x) c(length(x), sum(unlist(x))), .workers = 2)
  expect_identical(got, lapply(1:8, function(i) c(50, i * 1e6)))
})

test_both_ways("an item can be changed by its worker", {
  got <- lomp_map(vectors(6, 1e5), function(x) {
    x[1] <- 0
    c(x[1:2], sum(x))
  }, .workers = 2)
  expect_identical(got, lapply(1:6, function(i) c(0, i, i * (1e5 - 1))))
})

# The inodes of the payloads that are mapped here.
payload_files <- function() vapply(strsplit(payload_mappings(), " +"), `[[`, "", 5L)

test_both_ways("what a worker keeps of its items stays as it was, though files are used again", {
  skip_without_proc()
  kept <- list()
  look <- function(x) {
    if (x[[1]] %% 8 == 0) kept <<- c(kept, list(x))
    if (x[[1]] %% 5 == 0) x[1] <- -x[[1]]
    gc(full = FALSE)
    list(range(x), lapply(kept, range), payload_files())
  }
  for (workers in 1:2) {
    others <- payload_files()
    results <- lomp_map(vectors(24, 5e5), look, .workers = workers)
    for (i in seq_along(results)) {
      expect_identical(results[[i]][[1]], c(if (i %% 5 == 0) -i else i, i) + 0)
      for (k in results[[i]][[2]]) expect_true(k[[1]] == k[[2]] && k[[1]] %% 8 == 0)
    }
    # Three are kept; of the others there are a few at a time, whose numbers may be the same where
    # files are on a disk.
    files <- setdiff(unlist(lapply(results, `[[`, 3)), others)
    expect_gte(length(files), 3)
    expect_lt(length(files), 22)
  }
})

test_both_ways("items that nothing refers to any more are given back when they have ended", {
  skip_without_proc()
  look <- function(x) list(mean(if (is.list(x)) x$b else x), payload_files())
  lists <- function() {
    nextone <- vectors(50, 2e5)
    function() if (lomp_done(x <- nextone())) x else list(a = x, b = x + 1)
  }
  for (items in list(vectors(50, 5e5), lists())) {
    others <- payload_files()
    results <- lomp_map(items, look, .workers = 2)
    means <- vapply(results, `[[`, 0, 1)
    expect_identical(means, 1:50 + means[[1]] - 1)
    # A few at a time, as a rule 4 to 12; more where the workers are held up. It would be 50 or 100.
    expect_lt(length(setdiff(unlist(lapply(results, `[[`, 2)), others)), 45)
  }
})

test_both_ways("an item stays as it is as long as anything refers to it", {
  kept <- NULL
  length.lomp_test <- function(x) {
    kept <<- c(kept, function() x)
    1L
  }
  registerS3method("length", "lomp_test", length.lomp_test)
  ways <- list(
    function(x) x,
    function(x) list(x),
    function(x) kept <<- c(kept, list(x)),
    function(x) kept <<- c(kept, function() x),
    function(x) kept <<- c(kept, environment()),
    function(x) kept <<- c(kept, list(attributes(structure(1, x = x)))),
    function(x) length(structure(x, class = "lomp_test")),
    function(...) kept <<- c(kept, function() ..1),
    function(x) reg.finalizer(environment(), function(e) kept <<- c(kept, list(e$x))),
    function(x) delayedAssign("later", x, assign.env = globalenv()),
    function(x) {
      emitted <- as.environment(list(x = x))
      lockEnvironment(emitted, bindings = TRUE)
      kept <<- c(kept, emitted)
    }
  )
  # An ALTREP vector can't be brought back by a finalizer.
  if (nzchar(Sys.getenv("LOMP_TEST_ALLOCATOR"))) ways[[9]] <- ways[[1]]
  value_of <- function(k) {
    if (is.function(k)) k <- k()
    if (is.environment(k)) k <- k$x
    while (is.list(k)) k <- k[[1]]
    unclass(k)
  }
  look <- function(x) {
    way <- ways[[unclass(x)[[1]] %% length(ways) + 1]]
    value <- way(x)
    if (exists("later", globalenv(), inherits = FALSE)) {
      kept <<- c(kept, list(get("later", globalenv())))
      rm("later", envir = globalenv())
    }
    list(value, vapply(kept, function(k) diff(range(value_of(k))), 0))
  }
  results <- lomp_map(vectors(44, 2e4), look, .workers = 2)
  for (i in seq_along(results)) {
    if (i %% 11 == 0) expect_identical(results[[i]][[1]], rep(i + 0, 2e4))
    if (i %% 11 == 1) expect_identical(results[[i]][[1]], list(rep(i + 0, 2e4)))
    expect_true(all(results[[i]][[2]] == 0))
  }
})

test_that("large items of workers that die are read again and run by others", {
  died <- withr::local_tempfile()
  die_once <- function(x) {
    file <- paste0(died, x$id)
    if (x$id %in% c(1, 7, 20) && !file.exists(file)) {
      file.create(file)
      tools::pskill(Sys.getpid(), tools::SIGKILL)
    }
    c(x$id, range(x$a), range(x$b))
  }
  lists <- function() {
    nextone <- vectors(30, 5e4)
    function() if (lomp_done(x <- nextone())) x else list(id = x[[1]], a = x, b = -x)
  }
  for (workers in 1:2) {
    unlink(paste0(died, c(1, 7, 20)))
    warnings <- warnings_of(
      results <- lomp_map(lists(), die_once, .workers = workers, .on_error = "collect")
    )
    expect_length(warnings, 1)
    expect_identical(which(!lomp_ok(results)), c(1L, 7L, 20L))
    for (i in which(lomp_ok(results))) expect_identical(results[[i]], c(i, i, i, -i, -i) + 0)
  }
})

test_that("a process that a worker forks keeps the items that it was forked with", {
  skip_without_proc()
  path <- withr::local_tempfile()
  system2("mkfifo", path)
  watch <- function(x) {
    if (x[[1]] == 1) {
      child <<- parallel::mcparallel({
        await_word(path)
        range(x)
      })
    }
    rm(x)
    gc(full = FALSE)
  }
  last <- function(x) {
    give_word(path)
    parallel::mccollect(child)[[1]]
  }
  results <- lomp_map(vectors(40, 1e5), function(x) if (x[[1]] == 40) last(x) else watch(x),
                      .workers = 1)
  expect_identical(results[[40]], c(1, 1))
})

test_that("items are pulled only as they are needed", {
  skip_on_cran()
  pulled <- 0
  it <- lomp_iterate(function() pulled <<- pulled + 1, identity, .workers = 0)
  it()
  expect_identical(pulled, 1)
  it(close = TRUE)
  for (k in 1:3) {
    pulled <- 0
    it <- lomp_iterate(function() {
      pulled <<- pulled + 1
      rep(pulled, 1e5)
    }, function(x) x[[1]], .workers = 2)
    expect_identical(pulled, 0)
    for (k in 1:10) it()
    # Each worker has one parcel in hand and one more waiting, 31 files in each at most.
    expect_lt(pulled, 10 + 4 * 32)
    it(close = TRUE)
  }
})

test_that("each of as many items as workers is run at once", {
  for (k in 1:3) {
    with_flag(function(flag) {
      pids <- lomp_map(counter(2), function(i) {
        raise(paste0(flag, i))
        wait_for(paste0(flag, 3 - i))
        Sys.getpid()
      }, .workers = 2)
      expect_false(pids[[1]] == pids[[2]])
    })
  }
})

test_that("no item waits behind one that takes long while a worker has nothing to do", {
  skip_on_cran()
  # The slow one, among cheap ones or at the beginning, ends when all others have.
  for (slow in c(1, 90)) {
    for (make in list(counter, function(n) vectors(n, 2e4))) {
      with_flag(function(flag) {
        results <- lomp_map(make(120), function(x) {
          i <- x[[1]]
          if (i == slow) for (k in setdiff(1:120, slow)) wait_for(paste0(flag, k))
          raise(paste0(flag, i))
          i
        }, .workers = 2)
        expect_identical(results, as.list(1:120 + 0))
      })
    }
  }
})

test_that("an item goes out before its producer has made the next one", {
  # The producer makes an item when the one before it is being run; many cheap ones come first.
  for (workers in 1:2) {
    with_flag(function(flag) {
      i <- 0
      produce <- function() {
        if (i == 1030) return(lomp_done())
        if (i > 1000) wait_for(paste0(flag, i))
        i <<- i + 1
        i
      }
      run <- function(i) {
        if (i > 1000) raise(paste0(flag, i))
        i
      }
      expect_identical(lomp_map(produce, run, .workers = workers), as.list(1:1030 + 0))
    })
  }
})

test_that("NULL is an item and a producer that ends with it is easily adapted", {
  chunks <- function() {
    i <- 0
    function() if (i < 5) i <<- i + 1
  }
  for (workers in all_workers) {
    produce <- chunks()
    with_end <- function() if (is.null(item <- produce())) lomp_done() else item
    expect_identical(lomp_map(with_end, identity, .workers = workers), as.list(1:5 + 0))
    endless <- lomp_iterate(chunks(), identity, .workers = workers, .ordered = TRUE)
    for (k in 1:5) expect_identical(endless(), k + 0)
    for (k in 1:3) expect_null(endless())
    endless(close = TRUE)
  }
})

test_that("a stream that is left early is closed", {
  for (workers in c(0, 2)) {
    closed <- 0
    produce <- function(close = FALSE) {
      if (close) closed <<- closed + 1
      1
    }
    it <- lomp_iterate(produce, identity, .workers = workers)
    it()
    it(close = TRUE)
    expect_identical(closed, 1)
    cnd <- caught(lomp_map(produce, function(x) stop("no"), .workers = workers))
    expect_identical(conditionMessage(cnd$parent), "no")
    expect_identical(closed, 2)
    cnd <- caught(lomp_iterate(produce, function(x) stop("no"), .workers = workers)())
    expect_identical(conditionMessage(cnd$parent), "no")
    expect_identical(closed, 3)
  }
})

test_that("an item's error is the call's, with what was finished", {
  for (workers in all_workers) {
    cnd <- caught(lomp_map(counter(30), function(x) if (x == 7) stop("bad") else x,
                           .workers = workers))
    expect_s3_class(cnd, "lomp_error")
    expect_identical(cnd$item, 7)
    expect_identical(conditionMessage(cnd$parent), "bad")
    expect_identical(cnd$results[[7]]$item, 7)
    ok <- lomp_ok(cnd$results)
    expect_identical(unlist(cnd$results[ok]), which(ok) + 0)
    warnings <- warnings_of(all <- lomp_map(counter(30), function(x) {
      if (x %% 10 == 7) stop("bad") else x
    }, .workers = workers, .on_error = "collect"))
    expect_identical(which(!lomp_ok(all)), c(7L, 17L, 27L))
    expect_identical(conditionMessage(warnings[[1]]),
                     "3 of 30 items failed (7, 17, 27); the first: bad")
  }
})

test_that("a producer's error ends the call, with what was finished", {
  produce <- function() {
    i <- 0
    function() {
      i <<- i + 1
      if (i == 6) stop("disk on fire")
      i
    }
  }
  for (workers in all_workers) {
    for (on_error in c("stop", "collect")) {
      cnd <- caught(lomp_map(produce(), identity, .workers = workers, .on_error = on_error))
      expect_s3_class(cnd, c("lomp_source_error", "lomp_error", "error", "condition"), exact = TRUE)
      expect_identical(conditionMessage(cnd$parent), "disk on fire")
      expect_length(cnd$results, 5)
      ok <- lomp_ok(cnd$results)
      expect_identical(unlist(cnd$results[ok]), as.numeric(which(ok)))
      expect_identical(lomp_last()$results, cnd$results)
    }
    it <- lomp_iterate(produce(), identity, .workers = workers)
    cnd <- caught(while (!lomp_done(it())) NULL)
    expect_s3_class(cnd, "lomp_source_error")
    expect_true(lomp_done(it()))
  }
})

test_that("items of a worker that dies are run by others, but for the one in hand", {
  skip_on_cran()
  makes <- list(counter, function(n) vectors(n, 2e4))
  # Small items and large ones by turns, since each death costs a fork.
  for (seed in 1:4) {
    deaths <- with_seed(seed, sample(60, 4))
    all <- suppressWarnings(lomp_map(makes[[seed %% 2 + 1]](60), function(x) {
      if (x[[1]] %in% deaths) tools::pskill(Sys.getpid(), tools::SIGKILL)
      x[[1]]
    }, .workers = 2, .on_error = "collect"))
    expect_identical(which(!lomp_ok(all)), sort(deaths))
    expect_identical(unlist(all[lomp_ok(all)]), setdiff(1:60, deaths) + 0)
  }
})

test_that("messages about streams read well", {
  failing <- function() stop("disk on fire")
  expect_messages(
    caught(lomp_map(failing, identity, .workers = 0)),
    caught(lomp_map(counter(3), function(x) if (x == 2) stop("bad") else x, .workers = 0)),
    caught(lomp_map(function(needed) 1, identity)), caught(lomp_map(sum, identity))
  )
  expect_output(print(lomp_iterate(counter(3), identity, .workers = 2)),
                "items from a stream, 2 workers", fixed = TRUE)
})

test_that("nothing is left of a stream", {
  skip_on_cran()
  expect_no_leaks({
    lomp_map(vectors(20, 5e4), sum, .workers = 2)
    gc()
  })
  expect_no_leaks(caught(lomp_map(vectors(20, 5e4), stop, .workers = 2)))
  expect_no_leaks({
    it <- lomp_iterate(vectors(Inf, 5e4), identity, .workers = 2)
    for (k in 1:10) it()
    it(close = TRUE)
    gc()
  })
})

test_that("much more than there is memory for passes through", {
  skip_on_cran()
  skip_without_proc()
  run <- run_r(seconds = 200, code = {
    library(lomp)
    k <- 0
    # 1 GB in all.
    produce <- function() {
      k <<- k + 1
      if (k > 100) lomp_done() else rep(k, 1.25e6)
    }
    sums <- lomp_map(produce, function(x) x[[1]] + x[[1e6]], .workers = 2)
    peak <- grep("^VmHWM", lines_of("/proc/self/status"), value = TRUE)
    give(list(right = identical(sums, lapply(1:100, function(i) 2 * i)),
              peak = as.numeric(gsub("[^0-9]", "", peak)) / 1024))
  })
  expect_true(run$value$right)
  expect_lt(run$value$peak, 600)
})

# A limit is over at any moment, on the way out of the producer, too. Neither its own code nor that
# which asks for results can lose anything to it: what they note is noted last.
test_that("time limits that leave an iterator lose no item of a producer's", {
  skip_on_cran()
  left <- 0
  drain <- function() {
    i <- 0
    produce <- function() {
      if (i == 200) return(lomp_done())
      item <- i + 1
      i <<- item
      item
    }
    it <- lomp_iterate(produce, identity, .workers = 1, .ordered = TRUE)
    got <- list()
    suspendInterrupts(while (length(got) == 0 || !lomp_done(got[[length(got)]])) {
      setTimeLimit(elapsed = 0.0005, transient = TRUE)
      tryCatch(allowInterrupts(got <- c(got, list(it()))), error = function(cnd) left <<- left + 1)
      setTimeLimit()
    })
    unlist(utils::head(got, -1L))
  }
  for (k in 1:15) expect_equal(drain(), 1:200)
  expect_gt(left, 0)
})
