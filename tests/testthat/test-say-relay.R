# Conditions that items signal: seen by the caller as under lapply.

# These start many processes and take their time.
skip_on_cran()

# In this process, and by workers: each costs a fork, and two say what a single one does.
counts <- c(0, 2)

# All that `code` signals, muffled where that is possible.
heard <- function(code) {
  seen <- list()
  value <- withCallingHandlers(code, condition = function(cnd) {
    seen[[length(seen) + 1L]] <<- cnd
    for (name in c("muffleWarning", "muffleMessage")) tryInvokeRestart(name)
  })
  list(value = value, seen = seen)
}

own <- function(class, ...) structure(class = c(class, "condition"), list(call = NULL, ...))

# Without workers, a condition that is neither a warning nor a message doesn't have it.
item_of <- function(cnd) {
  item <- attr(cnd, "lomp_item")
  if (is.null(item) && !inherits(cnd, c("warning", "message"))) NA_real_ else item
}

texts <- function(seen) vapply(seen, conditionMessage, "")

test_that("each condition arrives, with class, fields and item, in order within items", {
  f <- function(i) {
    warning("first ", i)
    message("second ", i)
    signalCondition(own("mine", message = "third", field = list(i, "x")))
    warning(structure(class = c("special", "warning", "condition"),
                      list(message = "fourth", call = NULL, level = i)))
    message(structure(class = c("note", "message", "condition"),
                      list(message = "fifth\n", call = NULL)))
    i
  }
  for (workers in counts) {
    result <- heard(lomp_map(1:4, f, .workers = workers))
    expect_identical(result$value, as.list(1:4))
    seen <- result$seen
    expect_length(seen, 20)
    item <- vapply(seen, item_of, 0)
    expect_true(workers == 0 || !anyNA(item))
    item[is.na(item)] <- unlist(lapply(seen[is.na(item)], function(cnd) cnd$field[[1]]))
    seen <- unlist(lapply(1:4, function(i) seen[item == i]), recursive = FALSE)
    bare <- lapply(seen, function(cnd) {
      attr(cnd, "lomp_item") <- NULL
      cnd
    })
    expect_equal(bare, heard(lapply(1:4, f))$seen)
  }
})

test_that("nothing is muffled but by the caller", {
  for (workers in counts) {
    expect_warning(lomp_map(1, function(i) warning("told"), .workers = workers), "told")
    expect_message(lomp_map(1, function(i) message("told"), .workers = workers), "told")
    expect_condition(lomp_map(1, function(i) signalCondition(own("mine")), .workers = workers),
                     class = "mine")
    expect_silent(suppressMessages(suppressWarnings(lomp_map(1:3, function(i) {
      message("unheard")
      warning("unheard")
    }, .workers = workers))))
    expect_identical(tryCatch(lomp_map(1:3, function(i) warning("out"), .workers = workers),
                              warning = function(cnd) "caught"), "caught")
    expect_length(children_left(), 0)
  }
})

test_that("what an item handles itself isn't heard outside", {
  f <- function(i) {
    suppressWarnings(warning("a"))
    suppressMessages(message("b"))
    tryCatch(stop("c"), error = function(cnd) NULL)
    tryCatch(signalCondition(own("mine")), mine = function(cnd) NULL)
    try(log(-1), silent = TRUE)
    i
  }
  for (workers in counts) {
    result <- heard(lomp_map(1:3, f, .workers = workers))
    expect_identical(texts(result$seen), rep("NaNs produced", 3))
    expect_identical(result$value, as.list(1:3))
  }
})

test_that("an error comes after what its item has said", {
  for (workers in counts) {
    seen <- character()
    cnd <- withCallingHandlers(
      tryCatch(lomp_map(1, function(i) {
        warning("before")
        stop("boom")
      }, .workers = workers), lomp_error = function(cnd) cnd),
      warning = function(cnd) {
        seen <<- c(seen, conditionMessage(cnd))
        invokeRestart("muffleWarning")
      }
    )
    expect_identical(seen, "before")
    expect_identical(conditionMessage(cnd$parent), "boom")
  }
})

