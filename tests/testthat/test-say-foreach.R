# The words for tasks that have failed.

skip_if_not_installed("foreach")

test_that("errors of tasks read as in foreach, with what lomp knows", {
  local_backend(registerDoLomp(2))
  fails <- function(x) log(-1, x)
  loop <- function(code) caught(eval(bquote(foreach(i = 1:3) %dopar% .(code))))
  deep <- loop(quote(if (i == 2) fails("x") else i))
  expect_messages(
    loop(quote(if (i == 2) stop("boo") else i)), deep, loop(quote(simpleError("returned"))),
    loop(quote(quit())), caught(foreach(i = 1:3, .options.lomp = list(timeout = 0.5)) %dopar%
                                  repeat 1)
  )
  expect_output(print(summary(deep)), "fails(\"x\")", fixed = TRUE)
})

test_that("the calls of an error begin with the task's code", {
  local_backend(registerDoLomp(2))
  file <- tempfile("loop", fileext = ".R")
  withr::defer(unlink(file))
  writeLines(c("fails <- function(x) stop('boo')", "foreach(i = 1:3) %dopar% {", "  own <- -i",
               "  fails(i)", "}"), file)
  run <- function() {
    here <- new.env(parent = parent.frame())
    with_options(list(keep.source = TRUE), caught(source(file, local = here)))
  }
  for (workers in c(0, 2)) {
    registerDoLomp(workers)
    cnd <- run()
    expect_identical(cnd$calls, c("{ ...", "fails(i)", "stop(\"boo\")"))
    expect_identical(cnd$places[1:2], sprintf("%s:%d", basename(file), c(2, 4)))
    cnd <- with_options(list(lomp.frames = TRUE), run())
    expect_s3_class(cnd$frames, "dump.frames")
    expect_length(cnd$frames, 3)
    expect_identical(mget(c("i", "own"), cnd$frames[[1]]), list(i = 1L, own = -1L))
    expect_match(attr(cnd$frames, "error.message"), "boo")
  }
})

test_that("a long message leaves room for the place", {
  cnd <- new_task_error(simpleError(strrep("x", 1e5), quote(f(x))), 12, quote(i))
  expect_lt(nchar(conditionMessage(cnd)), getOption("warning.length"))
  expect_match(conditionMessage(cnd), "^task 12 failed - \"xxx")
  expect_match(conditionMessage(cnd), "\"\nin f\\(x\\)$")
  expect_identical(nchar(conditionMessage(cnd$parent)), 100000L)
})
