# A worker may end in any way: it costs the item that it was running, and nothing of the parent's.

# These start many processes and take minutes.
skip_on_cran()

# ---- Ways to end --------------------------------------------------------------------------------

# What items do, and how their workers end by it: a signal, or the words for it.
endings <- list(
  SIGKILL = quote(tools::pskill(Sys.getpid(), 9)),
  SIGTERM = quote(tools::pskill(Sys.getpid(), 15)),
  SIGUSR1 = quote(tools::pskill(Sys.getpid(), 10)),
  SIGBUS = quote(tools::pskill(Sys.getpid(), 7)),
  SIGSEGV = quote(.C("fault_segv")), SIGBUS = quote(.C("fault_bus")),
  SIGFPE = quote(.C("fault_fpe")), SIGABRT = quote(.C("fault_abort")),
  "called quit()" = quote(quit()), "called quit()" = quote(q("yes", status = 3)),
  "called exit() in C code" = quote(.C("fault_exit", 0L)),
  "ended with status 0" = quote(.C("fault_exit_now", 0L))
)

# Every third item ends its worker in one of the ways. The rest is what could be disturbed in a
# session: everything that might run in the wrong process says where it ran.
run_endings <- function(ways) {
  run_r(values = list(ways = ways, faults = native("faults.c")), code = {
    note("script begins")
    library(lomp)
    dyn.load(faults)
    keeper <- new.env()
    reg.finalizer(keeper, function(e) note("finalizer"), onexit = TRUE)
    .Last <- function() note(".Last")
    f <- function(i) {
      if (i %% 3 == 0) eval(ways[[i / 3]])
      i * 2
    }
    call <- function() {
      on.exit(note("on.exit"))
      tryCatch(
        withCallingHandlers(
          lomp_map(seq_len(3 * length(ways)), f, .workers = 2, .on_error = "collect"),
          condition = function(cnd) note(paste("handler of", class(cnd)[1]))
        ),
        finally = note("finally")
      )
    }
    results <- call()
    give(list(results = results, tempdir = dir.exists(tempdir()), children = children_left()))
    note("script ends")
  })
}

expect_only_parent_ran <- function(run) {
  expect_equal(run$ledger$text, c(
    "script begins", "handler of lomp_failed", "finally", "on.exit", "script ends", ".Last",
    "finalizer"
  ))
  expect_equal(unique(run$ledger$pid), run$pid)
  expect_equal(run$status, 0)
}

expect_crash <- function(failure, item, how) {
  expect_s3_class(failure, c("lomp_crash", "lomp_error", "error", "condition"), exact = TRUE)
  expect_equal(failure$item, item)
  expect_match(conditionMessage(failure), how, fixed = TRUE)
  expect_equal(failure$signal, if (startsWith(how, "SIG")) how else NA_character_)
}

test_that("workers that are killed, meet a fault or leave cost their running items alone", {
  skip_without_proc()
  run <- run_endings(endings)
  results <- run$value$results
  for (k in seq_along(endings)) expect_crash(results[[3 * k]], 3 * k, names(endings)[[k]])
  expect_equal(results[1:36 %% 3 > 0], as.list(which(1:36 %% 3 > 0) * 2))
  expect_true(run$value$tempdir)
  expect_length(run$value$children, 0)
  expect_only_parent_ran(run)
})

test_that("at a terminal no ending asks, reads, or ends the session", {
  skip_without_terminal()
  session <- terminal_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    .Last <- function() note(".Last")
    reg.finalizer(globalenv(), function(e) note("finalizer"), onexit = TRUE)
    results <- list()
    try_ending <- function(name, die) {
      results[[name]] <<- suppressWarnings(
        lomp_map(1:4, function(i) if (i == 2) die() else i, .workers = 2, .on_error = "collect")
      )
      give(list(results = results, tempdir = dir.exists(tempdir())))
      cat("over", name, "\n")
    }
    fault <- function(what, ...) function() .C(what, ...)
  }, steps = c(
    type("try_ending('segv', fault('fault_segv'))"), await("over segv"), await("> $"),
    type("try_ending('bus', fault('fault_bus'))"), await("over bus"), await("> $"),
    type("try_ending('abort', fault('fault_abort'))"), await("over abort"), await("> $"),
    type("try_ending('quit', function() quit('ask'))"), await("over quit"), await("> $"),
    type("try_ending('exit', fault('fault_exit', 0L))"), await("over exit"), await("> $"),
    type("try_ending('usr1', function() tools::pskill(Sys.getpid(), 10))"), await("over usr1"),
    await("> $")
  ))
  expect_all_steps(session)
  expect_no_match(session$screen, "Possible actions|Selection:|Save workspace")
  expect_length(session$value$results, 6)
  for (result in session$value$results) {
    expect_s3_class(result[[2]], "lomp_crash")
    expect_equal(result[-2], list(1L, 3L, 4L))
  }
  expect_true(session$value$tempdir)
  expect_equal(nrow(session$ledger), 0)
})

test_that("a worker has no terminal to read from", {
  skip_without_terminal()
  session <- terminal_r(code = {
    library(lomp)
    readers <- list(
      function() readline("name? "), function() menu(c("a", "b")),
      function() readLines(file("stdin"), 1), function() readLines(stdin(), 1),
      function() scan(quiet = TRUE), function() interactive(),
      function() {
        browser()
        "browsed"
      },
      function() system("cat", intern = TRUE)
    )
    ask <- function() {
      give(suppressWarnings(
        lomp_map(readers, function(reader) reader(), .workers = 2, .on_error = "collect")
      ))
      cat("nobody", "asked\n")
    }
    greet <- function() cat("hello", readline("who? "), "\n")
  }, steps = c(
    type("ask()"), await("nobody asked", 30), await("> $"), type("greet()"), await("who[?] $"),
    type("me"), await("hello me")
  ))
  expect_all_steps(session)
  expect_equal(session$value[[1]], "")
  expect_equal(session$value[[3]], character())
  expect_false(session$value[[6]])
  expect_equal(session$value[[7]], "browsed")
  expect_equal(as.character(session$value[[8]]), character())
  # What these give or say doesn't matter, so long as they come to an end in their worker.
  expect_false(any(vapply(session$value, inherits, NA, "lomp_crash")))
})