test_that("what a worker had said before its death is heard", {
  result <- heard(suppressWarnings(lomp_map(1:2, function(i) {
    message("item ", i)
    if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
  }, .workers = 1, .on_error = "collect"), classes = "lomp_failed"))
  expect_identical(texts(result$seen), c("item 1\n", "item 2\n"))
})

test_that("with warn = 2 a warning is its item's error", {
  withr::local_options(warn = 2)
  for (workers in counts) {
    cnd <- tryCatch(lomp_map(1:2, function(i) as.integer("x"), .workers = workers),
                    lomp_error = function(cnd) cnd)
    expect_match(conditionMessage(cnd), "converted from warning", fixed = TRUE)
    expect_identical(lomp_map(1, function(i) suppressWarnings(as.integer("x")),
                              .workers = workers), list(NA_integer_))
  }
})

test_that("iterators signal what their items do, before the results that come later", {
  f <- function(i, emit) {
    emit(i)
    warning("between ", i)
    emit(-i)
  }
  for (workers in counts) {
    for (ordered in c(TRUE, FALSE)) {
      result <- heard(as.list(lomp_iterate(1:3, f, .workers = workers, .ordered = ordered)))
      expect_setequal(unlist(result$value), c(-3:-1, 1:3))
      expect_setequal(texts(result$seen), paste("between", 1:3))
      if (ordered) {
        expect_identical(unlist(result$value), c(1L, -1L, 2L, -2L, 3L, -3L))
        expect_identical(texts(result$seen), paste("between", 1:3))
      }
    }
    at <- 0
    producer <- function() if (at < 3) at <<- at + 1 else lomp_done()
    result <- heard(lomp_map(producer, function(i) warning("item ", i), .workers = workers))
    expect_setequal(texts(result$seen), paste("item", 1:3))
  }
})

test_that("of calls within calls, a condition names the outer one's item", {
  for (workers in counts) {
    result <- heard(lomp_map(1:2, function(i) {
      lomp_map(4:6, function(j) warning(i, j), .workers = workers)
    }, .workers = workers))
    expect_length(result$seen, 6)
    expect_identical(vapply(result$seen, item_of, 0), as.numeric(substr(texts(result$seen), 1, 1)))
  }
})

test_that("a handler that fails ends the call and its workers", {
  for (workers in counts) {
    expect_error(
      withCallingHandlers(lomp_map(1:50, function(i) message("m"), .workers = workers),
                          message = function(cnd) stop("from the handler")),
      "from the handler"
    )
    expect_length(children_left(), 0)
  }
})

test_that("what a process that an item forks signals is its own, and harms nothing", {
  result <- heard(lomp_map(1:2, function(i) {
    message("worker ", i)
    jobs <- parallel::mclapply(1:2, function(j) {
      for (k in 1:50) suppressWarnings(warning("unheard"))
      for (k in 1:50) message("job")
      for (k in 1:50) signalCondition(own("mine", message = "job"))
      j
    }, mc.cores = 2, mc.silent = TRUE)
    message("worker again ", i)
    unlist(jobs)
  }, .workers = 2))
  expect_identical(result$value, rep(list(1:2), 2))
  expect_setequal(texts(result$seen), c(paste0("worker ", 1:2, "\n"),
                                        paste0("worker again ", 1:2, "\n")))
})

test_that("conditions of rlang keep their class and fields", {
  skip_if_not_installed("rlang")
  for (workers in counts) {
    result <- heard(lomp_map(1, function(i) {
      rlang::warn("careful", class = "careful", size = 5)
      rlang::inform("by the way", class = "aside")
      rlang::signal("psst", class = "quiet")
      NULL
    }, .workers = workers))
    expect_s3_class(result$seen[[1]], c("careful", "rlang_warning"))
    expect_identical(result$seen[[1]]$size, 5)
    expect_s3_class(result$seen[[2]], "aside")
    expect_s3_class(result$seen[[3]], "quiet")
  }
})

