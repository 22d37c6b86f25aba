# The contract of calls on machines, as far as the table of cases doesn't have it: on two daemons,
# each of which has one worker.

skip_without_mirai()
skip_in_light_run()

# One set for the whole file.
scope <- new.env()
machines <- local_machines(2, env = scope)

on_machines <- function(call, ...) call(..., .compute = machines$profile, .workers = 1)

map_there <- function(...) on_machines(lomp_map, ...)
vapply_there <- function(...) on_machines(lomp_vapply, ...)
iterate_there <- function(...) on_machines(lomp_iterate, ...)

# What is bit for bit the same there and in this process.
expect_same_there <- function(.x, .f, ..., label = "the list") {
  expect_same(map_there(.x, .f, ...), lomp_map(.x, .f, ..., .workers = 0), label, bytes = FALSE)
}

counter <- function(n) {
  at <- 0
  function() if (at < n) at <<- at + 1 else lomp_done()
}

# ---- Items --------------------------------------------------------------------------------------

test_that("items are what they are here, whatever they are elements of", {
  all <- list(
    logical = c(a = TRUE, b = NA), integer = 1:3, double = c(1.5, NA, Inf), complex = 1i,
    raw = as.raw(1:3), string = some_strings, list = list(a = 1, NULL, c = list(2)), null = NULL,
    factor = factor(c("x", "y", "x")), date = as.Date(c(a = "2026-01-01", b = "2026-01-02")),
    time = as.POSIXct(c(0, 1), "UTC", origin = "1970-01-01"),
    frame = data.frame(u = 1:2, v = c("a", "b")),
    pairs = pairlist(a = 1, b = "two"), code = expression(a + b, 3), call = quote(f(x, y)),
    numbers = new("LompNumbers", c(1, 2)), difference = as.difftime(1:2, units = "mins"),
    matrix = matrix(1:4, 2, dimnames = list(NULL, c("a", "b"))), nothing = character(),
    environment = list2env(list(only = 1))
  )
  for (name in names(all)) expect_same_there(all[[name]], identity, label = name)
})

test_that("items of lists with a class are what its methods make of them", {
  persons <- c(utils::person("Ada", "Lovelace"), utils::person("Alan", "Turing"))
  expect_same_there(persons, function(p) c(class(p), p$family))
  expect_same_there(numeric_version(c("1.2", "3.4")), format)
})

test_that("one item, and ten thousand", {
  expect_same_there("one", nchar)
  expect_same_there(1:10000, function(i) i * 2L)
})

test_that("large results and large items come whole", {
  large <- map_there(1:2, function(i) as.numeric(seq_len(2.5e6)) + i)
  expect_true(identical(large, lapply(1:2, function(i) as.numeric(seq_len(2.5e6)) + i)))
  expect_same_there(list(a = rep(1:2, 1e5), b = rep("text", 1e5)), rev)
})

test_that("items of streams", {
  expect_identical(map_there(counter(30), sqrt), lapply(1:30, sqrt))
  expect_identical(map_there(lomp_iterate(1:4, function(i) i, .workers = 0), sqrt),
                   lapply(1:4, sqrt))
  expect_identical(map_there(function() lomp_done(), sqrt), list())
  odd <- list(NULL, "b", NULL)
  at <- 0
  producer <- function() if (at == 3) lomp_done() else odd[[at <<- at + 1]]
  expect_identical(map_there(producer, identity), odd)
})

test_that("items of packages' streams", {
  skip_if_not_installed("iterators")
  expect_identical(map_there(iterators::iter(1:4), sqrt), lapply(1:4, sqrt))
  skip_if_not_installed("coro")
  expect_identical(map_there(coro::generator(function() for (i in 1:4) coro::yield(i))(), sqrt),
                   lapply(1:4, sqrt))
})

