# What a call's results that go into a file survive: their session, first of all.

# These start many processes and take their time.
skip_on_cran()

# Small values, some that R serializes, and vectors that travel as files, all with random numbers.
mixed <- function(i) {
  Sys.sleep(0.002)
  switch(i %% 4 + 1,
    c(i, runif(3)), list(quote(a + b), globalenv(), rnorm(2)), rnorm(20000),
    list(a = runif(20000), b = letters, c = rexp(20000))
  )
}
items <- setNames(seq_len(40), paste0("item ", 1:40))

# ---- Killed sessions ----------------------------------------------------------------------------

# Has sessions, each a process of its own, go on with one call until it has ended, and kills each
# one at some moment; so many times in all, with a new file when a call has ended. Where the machine
# is so busy that none was killed in the middle of the call, some more. `session(file)` gives what
# is the same each time.
kill_sessions <- function(session, seed, times) {
  bquote({
    library(lomp)
    session <- .(session)
    file <- tempfile("checkpoint")
    expected <- session(NULL)
    took <- system.time(session(NULL))[["elapsed"]]
    set.seed(.(seed))
    kills <- 0
    has_middle <- FALSE
    ended <- NULL
    while (kills < .(times) || (!has_middle && kills < 5 * .(times))) {
      job <- parallel::mcparallel(
        tryCatch(identical(session(file), expected), error = conditionMessage), mc.set.seed = FALSE
      )
      Sys.sleep(runif(1, 0, took))
      tools::pskill(job$pid, tools::SIGKILL)
      is_same <- suppressWarnings(parallel::mccollect(job))[[1]]
      n <- if (file.exists(file)) sum(lomp_ok(lomp_read(file))) else 0
      note(paste(n, is_same))
      if (is.null(is_same)) {
        kills <- kills + 1
        has_middle <- has_middle || (n > 0 && n < 40)
        next
      }
      ended <- c(ended, isTRUE(is_same))
      unlink(file)
    }
    give(c(ended, identical(session(file), expected)))
  })
}

expect_survived <- function(session, seed = 1, times = 5) {
  skip_in_light_run()
  run <- finish_r(start_r(kill_sessions(session, seed, times)), 240)
  expect_true(run$in_time, info = told(run))
  # The last call has come to its end, and others if no session was killed for long enough; at
  # least one was killed in the middle of one.
  expect_true(length(run$value) > 0 && all(run$value),
              info = paste(c(told(run), run$ledger$text), collapse = "\n"))
  expect_gt(length(setdiff(sub(" .*", "", run$ledger$text), c("0", "40"))), 0)
}

test_that("a call whose session is killed twenty times goes on as if nothing had happened", {
  expect_survived(bquote(function(file) {
    mixed <- .(mixed)
    set.seed(1)
    before <- runif(1)
    redo <- if (!is.null(file) && file.exists(file)) lomp_read(file)
    results <- lomp_map(.(items), mixed, .workers = 2, .redo = redo, .checkpoint = file)
    list(before, results, runif(2), sample(5))
  }), times = 20)
})

test_that("so does one whose results go into a vector", {
  expect_survived(bquote(function(file) {
    set.seed(2)
    redo <- if (!is.null(file) && file.exists(file)) lomp_read(file)
    small <- function(i) {
      Sys.sleep(0.003)
      c(a = i, b = runif(1))
    }
    results <- lomp_vapply(.(items), small, numeric(2), .workers = 2, .redo = redo,
                           .checkpoint = file)
    list(results, runif(2))
  }), seed = 2)
})

test_that("so does one whose values are large parts of a vector", {
  expect_survived(bquote(function(file) {
    set.seed(3)
    redo <- if (!is.null(file) && file.exists(file)) lomp_read(file)
    large <- function(i) {
      Sys.sleep(0.002)
      rnorm(20000)
    }
    results <- lomp_vapply(.(items), large, numeric(20000), .workers = 2, .redo = redo,
                           .checkpoint = file)
    list(colSums(results), runif(2))
  }), seed = 3)
})

test_that("so does one without workers", {
  expect_survived(bquote(function(file) {
    mixed <- .(mixed)
    set.seed(4)
    redo <- if (!is.null(file) && file.exists(file)) lomp_read(file)
    list(lomp_map(.(items), mixed, .workers = 0, .redo = redo, .checkpoint = file), runif(2))
  }), seed = 4)
})