test_that("progressr sees the progress of items", {
  skip_if_not_installed("progressr")
  for (workers in counts) {
    steps <- 0
    withCallingHandlers(
      progressr::with_progress({
        step <- progressr::progressor(along = 1:6)
        lomp_map(1:6, function(i) step(amount = 1), .workers = workers)
      }, enable = TRUE, handlers = progressr::handler_void()),
      progression = function(cnd) steps <<- steps + (cnd$type == "update")
    )
    expect_identical(steps, 6)
  }
})

test_that("progressr's global handlers show the progress of items, and of an iterator's", {
  skip_if_not_installed("progressr")
  run <- run_r({
    library(lomp)
    options(progressr.enable = TRUE, progressr.interval = 0, progressr.clear = FALSE)
    progressr::handlers(global = TRUE)
    progressr::handlers("txtprogressbar")
    map <- function(x, workers) {
      step <- progressr::progressor(along = x)
      lomp_map(x, function(i) step(), .workers = workers)
    }
    drain <- function(x) {
      step <- progressr::progressor(along = x)
      as.list(lomp_iterate(x, function(i) step(), .workers = 2))
    }
    for (workers in 0:2) map(1:4, workers)
    drain(1:4)
  })
  expect_identical(run$status, 0L)
  shown <- unlist(regmatches(run$err, gregexpr("[0-9]+%", run$err)))
  expect_identical(shown[shown != ""], rep(c("0%", "25%", "50%", "75%", "100%"), 4))
})

test_that("bars of cli's within items do no harm", {
  skip_if_not_installed("cli")
  withr::local_options(cli.progress_show_after = 0)
  count <- function(i) {
    n <- 0
    for (k in cli::cli_progress_along(1:5)) n <- n + k
    cli::cli_progress_bar("inner", total = 5)
    for (k in 1:5) cli::cli_progress_update(force = TRUE)
    n
  }
  for (workers in counts) {
    result <- expect_no_leaks(heard(lomp_map(1:3, count, .workers = workers)))
    expect_identical(result$value, rep(list(15), 3))
  }
})

test_that("a script shows warnings and messages as lapply's does", {
  run <- run_r({
    library(lomp)
    begin <- function() cat("begun\n", file = stderr())
    f <- function(i) {
      warning("careful ", i)
      message("hello")
    }
    # Each a line of the script, since R shows some warnings when it has run one.
    options(warn = 0)
    begin()
    invisible(lapply(1:3, f))
    begin()
    invisible(lomp_map(1:3, f, .workers = 1))
    begin()
    invisible(lomp_map(1:3, f, .workers = 0))
    options(warn = 1)
    begin()
    invisible(lapply(1:3, f))
    begin()
    invisible(lomp_map(1:3, f, .workers = 1))
    begin()
    invisible(lomp_map(1:3, f, .workers = 0))
  })
  shown <- unname(split(run$err, cumsum(run$err == "begun")))
  expect_length(shown, 6)
  expect_identical(shown[2:3], shown[c(1, 1)])
  expect_identical(shown[5:6], shown[c(4, 4)])
  expect_match(shown[[1]], "careful 3", fixed = TRUE, all = FALSE)
  expect_false(identical(shown[[1]], shown[[4]]))
})

test_that("many warnings take no more than their number does", {
  time <- function(n) {
    count <- 0
    seconds <- system.time(withCallingHandlers(
      lomp_map(seq_len(n), function(i) warning("w"), .workers = 2),
      warning = function(cnd) {
        count <<- count + 1
        invokeRestart("muffleWarning")
      }
    ))[["elapsed"]]
    expect_equal(count, n)
    seconds
  }
  time(100)
  few <- time(500)
  expect_lt(time(5000), 30 * few)  # ten times, if nothing is quadratic; a hundred times if it is
})

