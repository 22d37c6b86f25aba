# What failed items are made into, and how it reads.

# Two workers are several, too, and each costs a fork. What an error is made into is a matter of its
# own worker: there one has to do.
all_workers <- c(0, 1, 2)

boom <- function(class = NULL, ...) {
  structure(class = c(class, "error", "condition"), list(message = "boom", call = NULL, ...))
}

fail_with <- function(cnd, ...) {
  caught(lomp_map(c(a = 1, b = 2), function(i) if (i == 2) stop(cnd), ...))
}

# ---- An item's error ----------------------------------------------------------------------------

test_that("an item's error tells item, name, cause, frames and results", {
  inner <- function(x) stop("boom ", x)
  f <- function(i) if (i == 2) inner(i) else i
  for (workers in all_workers) {
    cnd <- caught(lomp_map(c(a = 1, b = 2), f, .workers = workers))
    expect_s3_class(cnd, c("lomp_error", "error", "condition"), exact = TRUE)
    expect_identical(cnd$item, 2)
    expect_identical(cnd$name, "b")
    expect_s3_class(cnd$parent, c("simpleError", "error", "condition"), exact = TRUE)
    expect_identical(conditionMessage(cnd$parent), "boom 2")
    expect_identical(conditionCall(cnd$parent), quote(inner(i)))
    expect_identical(cnd$calls, c("FUN(X[[i]], ...)", "inner(i)", "stop(\"boom \", x)"))
    expect_named(cnd$results, c("a", "b"))
    expect_s3_class(cnd$results$b, "lomp_error")
    expect_identical(cnd$results$b$parent, cnd$parent)
    expect_null(conditionCall(cnd))
  }
})

test_that("its message names the item, the cause, the call and what is left", {
  for (workers in all_workers) {
    message <- conditionMessage(caught(
      lomp_map(c(a = 1, geneX = 2), function(i) if (i == 2) stop("boom"), .workers = workers)
    ))
    lines <- strsplit(message, "\n")[[1]]
    expect_identical(lines[1:2], c("item 2 (\"geneX\"): boom", "in FUN(X[[i]], ...)"))
    expect_match(lines[[3]], "^1 of 2 finished")
    expect_match(message, "lomp_last()", fixed = TRUE)
  }
})

test_that("an item without a name has none", {
  no_names <- list(1:2, c(1, b = 2)[2:1], stats::setNames(1:2, c("a", NA)))
  for (x in no_names) {
    cnd <- caught(lomp_map(x, function(i) stop("boom"), .workers = 0, .on_error = "stop"))
    last <- suppressWarnings(lomp_map(x, function(i) stop("boom"), .workers = 0,
                                      .on_error = "collect"))[[2]]
    expect_null(last$name)
    expect_match(conditionMessage(last), "^item 2: boom")
  }
})

test_that("a class and its fields are kept in the parent", {
  for (workers in c(0, 1)) {
    cnd <- fail_with(boom("lomp_test", data = list(1, "x"), file = "a.png"), .workers = workers)
    expect_identical(cnd$parent, boom("lomp_test", data = list(1, "x"), file = "a.png"))
  }
})

test_that("an error of base R keeps its class and call", {
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_map(list("a"), function(x) x[[3]], .workers = workers))
    expect_s3_class(cnd$parent, "subscriptOutOfBoundsError")
    expect_identical(conditionCall(cnd$parent), quote(x[[3]]))
  }
})

test_that("rlang::try_fetch() catches an item's error by its own class", {
  skip_if_not_installed("rlang", "1.1.0")
  fail <- function(i) rlang::abort("boom", class = "lomp_test", data = 5, call = NULL)
  for (workers in all_workers) {
    cnd <- rlang::try_fetch(lomp_map(1:2, fail, .workers = workers), lomp_test = identity)
    expect_s3_class(cnd, c("lomp_test", "rlang_error", "error", "condition"), exact = TRUE)
    expect_identical(cnd$data, 5)
  }
})