test_that("what a producer had made goes on after a jump out of it", {
  count <- counter(10)
  produce <- function() {
    item <- count()
    if (identical(item, 4)) message("four")
    item
  }
  it <- lomp_iterate(produce, identity, .compute = machines$profile, .workers = 8)
  expect_identical(tryCatch(it(), message = function(cnd) "left"), "left")
  expect_identical(sort(unlist(as.list(it))), c(1, 2, 3, 5, 6, 7, 8, 9, 10))
})

test_that("a producer that fails ends the call, with what was finished, and is closed", {
  closed <- 0
  at <- 0
  producer <- function(close = FALSE) {
    if (close) closed <<- closed + 1 else if (at == 2) stop("dry") else at <<- at + 1
  }
  cnd <- caught(map_there(producer, identity))
  expect_s3_class(cnd, "lomp_source_error")
  expect_identical(c(closed, length(cnd$results)), c(1, 2))
  expect_no_machine_children(machines)
})

# ---- Functions ----------------------------------------------------------------------------------

shared_number <- 5

test_that("functions find what they use here", {
  inner <- function(x) x + shared_number
  outer <- function(x) inner(x) * 2
  expect_same_there(1:3, outer)
  expect_same_there(1:3, "sqrt")
  expect_same_there(list(c(a = 1)), `[[`, "a")
  make <- function(k) function(x) x + k
  expect_same_there(1:3, make(4))
  expect_same_there(1:2, function(x, ...) c(x, ...), 3, z = 4)
})

test_that("functions of packages are found", {
  expect_same_there(c("a1", "b"), tools::file_path_sans_ext)
  expect_same_there(1:2, function(i) stats::median(c(i, 3)))
  expect_same_there(1:2, function(i) head(letters, i))
})

test_that("calls, frames and places are those of one worker", {
  probes <- list(
    function(x) sys.call(), function(x) substitute(x), function(x) match.call(),
    function(x) nargs(), function(x, y) missing(y),
    function(x) deparse(sys.function())[[1L]]
  )
  for (probe in probes) {
    expect_identical(map_there(1:2, probe), lomp_map(1:2, probe, .workers = 1))
  }
  # What stands in `...` is a value there.
  expect_identical(map_there(1, function(x, y) substitute(y), y = 1 + 2), list(3))
})

test_that("arguments have any name, and may be left out", {
  expect_same_there(list(1:3, 4:6), sapply, FUN = function(...) nargs())
  expect_same_there(1:2, function(x, out, f, frame, needs) paste(out, f, frame, needs, x),
                    out = "dir", f = 1, frame = 2, needs = 3)
  expect_same_there(list(diag(2)), `[`, , 1)
  expect_same_there(1:2, function(i, a, b) c(missing(a), b), , 3)
  pass_on <- function(z, map) map(1:2, function(i, y) missing(y), z)
  expect_identical(pass_on(map = map_there), list(TRUE, TRUE))
  expect_identical(pass_on(1, map = map_there), list(FALSE, FALSE))
})

test_that("an argument that fails does so in the items that use it", {
  f <- function(x, y, z) if (x == 2) y else z
  fails <- function() stop("no such thing")
  name <- quote(a + b)
  expect_silent(there <- caught(map_there(2, f, y = fails(), z = name)))
  expect_identical(there$item, 1)
  expect_identical(conditionMessage(there$parent), "no such thing")
  expect_silent(unused <- map_there(1, f, y = fails(), z = name))
  expect_identical(unused, list(name))
})

test_that("few items are shared among machines", {
  with_flag(function(flag) {
    meet <- function(i) {
      file.create(paste0(flag, i))
      deadline <- Sys.time() + 30
      while (!all(file.exists(paste0(flag, 1:2))) && Sys.time() < deadline) Sys.sleep(0.01)
      file.exists(paste0(flag, 1:2))
    }
    expect_identical(map_there(1:2, meet), list(c(TRUE, TRUE), c(TRUE, TRUE)))
  })
})

# ---- Failures -----------------------------------------------------------------------------------