# Values whose sending is left half-way, by each of these ways; `emit` can be called there, too.
ways_out <- list(
  error = function(emit) stop("no such element"),
  restart = function(emit) invokeRestart("away"),
  interrupt = function(emit) {
    tools::pskill(Sys.getpid(), tools::SIGINT)
    Sys.sleep(60)
  },
  emission = function(emit) emit("from within"),
  said = function(emit) {
    cat("printed by an element\n")
    warning("of an element")
    stop("no such element")
  }
)

# A bare one, one that R serializes, one of which much is on its way when it fails, and, if that is
# wanted, one so deep that R gives up by itself, in whatever way the others are left.
unsendable <- function(leave, emit, deep) {
  late <- function(n) function(i) if (i < n) strrep("x", 1000) else leave(emit)
  values <- list(
    bare = .Call("lazy_integers", function(i) leave(emit), 10),
    serialized = list(1, .Call("lazy_strings", late(3), 10)),
    large = list(numeric(1e5), .Call("lazy_strings", late(500), 1000), quote(a))
  )
  if (deep) values$deep <- Reduce(function(x, k) list(x), 1:1e5, NULL)
  values
}

# Tries to emit each of them, then says how that went in all ways that there are.
emit_all <- function(i, emit, leave, deep) {
  values <- unsendable(leave, emit, deep)
  for (name in names(values)) {
    how <- withRestarts(away = function() "restart", tryCatch(
      {
        emit(values[[name]])
        "sent"
      },
      error = function(cnd) "error", interrupt = function(cnd) "interrupt"
    ))
    text <- paste(i, name, how)
    warning(text)
    message(text)
    cat(text, "\n", sep = "")
    emit(text)
  }
}

test_that("after an emit() that fails and is caught, all that follows arrives", {
  skip_without_proc()
  values <- list(lazy = native("lazy.c"), ways_out = ways_out, unsendable = unsendable,
                 emit_all = emit_all, heard = heard)
  run <- run_r(values = values, seconds = 240, code = {
    library(lomp)
    dyn.load(lazy)
    .C("lazy_prepare")
    environment(heard) <- environment(unsendable) <- environment(emit_all) <- globalenv()
    try_way <- function(leave, deep) {
      results <- NULL
      output <- utils::capture.output(told <- heard({
        it <- lomp_iterate(1:2, emit_all, leave = leave, deep = deep, .workers = 2)
        results <- as.list(it)
      }))
      list(results = results, output = output, seen = vapply(told$seen, conditionMessage, ""))
    }
    give(Map(try_way, ways_out, names(ways_out) == "error"))
  })
  ends <- c(error = "error", restart = "restart", interrupt = "interrupt", emission = "error",
            said = "error")
  for (way in names(ways_out)) {
    expected <- paste(c("bare", "serialized", "large"), ends[[way]])
    if (way == "error") expected <- c(expected, "deep error")
    texts <- paste(rep(1:2, each = length(expected)), expected)
    value <- run$value[[way]]
    expect_setequal(unlist(value$results), texts)
    expect_length(value$results, length(texts))
    expect_setequal(value$seen, c(texts, paste0(texts, "\n")))
    printed <- setdiff(value$output, "printed by an element")
    expect_setequal(printed, texts)
  }
})

# ---- Restarts -----------------------------------------------------------------------------------

test_that("expectations in items are the test's", {
  for (workers in counts) {
    expect_identical(lomp_map(1:2, function(i) {
      expect_true(TRUE)
      i
    }, .workers = workers), as.list(1:2))
    expect_setequal(unlist(as.list(lomp_iterate(1:2, function(i, emit) {
      expect_true(TRUE)
      emit(i)
      expect_identical(i, i)
    }, .workers = workers))), 1:2)
  }
})

# R's own, which leads to the top level, has no names for its parts.
names_of <- function(restarts) vapply(restarts, function(restart) restart[[1]], "")

# Signals in each way, with restarts around it.
restartable <- function(i) {
  withRestarts(withRestarts({
    signalCondition(own("mine"))
    warning("a warning")
    message("a message")
    signalCondition(simpleError("an error"))
    i
  }, inner = function(x) x), outer = function() -i)
}