# ---- Endings that take more than one process -----------------------------------------------------

# What item 2 of six does.
deeds <- list(
  closes_and_stays = quote({
    .C("fault_close_from", 3L)
    Sys.sleep(100)
  }),
  closes_all = quote(.C("fault_close_from", 0L)),
  closes_standard_ones = quote(.C("fault_close_from", 1L)),
  leaves_process = quote(leave_behind(0L)),
  leaves_session = quote(leave_behind(1L)),
  leaves_job = quote({
    parallel::mcparallel(Sys.sleep(100))
    tools::pskill(Sys.getpid(), tools::SIGKILL)
  })
)

six <- new.env()

# What comes of the call in which item 2 does that, how long it takes, what is left, and the process
# that the item has left behind. All of them are calls of one script, which the first test runs.
six_with <- function(name) {
  if (is.null(six$value)) six$value <- run_six()
  six$value[[name]]
}

run_six <- function() {
  run <- run_r(values = list(faults = native("faults.c"), deeds = deeds), code = {
    library(lomp)
    dyn.load(faults)
    left_file <- tempfile()
    leave_behind <- function(new_session) {
      left <- .C("fault_leave_behind", new_session, 0L)[[2]]
      writeLines(as.character(left), left_file)
      .C("fault_exit_now", 1L)
    }
    call <- function(deed) {
      unlink(left_file)
      began <- proc.time()[["elapsed"]]
      f <- function(i) {
        if (i == 2) eval(deed)
        i
      }
      result <- suppressWarnings(lomp_map(1:6, f, .workers = 2, .on_error = "collect"))
      list(result = result, seconds = proc.time()[["elapsed"]] - began, children = children_left(),
           left = as.integer(lines_of(left_file)))
    }
    give(lapply(deeds, call))
  })
  run$value
}

expect_second_crashed <- function(call) {
  expect_s3_class(call$result[[2]], "lomp_crash")
  expect_equal(call$result[-2], as.list(c(1L, 3:6)))
  expect_length(call$children, 0)
}

test_that("a worker that closes its descriptors is given up, and says so if it can", {
  skip_without_proc()
  call <- six_with("closes_and_stays")
  expect_second_crashed(call)
  expect_lt(call$seconds, 20)
  # Nobody killed it but the parent: memory is not to blame.
  expect_no_match(conditionMessage(call$result[[2]]), "memory")
})

test_that("an item that closes all descriptors and returns spoils no other", {
  skip_without_proc()
  call <- six_with("closes_all")
  expect_equal(call$result[-2], as.list(c(1L, 3:6)))
  ok <- lomp::lomp_ok(call$result[2])
  if (ok) expect_equal(call$result[[2]], 2) else expect_second_crashed(call)
})

test_that("a worker without standard output and error still works", {
  skip_without_proc()
  call <- six_with("closes_standard_ones")
  expect_equal(call$result[-2], as.list(c(1L, 3:6)))
})

test_that("a stray write into the pipe of results costs nothing", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    known <- descriptors()
    give(lapply(c(1L, 32L, 4000L), function(bytes) {
      lomp_map(1:6, function(i) {
        own <- setdiff(descriptors(), known)
        if (i == 2) .C("fault_scribble", own, length(own), bytes)
        i
      }, .workers = 2)
    }))
  })
  expect_equal(run$value, rep(list(as.list(1:6)), 3))
})

test_that("a worker that stops itself is waited for, and may be killed then", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    stopped <- tempfile()
    f <- function(i) {
      if (i == 1) {
        writeLines(as.character(Sys.getpid()), stopped)
        tools::pskill(Sys.getpid(), tools::SIGSTOP)
      }
      if (i == 2) {
        wait_until(length(lines_of(stopped)) == 1 &&
                     process_state(as.integer(lines_of(stopped))) == "T")
        tools::pskill(as.integer(lines_of(stopped)), tools::SIGKILL)
      }
      i
    }
    give(lomp_map(1:6, f, .workers = 2, .on_error = "collect"))
  })
  expect_equal(run$value[[1]]$signal, "SIGKILL")
  expect_equal(run$value[-1], as.list(2:6))
})

test_that("a process that a dead worker leaves behind holds up nobody", {
  skip_without_proc()
  for (name in c("leaves_process", "leaves_session")) {
    call <- six_with(name)
    expect_second_crashed(call)
    expect_lt(call$seconds, 20)
    expect_length(call$left, 1)
    # One that is in the worker's group ends with it; a session of its own is an escape.
    if (name == "leaves_process") {
      expect_true(wait_until(!is_alive(call$left)))
    } else {
      tools::pskill(call$left, tools::SIGKILL)
    }
  }
})

test_that("a parallel job that a dead worker leaves behind holds up nobody", {
  skip_without_proc()
  call <- six_with("leaves_job")
  expect_second_crashed(call)
  expect_lt(call$seconds, 20)
})

