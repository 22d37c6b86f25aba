# What the exports of src/machines.cpp make of what other machines reply. There are none here: each
# time that the call waits for replies, R's part of it is the next one of some functions of the
# call's handle, and at their end the call has ended, or when it is stopped.

# These take too long for each of CRAN's machines.
skip_on_cran()

with_machines <- function(steps, code) {
  plan_of <- getFromNamespace("new_plan", "lomp")
  remote <- function(...) {
    plan <- plan_of(...)
    plan$machines <- list(profile = "machines")
    plan
  }
  meet <- function(...) NULL
  attend <- function(event, state) {
    seen <<- event$value
    step <- if (event$value[[2L]] == 0 && length(steps) > 0L) steps[[1L]]
    steps <<- steps[-1L]
    if (is.null(step)) call_machines_end(state$handle) else step(state$handle)
    NULL
  }
  seen <- NULL
  with_lomp("new_plan", remote, with_lomp(
    "meet_machines", meet, with_lomp("attend_machines", attend, code)
  ))
}

# Rows of a reply, and a whole one.
value <- function(item, value, ..., goes_on = FALSE) {
  new_row(1L, item, list(value), goes_on = goes_on, ...)
}
ended <- function(item, ...) new_row(2L, item, list(NULL), ...)
said <- function(item, text, kind = 5L) {
  condition <- simpleMessage(paste0(text, "\n"))
  sent <- list(condition = condition, muffles = "muffleMessage", restarts = NULL)
  new_row(kind, item, list(sent), goes_on = TRUE)
}
printed <- function(item, text) new_row(6L, item, list(charToRaw(text)), goes_on = TRUE)
failed <- function(item, text, ...) {
  new_row(4L, item, list(describe_failure(simpleError(text), NULL)), ...)
}
lost <- function(item, late = 0L) {
  loss <- c(pid = 7L, signal = 9L, status = NA, reason = 0L, errno = 0L, late = late, ran = 250L)
  new_row(8L, item, list(loss))
}
unread <- function(item, condition = NULL) new_row(9L, item, list(condition))
unsent <- function(item) new_row(10L, item, list(NULL))

new_row <- function(kind, item, value, goes_on = FALSE, drawn = FALSE, run = NA_real_,
                    waited = NA_real_, ended = NA_real_, bytes = 8, holder = NA_character_) {
  list(kind = kind, item = as.numeric(item), goes_on = goes_on, drawn = drawn, value = value,
       run = run, waited = waited, ended = ended, bytes = bytes, holder = holder)
}

reply_of <- function(...) do.call(Map, c(f = c, list(...)))

within_reply <- function(reply, ...) {
  other <- list(...)
  reply[names(other)] <- other
  reply
}

# A step in which a machine replies with such rows.
replies <- function(..., machine = 0L) {
  force(machine)
  reply <- reply_of(...)
  function(handle) call_receive(handle, machine, reply)
}

# ---- A list -------------------------------------------------------------------------------------

test_that("results go into their items' places, whichever way they come", {
  steps <- list(replies(value(3, "c"), value(1, NULL)), replies(value(2, list(2))))
  result <- with_machines(steps, lomp_map(c(x = 1, y = 2, z = 3), identity, .workers = 2))
  expect_identical(result, list(x = NULL, y = list(2), z = "c"))
})

test_that("no item is run in this process and none forks", {
  steps <- list(replies(value(1, 1), value(2, 2)))
  result <- expect_no_leaks(with_machines(steps, lomp_map(1:2, stop, .workers = 2)))
  expect_identical(result, list(1, 2))
  expect_identical(lomp_report()$totals$forks, 0)
})

test_that("what comes of an item that is over is dropped", {
  steps <- list(
    replies(value(1, "first")),
    replies(value(1, "second"), failed(1, "late"), said(1, "late"), value(2, 2), machine = 1L),
    function(handle) {
      expect_identical(call_not_done(handle), 3)
    },
    replies(lost(2), value(3, 3))
  )
  expect_silent(result <- with_machines(steps, lomp_map(1:3, identity, .workers = 2)))
  expect_identical(result, list("first", 2, 3))
})