test_that("an error tells what it tells here, and its host", {
  check <- function(x) if (x == "two") stop("no ", x) else x
  f <- function(x) check(x)
  there <- caught(map_there(c(a = "one", b = "two"), f))
  here <- caught(lomp_map(c(a = "one", b = "two"), f, .workers = 1))
  expect_s3_class(there, class(here), exact = TRUE)
  for (field in c("item", "name", "parent", "calls")) {
    expect_identical(there[[field]], here[[field]], info = field)
  }
  expect_identical(there$host, Sys.info()[["nodename"]])
  # How many others were finished by then is a matter of chance.
  told <- function(cnd) sub("\n[0-9]+ of [0-9]+ finished.*", "", conditionMessage(cnd))
  expect_identical(told(there), told(here))
})

test_that("an error shows its frames if that is asked for", {
  with_options(list(lomp.frames = TRUE), {
    f <- function(x) {
      local_value <- x * 2
      stop("here")
    }
    there <- caught(map_there(1, f))
    here <- caught(lomp_map(1, f, .workers = 1))
  })
  expect_identical(there$frames, here$frames)
  expect_true(length(there$frames) > 0)
})

test_that("\"stop\" ends the others at once", {
  with_flag(function(flag) {
    f <- function(i) {
      if (i == 1) {
        while (!file.exists(flag)) Sys.sleep(0.01)
        stop("first")
      }
      file.create(flag)
      repeat Sys.sleep(1)
    }
    expect_identical(caught(map_there(1:2, f))$item, 1)
    expect_no_machine_children(machines)
  })
})

test_that("\"stop\" keeps what machines had finished", {
  with_flag(function(flag) {
    finished <- function() length(Sys.glob(paste0(flag, "-done-*")))
    f <- function(i) {
      if (i == 1) {
        while (finished() < 50) Sys.sleep(0.01)
        stop("enough")
      }
      Sys.sleep(0.005)
      file.create(sprintf("%s-done-%d", flag, i))
      i
    }
    cnd <- caught(map_there(1:1000, f))
    expect_gte(sum(lomp_ok(cnd$results)), finished() - 2)
  })
})

test_that("\"collect\" goes on, and says so", {
  f <- function(x) if (x %% 2) stop("odd") else x
  warnings <- warnings_of(result <- map_there(1:6, f, .on_error = "collect"))
  expect_s3_class(warnings[[1L]], "lomp_failed")
  expect_identical(lomp_ok(result), rep(c(FALSE, TRUE), 3))
  expect_identical(result[[3L]]$host, Sys.info()[["nodename"]])
  redone <- map_there(1:6, function(x) -x, .redo = result)
  expect_identical(redone, list(-1L, 2L, -3L, 4L, -5L, 6L))
})

test_that("a worker that crashes costs its item", {
  f <- function(i) if (i == 3) tools::pskill(Sys.getpid(), tools::SIGKILL) else i
  result <- suppressWarnings(map_there(1:6, f, .on_error = "collect"))
  expect_identical(lomp_ok(result), 1:6 != 3)
  expect_s3_class(result[[3L]], "lomp_crash")
  expect_identical(result[[3L]]$signal, "SIGKILL")
  quits <- caught(map_there(1, function(i) quit(status = 3)))
  expect_identical(c(quits$item, quits$status), c(1, 3))
})

test_that("a time limit ends its item", {
  f <- function(i) if (i == 2) repeat NULL else i
  result <- suppressWarnings(map_there(1:3, f, .on_error = "collect", .timeout = 0.3))
  expect_s3_class(result[[2L]], "lomp_timeout")
  expect_identical(result[-2L], list(1L, 3L))
})

test_that("a call is left by a warning that is an error, and by a handler", {
  with_options(list(warn = 2), {
    cnd <- caught(map_there(1:2, function(i) if (i == 2) warning("w") else i))
  })
  expect_identical(cnd$item, 2)
  out <- tryCatch(map_there(1:2, function(i) if (i == 2) message("away") else i),
                  message = function(cnd) "left")
  expect_identical(out, "left")
  expect_no_machine_children(machines)
  expect_identical(map_there(1:2, identity), list(1L, 2L))
})