test_that("rlang's errors keep their class and fields", {
  skip_if_not_installed("rlang")
  fail <- function(i) rlang::abort("boom", class = "lomp_test", data = 5, call = NULL)
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_map(1, fail, .workers = workers))
    expect_s3_class(cnd$parent, c("lomp_test", "rlang_error", "error", "condition"), exact = TRUE)
    expect_identical(cnd$parent$data, 5)
    expect_match(conditionMessage(cnd), "^item 1: boom\n")
  }
})

test_that("a condition can be saved and read again", {
  cnd <- fail_with(boom("lomp_test"), .workers = 1)
  file <- tempfile()
  on.exit(unlink(file))
  saveRDS(cnd, file)
  expect_identical(readRDS(file), cnd)
})

test_that("an error inside an error's handler is the item's", {
  f <- function(i) {
    tryCatch(stop("inner"), error = function(e) stop("outer of ", conditionMessage(e)))
  }
  g <- function(i) tryCatch(i, finally = stop("at the end"))
  h <- function(i) {
    on.exit(stop("on exit"))
    i
  }
  k <- function(i) withCallingHandlers(stop("first"), error = function(e) stop("instead"))
  for (workers in c(0, 1)) {
    said <- vapply(list(f, g, h, k), function(fail) {
      conditionMessage(caught(lomp_map(1, fail, .workers = workers))$parent)
    }, "")
    expect_identical(said, c("outer of inner", "at the end", "on exit", "instead"))
  }
})

test_that("what the function itself catches is no failure", {
  f <- function(i) {
    withCallingHandlers({
      tried <- try(stop("a"), silent = TRUE)
      caught <- tryCatch(stop("b"), error = conditionMessage, finally = i)
      muffled <- withRestarts(invokeRestart("own", i), own = function(x) x + 1)
      warned <- tryCatch(warning("w"), warning = conditionMessage)
    }, message = identity)
    list(class(tried), caught, muffled, warned)
  }
  expect_like_lapply(1:2, f)
})

test_that("with warn = 2 a warning is the item's error, as under lapply", {
  with_options(list(warn = 2), {
    for (workers in all_workers) {
      cnd <- caught(lomp_map(list("1", "x"), as.integer, .workers = workers))
      expect_identical(cnd$item, 2)
      expect_match(conditionMessage(cnd$parent), "converted from warning", fixed = TRUE)
    }
  })
})

test_that("endless recursion is the item's error", {
  endless <- function(n) endless(n + 1)
  for (workers in all_workers) {
    results <- suppressWarnings(lomp_map(1:3, function(i) if (i == 2) endless(1) else i,
                                         .workers = workers, .on_error = "collect"))
    expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE))
    expect_match(conditionMessage(results[[2]]), "^item 2: .*(infinite recursion|C stack)")
    expect_no_match(conditionMessage(results[[2]]), "left by a jump", fixed = TRUE)
  }
})

# ---- Errors that make trouble -------------------------------------------------------------------

registerS3method("conditionMessage", "lomp_chatty", function(c) c("one", "two"))
registerS3method("conditionMessage", "lomp_odd", function(c) list(1, 2))

test_that("an error with an odd message still names its item", {
  for (workers in c(0, 1)) {
    for (class in c("lomp_chatty", "lomp_odd")) {
      cnd <- fail_with(boom(class), .workers = workers)
      expect_s3_class(cnd, "lomp_error")
      expect_identical(cnd$item, 2)
      expect_s3_class(cnd$parent, class)
      expect_length(conditionMessage(cnd), 1)
      expect_match(conditionMessage(cnd), "^item 2 \\(\"b\"\\): ")
    }
  }
})

# Say, because it reads a file that only the worker had.
main_process <- Sys.getpid()
only_in_a_worker <- function(c) {
  if (Sys.getpid() == main_process) stop("only in a worker") else "boom"
}
registerS3method("conditionMessage", "lomp_mute", only_in_a_worker)
registerS3method("conditionCall", "lomp_mute", only_in_a_worker)

test_that("an error whose message can't be made here still names its item", {
  for (workers in 1:2) {
    cnd <- fail_with(boom("lomp_mute"), .workers = workers)
    expect_s3_class(cnd, "lomp_error")
    expect_identical(cnd$item, 2)
    expect_s3_class(cnd$parent, "lomp_mute")
    expect_match(conditionMessage(cnd), "^item 2 \\(\"b\"\\): ")
  }
})