test_that("workers that die before they begin an item, twice in a row, end the call", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    call <- function(doomed) {
      .C("doom_children", doomed)
      outcome <- outcome_of(lomp_map(1:6, function(i) i, .workers = 1))
      .C("doom_children", 0L)
      outcome
    }
    give(list(one = call(1L), two = call(2L), all = call(1000L), then = call(0L),
              children = children_left()))
  })
  expect_equal(run$value$one, as.list(1:6))
  expect_s3_class(run$value$two, "lomp_fork_error")
  expect_match(conditionMessage(run$value$two), "two workers in a row died .* SIGKILL")
  expect_s3_class(run$value$all, "lomp_fork_error")
  expect_length(run$value$all$results, 6)
  expect_equal(run$value$then, as.list(1:6))
  expect_length(run$value$children, 0)
})

test_that("replacements that die at once end the call, and the results so far are kept", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    .C("doom_children", 0L)
    f <- function(i) {
      if (i == 4) {
        .C("doom_children", 1000L)
        tools::pskill(Sys.getpid(), tools::SIGKILL)
      }
      i
    }
    give(outcome_of(lomp_map(1:6, f, .workers = 1, .on_error = "collect")))
  })
  expect_s3_class(run$value, "lomp_fork_error")
  expect_equal(run$value$results[1:3], as.list(1:3))
  expect_s3_class(run$value$results[[4]], "lomp_crash")
  expect_s3_class(run$value$results[[5]], "lomp_not_run")
})

test_that("new workers that die don't end a call in which others are at work", {
  skip_without_proc()
  # Item 1 goes on for as long as others are doomed. Before it has begun nobody else may die.
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    .C("doom_children", 0L)
    calls <- list(
      map = function(f) lomp_map(1:6, f, .workers = 3, .on_error = "collect"),
      stream = function(f) {
        at <- 0
        items <- function() if (at < 6) at <<- at + 1 else lomp_done()
        lomp_map(items, f, .workers = 3, .on_error = "collect")
      }
    )
    give(lapply(calls, function(call) {
      outcome_of(call(function(i) {
        if (i == 1) {
          .C("doom_children", 3L)
          Sys.sleep(0.5)
        }
        if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
        i
      }))
    }))
  })
  for (results in run$value) {
    expect_type(results, "list")
    expect_s3_class(results[[2]], "lomp_crash")
    expect_equal(as.numeric(unlist(results[-2])), c(1, 3:6))
  }
})

# ---- Workers that can't end ----------------------------------------------------------------------

# Ways to hold a process at its end, from this process: they return how to let go, or NULL if it
# can't be done here.
holds <- list(
  debugger = function(pid) {
    ready <- tempfile("ready")
    system2(native("hold.c", program = TRUE), c(shQuote(ready), pid), wait = FALSE)
    wait_until(length(lines_of(ready)) == 1L)
    debugger <- as.integer(lines_of(ready))
    if (debugger > 0L) function() tools::pskill(debugger, tools::SIGTERM)
  },
  # Those of the first version hold off SIGKILL.
  freezer = function(pid) {
    folder <- file.path("/sys/fs/cgroup/freezer", basename(tempfile("lomp-test-")))
    if (!suppressWarnings(dir.create(folder))) return(NULL)
    state <- file.path(folder, "freezer.state")
    cat(pid, file = file.path(folder, "cgroup.procs"))
    cat("FROZEN", file = state)
    wait_until(identical(lines_of(state), "FROZEN"))
    function() {
      cat("THAWED", file = state)
      wait_until(length(lines_of(file.path(folder, "cgroup.procs"))) == 0L)
      system2("rmdir", shQuote(folder))
    }
  }
)

# Starts a script that evaluates `call`; in that, item 2 is held, or only a thread of its process.
# `f` waits in each item until this process says go, and then does what `then` says.
start_held <- function(call, then, files, thread) {
  start_r(quote({
    library(lomp)
    dyn.load(faults)
    f <- function(i) {
      if (i == 2) {
        .C("allow_debuggers")
        held <- if (thread) .C("start_thread_apart", 0L)[[1]] else Sys.getpid()
        writeLines(as.character(held), paste0(files$pid, "~"))
        file.rename(paste0(files$pid, "~"), files$pid)
      }
      wait_until(file.exists(files$go), 60)
      eval(then)
    }
    value <- outcome_of(suppressWarnings(eval(call)))
    ended <- as.numeric(Sys.time())
    again <- lomp_map(1:3, function(i) i, .workers = 2)
    note("ended")
    wait_until(file.exists(files$released), 60)
    give(list(value = value, ended = ended, again = again, children = children_left()))
  }), list(call = call, then = then, files = files, thread = thread, faults = native("faults.c")))
}

# Holds item 2's worker, says go, does what `act` says, and lets go when the call is over. Gives the
# run, and the seconds from go to the end of the call, or of the session.
run_held <- function(hold, call, then, act = function(run, worker) NULL, thread = FALSE) {
  files <- list(pid = tempfile(), go = tempfile(), released = tempfile())
  run <- start_held(call, then, files, thread)
  expect_true(wait_until(file.exists(files$pid)))
  worker <- as.integer(lines_of(files$pid))
  release <- hold(worker)
  if (is.null(release)) {
    end_run(run)
    skip("no process can be held here")
  }
  went <- as.numeric(Sys.time())
  raise(files$go)
  act(run, worker)
  has_ended <- function() has_noted(run, "ended") || length(lines_of(status_of(run))) == 1L
  in_time <- wait_until(has_ended(), 30)
  session_seconds <- as.numeric(Sys.time()) - went
  is_held <- is_alive(worker)
  release()
  raise(files$released)
  run <- finish_r(run)
  expect_true(in_time && run$in_time, info = told(run))
  expect_true(is_held)
  expect_true(wait_until(!is_alive(worker)))
  seconds <- if (is.null(run$value)) session_seconds else run$value$ended - went
  list(run = run, seconds = seconds, value = run$value$value)
}

status_of <- function(run) file.path(run$folder, "status")