test_that("dead references are told of", {
  cnd <- warnings_of(map_there(1:2, function(i) if (i == 2) textConnection("a") else i))
  here <- warnings_of(lomp_map(1:2, function(i) if (i == 2) textConnection("a") else i,
                               .workers = 1))
  expect_identical(lapply(cnd, class), lapply(here, class))
  expect_identical(lapply(cnd, conditionMessage), lapply(here, conditionMessage))
})

# ---- What items say -----------------------------------------------------------------------------

test_that("what items say comes by item, or as they say it", {
  f <- function(i) {
    message("message ", i)
    cat("item", i, "\n")
    warning("warning ", i)
  }
  observe <- function(call) {
    heard <- character()
    note <- function(cnd) {
      heard <<- c(heard, trimws(conditionMessage(cnd)))
      tryInvokeRestart("muffleMessage")
      tryInvokeRestart("muffleWarning")
    }
    lines <- utils::capture.output(withCallingHandlers(call, message = note, warning = note))
    list(heard, lines)
  }
  with_options(list(lomp.output = "ordered"), {
    expect_identical(observe(map_there(1:9, f)), observe(lomp_map(1:9, f, .workers = 0)))
  })
  with_options(list(lomp.output = "live"), {
    there <- observe(map_there(1:9, f))
    here <- observe(lomp_map(1:9, f, .workers = 0))
  })
  expect_identical(lapply(there, sort), lapply(here, sort))
})

test_that("what an item says comes while it runs, with its number", {
  with_flag(function(flag) {
    f <- function(i) {
      message("begun")
      deadline <- Sys.time() + 60
      while (!file.exists(flag) && Sys.time() < deadline) Sys.sleep(0.01)
      file.exists(flag)
    }
    item <- NULL
    result <- withCallingHandlers(map_there(1, f), message = function(cnd) {
      item <<- attr(cnd, "lomp_item")
      raise(flag)
      invokeRestart("muffleMessage")
    })
    expect_identical(result, list(TRUE))
    expect_identical(as.numeric(item), 1)
  })
})

test_that("progress is told from the beginning to the end", {
  told <- list()
  map_there(1:20, function(i) i, .progress = function(done, total) {
    told <<- c(told, list(c(done, total)))
  })
  told <- do.call(rbind, told)
  expect_identical(unique(told[, 2]), 20)
  expect_identical(range(told[, 1]), c(0, 20))
  expect_false(is.unsorted(told[, 1]))
})

test_that("a bar counts what has come from there", {
  local_bar()
  drawn <- strsplit(errors_of(map_there(1:20, function(i) i, .progress = TRUE)), "[\r\n]")[[1]]
  expect_match(drawn[[length(drawn)]], "^20/20 done in [0-9.]+ s, [0-9.]+/s$")
})

# ---- Vectors ------------------------------------------------------------------------------------

test_that("a vector's values are those that it has here", {
  expect_same_vector <- function(...) {
    expect_same(vapply_there(...), lomp_vapply(..., .workers = 0), "the vector", bytes = FALSE)
  }
  expect_same_vector(c(a = 1, b = 2), function(x) c(u = x, v = 2 * x), c(u = 0, v = 0))
  expect_same_vector(letters[1:3], toupper, "")
  expect_same_vector(letters[1:3], toupper, "", .use_names = FALSE)
  expect_same_vector(1:4, function(i) if (i < 3) i else TRUE, 0)
  expect_same_vector(1:3, function(i) matrix(i, 2, 2), matrix(0, 2, 2))
  expect_same_vector(1:3, function(i) i * 1:2e4 + 0.5, numeric(2e4))
  expect_same_vector(list(), function(x) x, 0)
  expect_same_vector(1:2, function(i) list(i, "x"), list(0, ""))
})

