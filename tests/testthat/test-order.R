# What items print and signal comes by item where somebody reads it later, and live where somebody
# looks on.

# These start many processes and take their time.
skip_on_cran()

# Three items that end in reverse: each one says something, waits until the session has heard that
# the next one is through, and says something again. Under lapply nobody is to wait for.
backwards <- function(flag, waits = TRUE) {
  force(waits)
  force(flag)
  function(i) {
    cat("begin", i, "\n")
    while (waits && i < 3 && !file.exists(paste0(flag, 3 - i))) Sys.sleep(0.002)
    cat("end", i, "\n")
    invisible(i)
  }
}

# What the session gives the word with, as its `.progress`.
giving_word <- function(flag) {
  force(flag)
  function(done, total) if (done > 0) file.create(paste0(flag, done))
}

map_backwards <- function(x, flag, f = backwards(flag), ...) {
  lomp_map(x, f, ..., .workers = 3, .progress = giving_word(flag))
}

# The same, with conditions.
signalling_backwards <- function(flag) {
  f <- backwards(flag)
  function(i) {
    message("before ", i)
    utils::capture.output(f(i))
    warning("after ", i)
    signalCondition(structure(class = c("mine", "condition"),
                              list(message = paste("at last", i), call = NULL)))
  }
}

by_item <- c("begin 1 ", "end 1 ", "begin 2 ", "end 2 ", "begin 3 ", "end 3 ")

# The numbers 1 to 3 as they may come: a vector, and a producer.
sources <- list(
  vector = function() 1:3,
  stream = function() {
    k <- 0
    function() if (k < 3) k <<- k + 1 else lomp_done()
  }
)

# Messages, warnings and others, each with its item.
said_by <- function(code) {
  said <- character()
  withCallingHandlers(code, condition = function(cnd) {
    if (!inherits(cnd, c("message", "warning", "mine"))) return()
    said <<- c(said, paste(attr(cnd, "lomp_item"), trimws(conditionMessage(cnd))))
    for (name in c("muffleWarning", "muffleMessage")) tryInvokeRestart(name)
  })
  said
}

ordered <- function(code) with_options(list(lomp.output = "ordered"), code)
live <- function(code) with_options(list(lomp.output = "live"), code)

# An item that waits for a word, and a handler that gives it when another item is heard.
awaiting <- function(flag, say) {
  force(flag)
  function(i) if (i == 1) wait_for(flag) else say(i)
}

hearing <- function(flag, code) {
  withCallingHandlers(code, condition = function(cnd) {
    if (inherits(cnd, c("message", "heard"))) raise(flag)
    tryInvokeRestart("muffleMessage")
  })
}

# ---- By item ------------------------------------------------------------------------------------

test_that("captured output comes by item whichever item ends first", {
  for (source in sources) {
    with_flag(function(flag) {
      result <- NULL
      lines <- utils::capture.output(
        result <- map_backwards(source(), flag)
      )
      expect_identical(lines, by_item)
      expect_equal(result, list(1, 2, 3))
    })
  }
})

test_that("a sink of any kind gets it by item", {
  with_flag(function(flag) {
    file <- withr::local_tempfile()
    withr::with_output_sink(file, map_backwards(1:3, flag))
    expect_identical(readLines(file), by_item)
  })
})

test_that("conditions come by item, and within an item as it has signalled them", {
  expected <- as.vector(outer(c("before", "after", "at last"), 1:3,
                              function(what, i) paste(i, what, i)))
  for (source in sources) {
    with_flag(function(flag) {
      said <- ordered(said_by(map_backwards(source(), flag, signalling_backwards(flag))))
      expect_identical(said, expected)
    })
  }
})

# What a script says whose output goes to a file and that makes documents, where there is knitr, of
# lapply() and of lomp_map(): made once.
script <- new.env()

run_of_script <- function() {
  if (!is.null(script$run)) return(script$run)
  script$run <- with_flag(function(flag) {
    word <- paste0(flag, "script")
    knit_word <- paste0(flag, "knit")
    values <- list(f = backwards(word), word = giving_word(word), alone = backwards(flag, FALSE),
                   waiting = backwards(knit_word), knit_word = giving_word(knit_word))
    run_r(values = values, code = {
      library(lomp)
      invisible(lomp_map(1:3, f, .workers = 3, .progress = word))
      knit <- function(call, f) {
        g <- function(i) {
          message("message ", i)
          f(i)
          warning("warning ", i)
          i
        }
        lines <- c("```{r}", deparse(call), "```")
        text <- knitr::knit(text = lines, quiet = TRUE, envir = environment())
        sub("^lomp_map.*|^lapply.*", "the call", strsplit(text, "\n")[[1]])
      }
      if (requireNamespace("knitr", quietly = TRUE)) {
        mapped <- quote(lomp_map(1:3, g, .workers = 3, .progress = knit_word))
        give(list(knit(quote(lapply(1:3, g)), alone), knit(mapped, waiting)))
      }
    })
  })
  script$run
}