test_that("an error without a message is one too", {
  class <- c("lomp_bare", "error", "condition")
  bare <- list(structure(class = class, list()),
               structure(class = class, list(message = NA, call = NA)))
  for (workers in c(0, 1)) {
    for (cnd in bare) {
      got <- caught(lomp_map(1, function(i) stop(cnd), .workers = workers))
      expect_s3_class(got, "lomp_error")
      expect_match(conditionMessage(got), "^item 1: ")
      expect_s3_class(got$parent, "lomp_bare")
    }
    got <- caught(lomp_map(1, function(i) stop(), .workers = workers))
    expect_match(conditionMessage(got), "^item 1: ")
  }
})

test_that("the frames are short text, whatever data they hold", {
  data <- matrix(0, 300, 300)
  text <- strrep("long", 1e5)
  look <- function(data, text) stop("boom")
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_map(1, function(i) do.call("look", list(data, text)), .workers = workers))
    expect_length(cnd$calls, 4)
    expect_lt(max(nchar(cnd$calls)), 200)
    expect_match(cnd$calls[[3]], "^look\\(")
    expect_lt(nchar(conditionMessage(cnd)), 500)
    cnd <- caught(lomp_map(1, function(i) do.call("look", list(text)), .workers = workers))
    expect_lt(max(nchar(cnd$calls)), 200)
    expect_lt(nchar(conditionMessage(cnd)), 500)
  }
})

test_that("frames of functions without a name are told, too", {
  f <- function(i) do.call(function(z) log(z), list("a"))
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_map(1, f, .workers = workers))
    expect_identical(cnd$calls[[1]], "FUN(X[[i]], ...)")
    expect_match(cnd$calls[[2]], "^do.call")
    expect_match(cnd$calls[[3]], "^\\(function ?\\(z\\)")
    expect_length(cnd$calls, 3)
  }
})

test_that("of very many frames the innermost are told", {
  climb <- function(n) if (n > 0) climb(n - 1) else stop("at the top")
  for (workers in c(0, 1)) {
    cnd <- caught(lomp_map(1, function(i) climb(200), .workers = workers))
    expect_length(cnd$calls, max_calls)
    expect_identical(utils::tail(cnd$calls, 2), c("climb(n - 1)", "stop(\"at the top\")"))
  }
})

test_that("a long or odd name makes no long or odd message", {
  names <- c(strrep("long", 1e5), "two\nlines", "a \"quoted\" one", "\u00fcml\u00e4ut")
  results <- suppressWarnings(lomp_map(stats::setNames(1:4, names), function(i) stop("boom"),
                                       .workers = 1, .on_error = "collect"))
  said <- sub(": boom.*", "", vapply(results, conditionMessage, "", USE.NAMES = FALSE))
  expect_lt(max(nchar(said)), 200)
  expect_identical(said[-1], c("item 2 (\"two\\nlines\")", "item 3 (\"a \\\"quoted\\\" one\")",
                               "item 4 (\"\u00fcml\u00e4ut\")"))
  expect_identical(lapply(results, function(cnd) cnd$name), as.list(stats::setNames(names, names)))
})

test_that("a name that is no text in this encoding is shown by its bytes", {
  invalid <- rawToChar(as.raw(c(0x61, 0xff, 0x62)))
  bytes <- invalid
  Encoding(bytes) <- "bytes"
  fail <- function(name, workers) {
    caught(lomp_map(stats::setNames(1, name), function(i) stop("boom"), .workers = workers))
  }
  for (name in c(invalid, bytes)) {
    for (workers in c(0, 1)) {
      cnd <- fail(name, workers)
      expect_match(conditionMessage(cnd), "^item 1 \\(\"a\\\\+xffb\"\\): boom")
    }
  }
  expect_lt(nchar(conditionMessage(fail(strrep(invalid, 1e4), 0))), 300)
})

# ---- Ways out that are no errors ----------------------------------------------------------------

a_condition <- function(class, message) {
  structure(class = c(class, "condition"), list(message = message, call = NULL))
}

