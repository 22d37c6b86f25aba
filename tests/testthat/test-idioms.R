# The code of the vignette "Idioms", piece by piece: each gives what plain R gives.

# These take too long for each of CRAN's machines.
skip_on_cran()

example_program <- function(file) system.file("examples", file, package = "lomp", mustWork = TRUE)

# Its pieces, as text, by their names.
pieces_of <- function(lines) {
  heads <- grepl("^## ---- .* ----$", lines)
  names <- sub("^## ---- (.*) ----$", "\\1", lines[heads])
  pieces <- split(lines, factor(cumsum(heads), seq_along(names)))
  stats::setNames(lapply(pieces, paste, collapse = "\n"), names)
}

pieces <- pieces_of(readLines(example_program("idioms.R")))

# The page's own number of workers would take the place of a test's.
sets_options <- function(code) is.call(code) && identical(code[[1]], quote(options))

# What the first piece and these leave behind. `known` is there before.
after <- function(..., workers = 2, known = list()) {
  here <- list2env(known, new.env(parent = globalenv()))
  withr::local_options(lomp.workers = workers)
  run <- function(name) {
    code <- Filter(Negate(sets_options), parse(text = pieces[[name]]))
    utils::capture.output(for (one in code) eval(one, here))
  }
  run("start")
  for (name in c(...)) run(name)
  here
}

in_both_ways <- function(check) for (workers in c(0, 2)) check(workers)

test_that("two lists at once are as with Map()", {
  in_both_ways(function(workers) {
    got <- after("two-lists", workers = workers)
    expect_identical(got$means, Map(got$masked_mean, got$images, got$masks))
  })
})

test_that("an error in one of two lists names its item", {
  got <- after("two-lists")
  got$masks[[2]] <- mean
  one <- function(i) got$masked_mean(got$images[[i]], got$masks[[i]])
  expect_identical(caught(lomp_map(got$both, one, .workers = 2))$name, "left")
})

test_that("rows of a data frame are as with a loop over them", {
  got <- after("rows", "groups")
  expected <- mapply(got$scatter, got$grid$span, got$grid$degree)
  expect_identical(got$grid$s, expected)
  expect_identical(got$by_month, lapply(split(airquality, airquality$Month), got$describe))
})

test_that("a matrix in blocks is as the whole matrix", {
  got <- after("blocks", "columns")
  expect_identical(got$medians, apply(got$numbers, 2, stats::median))
  expected <- apply(got$numbers, 2, stats::quantile, c(0.25, 0.5, 0.75))
  expect_identical(unname(got$of_columns), unname(expected))
  expect_identical(sort(unlist(got$blocks)), seq_len(ncol(got$numbers)))
})

test_that("cross-validation is as with a loop over its trials", {
  got <- with_seed(1, after("cross-validation"))
  expect_identical(got$trials$error, mapply(got$error_of, got$trials$formula, got$trials$k,
                                            USE.NAMES = FALSE))
  expect_identical(tabulate(got$fold), c(7L, 7L, 6L, 6L, 6L))
})

test_that("what has crashed is run once more, and nothing else", {
  got <- expect_no_leaks({
    got <- after("shaky", "retry")
    unlink(got$mark)
    got
  })
  expect_identical(got$results, lapply(got$images, mean))
  expect_equal(lomp_report()$done, 1)
})

test_that("what crashes in each try is left as a crash, beside all results", {
  got <- after("shaky")
  got$shaky_mean <- function(image) {
    if (ncol(image) == 31) tools::pskill(Sys.getpid(), tools::SIGKILL)
    mean(image)
  }
  utils::capture.output(eval(parse(text = pieces[["retry"]]), got))
  expect_s3_class(got$results$right, "lomp_crash")
  expect_identical(got$results[1:2], lapply(got$images[1:2], mean))
})

test_that("a search that has failed is tried with other random numbers, alike for any workers", {
  found <- list()
  in_both_ways(function(workers) {
    got <- with_seed(1, after("retry-anew", workers = workers))
    expect_true(all(unlist(got$fits) >= 0))
    expect_length(unique(unlist(got$fits)), 8)
    expect_gt(got$attempt, 1)
    found <<- c(found, list(got$fits))
  })
  expect_identical(found[[1]], found[[2]])
})

test_that("results are reduced as they come, and by workers first, to the same", {
  in_both_ways(function(workers) {
    got <- after("reduce", "reduce-blocks", workers = workers)
    expected <- Reduce(`+`, lapply(got$images, tabulate, nbins = 200))
    expect_identical(got$histogram, as.numeric(expected))
    expect_identical(got$add(got$parts), expected)
  })
})

# How often the file was opened while the code ran.
count_openings <- function(code) {
  count <- 0
  withCallingHandlers(code, message = function(cnd) {
    expect_identical(conditionMessage(cnd), "opens the file\n")
    count <<- count + 1
    invokeRestart("muffleMessage")
  })
  count
}

test_that("each worker opens the file once, even if the session has it open", {
  got <- NULL
  openings <- count_openings(got <- after("set-up"))
  expect_true(openings %in% 1:2)  # one, if the other worker was too slow to get anything
  expect_identical(got$highest, as.integer(apply(volcano, 2, max)))

  expect_identical(count_openings(got$record(1)), 1)
  ours <- seek(got$opened())
  again <- NULL
  highest <- function(k) max(got$record(k))
  openings <- count_openings(again <- lomp_vapply(1:61, highest, 0L, .workers = 2))
  expect_true(openings %in% 1:2)
  expect_identical(again, got$highest)
  expect_identical(seek(got$opened()), ours)
  close(got$opened())
  unlink(got$records)
})