test_that("a value that doesn't fit is an error of its item", {
  f <- function(i) if (i == 2) "two" else i
  there <- caught(vapply_there(1:3, f, 0))
  here <- caught(lomp_vapply(1:3, f, 0, .workers = 1))
  expect_identical(class(there), class(here))
  expect_identical(there$item, 2)
  expect_identical(conditionMessage(there$parent), conditionMessage(here$parent))
})

# ---- Iterators ----------------------------------------------------------------------------------

test_that("an iterator gives what items emit, by item or as it comes", {
  here <- drain(lomp_iterate(1:5, count_up, .workers = 0))
  expect_identical(drain(iterate_there(1:5, count_up, .ordered = TRUE)), here)
  there <- drain(iterate_there(1:5, count_up))
  at <- order(there$items)
  expect_identical(there$values[at], here$values)
  expect_identical(there$items[at], here$items)
})

test_that("an iterator's descriptor tells when to come", {
  it <- iterate_there(1:2, sqrt, .ordered = TRUE)
  expect_output(print(it), "2 items, 2 machines; so far", fixed = TRUE)
  expect_type(lomp_fd(it), "integer")
  expect_true(wait_until(lomp_ready(it)))
  expect_identical(it(), 1)
  expect_identical(as.list(it), list(sqrt(2)))
  expect_no_machine_children(machines)
})

endless <- function(i) {
  if (i > 2) repeat Sys.sleep(1)
  i
}

test_that("an iterator that is closed, or dropped, leaves nothing there", {
  it <- iterate_there(1:9, endless)
  expect_true(it() %in% 1:2)
  it(close = TRUE)
  expect_no_machine_children(machines)
  it <- iterate_there(1:9, endless)
  expect_true(it() %in% 1:2)
  it <- NULL
  invisible(gc())
  expect_no_machine_children(machines)
  expect_identical(head(iterate_there(1:9, endless, .ordered = TRUE), 2), list(1L, 2L))
  invisible(gc())
  expect_no_machine_children(machines)
})

test_that("an iterator that was dropped with its tasks underway is left, time and again", {
  for (k in 1:10) {
    it <- iterate_there(1:9, endless)
    it()
    it <- NULL
    invisible(gc())
  }
  expect_no_machine_children(machines)
})

test_that("a forked copy of the session that drops an iterator does nothing to it", {
  it <- iterate_there(1:40, sqrt, .ordered = TRUE)
  net <- state_of(it)$net
  net$pid <- -1L
  leave_net(net)
  expect_false(net$is_left)
  net$pid <- Sys.getpid()
  expect_identical(as.list(it), lapply(1:40, sqrt))
})

test_that("workers that this process forks meanwhile leave machines alone", {
  it <- iterate_there(1:4, sqrt, .ordered = TRUE)
  expect_identical(lomp_map(1:4, function(i) dim(gc()), .workers = 2), rep(list(c(2L, 6L)), 4))
  expect_identical(as.list(it), lapply(1:4, sqrt))
})

test_that("two iterators are open at once, and calls come between their results", {
  first <- iterate_there(1:3, function(i) i, .ordered = TRUE)
  second <- iterate_there(1:3, function(i) -i, .ordered = TRUE)
  for (k in 1:3) {
    expect_identical(first(), k)
    expect_identical(map_there(1:2, sqrt), lapply(1:2, sqrt))
    expect_identical(second(), -k)
  }
  expect_true(lomp_done(first()) && lomp_done(second()))
})

# ---- Random numbers -----------------------------------------------------------------------------