# The call was over in time, and the session went on; in the end nothing is left.
expect_ended <- function(held, seconds = 2) {
  expect_lt(held$seconds, seconds)
  expect_identical(held$run$value$again, as.list(1:3))
  expect_length(held$run$value$children, 0)
}

for (name in names(holds)) {
  hold <- holds[[name]]
  wait_or_fail <- quote(if (i == 1) stop("boom") else Sys.sleep(100))

  test_that(sprintf("an error ends a call although a %s holds a worker", name), {
    skip_without_proc()
    held <- run_held(hold, quote(lomp_map(1:2, f, .workers = 2)), wait_or_fail)
    expect_ended(held)
    expect_match(conditionMessage(held$value), "item 1: boom", fixed = TRUE)
  })

  test_that(sprintf("a session ends although a %s holds a worker", name), {
    skip_without_proc()
    held <- run_held(hold, quote({
      it <- lomp_iterate(1:2, f, .workers = 2)
      it()
      quit(status = 3)
    }), quote(if (i == 1) i else Sys.sleep(100)))
    expect_lt(held$seconds, 2)
    expect_identical(held$run$status, 3L)
  })
}

# Which of the two holds it is the same to how a call ends: from here on it is one of them.
test_that("an interrupt ends a call although a debugger holds a worker", {
  skip_without_proc()
  interrupt <- function(run, worker) tools::pskill(run$pid, tools::SIGINT)
  call <- quote(lomp_map(1:2, f, .workers = 2))
  held <- run_held(holds$debugger, call, quote(Sys.sleep(100)), interrupt)
  expect_ended(held)
  expect_s3_class(held$value, "lomp_interrupt")
})

test_that("an iterator is closed although a debugger holds a worker", {
  skip_without_proc()
  held <- run_held(holds$debugger, quote({
    it <- lomp_iterate(1:2, f, .workers = 2)
    first <- it()
    it(close = TRUE)
    first
  }), quote(if (i == 1) i else Sys.sleep(100)))
  expect_ended(held)
  expect_identical(held$value, 1L)
})

test_that("a time limit loses an item although a debugger holds its worker, and no other one", {
  skip_without_proc()
  call <- quote(lomp_map(1:6, f, .workers = 2, .timeout = 5, .on_error = "collect"))
  held <- run_held(holds$debugger, call, quote(if (i == 2) Sys.sleep(100) else i))
  expect_ended(held, 7)
  expect_s3_class(held$value[[2]], "lomp_timeout")
  expect_identical(held$value[-2], list(1L, 3L, 4L, 5L, 6L))
})

# Without the kernel's word, which the portable build doesn't ask for, nobody can tell that a worker
# is about to die.
test_that("an item is lost with its killed worker although a debugger holds it", {
  skip_without_proc()
  skip_on_portable_build()
  call <- quote(lomp_map(1:6, f, .workers = 2, .on_error = "collect"))
  kill <- function(run, worker) tools::pskill(worker, tools::SIGKILL)
  held <- run_held(holds$debugger, call, quote(if (i == 2) Sys.sleep(100) else i), kill)
  expect_ended(held, 4)
  expect_crash(held$value[[2]], 2, "killed and does not end")
  expect_identical(held$value[-2], list(1L, 3L, 4L, 5L, 6L))
})

test_that("an item whose killed worker takes long to end is run once", {
  skip_without_proc()
  skip_on_portable_build()
  # All that is held is a thread without descriptors: those of the process are closed at its death.
  call <- quote(lomp_map(1:6, f, .workers = 2, .on_error = "collect"))
  then <- quote({
    note(paste("item", i))
    if (i == 2) tools::pskill(Sys.getpid(), tools::SIGKILL)
    i
  })
  held <- run_held(holds$debugger, call, then, thread = TRUE)
  expect_ended(held, 4)
  expect_crash(held$value[[2]], 2, "killed and does not end")
  expect_identical(held$value[-2], list(1L, 3L, 4L, 5L, 6L))
  expect_setequal(held$run$ledger$text, c(paste("item", 1:6), "ended"))
  expect_equal(anyDuplicated(held$run$ledger$text), 0)
})

# ---- Random deaths -------------------------------------------------------------------------------

# The killer is a process of its own, so that it strikes at any moment: while a worker starts, takes
# items, commits or sends results, or leaves. Every other time it takes one that has begun an item:
# two that die before end a call, as they must. For the same reason the parent first has to see
# one's death.
start_killer <- function(victims_of, begun, kills, seconds) {
  start_r(quote({
    set.seed(1)
    killed <- 0
    may_kill <- function() {
      killed < kills && is_alive(victims_of) && proc.time()[["elapsed"]] < deadline
    }
    deadline <- proc.time()[["elapsed"]] + seconds
    while (may_kill()) {
      workers <- children_of(victims_of)
      if (killed %% 2 == 1) workers <- workers[file.exists(file.path(begun, workers))]
      if (length(workers) > 0) {
        worker <- workers[[sample.int(length(workers), 1)]]
        killed <- killed + tools::pskill(worker, 9)
        wait_until(!worker %in% children_of(victims_of))
      }
      Sys.sleep(runif(1, 0, 0.03))
    }
    note("over")
    give(killed)
  }), list(victims_of = victims_of, begun = begun, kills = kills, seconds = seconds))
}