test_that("a document is the same in each run, and lapply's", {
  skip_if_not_installed("knitr")
  documents <- run_of_script()$value
  for (lines in documents) expect_length(grep("^## (begin|end|message) ", lines), 9)
  expect_length(documents, 2)
  expect_identical(documents[[2]], documents[[1]])
})

test_that("a script whose output goes to a file has it by item", {
  expect_identical(run_of_script()$out, by_item)
})

test_that("calls within items say it by item, too, wherever it goes", {
  inner <- function(i) with_flag(function(flag) map_backwards(1:3, flag))
  lines <- utils::capture.output(invisible(lomp_map(1, inner, .workers = 1)))
  expect_identical(lines, by_item)
})

test_that("an iterator's output comes with its results, in order if they do", {
  with_flag(function(flag) {
    lines <- utils::capture.output({
      it <- lomp_iterate(1:3, backwards(flag), .workers = 3, .ordered = TRUE,
                         .progress = giving_word(flag))
      while (!lomp_done(value <- it())) cat("result", value, "\n")
    })
    expect_identical(lines, c(by_item[1:2], "result 1 ", by_item[3:4], "result 2 ", by_item[5:6],
                              "result 3 "))
  })
  with_flag(function(flag) {
    f <- awaiting(flag, message)
    it <- lomp_iterate(1:2, f, .workers = 2)
    ordered(expect_length(hearing(flag, as.list(it)), 2))
  })
})

test_that("more than may wait in memory waits on disk, and comes in its turn", {
  speak <- function(flag) {
    function(i) {
      if (i == 1) wait_for(paste0(flag, 2:3))
      for (k in 1:40) {
        cat("line", k, "of", i, "\n")
        message("message ", k, " of ", i)
      }
      raise(paste0(flag, i))
    }
  }
  expected <- expand.grid(k = 1:40, i = 1:3)
  for (source in sources) {
    said <- character()
    with_options(list(lomp.buffer = 1000), expect_no_leaks(with_flag(function(flag) {
      lines <- utils::capture.output(
        said <- said_by(lomp_map(source(), speak(flag), .workers = 3))
      )
      expect_identical(lines, sprintf("line %d of %d ", expected$k, expected$i))
      expect_identical(said, sprintf("%d message %d of %d", expected$i, expected$k, expected$i))
    })))
  }
})

# ---- Early ends ---------------------------------------------------------------------------------

test_that("before an error all that was said comes, by item", {
  for (source in sources) {
    expect_no_leaks(with_flag(function(flag) {
      f <- function(i) {
        if (i == 2) wait_for(paste0(flag, c(1, 3)))
        cat("item", i, "\n")
        raise(paste0(flag, i))
        if (i == 1) wait_for(paste0(flag, "never"))
        if (i == 2) stop("failed")
        i
      }
      cnd <- NULL
      lines <- utils::capture.output(cnd <- caught(lomp_map(source(), f, .workers = 3)))
      expect_identical(cnd$item, 2)
      expect_identical(lines, paste("item", 1:3, ""))
    }))
  }
})

test_that("an item that fails or dies keeps nobody waiting who comes after it", {
  for (source in sources) {
    with_flag(function(flag) {
      f <- function(i) {
        if (i == 1) wait_for(paste0(flag, 2))
        message("item ", i)
        if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
        if (i == 3) stop("failed")
      }
      said <- ordered(said_by(map_backwards(source(), flag, f, .on_error = "collect")))
      expect_identical(said[1:3], paste0(1:3, " item ", 1:3))
      expect_match(said[-(1:3)], "^ 2 of 3 items failed \\(2, 3\\); the first: its worker was")
    })
  }
})

test_that("after an interrupt all that was said comes, by item", {
  session <- Sys.getpid()
  for (source in sources) {
    with_flag(function(flag) {
      f <- function(i) {
        if (i < 3) wait_for(paste0(flag, i + 1))
        cat("item", i, "\n")
        raise(paste0(flag, i))
        if (i == 1) tools::pskill(session, tools::SIGINT)
        wait_for(paste0(flag, "never"))
      }
      cnd <- NULL
      lines <- utils::capture.output(
        cnd <- tryCatch(lomp_map(source(), f, .workers = 3), interrupt = identity)
      )
      expect_s3_class(cnd, "lomp_interrupt")
      expect_identical(lines, paste("item", 1:3, ""))
    })
  }
})