not_an_error <- a_condition("lomp_signal", "a signal")
an_interrupt <- a_condition("interrupt", "stopped")

# Each way out costs its item and nothing else; what R itself prints of it goes to standard error.
expect_item_lost <- function(leave, workers) {
  f <- function(i) if (i == 2) leave(i) else i
  results <- expect_no_leaks(suppressWarnings(
    lomp_map(1:4, f, .workers = workers, .on_error = "collect")
  ))
  expect_identical(lomp_ok(results), c(TRUE, FALSE, TRUE, TRUE))
  expect_identical(results[-2], list(1L, 3L, 4L))
  expect_s3_class(results[[2]], c("lomp_error", "error", "condition"), exact = TRUE)
  expect_identical(results[[2]]$item, 2)
  expect_match(conditionMessage(results[[2]]), "^item 2: ")
  invisible(results[[2]])
}

# Where an item runs in this process, these ways lead to where they lead under lapply: see
# test-run-here.R.
test_that("a condition that is no error, thrown in a worker, costs the item", {
  cnd <- expect_item_lost(function(i) stop(not_an_error), 1)
  expect_match(conditionMessage(cnd), "a signal", fixed = TRUE)
  expect_item_lost(function(i) stop(an_interrupt), 2)
})

test_that("a condition that is only signalled costs nothing", {
  f <- function(i) {
    signalCondition(not_an_error)
    signalCondition(an_interrupt)
    i
  }
  for (workers in all_workers) {
    expect_identical(lomp_map(1:3, f, .workers = workers), list(1L, 2L, 3L))
  }
})

test_that("a restart out of a worker costs the item", {
  cnd <- expect_item_lost(function(i) invokeRestart("abort"), 1)
  expect_match(conditionMessage(cnd), "restart", fixed = TRUE)
  withRestarts(expect_item_lost(function(i) invokeRestart("outer"), 2),
               outer = function() stop("it left the worker"))
})

test_that("an error of before has no part in what is said of a jump", {
  try(stop("an old error"), silent = TRUE)
  cnd <- caught(lomp_map(1, function(i) invokeRestart("abort"), .workers = 1))
  expect_no_match(conditionMessage(cnd), "old error", fixed = TRUE)
})

test_that("a jump to a frame of the calling process costs the item", {
  outer <- function() {
    delayedAssign("leave", return("left the worker"))
    expect_item_lost(function(i) leave, 1)
    "stayed"
  }
  expect_identical(callCC(function(k) {
    expect_item_lost(function(i) k("left the worker"), 2)
    "stayed"
  }), "stayed")
  expect_identical(outer(), "stayed")
  for (once in 1) {
    delayedAssign("leave", break)
    expect_item_lost(function(i) leave, 1)
    once <- "stayed"
  }
  expect_identical(once, "stayed")
})

# ---- Workers that die ---------------------------------------------------------------------------

loss_of <- function(signal = 0L, status = NA, reason = 0L, errno = 0L) {
  c(pid = 4711L, signal = signal, status = status, reason = reason, errno = errno, late = 0L,
              ran = 2500L)
}

test_that("a worker's death is an error with signal, status and process", {
  plan <- list(n = 3, names = c("a", "b", "c"))
  killed <- new_crash(2, loss_of(signal = 9L), plan)
  expect_s3_class(killed, c("lomp_crash", "lomp_error", "error", "condition"), exact = TRUE)
  expect_identical(killed[c("item", "name", "signal", "status", "pid")],
                   list(item = 2, name = "b", signal = "SIGKILL", status = NA_integer_,
                        pid = 4711L))
  expect_s3_class(killed$parent, "simpleError")
  expect_identical(killed$calls, character())
  left <- new_crash(3, loss_of(status = 3L), plan)
  expect_identical(left[c("signal", "status")], list(signal = NA_character_, status = 3L))
})