# The results go in part through the staging buffer and in part straight to the pipe. Items sleep
# where they could as well compute: how often a kill meets what is around them stays the same.
start_victims <- function(begun, over) {
  start_r(quote({
    library(lomp)
    has_begun <- is_over <- FALSE
    value <- function(i) if (i %% 500 == 0) rep(i, 60000) else c(i, -i)
    f <- function(i) {
      if (!has_begun) has_begun <<- file.create(file.path(begun, Sys.getpid()))
      if (i %% 16 == 0 && file.exists(over)) is_over <<- TRUE
      if (!is_over && i %% 8 > 0) Sys.sleep(i %% 8 / 5000)
      value(i)
    }
    before <- traces()
    note("ready")
    results <- suppressWarnings(lomp_map(1:60000, f, .workers = 4, .on_error = "collect"))
    after <- traces()
    ok <- lomp_ok(results)
    right <- vapply(which(ok), function(i) identical(results[[i]], value(i)), NA)
    classes <- unique(lapply(results[!ok], class))
    signals <- unique(vapply(results[!ok], function(e) e$signal, ""))
    give(list(before = before, after = after, wrong = which(ok)[!right], lost = sum(!ok),
              classes = classes, signals = signals))
  }), list(begun = begun, over = over))
}

test_that("dozens of random kills cost running items alone, and leave no trace", {
  skip_in_light_run()
  skip_without_proc()
  begun <- tempfile("begun")
  dir.create(begun)
  over <- tempfile("over")
  run <- start_victims(begun, over)
  expect_true(wait_until(has_noted(run, "ready")))
  killer <- finish_r(start_killer(run$pid, begun, 40, seconds = 18), 30)
  file.create(over)
  run <- finish_r(run, 60)
  expect_true(run$in_time, info = told(run))
  expect_gt(killer$value, 20)
  expect_equal(run$value$wrong, integer())
  expect_equal(run$value$classes, list(c("lomp_crash", "lomp_error", "error", "condition")))
  expect_equal(run$value$signals, "SIGKILL")
  expect_gt(run$value$lost, 5)
  expect_lte(run$value$lost, killer$value)
  expect_equal(run$value$after, run$value$before)
})

# ---- Refused resources ---------------------------------------------------------------------------

# Preloads the injector into R: it is armed from within, since Rscript is started by a shell.
run_injected <- function(code, values = list()) {
  injector <- native("inject.c")
  values <- c(values, list(injector = injector, faults = native("faults.c")))
  run <- start_r(code, values, before = sprintf("export LD_PRELOAD=%s", shQuote(injector)))
  run <- finish_r(run, 60)
  expect_true(run$in_time, info = told(run))
  run
}

test_that("a fork that is refused costs a worker, or the call where it was the first", {
  skip_without_proc()
  run <- run_injected(quote({
    library(lomp)
    dyn.load(injector)
    dyn.load(faults)
    call <- function(what) {
      mask <- .C("blocked_signals", integer(31))[[1]]
      before <- descriptors()
      # The items are long enough for any number of workers to be worth their fork.
      .C("inject_arm", what)
      outcome <- with_warnings(lomp_map(1:12, function(i) {
        Sys.sleep(0.15)
        i
      }, .workers = 4))
      .C("inject_arm", "")
      c(outcome, list(
        mask = identical(.C("blocked_signals", integer(31))[[1]], mask),
        open = identical(descriptors(), before), children = children_left()
      ))
    }
    give(lapply(c(first = "fork=EAGAIN@1", second = "fork=EAGAIN@2", third = "fork=ENOMEM@3",
                  none = "fork=EAGAIN@99", pipe_1 = "pipe=EMFILE@1", pipe_2 = "pipe=EMFILE@2",
                  sockets_1 = "socketpair=EMFILE@1", sockets_2 = "socketpair=ENFILE@2"), call))
  }))
  value <- run$value
  for (name in c("first", "pipe_1", "sockets_1")) {
    expect_s3_class(value[[name]]$value, "lomp_fork_error")
    expect_length(value[[name]]$warnings, 0)
  }
  expect_match(conditionMessage(value$first$value), "Resource temporarily unavailable")
  expect_match(conditionMessage(value$pipe_1$value), "Too many open files")
  for (name in c("second", "third", "none", "pipe_2", "sockets_2")) {
    expect_equal(value[[name]]$value, as.list(1:12))
  }
  for (name in c("second", "third", "pipe_2", "sockets_2")) {
    expect_length(value[[name]]$warnings, 1)
    expect_s3_class(value[[name]]$warnings[[1]], "lomp_fewer_workers")
  }
  expect_equal(value$second$warnings[[1]]$workers, 1)
  expect_equal(value$third$warnings[[1]]$workers, 2)
  expect_length(value$none$warnings, 0)
  for (call in value) {
    expect_true(call$mask)
    expect_true(call$open)
    expect_length(call$children, 0)
  }
})

# Runs a script with a library that lets allocations of C++ code fail, wherever they are made.
run_refusing <- function(code, values = list()) {
  refuser <- native("refuse_new.cpp")
  values <- c(values, list(refuser = refuser))
  run <- start_r(code, values, before = sprintf("export LD_PRELOAD=%s", shQuote(refuser)))
  run <- finish_r(run, 180)
  expect_true(run$in_time, info = told(run))
  expect_identical(run$status, 0L, info = told(run))
  expect_false(any(grepl("imbalance", run$err)), label = "an imbalance of R's stack")
  run
}

