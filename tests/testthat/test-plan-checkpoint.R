# `.checkpoint` and the `.redo` that goes with it: which file, which call, and which random numbers.

# A call of which the second item failed.
half_done <- function(file, workers = 0, items = c(a = 1, b = 2, c = 3)) {
  suppressWarnings(lomp_map(items, function(x) if (x == 2) stop("no") else runif(1),
                            .workers = workers, .on_error = "collect", .checkpoint = file))
  lomp_read(file)
}

draw <- function(x) runif(1)

# As in another session.
forget_files <- function() assign("written", character(), getFromNamespace("the", "lomp"))

test_that("what is no name of a file is refused before anything is begun", {
  expect_messages(
    caught(lomp_map(1:3, sqrt, .checkpoint = 1)),
    caught(lomp_map(1:3, sqrt, .checkpoint = c("a", "b"))),
    caught(lomp_map(1:3, sqrt, .checkpoint = "")),
    caught(lomp_map(1:3, sqrt, .checkpoint = TRUE)),
    caught(lomp_map(function() lomp_done(), sqrt, .checkpoint = "a")),
    caught(lomp_iterate(function() lomp_done(), sqrt, .checkpoint = "a")),
    caught(lomp_iterate(function() lomp_done(), sqrt, .redo = list()))
  )
  expect_argument_error(lomp_map(1:3, sqrt, .checkpoint = NA_character_), ".checkpoint")
  expect_argument_error(lomp_vapply(1:3, sqrt, 0, .checkpoint = 1), ".checkpoint")
  expect_argument_error(lomp_iterate(1:3, sqrt, .checkpoint = 1), ".checkpoint")
})

test_that("where no file can be made, or none that is there be used, the call is refused", {
  folder <- tempfile("folder")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  old <- setwd(folder)
  on.exit(setwd(old), add = TRUE, after = FALSE)
  writeLines("precious", "text")
  dir.create("folder")
  found <- half_done("checkpoint")
  half_done("another")
  expect_messages(
    caught(lomp_map(1:3, sqrt, .checkpoint = "none/file")),
    caught(lomp_map(1:3, sqrt, .checkpoint = "folder")),
    caught(lomp_map(1:3, sqrt, .checkpoint = "text")),
    caught(lomp_map(c(a = 1, b = 2, c = 3), draw, .redo = found, .checkpoint = "text")),
    caught(lomp_map(c(a = 1, b = 2, c = 3), draw, .redo = found, .checkpoint = "folder")),
    caught(lomp_map(c(a = 1, b = 2, c = 3), draw, .redo = found, .checkpoint = "another")),
    caught(lomp_map(c(a = 1, b = 2, c = 3), draw, .redo = found[1:3], .checkpoint = "checkpoint"))
  )
  expect_identical(readLines("text"), "precious")
  expect_argument_error(lomp_map(1:3, sqrt, .checkpoint = "text"), ".checkpoint")
})

test_that("the file is where the name says, and its owner's alone", {
  folder <- tempfile("folder")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  old <- setwd(folder)
  on.exit(setwd(old), add = TRUE, after = FALSE)
  lomp_map(1:3, function(i) {
    setwd("/")
    i
  }, .workers = 0, .checkpoint = "relative")
  setwd(folder)
  with_variables(c(HOME = normalizePath(folder)), {
    skip_if(path.expand("~") != normalizePath(folder), "R doesn't look at HOME")
    lomp_map(1:3, sqrt, .workers = 2, .checkpoint = "~/at home")
    expect_identical(sum(lomp_ok(lomp_read("~/at home"))), 3L)
  })
  expect_setequal(list.files(folder), c("at home", "relative"))
  expect_identical(format(file.mode(list.files(folder))), c("600", "600"))
})

test_that("two calls can't append to the same file", {
  file <- new_file_name()
  it <- lomp_iterate(1:3, sqrt, .workers = 0, .checkpoint = file)
  found <- lomp_read(file)
  cnd <- expect_argument_error(
    lomp_iterate(1:3, sqrt, .workers = 0, .redo = found, .checkpoint = file), ".checkpoint"
  )
  expect_messages(cnd)
  run <- run_r({
    library(lomp)
    give(tryCatch(as.list(lomp_iterate(1:3, sqrt, .redo = lomp_read(file), .checkpoint = file)),
                  lomp_argument_error = conditionMessage))
  }, list(file = file))
  expect_identical(run$value, conditionMessage(cnd))
  it(close = TRUE)
  again <- lomp_iterate(1:3, sqrt, .workers = 0, .redo = lomp_read(file), .checkpoint = file)
  expect_length(as.list(again), 3)
})