test_that("an item is a time limit's if its worker was late when it died, and else a crash", {
  plan <- list(n = 3, names = NULL, timeout = 2)
  late <- function(...) replace(loss_of(...), "late", 1L)
  held <- length(exit_reasons)
  for (loss in list(late(signal = 9L), late(signal = 16L), late(reason = held + 1L))) {
    expect_s3_class(new_crash(2, loss, plan), "lomp_timeout")
  }
  for (loss in list(loss_of(signal = 9L), loss_of(signal = 11L), loss_of(reason = held))) {
    expect_s3_class(new_crash(2, loss, plan), "lomp_crash")
  }
})

test_that("messages on deaths read well", {
  plan <- list(n = 3, names = c("a", "b", "c"))
  expect_messages(
    new_crash(2, loss_of(signal = 9L), plan),
    new_crash(2, loss_of(signal = 11L), plan),
    new_crash(2, loss_of(signal = 6L), plan),
    new_crash(2, loss_of(status = 3L), plan),
    new_crash(2, loss_of(), plan)
  )
  crash <- function(reason) new_crash(1, loss_of(reason = reason), plan)
  do.call(expect_messages, lapply(seq_along(exit_reasons), crash))
  expect_messages(
    new_fork_error(loss_of(errno = 11L), plan),
    new_fork_error(loss_of(signal = 11L), plan),
    new_fork_error(loss_of(status = 1L), plan),
    new_not_run(list())
  )
})

test_that("an item that was not run says so", {
  cnd <- new_not_run(list())
  expect_s3_class(cnd, c("lomp_not_run", "lomp_error", "error", "condition"), exact = TRUE)
  expect_null(cnd$parent)
})

# ---- Messages -----------------------------------------------------------------------------------

test_that("messages on items read well", {
  fail <- function(i, ...) if (i == 2) stop("boom") else i
  deep <- function(i) lomp_map(1:3, fail, .workers = 0)
  big <- function(i) do.call("fail", list(i, data = matrix(0, 99, 99)))
  jump <- function(i) if (i == 2) invokeRestart("abort")
  expect_messages(
    caught(lomp_map(c(a = 1, geneX = 2), fail, .workers = 0)),
    caught(lomp_map(1:3, function(i) fail(i + 1L), .workers = 0)),
    caught(lomp_map(1:3, function(i) stop("boom", call. = FALSE), .workers = 0))
  )
  expect_messages(caught(lomp_map(1:2, deep, .workers = 0)))
  expect_messages(caught(lomp_map(1:2, big, .workers = 0)))
  expect_messages(
    caught(lomp_map(1:2, function(i) stop(strrep("long ", 300)), .workers = 0)),
    caught(lomp_map(1:2, function(i) emit(i), .workers = 0)),
    caught(lomp_map(1:2, stop, .workers = 0))
  )
  # One worker does them in turn.
  expect_messages(caught(lomp_map(1:2, jump, .workers = 1)))
})

# The first by position, and its reason in one line, however it was written.
failed_item <- function(item) {
  list(item = item, parent = simpleError(sprintf("bad luck\n  with %d", as.integer(item))))
}

test_that("the warning about failed items has the reason of the first, in a bounded line", {
  fail <- function(i) if (i %in% c(3, 5)) stop("no ", i, "\n", strrep("\u00e9", 5000)) else i
  for (workers in all_workers) {
    for (call in list(
      function() lomp_map(1:6, fail, .workers = workers, .on_error = "collect"),
      function() as.list(lomp_iterate(1:6, fail, .workers = workers, .on_error = "collect"))
    )) {
      message <- conditionMessage(warnings_of(call())[[1]])
      expect_match(message, "^2 of 6 items failed [(]3, 5[)]; the first: no 3 \u00e9+[.]{3}$")
      expect_lt(nchar(message), 300)
    }
  }
})