test_that("items draw what they draw here, with any generator", {
  kinds <- list(
    c("Mersenne-Twister", "Inversion", "Rejection"), c("L'Ecuyer-CMRG", "Inversion", "Rejection"),
    c("Mersenne-Twister", "Box-Muller", "Rejection"),
    c("Wichmann-Hill", "Ahrens-Dieter", "Rejection"),
    c("Mersenne-Twister", "Inversion", "Rounding")
  )
  draw <- function(i) c(runif(2), rnorm(3), sample(10, 3))
  old <- RNGkind()
  on.exit(suppressWarnings(RNGkind(old[[1L]], old[[2L]], old[[3L]])))
  observe <- function(kind, call) {
    suppressWarnings(set.seed(7, kind[[1L]], kind[[2L]], kind[[3L]]))
    list(call(1:7, draw), call(c(3, 1), draw), .Random.seed, runif(1))
  }
  for (kind in kinds) {
    here <- observe(kind, function(...) lomp_map(..., .workers = 0))
    expect_identical(observe(kind, map_there), here, info = toString(kind))
  }
})

# ---- Checkpoints --------------------------------------------------------------------------------

test_that("a call goes on from its file, there and here", {
  breaks <- function(i) if (i == 4) stop("later") else rnorm(1)
  whole <- function(i) rnorm(1)
  here <- function(...) lomp_map(..., .workers = 1)
  with_seed(3, {
    expected <- here(1:6, whole)
    for (order in list(list(here, map_there), list(map_there, here), list(map_there, map_there))) {
      file <- new_file_name(environment())
      set.seed(3)
      cnd <- caught(order[[1L]](1:6, breaks, .checkpoint = file))
      expect_identical(cnd$item, 4)
      expect_identical(in_file(file), which(lomp_ok(cnd$results)))
      set.seed(3)
      result <- order[[2L]](1:6, whole, .redo = lomp_read(file), .checkpoint = file)
      expect_identical(result, expected)
      expect_identical(without_mark(lomp_read(file)), expected)
      unlink(file)
    }
  })
})

test_that("a vector's values and an iterator's results go on from a file, too", {
  breaks <- function(i) if (i == 4) stop("later") else c(i, rnorm(1))
  whole <- function(i) c(i, rnorm(1))
  file <- new_file_name(environment())
  with_seed(3, expected <- lomp_vapply(1:6, whole, numeric(2), .workers = 0))
  with_seed(3, caught(vapply_there(1:6, breaks, numeric(2), .checkpoint = file)))
  done <- in_file(file)
  expect_false(4 %in% done)
  again <- function(call) with_seed(3, call(.redo = lomp_read(file), .checkpoint = file))
  expect_identical(again(function(...) vapply_there(1:6, whole, numeric(2), ...)), expected)
  unlink(file)

  # One that is over in the file isn't given once more; what it gave is in a list there.
  with_seed(3, caught(as.list(iterate_there(1:6, breaks, .checkpoint = file))))
  done <- in_file(file)
  expect_false(4 %in% done)
  rest <- again(function(...) as.list(iterate_there(1:6, whole, .ordered = TRUE, ...)))
  columns <- lapply(seq_len(6), function(i) expected[, i])
  expect_identical(rest, columns[setdiff(1:6, done)])
  expect_identical(without_mark(lomp_read(file)), lapply(columns, list))
})

# ---- The report ---------------------------------------------------------------------------------

test_that("a report has a lane for each machine", {
  result <- suppressWarnings(map_there(c(a = 1, b = 2, c = 3), function(i) {
    if (i == 2) stop("two")
    i
  }, .on_error = "collect"))
  report <- lomp_report()
  expect_true(all(report$workers$pid %in% machines$pids))
  expect_identical(sum(report$workers$items), 3)
  expect_identical(as.character(report$items$outcome), c("ok", "error", "ok"))
  expect_identical(c(report$done, report$failed), c(3, 1))
  expect_true(all(report$items$run >= 0))
  expect_output(print(report), "worker")
})

# ---- Interrupts and limits ----------------------------------------------------------------------