# What a consumer was done with when its session died stands in the file, and nothing twice.
test_that("an iterator's consumer gets each result once, or is told of it by the file", {
  expect_survived(bquote(function(file) {
    set.seed(5)
    redo <- if (!is.null(file) && file.exists(file)) lomp_read(file)
    f <- function(i, emit) {
      for (k in seq_len(i %% 4)) {
        Sys.sleep(0.001)
        emit(list(i, k, runif(1), if (k == 2) rnorm(20000)))
      }
    }
    got <- rep(list(list()), 40)
    done <- if (is.null(redo)) logical(40) else unname(lomp_ok(redo))
    got[done] <- redo[done]
    it <- lomp_iterate(.(unname(items)), f, .workers = 2, .redo = redo, .checkpoint = file)
    while (!lomp_done(value <- it())) {
      i <- lomp_item(it)
      if (done[[i]]) stop("an item that was delivered came again")
      got[[i]] <- c(got[[i]], list(value))
    }
    list(unname(got), runif(1))
  }), seed = 5)
})

# ---- While it is written ------------------------------------------------------------------------

test_that("results are in the file as soon as they have come", {
  for (workers in all_workers) {
    file <- new_file_name()
    with_flag(function(flag) {
      lomp_map(1:3, function(i) {
        if (i < 3) {
          Sys.sleep(0.05)  # else a worker may keep it until it has more to hand over
          return(i)
        }
        if (wait_until(length(suppressWarnings(in_file(file))) == 2L)) raise(flag)
      }, .workers = workers, .checkpoint = file)
      expect_true(file.exists(flag))
      expect_identical(without_mark(lomp_read(file)[1:2]), list(1L, 2L))
    })
  }
})

# Of the files that a process has, by their numbers: one that was made without a name shows none
# in /proc.
numbers_of_files <- function(paths) {
  system(paste("stat -L -c %d:%i", paste(paths, collapse = " "), "2>/dev/null"), intern = TRUE)
}

test_that("workers, and what items start, haven't got the file", {
  skip_if_not(dir.exists("/proc/self/fd"), "no /proc")
  file <- new_file_name()
  has_file <- function(process) {
    files <- suppressWarnings(numbers_of_files(paste0("/proc/", process, "/fd/*")))
    numbers_of_files(shQuote(file)) %in% files
  }
  look <- function(i) has_file(Sys.getpid()) || has_file("self")
  for (run in list(
    function(f) lomp_map(1:4, f, .workers = 2, .checkpoint = file),
    function(f) {
      it <- lomp_iterate(1:4, f, .workers = 2, .checkpoint = file)
      expect_true(has_file(Sys.getpid()))
      expect_false(has_file("self"))
      as.list(it)
    }
  )) {
    expect_identical(run(look), rep(list(FALSE), 4))
    unlink(file)
  }
})

test_that("the file is closed when a call has ended, whichever way", {
  file <- new_file_name()
  expect_no_leaks({
    lomp_map(1:4, sqrt, .workers = 2, .checkpoint = file)
    unlink(file)
    caught(lomp_map(1:4, function(i) stop("no"), .workers = 2, .checkpoint = file))
    unlink(file)
    tryCatch(lomp_map(1:4, function(i) warning("out"), .workers = 2, .checkpoint = file),
             warning = function(cnd) NULL)
    unlink(file)
    caught(lomp_map(character(), sqrt, .checkpoint = file))
    unlink(file)
    it <- lomp_iterate(1:4, sqrt, .workers = 2, .checkpoint = file)
    it()
    it(close = TRUE)
    unlink(file)
    as.list(lomp_iterate(1:4, sqrt, .workers = 2, .checkpoint = file))
    unlink(file)
    caught(as.list(lomp_iterate(1:4, function(i) stop("no"), .workers = 2, .checkpoint = file)))
    unlink(file)
    it <- lomp_iterate(1:4, sqrt, .workers = 2, .checkpoint = file)
    rm(it)
    invisible(gc())
    unlink(file)
  })
})

test_that("a call within an item has a file of its own", {
  files <- vapply(1:3, function(i) new_file_name(), "")
  on.exit(unlink(files))
  results <- lomp_map(1:3, function(i) {
    sum(unlist(lomp_map(1:4, function(k) i * k, .workers = 2, .checkpoint = files[[i]])))
  }, .workers = 2)
  expect_identical(results, list(10L, 20L, 30L))
  for (i in 1:3) expect_identical(without_mark(lomp_read(files[[i]])), as.list(i * 1:4))
})

test_that("failures aren't results, and are run again", {
  for (workers in c(0, 2)) {
    file <- new_file_name()
    set.seed(1)
    expected <- lomp_map(1:6, function(i) runif(1), .workers = workers)
    set.seed(1)
    suppressWarnings(lomp_map(1:6, function(i) {
      if (i == 2) stop("no")
      if (i == 4 && workers > 0) tools::pskill(Sys.getpid(), tools::SIGKILL)
      runif(1)
    }, .workers = workers, .on_error = "collect", .checkpoint = file))
    expect_identical(in_file(file), if (workers > 0) c(1L, 3L, 5L, 6L) else c(1L, 3:6))
    set.seed(1)
    expect_identical(lomp_map(1:6, function(i) runif(1), .workers = workers,
                              .redo = lomp_read(file), .checkpoint = file), expected)
    expect_identical(without_mark(lomp_read(file)), expected)
  }
})