test_that("failures and losses are those of their items", {
  steps <- list(
    replies(failed(1, "boom"), lost(2), lost(3, late = 1L), unread(4, simpleError("no memory")),
            unread(5), unsent(6), value(7, 7))
  )
  result <- suppressWarnings(with_machines(
    steps, lomp_map(1:7, identity, .workers = 2, .on_error = "collect", .timeout = 3)
  ))
  expect_identical(lomp_ok(result), 1:7 == 7)
  expect_s3_class(result[[2]], "lomp_crash")
  expect_s3_class(result[[3]], "lomp_timeout")
  expect_identical(vapply(result[1:6], function(cnd) cnd$item, 0), as.numeric(1:6))
  expect_match(conditionMessage(result[[1]]), "boom")
  expect_match(conditionMessage(result[[2]]), "SIGKILL")
  expect_match(conditionMessage(result[[4]]), "no memory")
  expect_match(conditionMessage(result[[6]]), "can't be sent")
})

test_that("the first failure stops the call, and what comes then is kept", {
  goes_on <- FALSE
  steps <- list(
    replies(value(1, "one"), failed(2, "boom")),
    function(handle) goes_on <<- TRUE
  )
  cnd <- caught(with_machines(steps, lomp_map(1:3, identity, .workers = 2)))
  expect_identical(cnd$item, 2)
  expect_identical(cnd$results[[1]], "one")
  expect_s3_class(cnd$results[[3]], "lomp_not_run")
  expect_false(goes_on)
})

test_that("an item that is stranded is told of once, and not if it is over", {
  stranded <- function(event, plan) {
    expect_identical(event$kind, "stranded")
    new_failure("lomp_stranded", event$value$why, event$item, NULL, NULL, NULL, 0)
  }
  steps <- list(replies(value(1, 1)), function(handle) {
    for (item in c(1, 2, 2)) call_strand(handle, item, list(why = "gone"), 0L)
  })
  result <- with_lomp("failure_of", stranded, suppressWarnings(with_machines(
    steps, lomp_map(1:2, identity, .workers = 2, .on_error = "collect")
  )))
  expect_identical(result[[1]], 1)
  expect_s3_class(result[[2]], "lomp_stranded")
  expect_identical(result[[2]]$item, 2)
})

test_that("items that never came have not been run", {
  steps <- list(replies(value(2, 2)), function(handle) call_stop(handle))
  ended <- with_machines(steps, lomp_map(1:3, identity, .workers = 2))
  expect_identical(lomp_ok(ended), c(FALSE, TRUE, FALSE))
  expect_s3_class(ended[[1]], "lomp_not_run")
})

test_that("dead references that were found there are told of by their classes", {
  steps <- list(replies(value(1, 1, holder = "some_class"), value(2, 2), value(3, 3, holder = "")))
  warnings <- warnings_of(with_machines(steps, lomp_map(1:3, identity, .workers = 2)))
  expect_length(warnings, 1)
  expect_match(conditionMessage(warnings[[1]]), "some_class")
})

test_that("a reply that is none is an error, and nothing of it is taken in", {
  good <- reply_of(value(1, 1), value(2, 2))
  bad <- list(
    NULL, 1, good[-1], within_reply(good, kind = c(1, 1)), within_reply(good, kind = c(1L, 11L)),
    within_reply(good, item = c(1, 3)), within_reply(good, item = c(1, NA)),
    within_reply(good, value = list(1)), within_reply(good, item = c(1, 0)),
    within_reply(good, value = 1), within_reply(good, value = c(a = 1, b = 2)),
    within_reply(good, value = quote(f(x))), within_reply(good, holder = "a")
  )
  steps <- list(function(handle) {
    for (k in seq_along(bad)) {
      expect_error(call_receive(handle, 0L, bad[[k]]), "damaged", info = k)
    }
    expect_identical(call_summary(handle)$done, 0)
    call_receive(handle, 0L, good)
  })
  expect_identical(with_machines(steps, lomp_map(1:2, identity, .workers = 2)), list(1, 2))
})