test_that("a handler finds the restarts of its item, and goes on by them", {
  for (workers in 1:2) {
    for (name in c("inner", "outer")) {
      found <- list()
      call <- function(map, ...) {
        take <- function(cnd) {
          found[[length(found) + 1L]] <<- names_of(computeRestarts(cnd))
          invokeRestart(name, if (name == "inner") 5)
        }
        withCallingHandlers(map(1:2, restartable, ..., .workers = workers), condition = take)
      }
      expect_silent(expect_identical(call(lomp_map), as.list(1:2)))
      expect_length(found, 8)
      for (names in found) expect_true(all(c("inner", "outer", "abort") %in% names))
      # Each number of workers and each name once.
      if ((workers == 1) != (name == "inner")) next
      expect_silent(expect_setequal(unlist(call(function(...) as.list(lomp_iterate(...)))), 1:2))
    }
  }
})

test_that("without workers a handler takes the item's own restart, as under lapply", {
  call <- function(map, ...) {
    withCallingHandlers(map(1:2, restartable, ...), message = function(cnd) invokeRestart("outer"),
                        warning = function(cnd) invokeRestart("muffleWarning"))
  }
  expect_identical(call(lapply), list(-1L, -2L))
  expect_identical(call(lomp_map, .workers = 0), list(-1L, -2L))
})

test_that("a condition has the restarts that were there when it was signalled, and no others", {
  f <- function(i) {
    withRestarts(NULL, gone = function() NULL)
    warning("w")
    withRestarts(withRestarts(signalCondition(own("mine")), twice = function() 1),
                 twice = function() 2)
  }
  names <- list()
  listen <- function(cnd) {
    names[[class(cnd)[[1]]]] <<- names_of(computeRestarts(cnd))
    tryInvokeRestart("muffleWarning")
  }
  names_outside <- names_of(computeRestarts())
  withCallingHandlers(lomp_map(1, f, .workers = 1), condition = listen)
  expect_identical(names$simpleWarning, c("muffleWarning", names_outside))
  expect_identical(names$mine, c("twice", names_outside))
})

test_that("restarts of any name can be told", {
  f <- function(i) {
    restarts <- list(quote(signalCondition(own("mine"))), "a b" = function() 1, function() 2)
    do.call(withRestarts, restarts)
    i
  }
  take <- function(name) {
    withCallingHandlers(lomp_map(1, f, .workers = 1), mine = function(cnd) invokeRestart(name))
  }
  expect_identical(take("a b"), list(1))
  expect_error(take("c"), "no 'restart' 'c' found", fixed = TRUE)
})

test_that("restarts come through calls within calls", {
  result <- withCallingHandlers(
    lomp_map(1:2, function(i) lomp_map(1:2, restartable, .workers = i), .workers = 2),
    condition = function(cnd) invokeRestart("outer")
  )
  expect_identical(result, rep(list(list(1L, 2L)), 2))
})

# ---- Errors that aren't thrown ------------------------------------------------------------------

# What the caller's calling handlers hear of errors, and the value.
heard_errors <- function(code) {
  seen <- list()
  value <- withCallingHandlers(code, error = function(cnd) seen[[length(seen) + 1L]] <<- cnd)
  list(seen = seen, value = value)
}
environment(heard_errors) <- globalenv()

# Ways to throw an error; the last ones are packages' own.
throw_ways <- alist(
  stop("boom"), stop(simpleError("boom")), list(1)[[i + 5]], warning(stop("boom")),
  withRestarts(list(1)[[i + 5]], own = function() NULL), signalCondition(list(1)[[i + 5]]),
  tryCatch(stop("inner"), error = function(cnd) stop(cnd)), stop(structure(
    class = c("mine", "error", "condition"), list(message = "boom", call = NULL)
  )),
  rlang::abort("boom"), rlang::cnd_signal(rlang::error_cnd("mine", message = "boom")),
  processx::run("/no/such/program")
)

