# foreach's loops as lomp takes them.

skip_if_not_installed("foreach")

test_that("options are those of lomp_iterate()", {
  local_backend(registerDoLomp(2))
  loop <- function(options) foreach(i = 1:4, .options.lomp = options) %dopar% Sys.getpid()
  expect_identical(loop(list(workers = 0)), rep(list(Sys.getpid()), 4))
  expect_false(Sys.getpid() %in% unlist(loop(list(workers = 1))))
  expect_length(unique(loop(list(workers = 1))), 1)
  told <- list()
  loop(list(progress = function(done, total) told <<- c(told, list(c(done, total)))))
  expect_equal(told[c(1, length(told))], list(c(0, 4), c(4, 4)))
  expect_length(loop(list(timeout = 60, checkpoint = NULL, redo = NULL)), 4)
})

test_that("other options are errors, before anything is begun", {
  local_backend(registerDoLomp(2))
  begun <- FALSE
  loop <- function(options, x = 1:3) {
    foreach(i = x, .options.lomp = options) %dopar% stop("begun")
  }
  errors <- list(
    expect_argument_error(loop(list(chunk.size = 3)), ".options.lomp"),
    expect_argument_error(loop(list(3)), ".options.lomp"),
    expect_argument_error(loop("fast"), ".options.lomp"),
    expect_argument_error(loop(list(timeout = -1)), ".timeout"),
    expect_argument_error(loop(list(workers = 0.5)), ".workers"),
    expect_argument_error(loop(list(checkpoint = "file"), iterators::icount(3)), ".options.lomp"),
    expect_argument_error(run_loop(1, quote(i), environment(), list(workers = 0L)), "obj")
  )
  do.call(expect_messages, errors)
})

test_that("of nested loops the options of the outer one count", {
  local_backend(registerDoLomp(2))
  inner <- foreach(j = 1:2, .options.lomp = list(workers = 1))
  expect_length(
    foreach(i = 1:2, .options.lomp = list(workers = 0)) %:% inner %dopar% Sys.getpid(), 2
  )
  pids <- unlist(
    foreach(i = 1:2, .options.lomp = list(workers = 0)) %:% inner %dopar% Sys.getpid()
  )
  expect_identical(unique(pids), Sys.getpid())
  pids <- unlist(foreach(i = 1:2) %:% inner %dopar% Sys.getpid())
  expect_length(unique(pids), 1)
  expect_false(Sys.getpid() %in% pids)
})

test_that("vectors and lists are counted, and other iterators pulled", {
  plan <- function(obj) new_loop(obj, quote(i), environment(), list(workers = 2L))
  expect_identical(plan(foreach(i = 1:3, j = list(1, 2)))$n, 2L)
  expect_identical(plan(foreach(i = character()))$n, 0L)
  expect_identical(plan(foreach(i = iterators::icount(3)))$n, NA_integer_)
  expect_identical(plan(foreach(i = factor("a")))$n, NA_integer_)
  expect_identical(plan(foreach(i = mtcars))$n, NA_integer_)
  expect_identical(plan(foreach(i = 1:3) %:% foreach(j = 1:2))$n, NA_integer_)
  expect_identical(plan(foreach(i = 1:3) %:% foreach::when(i > 1))$n, NA_integer_)
})

test_that("what a loop goes over is evaluated once", {
  local_backend(registerDoLomp(2))
  times <- 0
  count <- function(x) {
    times <<- times + 1
    x
  }
  expect_identical(foreach(i = count(1:3)) %dopar% i, list(1L, 2L, 3L))
  expect_identical(times, 1)
  foreach(i = count(1:3)) %:% foreach(j = 1:2) %dopar% i
  expect_identical(times, 2)
  foreach(i = count(as.list(1:3)), j = iterators::icount()) %dopar% i
  expect_identical(times, 3)
})

test_that("elements of lists are looked up in shared memory", {
  local_backend(registerDoLomp(2))
  images <- lapply(c(7, 8, 7), rep, 1e5)
  is_own <- function(image, i) is_same_object(image, images[[i]])
  expect_identical(foreach(x = images, i = 1:3) %dopar% is_own(x, i),
                   list(TRUE, TRUE, TRUE))
  expect_identical(foreach(x = images, i = iterators::icount()) %dopar% is_own(x, i),
                   list(TRUE, TRUE, TRUE))
  expect_identical(
    foreach(x = images, i = 1:3, .combine = c) %:% foreach::when(i > 1) %:%
      foreach(j = 1:2, .combine = c) %dopar% is_own(x, i),
    rep(TRUE, 4)
  )
})

test_that("what is sent of a list's element is its place", {
  lists <- list(x = list("a", NULL, "a", 1:3), n = 1:4)
  send <- new_sender(lists)
  resolve <- resolver(lists)
  for (i in seq_along(lists$x)) {
    values <- list(x = lists$x[[i]], n = i)
    sent <- send(values)
    expect_s3_class(sent$x, "lomp_place")
    expect_identical(sent$n, i)
    expect_identical(resolve(sent), values)
  }
  # What isn't there is sent, and what comes then isn't looked for.
  send <- new_sender(lists)
  expect_identical(send(list(x = "b", n = 1L)), list(x = "b", n = 1L))
  expect_identical(send(list(x = lists$x[[4]])), list(x = 1:3))
})

test_that("the innermost loop and the outermost one are found", {
  loops <- lapply(1:3, function(k) foreach(i = 1:3, .maxcombine = k + 1))
  nested <- loops[[1]] %:% foreach::when(TRUE) %:% loops[[2]] %:% foreach::when(i > 1) %:%
    loops[[3]] %:% foreach::when(FALSE)
  expect_identical(outermost(nested), loops[[1]])
  expect_identical(innermost(nested), loops[[3]])
  expect_identical(innermost(loops[[2]]), loops[[2]])
})

test_that("code isn't compiled where the user has switched that off", {
  expect_type(compiled_expression(quote(i + 1), environment()), "bytecode")
  level <- compiler::enableJIT(0)
  withr::defer(compiler::enableJIT(level))
  expect_identical(compiled_expression(quote(i + 1), environment()), quote(i + 1))
})