test_that("whatever allocation fails in this process, the call ends and the session is sound", {
  skip_in_light_run()
  skip_without_proc()
  run <- run_refusing(quote({
    library(lomp)
    dyn.load(refuser)
    produce <- function(n) {
      function() if ((n <<- n - 1) < 0) lomp_done() else list(n, letters)
    }
    value_of <- function(i) list(i, "text")
    emit_some <- function(i, emit) for (k in 1:3) emit(list(i, k))
    # Few items, since each more of an iterator's or a stream's allocates at the same places again.
    calls <- list(
      map = function() lomp_map(1:12, value_of, .workers = 2),
      iterator = function() as.list(lomp_iterate(1:6, value_of, .workers = 2, .ordered = TRUE)),
      emission = function() {
        as.list(lomp_iterate(1:3, emit_some, .workers = 2, .ordered = TRUE))
      },
      stream = function() lomp_map(produce(6), length, .workers = 2)
    )
    # Each allocation in turn, until a call makes fewer.
    sweep <- function(call) {
      right <- call()
      errors <- wrong <- left_behind <- n <- 0L
      repeat {
        n <- n + 1L
        .C("refuse_new", n)
        value <- tryCatch(suppressWarnings(call()), error = function(cnd) cnd)
        left <- .C("refuse_new_left", 0L)[[1]]
        failed <- inherits(value, "error")
        errors <- errors + failed
        wrong <- wrong + (!failed && !identical(value, right))
        left_behind <- left_behind + length(children_left())
        if (left > 0L) break
      }
      c(n = n, errors = errors, wrong = wrong, left_behind = left_behind,
        right = identical(call(), right))
    }
    give(list(sweeps = vapply(calls, sweep, numeric(5))))
  }))
  expect_gte(min(run$value$sweeps["n", ]), 10)
  expect_gte(min(run$value$sweeps["errors", ]), 5)
  expect_equal(unname(run$value$sweeps["wrong", ]), rep(0, 4))
  expect_equal(unname(run$value$sweeps["left_behind", ]), rep(0, 4))
  expect_equal(unname(run$value$sweeps["right", ]), rep(1, 4))
})

test_that("an allocation that fails while a worker prints costs nothing", {
  skip_in_light_run()
  skip_without_proc()
  run <- run_refusing(quote({
    library(lomp)
    dyn.load(refuser)
    f <- function(i, emit, n) {
      .C("refuse_new", n)
      for (k in 1:3) {
        cat(strrep("-", 60), i, k, "\n")
        message(i, k)
        emit(list(i, k, quote(a)))
        emit(list(numeric(5e4), rep("text", 5e4)))
      }
    }
    call <- function(n) {
      output <- capture.output(messages <- capture.output(type = "message", {
        it <- lomp_iterate(1:2, f, n = n, .workers = 2, .on_error = "collect")
        results <- suppressWarnings(as.list(it))
      }))
      c(results = sum(lomp_ok(results)), printed = length(output), said = length(messages))
    }
    give(vapply(1:6, call, numeric(3)))
  }))
  expect_equal(unname(run$value), matrix(c(12, 6, 6), 3, 6))
})

test_that("short reads and writes and interrupted system calls change no result", {
  skip_in_light_run()
  skip_without_proc()
  run <- run_injected(quote({
    library(lomp)
    dyn.load(injector)
    set.seed(1)
    x <- lapply(c(1:200, 5e4, 3e5), function(n) list(n, rnorm(n), letters, as.character(n)))
    f <- function(x) rev(x)
    right <- lapply(x, f)
    call <- function(what) {
      .C("inject_arm", what)
      result <- lomp_map(x, f, .workers = 3)
      .C("inject_arm", "")
      c(identical(result, right), length(children_left()) == 0)
    }
    give(lapply(c("short", "eintr", "short,eintr"), call))
  }))
  expect_equal(unlist(run$value), rep(TRUE, 6))
})

test_that("a record that is damaged is its item's failure, also where there is an iterator", {
  skip_without_proc()
  run <- run_injected(quote({
    library(lomp)
    dyn.load(injector)
    values <- list(
      plain = function(i) list("text", i), bare = function(i) c(i, i + 0.5),
      serialized = function(i) list(quote(a), i),
      attributes = function(i) structure(i, names = "n", class = "own")
    )
    produce <- function(n) function() if ((n <<- n - 1) < 0) lomp_done() else 5 - n
    calls <- list(
      map = function(f) lomp_map(1:5, f, .workers = 1, .on_error = "collect"),
      iterator = function(f) as.list(lomp_iterate(1:5, f, .workers = 1, .on_error = "collect")),
      emission = function(f) {
        g <- function(i, emit) emit(f(i))
        as.list(lomp_iterate(1:5, g, .workers = 1, .on_error = "collect"))
      },
      stream = function(f) lomp_map(produce(5), f, .workers = 1, .on_error = "collect")
    )
    # A frame with a record; a worker of a stream asks for items with its first ones.
    frames <- c(map = 1, iterator = 1, emission = 2, stream = 3)
    # A frame's header takes 32 bytes, a record's 24, then comes the type and, mostly, the length.
    call <- function(name, value, byte) {
      f <- values[[value]]
      right <- lapply(1:5, f)
      .C("inject_arm", sprintf("flip@%d:%d", frames[[name]], 56 + byte))
      result <- tryCatch(suppressWarnings(calls[[name]](f)), error = function(cnd) cnd)
      .C("inject_arm", "")
      if (inherits(result, "condition")) return(paste("thrown:", conditionMessage(result)))
      failed <- result[!lomp_ok(result)]
      kept <- vapply(result[lomp_ok(result)], function(r) list(r) %in% right, NA)
      named <- vapply(failed, function(cnd) {
        is.numeric(cnd$item) && grepl("^item [1-5]: its result can't be read", cnd$message)
      }, NA)
      # Numbers can be damaged in such a way that they are other numbers.
      has_numbers_first <- value %in% c("bare", "attributes")
      if (length(result) == 5 && all(named) && (all(kept) || has_numbers_first)) {
        length(failed)
      } else {
        paste(c("wrong:", vapply(failed, conditionMessage, "")), collapse = "\n")
      }
    }
    # Each value with each byte twice: in the plain call, and in one of the others by turns.
    pairs <- expand.grid(value = names(values), byte = 0:4, stringsAsFactors = FALSE)
    others <- names(calls)[2 + (match(pairs$value, names(values)) + pairs$byte) %% 3]
    cases <- rbind(data.frame(name = "map", pairs), data.frame(name = others, pairs))
    cases$outcome <- vapply(seq_len(nrow(cases)), function(k) {
      as.character(call(cases$name[k], cases$value[k], cases$byte[k]))
    }, "")
    give(list(cases = cases, left = length(children_left())))
  }))
  cases <- run$value$cases
  expect_true(all(cases$outcome %in% c("0", "1")),
              info = paste(unique(cases$outcome), collapse = "\n"))
  expect_length(unique(cases$name), 4)
  for (name in unique(cases$name)) expect_true("1" %in% cases$outcome[cases$name == name])
  expect_equal(run$value$left, 0)
})