# ---- Another call's file ------------------------------------------------------------------------

test_that("another call's file is refused", {
  file <- new_file_name()
  found <- half_done(file)
  files <- new_file_name()
  texts <- half_done(files, items = c("1", "2", "3"))
  expect_messages(
    caught(lomp_map(1:4, draw, .redo = found)),
    caught(lomp_map(1:3, draw, .redo = found)),
    caught(lomp_map(c(a = 1, b = 2, d = 3), draw, .redo = found)),
    caught(lomp_vapply(c(a = 1, b = 2, c = 3), draw, 0, .redo = found)),
    caught(lomp_iterate(c(a = 1, b = 2, c = 3), draw, .redo = lapply(found, identity))),
    caught(lomp_map(c("1", "2", "4"), draw, .redo = texts))
  )
  for (checkpoint in list(NULL, file)) {
    expect_argument_error(
      lomp_map(1:3, draw, .redo = found, .checkpoint = checkpoint), ".redo"
    )
  }
  expect_identical(lomp_read(file), found)
})

test_that("items that are texts of any encoding tell a call from others", {
  file <- new_file_name()
  lomp_map(c(latin1("\u00e4"), bytes(0xe4), NA), is.na, .workers = 0, .checkpoint = file)
  found <- lomp_read(file)
  expect_length(lomp_map(c("\u00e4", bytes(0xe4), NA), is.na, .redo = found), 3)
  for (other in list(c("\u00e4", "a", NA), c("\u00e4", bytes(0xe4), "NA"))) {
    expect_argument_error(lomp_map(other, is.na, .redo = found), ".redo")
  }
})

test_that("a file with another seed is refused if its items have drawn", {
  file <- new_file_name()
  with_seed(1, {
    found <- half_done(file)
    forget_files()
    set.seed(2)
    cnd <- expect_argument_error(
      lomp_map(c(a = 1, b = 2, c = 3), draw, .redo = found, .checkpoint = file), ".redo"
    )
    expect_messages(cnd)
    expect_identical(runif(1), {
      set.seed(2)
      runif(1)
    })
  })
  unlink(file)
  with_seed(1, {
    caught(lomp_map(1:3, function(i) if (i == 2) stop("no") else i, .workers = 2,
                    .checkpoint = file))
    forget_files()
    set.seed(2)
    expect_identical(lomp_map(1:3, identity, .workers = 2, .redo = lomp_read(file)), as.list(1:3))
  })
})

test_that("the session that has begun a call goes on with it, whatever it has drawn since", {
  x <- c(a = 1, b = 2, c = 3)
  file <- new_file_name()
  with_seed(1, {
    expected <- lomp_map(x, draw, .workers = 0)
    set.seed(1)
    half_done(file)
    runif(1)
    expect_identical(lomp_map(x, draw, .workers = 2, .redo = lomp_read(file)), expected)
  })
})

# ---- What follows draws the same ----------------------------------------------------------------

test_that("the generator is afterwards what it would have been", {
  x <- c(a = 1, b = 2, c = 3)
  kinds <- list(c("Mersenne-Twister", "Inversion"), c("Mersenne-Twister", "Box-Muller"),
                c("L'Ecuyer-CMRG", "Inversion"))
  old <- RNGkind()
  on.exit(do.call(RNGkind, as.list(old)))
  for (kind in kinds) {
    for (workers in c(0, 2)) {
      RNGkind(kind[[1]], kind[[2]])
      file <- new_file_name()
      set.seed(1)
      expected <- list(lomp_map(x, draw, .workers = workers), rnorm(3))
      set.seed(1)
      half_done(file, workers)
      for (time in 1:2) {
        set.seed(1)
        again <- list(lomp_map(x, draw, .workers = workers, .redo = lomp_read(file),
                               .checkpoint = file), rnorm(3))
        expect_identical(again, expected)
      }
      unlink(file)
    }
  }
})