test_that("a handler that leaves the call does so at the first item's word", {
  for (source in sources) {
    expect_no_leaks(with_flag(function(flag) {
      f <- function(i) {
        if (i < 3) wait_for(paste0(flag, 3 - i))
        warning("leave")
      }
      item <- ordered(withRestarts(
        withCallingHandlers(map_backwards(source(), flag, f), warning = function(cnd) {
          invokeRestart("away", attr(cnd, "lomp_item"))
        }),
        away = function(item) item
      ))
      expect_identical(item, 1)
    }))
  }
})

test_that("what is run again comes by its items", {
  earlier <- suppressWarnings(lomp_map(1:5, function(i) if (i %in% c(2, 3, 5)) stop("no") else i,
                                       .workers = 1, .on_error = "collect"))
  with_flag(function(flag) {
    f <- backwards(flag)
    place <- function(i) match(i, c(2, 3, 5))
    again <- function(i) {
      utils::capture.output(f(place(i)))
      message("done")
    }
    said <- ordered(said_by(map_backwards(1:5, flag, again, .redo = earlier)))
    expect_identical(said, paste(c(2, 3, 5), "done"))
  })
})

# ---- Live ---------------------------------------------------------------------------------------

test_that("it comes live where that is asked for", {
  for (source in sources) {
    with_flag(function(flag) {
      f <- awaiting(flag, message)
      expect_length(live(hearing(flag, lomp_map(source(), f, .workers = 3))), 3)
    })
  }
})

test_that("the first item that isn't through is heard live in any case", {
  for (source in sources) {
    with_flag(function(flag) {
      f <- function(i) {
        if (i == 2) message("here")
        if (i == 2) wait_for(flag)
        i
      }
      expect_length(ordered(hearing(flag, lomp_map(source(), f, .workers = 3))), 3)
    })
  }
})

test_that("conditions that are to be heard at once are", {
  tell <- function(i) {
    signalCondition(structure(class = c("heard", "immediateCondition", "condition"),
                              list(message = "a step", call = NULL)))
  }
  for (source in sources) {
    with_flag(function(flag) {
      f <- awaiting(flag, tell)
      expect_length(ordered(hearing(flag, lomp_map(source(), f, .workers = 3))), 3)
    })
  }
})

test_that("at a terminal it comes live, and under capture.output() by item", {
  skip_without_terminal()
  with_flag(function(flag) {
    back <- paste0(flag, "back")
    values <- list(f = awaiting(flag, message), g = backwards(back), word = giving_word(back),
                   hearing = hearing, raise = raise, wait_for = wait_for, flag = flag)
    session <- terminal_r(values = values, code = {
      library(lomp)
      environment(hearing) <- environment(wait_for) <- environment(raise) <- globalenv()
    }, steps = c(
      type("n <- length(hearing(flag, lomp_map(1:2, f, .workers = 2)))"), await("> $"),
      type("x <- quote(lomp_map(1:3, g, .workers = 3, .progress = word))"), await("> $"),
      type("lines <- capture.output(x <- eval(x))"), await("> $"),
      type("give(list(n, lines))"), await("> $")
    ))
    expect_all_steps(session)
    expect_identical(session$value, list(2L, by_item))
  })
})

test_that("a script at a terminal is heard live", {
  skip_without_terminal()
  out <- run_r(code = {
    library(lomp)
    give(lomp:::is_live())
  }, redirect = "</dev/null >out 2>err", command = paste(
    "python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))'", rscript_command()
  ))
  expect_true(out$value)
})

test_that("who chooses something else is told", {
  for (value in list("lively", TRUE, 1, NA_character_)) {
    with_options(list(lomp.output = value), {
      expect_argument_error(lomp_map(1:3, identity, .workers = 2), "option lomp.output")
    })
  }
})

test_that("what is let go of when the head moves counts for the new head: nobody is stuck", {
  withr::local_options(lomp.buffer = 2e6)
  with_flag(function(flag) {
    n <- 4000
    head <- 3900
    f <- function(i, emit) {
      if (i == head) wait_for(flag)
      if (i == n) emit(raw(9e5))
      if (i == head + 1) {
        file.create(flag)
        for (size in c(1.5e6, 2e5, 10)) emit(raw(size))
      }
    }
    for (try in 1:2) {
      unlink(flag)
      it <- lomp_iterate(seq_len(n), f, .workers = 2, .ordered = TRUE)
      # Each is looked for a few seconds at the most.
      sizes <- NULL
      while (lomp_ready(it, 20) && !lomp_done(value <- it())) sizes <- c(sizes, length(value))
      it(close = TRUE)
      expect_equal(sizes, c(1.5e6, 2e5, 10, 9e5))
    }
  })
})