# ---- A disk that is full ------------------------------------------------------------------------

skip_without_limit <- function() {
  skip_if(!nzchar(Sys.which("prlimit")), "there is no prlimit")
  skip_without_proc()
}

test_that("where there is no room the call goes on, and says so at its end", {
  skip_without_limit()
  for (workers in c(0, 2)) {
    run <- run_r({
      library(lomp)
      system2("prlimit", c(paste0("--pid=", Sys.getpid()), "--fsize=300000:"))
      warnings <- list()
      results <- withCallingHandlers(
        lomp_map(1:1000, function(i) as.raw(rep(i %% 256, 1000)), .workers = workers,
                 .checkpoint = "checkpoint"),
        warning = function(cnd) {
          warnings[[length(warnings) + 1]] <<- cnd
          invokeRestart("muffleWarning")
        }
      )
      found <- lomp_read("checkpoint")
      is_there <- lomp_ok(found)
      again <- withCallingHandlers(
        lomp_map(1:1000, function(i) as.raw(rep(i %% 256, 1000)), .workers = workers,
                 .redo = found, .checkpoint = "checkpoint"),
        lomp_checkpoint_failed = function(cnd) invokeRestart("muffleWarning")
      )
      give(list(warnings = warnings, results = results, same = identical(again, results),
                right = identical(found[is_there], results[is_there]), n = sum(is_there),
                left = length(list.files("/proc/self/fd"))))
    }, list(workers = workers))
    expect_identical(run$value$results, lapply(1:1000, function(i) as.raw(rep(i %% 256, 1000))))
    expect_true(run$value$same)
    expect_true(run$value$right)
    expect_gt(run$value$n, 200)
    expect_length(run$value$warnings, 1)
    warning <- run$value$warnings[[1]]
    expect_s3_class(warning, c("lomp_checkpoint_failed", "warning", "condition"), exact = TRUE)
    expect_identical(warning$file, "checkpoint")
    expect_identical(warning$results, run$value$results)
  }
  expect_messages(warning)
})

test_that("an iterator says so, too", {
  skip_without_limit()
  run <- run_r({
    library(lomp)
    system2("prlimit", c(paste0("--pid=", Sys.getpid()), "--fsize=100000:"))
    classes <- NULL
    take <- function(use) {
      it <- lomp_iterate(1:300, function(i) as.raw(rep(i %% 256, 1000)), .workers = 2,
                         .checkpoint = tempfile())
      withCallingHandlers(use(it), warning = function(cnd) {
        classes <<- c(classes, class(cnd)[[1]])
        invokeRestart("muffleWarning")
      })
    }
    n <- length(take(as.list))
    take(function(it) {
      while (!lomp_done(it())) NULL
    })
    take(function(it) {
      for (k in 1:299) it()
      it(close = TRUE)
    })
    give(list(n = n, classes = classes))
  })
  expect_identical(run$value$n, 300L)
  expect_identical(run$value$classes, rep("lomp_checkpoint_failed", 3))
})

test_that("on a disk that is full the file keeps what was whole", {
  skip_on_os(c("mac", "windows", "solaris"))
  skip_if(Sys.info()[["effective_user"]] != "root", "not root")
  folder <- tempfile("disk")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  mounted <- suppressWarnings(system2("mount", c("-t", "tmpfs", "-o", "size=2m", "tmpfs", folder),
                                      stdout = FALSE, stderr = FALSE))
  skip_if(mounted != 0L, "mount isn't allowed")
  on.exit(system2("umount", folder), add = TRUE, after = FALSE)
  f <- function(i) if (i %% 2) numeric(20000) + i else c(i, 1)
  for (workers in c(0, 2)) {
    file <- file.path(folder, "checkpoint")
    warnings <- warnings_of(
      results <- lomp_map(1:60, f, .workers = workers, .checkpoint = file)
    )
    expect_identical(vapply(warnings, function(cnd) class(cnd)[[1]], ""), "lomp_checkpoint_failed")
    expect_match(conditionMessage(warnings[[1]]), "No space left", fixed = TRUE)
    expect_identical(results, lapply(1:60, f))
    found <- lomp_read(file)
    is_there <- lomp_ok(found)
    expect_gt(sum(is_there), 10)
    expect_identical(found[is_there], results[is_there])
    unlink(file)
  }
  # What was finished earlier has no room: the call isn't begun.
  earlier <- replace(results, 2L, list(structure(class = c("lomp_not_run", "condition"), list())))
  with_flag(function(flag) {
    cnd <- caught(lomp_map(1:60, function(i) raise(flag), .redo = earlier, .checkpoint = file))
    expect_s3_class(cnd, "lomp_argument_error")
    expect_match(conditionMessage(cnd), "`.checkpoint` can't be made: No space left", fixed = TRUE)
    expect_false(file.exists(flag))
  })
  expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE), character())
})