test_that("it stays as it is where items draw nothing, and where it isn't what it was", {
  x <- c(a = 1, b = 2, c = 3)
  file <- new_file_name()
  with_seed(1, {
    next_one <- runif(1)
    set.seed(1)
    caught(lomp_map(x, function(x) if (x == 2) stop("no") else x, .workers = 0,
                    .checkpoint = file))
    set.seed(1)
    lomp_map(x, identity, .workers = 0, .redo = lomp_read(file))
    expect_identical(runif(1), next_one)
  })
  run <- run_r({
    library(lomp)
    rm(list = intersect(".Random.seed", ls(all.names = TRUE)))
    lomp_map(x, function(x) x, .workers = 2, .redo = lomp_read(file))
    give(exists(".Random.seed"))
  }, list(x = x, file = file))
  expect_false(run$value)
})

test_that("a session without a seed goes on with the one in the file", {
  x <- c(a = 1, b = 2, c = 3)
  file <- new_file_name()
  with_seed(1, {
    expected <- lomp_map(x, draw, .workers = 0)
    set.seed(1)
    half_done(file)
  })
  run <- run_r({
    library(lomp)
    give(lomp_map(x, draw, .workers = 2, .redo = lomp_read(file), .checkpoint = file))
  }, list(x = x, file = file, draw = draw))
  expect_identical(run$value, expected)
})

# ---- A new file for what was finished earlier ---------------------------------------------------

test_that("results of an earlier call are in a new file, too", {
  x <- c(a = 1, b = 2, c = 3)
  for (workers in c(0, 2)) {
    with_seed(1, {
      expected <- lomp_map(x, draw, .workers = 0)
      set.seed(1)
      failed <- suppressWarnings(lomp_map(x, function(x) if (x == 2) stop("no") else runif(1),
                                          .workers = workers, .on_error = "collect"))
      file <- new_file_name()
      expect_identical(lomp_map(x, draw, .workers = workers, .redo = failed, .checkpoint = file),
                       expected)
      found <- lomp_read(file)
      expect_identical(lapply(found, identity), expected)
      other <- new_file_name()
      set.seed(1)
      lomp_map(x, draw, .redo = found, .checkpoint = other)
      expect_identical(lapply(lomp_read(other), identity), expected)
    })
    unlink(c(file, other))
  }
})

test_that("so are those of a call whose results go into a vector, and of an iterator", {
  x <- c(a = 1, b = 2, c = 3)
  file <- new_file_name()
  suppressWarnings(lomp_vapply(x, function(x) if (x == 2) stop("no") else x, 0, .workers = 2,
                               .on_error = "collect"))
  expect_identical(lomp_vapply(x, function(x) 2, 0, .redo = lomp_last(), .checkpoint = file), x)
  expect_identical(unlist(lapply(lomp_read(file), identity)), x)
  unlink(file)
  earlier <- list(list(), simpleError("no"), list("one", "two"))
  class(earlier[[2]]) <- c("lomp_error", "error", "condition")
  it <- lomp_iterate(1:3, function(i) i, .workers = 2, .redo = earlier, .checkpoint = file)
  expect_identical(as.list(it), list(2L))
  expect_identical(lapply(lomp_read(file), identity), list(list(), list(2L), list("one", "two")))
})

test_that("where nothing is left to run the file is made, too", {
  file <- new_file_name()
  expect_identical(lomp_map(list(), sqrt, .checkpoint = file), list())
  expect_identical(lapply(lomp_read(file), identity), list())
  unlink(file)
  expect_identical(lomp_map(1:2, sqrt, .redo = list(1, 2), .checkpoint = file), list(1, 2))
  expect_identical(lapply(lomp_read(file), identity), list(1, 2))
})

test_that("a file isn't left behind whose earlier results can't be written", {
  folder <- tempfile("folder")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  file <- file.path(folder, "checkpoint")
  hostile <- with_lomp("checkpoint_add", function(...) stop("no"), {
    caught(lomp_map(1:2, sqrt, .redo = list(1, 2), .checkpoint = file))
  })
  expect_identical(conditionMessage(hostile), "no")
  expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE), character())
})