test_that("a frame whose header is damaged or lost never gives a wrong value", {
  skip_without_proc()
  run <- run_injected(quote({
    library(lomp)
    dyn.load(injector)
    # One result is so large that it travels in parts.
    f <- function(i) if (i == 20) as.numeric(seq_len(50000)) + i else c(i, i^2)
    right <- lapply(1:60, f)
    call <- function(what) {
      .C("inject_arm", what)
      result <- suppressWarnings(lomp_map(1:60, f, .workers = 2, .on_error = "collect"))
      .C("inject_arm", "")
      ok <- lomp_ok(result)
      c(right = identical(result[ok], right[ok]), lost = sum(!ok), left = length(children_left()))
    }
    what <- c(sprintf("flip@%d:%d", rep_len(1:4, 11), seq(0, 30, by = 3)), sprintf("drop@%d", 1:3))
    give(vapply(what, call, numeric(3)))
  }))
  expect_equal(unname(run$value["right", ]), rep(1, 14))
  expect_equal(unname(run$value["left", ]), rep(0, 14))
  # One worker is given up, with the item that it was running.
  expect_lte(max(run$value["lost", ]), 1)
})

# A user of its own, because a limit to processes counts all of a user's.
test_that("a limit to the user's processes gives fewer workers", {
  skip_without_proc()
  skip_if(Sys.which("setpriv") == "" || Sys.info()[["effective_user"]] != "root", "not root")
  folder <- tempfile("run", dirname(tempdir()))
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  # The folders of this session may be closed to others.
  file.copy(find.package("lomp"), folder, recursive = TRUE)
  file.copy(file.path(tools_folder, "inside.R"), folder)
  file.copy(native("faults.c"), folder)
  system2("chmod", c("-R", "a+rwX", shQuote(folder)))
  user <- "setpriv --reuid=54321 --regid=54321 --clear-groups"
  can_read <- system(sprintf("%s test -w %s", user, shQuote(folder))) == 0L
  skip_if_not(can_read, "another user can't get at temporary files")
  run <- start_r(quote({
    source("inside.R")
    library(lomp, lib.loc = ".")
    dyn.load("faults.so")
    call <- function(more) {
      tasks <- length(list.files("/proc/self/task"))
      .C("limit_processes", tasks + more)
      with_warnings(lomp_map(1:12, function(i) {
        Sys.sleep(0.05)
        i
      }, .workers = 6))
    }
    give(lapply(c(none = 0L, two = 2L, ten = 10L), call))
  }), folder = folder, before = c(sprintf("chmod -R a+rwX %s", shQuote(folder))),
  command = paste(user, rscript_command()))
  run <- finish_r(run)
  skip_if(any(grepl("there is no package called", run$err)), "a library that others can't read")
  expect_true(run$in_time)
  expect_s3_class(run$value$none$value, "lomp_fork_error")
  expect_equal(run$value$two$value, as.list(1:12))
  expect_s3_class(run$value$two$warnings[[1]], "lomp_fewer_workers")
  expect_equal(run$value$two$warnings[[1]]$workers, 2)
  expect_equal(run$value$ten$value, as.list(1:12))
  expect_length(run$value$ten$warnings, 0)
})

test_that("when descriptors run out there are fewer workers, or a clear error", {
  skip_without_proc()
  # Those of the pipes are lifted to 10 and above: a limit below that is another case.
  for (highest in c(5L, 30L)) {
    # Each number that is free in one of the two cases; none and more than enough in both.
    frees <- c(0L, seq(if (highest == 5L) 1L else 2L, 19L, by = 2L), 20L)
    values <- list(faults = native("faults.c"), highest = highest, frees = frees)
    run <- run_r(values = values, code = {
      dyn.load(faults)
      # What the tests' surroundings have left open.
      for (number in setdiff(descriptors(), 0:2)) {
        file <- Sys.readlink(file.path("/proc/self/fd", number))
        if (basename(file) != "script.R") .C("close_file", number)
      }
      library(lomp)
      call <- function(free) {
        before <- traces()
        .C("limit_files", max(descriptors()) + 1L + free)
        outcome <- with_warnings(lomp_map(1:12, function(i) {
          Sys.sleep(0.02)
          i
        }, .workers = 4))
        .C("limit_files", 1024L)
        children_left()
        c(outcome, list(same = identical(traces(), before)))
      }
      lomp_map(1:2, identity, .workers = 2)
      children_left()
      wait_until(max(descriptors()) < 10)  # who reaps them lets go of theirs then
      # Descriptors that are free below the highest one are filled first.
      .C("open_many", highest + 1L - length(descriptors()))
      give(c(highest = max(descriptors()), lapply(frees, call)))
    })
    expect_equal(run$value$highest, highest)
    calls <- run$value[-1]
    for (call in calls) {
      classes <- vapply(call$warnings, function(w) class(w)[[1]], "")
      if (inherits(call$value, "lomp_fork_error")) {
        expect_match(conditionMessage(call$value), "Too many open files")
      } else {
        expect_equal(call$value, as.list(1:12))
        expect_true(all(classes == "lomp_fewer_workers"))
      }
      expect_true(call$same)
    }
    expect_s3_class(calls[[1]]$value, "lomp_fork_error")
    most <- calls[[length(frees)]]
    expect_equal(most$value, as.list(1:12))
    expect_length(most$warnings, 0)
  }
})