test_that("only a call on other machines takes replies", {
  it <- lomp_iterate(1:2, identity, .workers = 1)
  handle <- state_of(it)$handle
  expect_error(call_receive(handle, 0L, reply_of(value(1, 1))), "other machines")
  it(close = TRUE)
  expect_null(call_receive(handle, 0L, reply_of(value(1, 1))))
})

# ---- What items say -----------------------------------------------------------------------------

hear <- function(steps, n, output = "ordered") {
  heard <- character()
  with_options(list(lomp.output = output), {
    printed <- utils::capture.output(withCallingHandlers(
      result <- with_machines(steps, lomp_map(seq_len(n), identity, .workers = 2)),
      message = function(cnd) {
        heard <<- c(heard, trimws(conditionMessage(cnd)))
        invokeRestart("muffleMessage")
      }
    ))
  })
  list(heard = heard, printed = printed, result = result)
}

test_that("conditions and output wait for the items before theirs", {
  steps <- list(
    replies(said(2, "two"), printed(2, "II\n"), value(2, 2), said(3, "three"), said(1, "one")),
    replies(printed(1, "I\n"), value(1, 1), value(3, 3))
  )
  heard <- hear(steps, 3)
  expect_identical(heard$heard, c("one", "two", "three"))
  expect_identical(heard$printed, c("I", "II"))
  expect_identical(heard$result, list(1, 2, 3))
})

test_that("the first item that isn't over is heard live, and urgent conditions from any", {
  heard <- character()
  log <- function(cnd) {
    heard <<- c(heard, trimws(conditionMessage(cnd)))
    invokeRestart("muffleMessage")
  }
  so_far <- list()
  look <- function(handle) so_far <<- c(so_far, list(heard))
  steps <- list(
    replies(said(1, "live"), said(3, "later"), said(2, "now", kind = 7L)), look,
    replies(value(2, 2), value(1, 1)), look,
    replies(value(3, 3))
  )
  with_options(list(lomp.output = "ordered"), withCallingHandlers(
    with_machines(steps, lomp_map(1:3, identity, .workers = 2)), message = log
  ))
  expect_identical(so_far, list(c("now", "live"), c("now", "live", "later")))
})

test_that("what waits when the call ends early comes by item", {
  heard <- character()
  steps <- list(replies(said(3, "three"), said(2, "two"), failed(2, "boom")))
  cnd <- with_options(list(lomp.output = "ordered"), caught(withCallingHandlers(
    with_machines(steps, lomp_map(1:3, identity, .workers = 2)),
    message = function(cnd) {
      heard <<- c(heard, trimws(conditionMessage(cnd)))
      invokeRestart("muffleMessage")
    }
  )))
  expect_identical(cnd$item, 2)
  expect_identical(heard, c("two", "three"))
})

test_that("where nothing waits for its turn it comes as it has come", {
  steps <- list(replies(said(2, "two"), said(1, "one"), value(1, 1), value(2, 2)))
  expect_identical(hear(steps, 2, output = "live")$heard, c("two", "one"))
})

# ---- One vector ---------------------------------------------------------------------------------

test_that("values go into their places of a vector", {
  steps <- list(replies(value(2, c(b = 2L)), value(1, c(a = 1))))
  result <- with_machines(steps, lomp_vapply(1:2, identity, 0, .workers = 2))
  expect_identical(result, c(1, 2))
  large <- function(i) rep(i + 0.5, 20000)
  steps <- list(replies(value(2, large(2)), value(1, large(1))))
  result <- with_machines(steps, lomp_vapply(1:2, identity, numeric(20000), .workers = 2))
  expect_identical(result, vapply(1:2, large, numeric(20000)))
})