test_that("an interrupt ends the call, and what was finished is kept", {
  with_flag(function(flag) {
    session <- Sys.getpid()
    f <- function(i) {
      if (i == 3) {
        tools::pskill(session, tools::SIGINT)
        repeat Sys.sleep(1)
      }
      i
    }
    cnd <- tryCatch(map_there(1:3, f), interrupt = function(cnd) cnd)
    expect_s3_class(cnd, c("lomp_interrupt", "interrupt", "condition"), exact = TRUE)
    is_there <- lomp_ok(cnd$results)
    expect_false(is_there[[3L]])
    expect_identical(unlist(cnd$results[is_there]), which(is_there))
    expect_no_machine_children(machines)
    expect_identical(map_there(1:3, sqrt, .redo = cnd)[!is_there], lapply(which(!is_there), sqrt))
  })
})

test_that("a limit of the session's leaves the call", {
  on.exit(setTimeLimit())
  cnd <- caught({
    setTimeLimit(elapsed = 1, transient = TRUE)
    map_there(1:4, endless)
  })
  setTimeLimit()
  expect_match(conditionMessage(cnd), "elapsed time limit")
  expect_no_machine_children(machines)
  expect_length(lomp_last()$results, 4)
  expect_identical(map_there(1:2, identity), list(1L, 2L))
})

test_that("a call is over though its end was left on the way", {
  original <- getFromNamespace("send_to_all", "lomp")
  left <- function(net, step, ...) {
    if (step$kind == "last") stop("left")
    original(net, step, ...)
  }
  with_lomp("send_to_all", left, {
    expect_match(conditionMessage(caught(map_there(1:2, identity))), "left")
    it <- iterate_there(1:2, function(i) if (i == 2) endless() else i)
    expect_identical(it(), 1L)
    try(it(close = TRUE), silent = TRUE)
  })
  expect_no_machine_children(machines)
  expect_identical(map_there(1:2, identity), list(1L, 2L))
})

test_that("nothing is left when they end", {
  expect_no_machine_children(machines)
  withr::deferred_run(scope)
})

test_that("a machine gives back what it had before, and not what comes with the same step", {
  served <- list2env(list(blocks = list(), items = numeric(), packages = character(), answers = 4,
                          is_cancelled = FALSE))
  block <- function(items) list(items = items, values = as.list(items))
  step <- list(call = "a call", needs = list(hash = "kept"), block = block(c(7, 9)),
               gives_back = TRUE, settings = list(warn = 0))
  add_block(served, block(c(1, 2, 4)))
  served$blocks[[1L]]$at <- 2  # a worker has the first one
  withr::defer({
    the$served[["a call"]] <- NULL
    the$kept[["kept"]] <- NULL
  })
  the$served[["a call"]] <- served
  the$kept[["kept"]] <- list(value = NULL, bytes = 0)
  answer <- with_lomp("call_take_back", function(handle) numeric(), {
    with_lomp("collect_served", function(served, step) list(is_over = FALSE), do_step(step))
  })
  expect_equal(answer$returned, c(2, 4))
  expect_equal(answer$nth, 5)
  expect_equal(served$items, c(1, 7, 9))
  expect_equal(left_in_queue(served), 2)
})

test_that("pieces of what a call needs come again after one that wasn't written", {
  needs <- list(hash = "pieces", bytes = 8)
  piece <- function(from) list(from = from, bytes = as.raw(from + 1:4))
  take_piece(piece(0), needs)
  expect_equal(wanted_byte(needs), 4)
  path <- the$coming[["pieces"]]$path
  append_half <- function(path, bytes, all) {
    cat("x", file = path, append = TRUE)
    stop("no room")
  }
  expect_error(with_lomp("append_bytes", append_half, take_piece(piece(4), needs)), "no room")
  expect_equal(wanted_byte(needs), 0)
  expect_false(file.exists(path))
})

test_that("a machine keeps what comes where the session has no room for it", {
  served <- list2env(list(items = c(3, 5)))
  expect_true(is_wanted(list(only = NULL), served))
  expect_true(is_wanted(list(only = 5L), served))
  expect_false(is_wanted(list(only = 0L), served))
  answer <- keep_served(served, list(seconds = 0.01))
  expect_false(answer$is_over)
  expect_null(answer$rows)
})