test_that("however long an error's message is, what can be done next is shown", {
  texts <- c(strrep("long ", 3000), strrep("\u00e9\u20ac ", 3000), strrep("a\n", 9000))
  lengths <- c(600, 1000, 8000)
  name <- strrep("\u20ac", 99)
  shown <- function(code) {
    # R's own way to show it, with its own bounds.
    utils::capture.output(type = "message", try(code))
  }
  for (workers in c(0, 1)) {
    for (text in texts) {
      fail <- function(i) if (i == 2) stop(simpleError(text, quote(f(x)))) else i
      # In a worker each text and each length once.
      for (length in if (workers == 0) lengths else lengths[[match(text, texts)]]) {
        with_options(list(warning.length = length), {
          output <- shown(lomp_map(structure(1:3, names = c("a", name, "b")), fail,
                                   .workers = workers))
          last <- conditionMessage(lomp_last())
        })
        expect_match(output[[length(output)]], "finished: go on with [.]redo = lomp_last[(][)]$")
        expect_match(last, "... (all of it is in the field `parent`)\nin f(x)", fixed = TRUE)
        expect_lt(nchar(last, "bytes"), length)
        expect_gt(nchar(last, "bytes"), length - 250)
        expect_identical(conditionMessage(lomp_last()$parent), text)
      }
    }
  }
})

test_that("a short message is whole, and so is one that fits", {
  for (text in c("no", strrep("x", 700))) {
    cnd <- caught(lomp_map(1:2, function(i) stop(text), .workers = 0))
    expect_match(conditionMessage(cnd), paste0("item 1: ", text, "\nin FUN"), fixed = TRUE)
  }
})

test_that("what others have written is bounded elsewhere, too", {
  long <- strrep("long ", 5000)
  cnd <- caught(lomp_map(function() stop(long), identity, .workers = 0))
  expect_lt(nchar(conditionMessage(cnd)), 1000)
  expect_match(conditionMessage(cnd), "\n0 of 0 finished$")
  cnd <- warnings_of(lomp_map(1, identity, .workers = 0, .progress = function(...) stop(long)))[[1]]
  expect_lt(nchar(conditionMessage(cnd)), 1000)
  # R itself cuts it there, a byte more or less from version to version.
  expect_true(startsWith(long, conditionMessage(cnd$parent)))
  expect_gt(nchar(conditionMessage(cnd$parent)), 8000)
})

test_that("an item that calls emit() without having it is told how to get it", {
  for (workers in c(0, 1)) {
    for (call in list(function(f) lomp_map(1:2, f, .workers = workers),
                      function(f) as.list(lomp_iterate(1:2, f, .workers = workers)))) {
      expect_error(call(function(i) emit(i)), "a function that has an argument `emit`",
                   fixed = TRUE, class = "lomp_error")
      expect_no_match(conditionMessage(caught(call(function(i) emitt(i)))), "lomp_iterate")
    }
  }
})

test_that("warnings read well", {
  plan <- list(n = 2e5, names = NULL, workers = 8L)
  failures <- lapply(c(1e5, 3, 17), failed_item)
  many <- lapply(1:40, failed_item)
  summary <- list(refused = 11L, forks = 3L)
  expect_messages(
    warning_of_failures(failures, plan)[[1]], warning_of_failures(many, plan)[[1]],
    warning_of_failures(list(failed_item(7)), plan)[[1]],
    warning_of_failures(list(new_crash(4, loss_of(signal = 9L), plan)), plan)[[1]],
    warning_of_refused_fork(summary, plan)[[1]], warning_of_dead_references(3, "", plan)[[1]],
    warning_of_dead_references(c(4, 3, 9), c("a", "xml_document", "b"), list(names = letters))[[1]]
  )
  expect_messages(warning_of_interrupt(list(done = 3, given = 6))[[1]])
})

test_that("warnings have fields for programs", {
  plan <- list(n = 20, names = NULL, workers = 8L)
  failed <- warning_of_failures(list(failed_item(7), failed_item(2)), plan)
  failed <- warnings_of(signal_warnings(failed, list(1)))[[1]]
  expect_s3_class(failed, c("lomp_failed", "warning", "condition"), exact = TRUE)
  expect_identical(failed$items, c(2, 7))
  expect_identical(failed$results, list(1))
  fewer <- warning_of_refused_fork(list(refused = 11L, forks = 3L), plan)[[1]]
  expect_s3_class(fewer, c("lomp_fewer_workers", "warning", "condition"), exact = TRUE)
  expect_identical(fewer$workers, 3L)
  well <- list(refused = 0L, forks = 3L, dead_references = numeric())
  expect_null(warnings_of_end(well, plan))
})