test_that("a value that its place refuses is its item's failure, and the others are in", {
  steps <- list(replies(value(1, 1), value(2, "two"), value(3, 1:2), value(4, 4)))
  result <- suppressWarnings(with_machines(
    steps, lomp_vapply(1:4, identity, 0, .workers = 2, .on_error = "collect")
  ))
  expect_identical(result, c(1, NA, NA, 4))
  failures <- lomp_last()$results
  expect_identical(lomp_ok(failures), c(TRUE, FALSE, FALSE, TRUE))
  expect_match(conditionMessage(failures[[2]]), "can't be read here: .* no such value")
})

# ---- A queue ------------------------------------------------------------------------------------

test_that("an iterator gives results as they come", {
  steps <- list(
    replies(value(2, "b1", goes_on = TRUE), value(1, "a")),
    replies(value(2, "b2", goes_on = TRUE), ended(3), ended(2))
  )
  given <- with_machines(steps, drain(lomp_iterate(1:3, identity, .workers = 2)))
  expect_identical(given$values, list("b1", "a", "b2"))
  expect_identical(given$items, c(2L, 1L, 2L))
})

test_that("or by item", {
  steps <- list(
    replies(value(2, "b1", goes_on = TRUE), value(3, "c"), value(1, "a")),
    replies(value(2, "b2", goes_on = TRUE), ended(2)), replies(value(4, "d"))
  )
  given <- with_machines(steps, {
    drain(lomp_iterate(1:4, identity, .workers = 2, .ordered = TRUE))
  })
  expect_identical(given$values, list("a", "b1", "b2", "c", "d"))
  expect_identical(given$items, c(1L, 2L, 2L, 3L, 4L))
})

test_that("what was put and not taken is counted in bytes", {
  counts <- numeric()
  look <- function(handle) counts <<- c(counts, call_untaken(handle))
  steps <- list(
    function(handle) {
      call_receive(handle, 0L, reply_of(value(1, 1, bytes = 100), value(2, 2, bytes = 20)))
      look(handle)
    },
    look, replies(value(3, 3))
  )
  with_machines(steps, {
    it <- lomp_iterate(1:3, identity, .workers = 2)
    expect_identical(it(), 1)
    look(state_of(it)$handle)
    drain(it)
  })
  expect_identical(counts, c(120, 20, 0))
})

test_that("produced items are there when they have been given", {
  steps <- list(
    function(handle) {
      expect_error(call_receive(handle, 0L, reply_of(value(1, 1))), "damaged")
      call_note_given(handle, 2)
      call_receive(handle, 0L, reply_of(value(2, 2)))
      expect_identical(call_summary(handle)[c("given", "done")], list(given = 2, done = 1))
      call_note_given(handle, 3)
    },
    replies(value(3, 3), value(1, 1))
  )
  result <- with_machines(steps, lomp_map(lomp_iterate(1:3, identity, .workers = 0), identity,
                                          .workers = 2))
  expect_identical(result, list(1, 2, 3))
})

test_that("an iterator that is closed is settled: what was finished comes first", {
  settled <- FALSE
  steps <- list(replies(value(1, 1)), function(handle) settled <<- TRUE)
  with_machines(steps, {
    it <- lomp_iterate(1:3, identity, .workers = 2)
    expect_identical(it(), 1)
    it(close = TRUE)
    expect_true(lomp_done(it()))
  })
  expect_false(settled)
  expect_identical(lomp_report()$how, "closed")
})

test_that("what jumps on the way to the end leaves an iterator to be settled again", {
  jumps <- 2
  with_machines(list(replies(value(1, 1)), replies(value(2, 2))), {
    it <- lomp_iterate(1:3, identity, .workers = 2)
    it()
    attend <- getFromNamespace("attend_machines", "lomp")
    with_lomp("attend_machines", function(event, state) {
      jumps <<- jumps - 1
      if (jumps >= 0) stop("not yet")
      expect_identical(event$value, c(100, 1))
      attend(event, state)
    }, {
      handle <- state_of(it)$handle
      for (attempt in 1:2) expect_error(call_settle(handle), "not yet")
      call_settle(handle)
    })
    expect_true(lomp_done(it()))
  })
  expect_identical(jumps, -1)
})