# A test takes all errors itself, so these run in a script: in one for several tests, since it takes
# its time to start.
run_with_errors <- local({
  run <- NULL
  function() {
    if (is.null(run)) run <<- run_all()
    run
  }
})

run_all <- function() {
  values <- list(heard_errors = heard_errors, counts = counts, ways = throw_ways)
  run_r(values = values, seconds = 180, code = {
    library(lomp)
    # Here, and not in each worker.
    for (package in c("rlang", "processx")) requireNamespace(package, quietly = TRUE)
    collected <- function(x, f, workers) {
      suppressWarnings(heard_errors(lomp_map(x, f, .workers = workers, .on_error = "collect")))
    }
    signals <- function(i) {
      signalCondition(structure(class = c("mine", "error", "condition"),
                                list(message = paste("item", i), call = NULL, field = i)))
      i
    }
    stream <- function(w) as.list(lomp_iterate(1:4, signals, .workers = w, .ordered = TRUE))
    throws_next <- function(i) {
      signalCondition(simpleError("first"))
      stop("second")
    }
    give(list(
      lapply = heard_errors(lapply(1:4, signals)),
      map = lapply(counts, function(w) heard_errors(lomp_map(1:4, signals, .workers = w))),
      iterate = lapply(counts, function(w) heard_errors(stream(w))),
      later = lapply(counts, function(w) collected(1, throws_next, w)),
      thrown = lapply(counts, function(w) collected(ways, function(way) eval(way, list(i = 2)), w))
    ))
  })
}

test_that("an error that nobody takes and that leaves nothing is no failure, and is heard once", {
  run <- run_with_errors()
  for (got in c(run$value$map, run$value$iterate)) {
    items <- lapply(got$seen, attr, "lomp_item")
    got$seen <- lapply(got$seen, structure, lomp_item = NULL)
    got$seen <- got$seen[order(texts(got$seen))]
    expect_identical(got, run$value$lapply)
    expect_setequal(items, if (!is.null(items[[1]])) as.list(as.numeric(1:4)) else list(NULL))
  }
  expect_identical(run$err, character())
})

test_that("a handler of the caller's may leave by it, as under lapply", {
  f <- function(i) {
    signalCondition(simpleError("left"))
    i
  }
  for (workers in counts) {
    cnd <- tryCatch(lomp_map(1:3, f, .workers = workers), error = identity)
    expect_s3_class(cnd, "simpleError")
    expect_identical(conditionMessage(cnd), "left")
    expect_length(children_left(), 0)
  }
})

test_that("an error given to warning() or message() is one, as under lapply", {
  run <- run_r(values = list(heard_errors = heard_errors), code = {
    library(lomp)
    options(warn = 1)
    f <- function(i) {
      tryCatch(stop("told ", i), error = function(cnd) warning(cnd))
      tryCatch(stop("said ", i, "\n"), error = function(cnd) message(cnd))
      i
    }
    maps <- list(lapply, function(x, f) lomp_map(x, f, .workers = 0),
                 function(x, f) lomp_map(x, f, .workers = 1))
    give(lapply(maps, function(map) {
      cat("begun\n", file = stderr())
      got <- heard_errors(map(1:3, f))
      withCallingHandlers(map(1:3, f), error = function(cnd) {
        for (name in c("muffleWarning", "muffleMessage")) tryInvokeRestart(name)
      })
      list(got$value, vapply(got$seen, conditionMessage, ""))
    }))
  })
  expect_identical(run$value[-1], rep(run$value[1], 2))
  expect_identical(run$value[[1]][[2]][1:2], c("told 1", "said 1\n"))
  shown <- split(run$err, cumsum(run$err == "begun"))
  expect_length(shown[[1]], 7)
  expect_identical(unname(shown[-1]), rep(unname(shown[1]), 2))
})

test_that("an error that is thrown after one that wasn't is the failure", {
  run <- run_with_errors()
  expect_length(run$value$later, length(counts))
  for (got in run$value$later) {
    expect_identical(texts(got$seen), "first")
    expect_identical(conditionMessage(got$value[[1]]$parent), "second")
    expect_identical(got$value[[1]]$calls, c("FUN(X[[i]], ...)", "stop(\"second\")"))
  }
})