test_that("descriptors that are closed at the start aren't taken for pipes", {
  skip_without_proc()
  for (closed in c("2>&-", ">&- 2>&-", "<&- >&- 2>&-")) {
    run <- finish_r(start_r(quote({
      library(lomp)
      give(lomp_map(1:20, function(i) {
        cat("to standard output\n")
        message("to standard error")
        i
      }, .workers = 2))
    }), redirect = paste("</dev/null >out 2>err", closed)))
    expect_equal(run$value, as.list(1:20), info = closed)
  }
})

test_that("a broken pipe at standard output doesn't let a worker loose", {
  skip_without_proc()
  run <- finish_r(start_r(quote({
    library(lomp)
    dyn.load(faults)
    note("begins")
    call <- function() {
      on.exit(note("on.exit"))
      lomp_map(1:8, function(i) {
        .C("print_from_c", 2L)
        i
      }, .workers = 2, .on_error = "collect")
    }
    result <- try(call())
    give(result)
    note("ends")
  }), list(faults = native("faults.c")), redirect = "</dev/null 2>err >pipe",
  before = c("mkfifo pipe", "(exec <pipe) &")))
  # What the items print is printed by the session, whose error this is, as under lapply.
  expect_s3_class(run$value, "try-error")
  expect_equal(run$ledger$text, c("begins", "on.exit", "ends"))
  expect_equal(unique(run$ledger$pid), run$pid)
})

# ---- Forks within forks --------------------------------------------------------------------------

test_that("calls within calls give right results", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    right <- lapply(1:2, function(i) lapply(1:3, function(j) c(i, j)))
    inner <- function(i, ...) lomp_map(1:3, function(j) c(i, j), ...)
    nested <- function(i) inner(i, .workers = 2)
    by_default <- function(i) {
      stopifnot(lomp_workers() == 0)
      lomp_map(1:3, function(j) c(i, j, Sys.getpid() - Sys.getpid())[1:2])
    }
    by_parallel <- function(i) parallel::mclapply(1:3, function(j) c(i, j), mc.cores = 2)
    forks <- function(i) {
      pids <- unlist(lomp_map(1:2, function(j) {
        Sys.sleep(0.05)
        Sys.getpid()
      }, .workers = 2))
      c(Sys.getpid(), pids)
    }
    crash <- function(i) {
      lomp_map(1:3, function(j) if (j == 2) quit() else j, .workers = 2, .on_error = "collect")
    }
    give(list(
      nested = identical(lomp_map(1:2, nested, .workers = 2), right),
      by_default = identical(lomp_map(1:2, by_default, .workers = 2), right),
      by_parallel = identical(lomp_map(1:2, by_parallel, .workers = 2), right),
      in_parallel = identical(parallel::mclapply(1:2, nested, mc.cores = 2), right),
      pids = lomp_map(1:2, forks, .workers = 2),
      crash = lomp_map(1:2, crash, .workers = 2), pid = Sys.getpid(), children = children_left()
    ))
  })
  expect_true(run$value$nested)
  expect_true(run$value$by_default)
  expect_true(run$value$by_parallel)
  expect_true(run$value$in_parallel)
  expect_false(run$value$pid %in% unlist(run$value$pids))
  for (pids in run$value$pids) expect_false(pids[[1]] %in% pids[-1])
  for (result in run$value$crash) {
    expect_s3_class(result[[2]], "lomp_crash")
    expect_equal(result[-2], list(1L, 3L))
  }
  expect_length(run$value$children, 0)
})

test_that("a session in which lomp was used can be forked by parallel", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    f <- function(i) i^2
    first <- lomp_map(1:6, f, .workers = 2)
    second <- parallel::mclapply(1:6, f, mc.cores = 2)
    third <- lomp_map(1:6, f, .workers = 2)
    give(list(first, second, third, children_left()))
  })
  expect_equal(run$value[1:3], rep(list(as.list((1:6)^2)), 3))
  expect_length(run$value[[4]], 0)
})

test_that("a child that collects its parent's abandoned pool ends nobody", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    go <- tempfile()
    open_call <- function(X, FUN, ...) {
      plan <- lomp:::new_plan(X, 2, "stop")
      plan$random <- lomp:::new_random()
      plan$call <- lomp:::new_call()
      plan$item_call <- lomp:::item_call
      plan$retries_dots <- FALSE
      lomp:::open_call(plan, environment())$handle
    }
    call <- open_call(1:2, function(i) {
      wait_until(file.exists(go), 60)
      i
    })
    # A time limit leaves the call as it is, its workers running.
    setTimeLimit(elapsed = 1)
    try(lomp:::call_run(call), silent = TRUE)
    setTimeLimit()
    workers <- children_of()
    collect <- function(i) {
      rm(call, envir = globalenv())
      gc()
      all(is_alive(workers))
    }
    by_parallel <- parallel::mclapply(1:2, collect, mc.cores = 2)
    by_lomp <- lomp_map(1:2, collect, .workers = 2)
    alive <- all(is_alive(workers))
    file.create(go)
    is_well <- lomp:::call_run(call)
    results <- lomp:::call_results(call)
    rm(call)
    gc()
    give(list(workers = length(workers), by_parallel = by_parallel, by_lomp = by_lomp,
              alive = alive, is_well = is_well, results = results, children = children_left()))
  })
  expect_gt(run$value$workers, 0)
  expect_equal(run$value$by_parallel, list(TRUE, TRUE))
  expect_equal(run$value$by_lomp, list(TRUE, TRUE))
  expect_true(run$value$alive)
  expect_true(run$value$is_well)
  expect_equal(run$value$results, list(1L, 2L))
  expect_length(run$value$children, 0)
})