test_that("an iterator is ready when something has come, and its descriptor is looked at", {
  skip_without_proc()
  steps <- list(function(handle) NULL, function(handle) NULL, replies(value(1, 1), value(2, 2)))
  with_machines(steps, {
    it <- lomp_iterate(1:2, identity, .workers = 2)
    expect_false(lomp_ready(it))
    expect_type(lomp_fd(it), "integer")
    expect_true(wait_until(lomp_ready(it)))
    expect_identical(it(), 1)
    expect_true(lomp_ready(it))
    expect_identical(it(), 2)
    expect_true(lomp_done(it()))
  })
})

# ---- Random numbers, checkpoints ----------------------------------------------------------------

test_that("an item that has drawn is told of", {
  with_seed(1, {
    before <- .Random.seed
    with_machines(list(replies(value(1, 1))), lomp_map(1, identity, .workers = 1))
    expect_identical(.Random.seed, before)
    with_machines(list(replies(value(1, 1, drawn = TRUE))), lomp_map(1, identity, .workers = 1))
    expect_false(identical(.Random.seed, before))
  })
})

test_that("a checkpoint has what has come, and a call goes on with it", {
  file <- withr::local_tempfile()
  steps <- list(replies(value(3, "c"), value(1, "a")), replies(failed(2, "boom")))
  call <- function(steps) {
    with_machines(steps, lomp_map(1:4, identity, .workers = 2, .checkpoint = file))
  }
  expect_identical(caught(call(steps))$item, 2)
  kept <- lomp_read(file)
  expect_identical(lomp_ok(kept), c(TRUE, FALSE, TRUE, FALSE))
  expect_identical(kept[c(1, 3)], list("a", "c"))
  # Of the items that are left the second one is the fourth.
  rest <- list(replies(value(2, "d"), value(1, "b")))
  result <- with_machines(rest, lomp_map(1:4, identity, .workers = 2, .redo = kept,
                                         .checkpoint = file))
  expect_identical(result, list("a", "b", "c", "d"))
  expect_identical(lomp_read(file), result, ignore_attr = TRUE)
})

test_that("a vector's checkpoint has no value that its place has refused", {
  file <- withr::local_tempfile()
  steps <- list(replies(value(1, 1), value(2, "two"), value(3, 3)))
  suppressWarnings(with_machines(steps, {
    lomp_vapply(1:3, identity, 0, .workers = 2, .checkpoint = file, .on_error = "collect")
  }))
  expect_identical(lomp_ok(lomp_read(file)), c(TRUE, FALSE, TRUE))
})

# ---- The report ---------------------------------------------------------------------------------

test_that("machines are the report's workers and items have their rows", {
  join <- function(handle) {
    expect_identical(call_note_machine(handle, 4711L), 0L)
    expect_identical(call_note_machine(handle, 4712L), 1L)
  }
  leave <- function(handle) {
    call_note_machine_end(handle, 0L, "finished")
    call_note_machine_end(handle, 1L, "crash")
    expect_error(call_note_machine_end(handle, 1L, "boredom"), "no such end")
  }
  steps <- list(
    join,
    replies(said(2, "two"), value(2, 2, run = 1e-6, waited = 0, ended = 0, bytes = 80)),
    replies(failed(1, "boom", run = 2e-6, ended = 1e-7), lost(3, late = 1L), lost(4), machine = 1L),
    function(handle) call_strand(handle, 5, list(), 1L), leave
  )
  stranded <- function(event, plan) {
    new_failure("lomp_error", event$kind, event$item, NULL, NULL, NULL, 0)
  }
  with_lomp("failure_of", stranded, suppressMessages(suppressWarnings(with_machines(steps, {
    lomp_map(1:6, identity, .workers = 2, .on_error = "collect")
  }))))
  report <- lomp_report()
  expect_identical(report$workers$worker, 1:2)
  expect_identical(report$workers$pid, 4711:4712)
  expect_identical(report$workers$items, c(1, 4))
  expect_identical(report$workers$why, c("finished", "crash"))
  expect_true(all(is.na(report$workers$faults)))
  items <- report$items
  expect_identical(items$worker, c(2L, 1L, 2L, 2L, 2L, NA))
  outcomes <- c("error", "ok", "timeout", "crash", "crash", "not run")
  expect_identical(as.character(items$outcome), outcomes)
  expect_identical(items$results, c(0, 1, 0, 0, 0, 0))
  expect_identical(items$conditions, c(0L, 1L, 0L, 0L, 0L, 0L))
  expect_identical(items$bytes[[2]], 80)
  expect_equal(items$run[1:2], c(2e-6, 1e-6), tolerance = 1e-3)
  expect_identical(report$totals$bytes[["pipe"]], 80)
  expect_identical(c(report$done, report$failed), c(5, 4))
  expect_output(print(report))
})