test_that("a search ends its workers when it has found enough", {
  in_both_ways(function(workers) {
    got <- expect_no_leaks(after("early-stop", workers = workers))
    expect_identical(got$first, c(1000003, 1000033, 1000037))
    expect_true(lomp_done(got$it()))
    expect_lt(lomp_report()$done, 500000)
  })
})

test_that("a simulation ends when it is precise enough, after as many calls for any workers", {
  rates <- list()
  in_both_ways(function(workers) {
    got <- with_seed(1, expect_no_leaks(after("precision", workers = workers)))
    expect_lte(4 * got$error_of_mean(got$rates), 0.01)
    expect_gt(4 * got$error_of_mean(got$rates[-length(got$rates)]), 0.01)
    expect_lt(abs(4 * mean(got$rates) - pi), 0.05)
    rates <<- c(rates, list(got$rates))
  })
  expect_identical(rates[[1]], rates[[2]])
})

test_that("a package's helper does the same with and without lomp", {
  absent <- list(requireNamespace = function(...) FALSE)
  with <- after("package")$parallel_lapply
  without <- after("package", known = absent)$parallel_lapply
  x <- list(a = 1:3, b = 4)
  expected <- lapply(x, sum, 10)
  expect_identical(with(x, sum, 10), expected)
  expect_identical(with(x, sum, 10, workers = 1), expected)
  expect_identical(without(x, sum, 10), expected)

  pid <- function(i) Sys.getpid()
  expect_false(Sys.getpid() %in% with(1:2, pid, workers = 2))
  expect_identical(without(1:2, pid), rep(list(Sys.getpid()), 2))
})

# ---- Progress -----------------------------------------------------------------------------------

test_that("a function is told how far a call is", {
  told <- character()
  withCallingHandlers(got <- after("progress-function"), message = function(cnd) {
    told <<- c(told, conditionMessage(cnd))
    invokeRestart("muffleMessage")
  })
  expect_identical(told[c(1, length(told))], c("0 of 3\n", "3 of 3\n"))
  expect_identical(got$means, lapply(got$images, mean))
})

# The state of each progression that progressr's handlers saw: how many steps were done.
steps_seen <- function(code) {
  seen <- list()
  note <- function(config, state, progression, ...) {
    seen[[length(seen) + 1L]] <<- list(step = state$step, message = state$message)
  }
  handler <- progressr::make_progression_handler(
    "noting", list(update = note), interval = 0, intrusiveness = 0, enable = TRUE
  )
  withr::local_options(progressr.handlers = list(handler), progressr.enable = TRUE)
  force(code)
  seen
}

test_that("progressr shows the steps of items, and of the loop that takes results", {
  skip_if_not_installed("progressr")
  in_both_ways(function(workers) {
    got <- NULL
    seen <- steps_seen(got <- after("progressr", workers = workers))
    expect_identical(vapply(seen, function(one) as.numeric(one$step), 0), c(1, 2, 3))
    expect_identical(got$means, lapply(got$images, mean))

    seen <- steps_seen(got <- after("progressr-consumer", workers = workers))
    expect_setequal(vapply(seen, function(one) one$message, ""), names(got$images))
    expect_identical(got$total, sum(unlist(got$images)))
  })
})

# What a bar of cli's went through, as its handler for logs tells.
bar_log <- function(code) {
  withr::local_options(cli.progress_handlers_only = "logger", cli.progress_show_after = 0)
  grep("cli-", utils::capture.output(code), value = TRUE)
}

test_that("a bar of cli's in the session goes to its end, moved by .progress or by a loop", {
  skip_if_not_installed("cli")
  in_both_ways(function(workers) {
    got <- after(workers = workers)
    for (piece in c("cli-bar", "cli-consumer")) {
      code <- parse(text = pieces[[piece]])
      log <- bar_log(for (one in code) eval(one, got))
      expect_match(log[[1]], "0/3 created$")
      expect_match(log[[length(log)]], "3/3 terminated \\(done\\)$")
    }
    expect_identical(got$means, lapply(got$images, mean))
    expect_identical(got$total_with_bar(got$images), sum(unlist(got$images)))
  })
})

test_that("what items say by cli comes as with lapply(), colours included", {
  skip_if_not_installed("cli")
  withr::local_options(cli.num_colors = 256L)
  texts <- function(code) {
    seen <- list()
    withCallingHandlers(code, message = function(cnd) {
      seen[[length(seen) + 1L]] <<- cnd
      invokeRestart("muffleMessage")
    })
    expect_true(all(vapply(seen, inherits, NA, "cliMessage")))
    vapply(seen, conditionMessage, "")
  }
  say <- function(image) cli::cli_alert_success("{ncol(image)} column{?s}")
  expected <- texts(lapply(list(volcano, volcano[, 1, drop = FALSE]), say))
  expect_match(expected[[1]], "\033[32m", fixed = TRUE)
  expect_match(expected[[2]], " 1 column\n")
  got <- texts(lomp_map(list(volcano, volcano[, 1, drop = FALSE]), say, .workers = 2))
  expect_identical(got, expected)
  expect_length(texts(after("cli-messages")), 3)
})

# ---- The whole ----------------------------------------------------------------------------------

test_that("the program runs from its beginning to its end", {
  skip_if_not_installed("progressr")
  skip_if_not_installed("cli")
  run <- run_r(values = list(program = example_program("idioms.R")), code = source(program))
  expect_identical(run$status, 0L)
})