test_that("an error that is thrown is heard as the call's, not by itself, and says nothing", {
  skip_if_not_installed("rlang")
  skip_if_not_installed("processx")
  run <- run_with_errors()
  expect_identical(c(run$status, run$out, run$err), "0")
  expect_length(run$value$thrown, length(counts))
  for (got in run$value$thrown) {
    expect_identical(got$seen, list())
    for (failure in got$value) {
      expect_s3_class(failure, "lomp_error")
      expect_match(conditionMessage(failure), "boom|subscript|such|inner")
      expect_no_match(conditionMessage(failure), "left by a jump", fixed = TRUE)
      expect_s3_class(failure$parent, "error")
      expect_gt(length(failure$calls), 1)
    }
  }
})

test_that("functions of packages that end in stop() throw", {
  of_package <- function(f) {
    environment(f) <- asNamespace("stats")
    f
  }
  throwing <- list(function(cnd) stop(cnd), function(cnd) {
    signalCondition(cnd)
    base::stop(cnd)
  })
  for (f in throwing) {
    expect_true(throws(of_package(f)))
    environment(f) <- globalenv()
    expect_false(throws(f))
  }
  for (f in list(function() NULL, function(cnd) cnd, function(cnd) (cnd), sum)) {
    expect_false(throws(if (is.primitive(f)) f else of_package(f)))
  }
})

test_that("in a process that an item forks an error that isn't thrown harms nothing", {
  f <- function(i) {
    pipe <- parallel:::mcfork()
    if (!inherits(pipe, "masterProcess")) return(unserialize(parallel:::readChild(pipe)))
    signalCondition(simpleError("unheard"))
    warning(simpleError("unheard"))
    parallel:::sendMaster(i)
    parallel:::mcexit()
  }
  expect_identical(heard_errors(lomp_map(1:2, f, .workers = 1)),
                   list(seen = list(), value = list(1L, 2L)))
})

test_that("with warn = 2 an error given to warning() is its item's failure", {
  with_options(list(warn = 2), {
    for (workers in counts) {
      cnd <- caught(lomp_map(1:2, function(i) warning(simpleError("boom")), .workers = workers))
      expect_s3_class(cnd, "lomp_error")
      expect_match(conditionMessage(cnd), "boom", fixed = TRUE)
    }
  })
})

test_that("a condition that can't be sent is its item's failure", {
  lazy <- native("lazy.c")
  run <- run_r(values = list(lazy = lazy), code = {
    library(lomp)
    dyn.load(lazy)
    .C("lazy_prepare")
    bad <- function(i) .Call("lazy_integers", function(i) stop("no such element"), 10)
    f <- function(i) {
      signalCondition(structure(class = c("mine", "error", "condition"),
                                list(message = "m", call = NULL, data = list(bad(i)))))
    }
    cnd <- tryCatch(lomp_map(1, f, .workers = 1), lomp_error = function(cnd) cnd)
    give(conditionMessage(cnd))
  })
  expect_match(run$value, "no such element")
})

test_that("what is said once in a session is said once by each worker of each call", {
  skip_if_not_installed("rlang")
  said <- function(id, workers) {
    both_at_work <- function(flag) {
      lomp_map(1:2, function(i) {
        raise(paste0(flag, i))
        if (workers == 2) wait_for(paste0(flag, 1:2))
        for (k in 1:3) rlang::warn("look out", .frequency = "once", .frequency_id = id)
      }, .workers = workers)
    }
    length(warnings_of(with_flag(both_at_work)))
  }
  expect_identical(said("lomp_two", 2), 2L)
  expect_identical(said("lomp_two", 2), 2L)
  expect_identical(said("lomp_one", 1), 1L)
  expect_identical(said("lomp_none", 0), 1L)
  expect_identical(said("lomp_none", 2), 0L)
})