# ---- Once more ----------------------------------------------------------------------------------

test_that("a reply that is given twice is taken in once", {
  reply <- reply_of(said(1, "one"), value(1, "a"), value(2, "b"), failed(3, "boom"))
  heard <- 0
  twice <- function(handle) for (time in 1:2) call_receive(handle, 0L, reply)
  result <- withCallingHandlers(
    suppressWarnings(with_machines(list(twice), {
      lomp_map(1:3, identity, .workers = 2, .on_error = "collect")
    })),
    message = function(cnd) {
      heard <<- heard + 1
      invokeRestart("muffleMessage")
    }
  )
  expect_identical(heard, 1)
  expect_identical(result[1:2], list("a", "b"))
  expect_match(conditionMessage(result[[3]]), "boom")
})

# With room for so many more MB of vectors. R takes no limit below the heap that it has.
with_megabytes <- function(free, code) {
  old <- mem.maxVSize()
  on.exit(mem.maxVSize(old))
  heap <- gc()["Vcells", c(2, 4)]
  mem.maxVSize(heap[[2]] + 1)
  filler <- numeric((heap[[2]] - heap[[1]] - free) * 2^20 / 8)
  on.exit(rm(filler), add = TRUE)
  force(code)
}

test_that("a reply for which there is no memory at first is taken in to its end, and once", {
  skip_if_not(exists("mem.maxVSize"))
  n <- 4e5  # its list of results would take 4 MB
  reply <- new_row(rep(1L, n), 1, as.list(seq_len(n)), goes_on = rep(c(TRUE, FALSE), c(n - 1, 1)))
  reply <- lapply(reply, rep_len, n)
  steps <- list(function(handle) {
    expect_error(with_megabytes(1.5, call_receive(handle, 0L, reply)), "memory")
    untaken <- call_untaken(handle)
    expect_gt(untaken, 0)
    expect_identical(call_summary(handle)$done, 0)
    call_receive(handle, 0L, reply)
    expect_identical(call_untaken(handle), n * 8)
  })
  values <- with_machines(steps, as.list(lomp_iterate(1, identity, .workers = 1)))
  expect_length(values, n)
  expect_true(identical(unlist(values), seq_len(n)))
})

test_that("the call goes on by itself with a reply that was left", {
  skip_if_not(exists("mem.maxVSize"))
  n <- 4e5
  reply <- lapply(new_row(rep(1L, n), seq_len(n), as.list(seq_len(n))), rep_len, n)
  steps <- list(function(handle) {
    expect_error(with_megabytes(1.5, call_receive(handle, 0L, reply)), "memory")
  })
  values <- with_machines(steps, as.list(lomp_iterate(seq_len(n), identity, .workers = 1)))
  expect_length(values, n)
  expect_true(identical(unlist(values), seq_len(n)))
})

test_that("a jump out of R's part of the call loses nothing that was taken in", {
  steps <- list(
    function(handle) {
      call_receive(handle, 0L, reply_of(value(2, "b")))
      invokeRestart("away")
    },
    replies(value(1, "a"))
  )
  withRestarts(with_machines(steps, lomp_map(1:2, identity, .workers = 2)), away = function() NULL)
  left <- lomp_last()$results
  expect_identical(left[[2]], "b")
  expect_s3_class(left[[1]], "lomp_not_run")
})
