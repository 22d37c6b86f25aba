# Interrupts, time limits and the parent's own end: no worker outlives the call, and the session
# goes on as if there had been none.

# These start many processes and take minutes.
skip_on_cran()

# The contract says half a second, on a machine that has a processor free. A machine that is busy
# with other things gets more.
prompt_limit <- 3

# ---- Interrupts ----------------------------------------------------------------------------------

# Each item says that it runs, on the terminal, and then waits in a way that no other has: which way
# is whose is decided by a folder that only one can make.
interrupt_session <- function(waits) {
  terminal_r(values = list(waits = waits, faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    workers <- integer()
    call <- function() {
      taken <- tempfile(rep("taken", length(waits)))
      lomp_map(1:8, function(i) {
        mine <- Position(function(path) dir.create(path, showWarnings = FALSE), taken)
        message("item ", "runs")
        eval(waits[[mine]])
      }, .workers = length(waits))
    }
    check <- function() {
      again <- identical(lomp_map(1:5, function(i) i, .workers = 2), as.list(1:5))
      give(list(children = children_left(), again = again, last = class(lomp_last()),
                sleepers = descendants_of(Sys.getpid())))
      cat("all", "checked\n")
    }
    catch <- function() {
      tryCatch(call(), interrupt = function(cnd) cat("caught", "it\n"))
    }
  }, steps = c(
    type("call()"), rep(await("item runs"), length(waits)), ctrl_c(), await("> $"),
    type("check()"), await("all checked"), await("> $"),
    type("catch()"), rep(await("item runs"), length(waits)), ctrl_c(), await("caught it"),
    await("> $")
  ))
}

waits <- list(
  "sleeping R code" = quote(Sys.sleep(100)),
  "busy C code" = quote(.C("fault_spin")),
  "a command of the shell" = quote(system("sleep 100")),
  "workers of its own" = quote(lomp_map(1:2, function(j) Sys.sleep(100), .workers = 2)),
  "C code that blocks the signals" = quote({
    .C("block_signal", 15L)
    .C("block_signal", 2L)
    .C("ignore_signal", 1L)
    .C("fault_spin")
  })
)

# Some at a time, each in a worker of its own, since an R at a terminal costs more than a worker.
for (some in list(c(1, 2, 4), c(3, 5))) {
  names_of_some <- paste(names(waits)[some], collapse = ", ")

  test_that(paste("Ctrl-C ends a call whose items are in", names_of_some), {
    skip_without_terminal()
    session <- interrupt_session(waits[some])
    expect_all_steps(session)
    expect_lt(session$seconds[[length(some) + 3]], prompt_limit)
    expect_lt(session$seconds[[2 * length(some) + 9]], prompt_limit)
    expect_length(session$value$children, 0)
    expect_true(session$value$again)
  })
}

test_that("Ctrl-C ends a call while a large result arrives, or half of one", {
  skip_without_terminal()
  skip_if(free_megabytes() < 4000, "too little memory")
  session <- terminal_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    large <- function() {
      lomp_map(1, function(i) {
        x <- raw(3e8)
        message("item ", "runs")
        x
      }, .workers = 1)
    }
    # Ten bytes of a header, and no more.
    half <- function() {
      known <- descriptors()
      lomp_map(1:2, function(i) {
        own <- setdiff(descriptors(), known)
        .C("fault_scribble", own, length(own), 10L)
        message("item ", "runs")
        .C("fault_spin")
      }, .workers = 2)
    }
    check <- function() {
      # Large children take a moment to end.
      children_left()
      give(children_of())
      cat("all", "checked\n")
    }
  }, steps = c(
    type("large()"), await("item runs", 60), ctrl_c(), await("> $"),
    type("half()"), await("item runs"), ctrl_c(), await("> $"), type("check()"),
    await("all checked")
  ))
  expect_all_steps(session)
  # The worker's memory has to be given back, too.
  expect_lt(session$seconds[[4]], 2 * prompt_limit)
  expect_lt(session$seconds[[8]], prompt_limit)
  expect_length(session$value, 0)
})

# A script whose five items never end, in five ways; each says so when it has come that far.
start_endless <- function(handler = quote(call())) {
  start_r(quote({
    library(lomp)
    dyn.load(faults)
    waits <- list(
      function() Sys.sleep(1000),
      function() {
        # A processor that is busy would make the others late.
        wait_until(nrow(read_ledger()) == 9)
        note("item runs")
        .C("fault_spin")
      },
      function() {
        system("sleep 1000")
        Sys.sleep(1000)
      },
      function() {
        lomp_map(1:2, function(j) {
          note("item runs")
          Sys.sleep(1000)
        }, .workers = 2)
      },
      function() {
        parallel::mclapply(1:2, function(j) {
          note("item runs")
          Sys.sleep(1000)
        }, mc.cores = 2)
      }
    )
    call <- function() {
      lomp_map(waits, function(wait) {
        note("item runs")
        wait()
      }, .workers = 5)
    }
    eval(handler)
  }), list(faults = native("faults.c"), handler = handler))
}

# Waits until the script's items and all that they start are there: 5 workers, 2 + 2 grandchildren,
# a shell's sleep.
await_endless <- function(run) {
  expect_true(wait_until(has_noted(run, "item runs", 10) &&
                           length(descendants_of(run$pid)) >= 10))
  descendants_of(run$pid)
}

# Seconds until none of the processes is there any more; those left over are killed.
seconds_to_end <- function(pids, limit = 10) {
  began <- proc.time()[["elapsed"]]
  gone <- wait_until(!any(is_alive(pids)), limit)
  for (pid in pids[is_alive(pids)]) tools::pskill(pid, tools::SIGKILL)
  if (gone) proc.time()[["elapsed"]] - began else Inf
}

for (signal in c("SIGKILL", "SIGTERM")) {
  test_that(sprintf("when %s ends the parent, all its descendants end", signal), {
    skip_without_proc()
    run <- start_endless()
    descendants <- await_endless(run)
    tools::pskill(run$pid, c(SIGKILL = 9, SIGTERM = 15)[[signal]])
    expect_lt(seconds_to_end(descendants), prompt_limit)
    expect_true(finish_r(run, 10)$in_time)
  })
}

test_that("SIGINT to the parent alone ends a script and all its descendants", {
  skip_without_proc()
  run <- start_endless()
  descendants <- await_endless(run)
  tools::pskill(run$pid, tools::SIGINT)
  expect_lt(seconds_to_end(descendants), prompt_limit)
  run <- finish_r(run, 10)
  expect_true(run$in_time)
  expect_false(run$status == 0)
})

test_that("a script that catches the interrupt goes on", {
  skip_without_proc()
  run <- start_endless(quote({
    caught <- tryCatch(call(), interrupt = function(cnd) "caught")
    give(list(caught = caught, children = children_left(),
              again = lomp_map(1:3, function(i) -i, .workers = 2)))
  }))
  descendants <- await_endless(run)
  tools::pskill(run$pid, tools::SIGINT)
  expect_lt(seconds_to_end(descendants), prompt_limit)
  run <- finish_r(run, 20)
  expect_equal(run$status, 0)
  expect_equal(run$value$caught, "caught")
  expect_length(run$value$children, 0)
  expect_equal(run$value$again, list(-1L, -2L, -3L))
})

test_that("SIGINT to a worker alone costs its item", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    f <- function(i) {
      if (i == 2) {
        tools::pskill(Sys.getpid(), tools::SIGINT)
        Sys.sleep(20)
      }
      i
    }
    give(suppressWarnings(lomp_map(1:4, f, .workers = 2, .on_error = "collect")))
  })
  expect_s3_class(run$value[[2]], "lomp_error")
  expect_equal(run$value[-2], list(1L, 3L, 4L))
})

test_that("an error ends workers that block signals", {
  skip_without_proc()
  run <- run_r(values = list(faults = native("faults.c")), code = {
    library(lomp)
    dyn.load(faults)
    blocking <- tempfile()
    f <- function(i) {
      if (i == 1) {
        for (signal in c(1L, 2L, 15L)) .C("block_signal", signal)
        file.create(blocking)
        .C("fault_spin")
      }
      wait_until(file.exists(blocking))
      stop("the end")
    }
    outcome <- outcome_of(lomp_map(1:2, f, .workers = 2))
    give(list(outcome = outcome, children = children_left()))
  })
  expect_s3_class(run$value$outcome, "lomp_error")
  expect_equal(run$value$outcome$item, 2)
  expect_length(run$value$children, 0)
})

# ---- Programs in groups of their own -------------------------------------------------------------

# Items that run programs which leave their worker's group, and never end. `%s` is for the file that
# a program makes when it is there.
escapes <- c(
  "system(timeout = )" = quote(system(sprintf(program, file), timeout = 2000)),
  "system2(timeout = )" = quote(system2("sh", c("-c", shQuote(sprintf(program, file))),
                                        timeout = 2000)),
  "setsid" = quote(system(paste("setsid sh -c", shQuote(sprintf(program, file))))),
  "setsid in the background" = quote({
    system(paste("setsid sh -c", shQuote(sprintf(program, file)), "&"))
    repeat Sys.sleep(1)
  }),
  "processx" = quote(processx::run("sh", c("-c", sprintf(program, file))))
)

# Starts a script whose items do that; `end` is called by one item more when all are there.
start_escapes <- function(some, end, timeout) {
  available <- vapply(some, function(name) {
    if (name == "processx") requireNamespace("processx", quietly = TRUE) else TRUE
  }, NA)
  waits <- escapes[some[available]]
  files <- replicate(length(waits), tempfile("there"))
  # The program itself has a program, and tells its number.
  program <- "echo $$ >%1$s.part; mv %1$s.part %1$s; sleep 1000; sleep 1000"
  run <- start_r(quote({
    library(lomp)
    f <- function(i) {
      if (i <= length(waits)) {
        file <- files[[i]]
        return(eval(waits[[i]]))
      }
      wait_until(all(file.exists(files)))
      note("all there")
      eval(end)
    }
    outcome <- with_warnings(lomp_map(seq_len(length(waits) + 1L), f,
                                      .workers = length(waits) + 1L, .timeout = timeout,
                                      .on_error = if (timeout < Inf) "collect" else "stop"))
    give(list(classes = class(outcome$value), children = children_left()))
  }), list(waits = unname(waits), files = files, program = program, end = end, timeout = timeout))
  expect_true(wait_until(has_noted(run, "all there")))
  pids <- as.integer(vapply(files, function(file) lines_of(file)[[1L]], ""))
  run$programs <- c(pids, unlist(lapply(pids, descendants_of)))
  expect_gte(length(run$programs), length(pids))
  run
}

# Each end meets some of the escapes, and each of these two ends.
ends <- list(
  "an error" = list(quote(stop("no")), Inf, function(run) NULL,
                    c("system(timeout = )", "setsid", "processx")),
  "a time limit" = list(quote(NULL), 3, function(run) NULL,
                        c("system2(timeout = )", "setsid in the background")),
  "an interrupt" = list(quote(repeat Sys.sleep(1)), Inf,
                        function(run) tools::pskill(run$pid, tools::SIGINT),
                        c("system(timeout = )", "setsid in the background", "processx")),
  "quit() in an item" = list(quote(quit()), Inf, function(run) NULL,
                             c("system2(timeout = )", "setsid"))
)

for (name in names(ends)) {
  test_that(paste("programs in groups of their own are ended by", name), {
    skip_without_proc()
    skip_if(Sys.which("setsid") == "", "no setsid")
    skip_on_portable_build()
    run <- start_escapes(ends[[name]][[4]], ends[[name]][[1]], ends[[name]][[2]])
    ends[[name]][[3]](run)
    expect_lt(seconds_to_end(run$programs), 3 + prompt_limit)
    expect_true(finish_r(run, 20)$in_time)
  })
}

# As on a busy machine, where a worker whose time is over waits for a processor.
test_that("a worker that doesn't run when its time is over leaves no program behind", {
  skip_without_proc()
  skip_if(Sys.which("setsid") == "", "no setsid")
  skip_on_portable_build()
  run <- run_r(code = {
    library(lomp)
    file <- tempfile()
    results <- suppressWarnings(lomp_map(1, function(i) {
      system(sprintf("setsid sh -c 'echo $$ >%1$s.part; mv %1$s.part %1$s; sleep 1000' &", file))
      wait_until(file.exists(file))
      tools::pskill(Sys.getpid(), tools::SIGSTOP)
    }, .workers = 1, .timeout = 2, .on_error = "collect"))
    pid <- as.integer(readLines(file))
    give(list(class = class(results[[1]]), gone = wait_until(!is_alive(pid), 5)))
    tools::pskill(pid, tools::SIGKILL)
  })
  expect_identical(run$value$class[[1]], "lomp_timeout")
  expect_true(run$value$gone)
})

test_that("a program in a group of its own ends with a worker whose item has ended", {
  skip_without_proc()
  skip_if(Sys.which("setsid") == "", "no setsid")
  skip_on_portable_build()
  run <- run_r(code = {
    library(lomp)
    pids <- unlist(lomp_map(1:2, function(i) {
      file <- tempfile(as.character(i))
      system(sprintf("setsid sh -c 'echo $$ >%1$s.part; mv %1$s.part %1$s; sleep 1000' &", file))
      wait_until(file.exists(file))
      as.integer(readLines(file))
    }, .workers = 2))
    give(list(pids = pids, gone = wait_until(!any(is_alive(pids)), 5)))
  })
  expect_true(run$value$gone)
})

# ---- Workers that hold signals off ---------------------------------------------------------------

holders <- list(
  "blocks SIGTERM" = quote(.C("block_signal", 15L)),
  "ignores SIGTERM" = quote(.C("ignore_signal", 15L)),
  "blocks all signals" = quote(for (signal in 1:31) .C("block_signal", signal))
)

for (signal in c("SIGKILL", "SIGTERM")) {
  test_that(sprintf("workers that hold signals off end with a session that %s ends", signal), {
    skip_without_proc()
    skip_on_portable_build()
    run <- start_r(quote({
      library(lomp)
      dyn.load(faults)
      parallel::mcparallel(Sys.sleep(1000))  # has all that the session has open before
      lomp_map(names(holders), function(name) {
        system("sleep 1000", wait = FALSE)
        .C("fault_leave_behind", 0L, 0L)
        eval(holders[[name]])
        note(name)
        .C("fault_spin")
      }, .workers = length(holders))
    }), list(faults = native("faults.c"), holders = holders))
    expect_true(wait_until(all(vapply(names(holders), has_noted, NA, run = run))))
    descendants <- setdiff(descendants_of(run$pid), children_of(run$pid)[[1L]])
    expect_gte(length(descendants), 3 * length(holders))
    job <- children_of(run$pid)[[1L]]
    tools::pskill(run$pid, c(SIGKILL = 9, SIGTERM = 15)[[signal]])
    expect_lt(seconds_to_end(descendants), prompt_limit)
    tools::pskill(job, tools::SIGKILL)
    expect_true(finish_r(run, 10)$in_time)
  })
}

test_that("a program that a worker has forked ends with a session that is killed", {
  skip_without_proc()
  skip_on_portable_build()
  run <- start_r(quote({
    library(lomp)
    lomp_map(1:2, function(i) {
      note("running")
      system("exec sleep 1000", timeout = 2000)
    }, .workers = 2)
  }))
  sleepers <- function() {
    all <- descendants_of(run$pid)
    all[vapply(all, function(pid) any(lines_of(sprintf("/proc/%d/comm", pid)) == "sleep"), NA)]
  }
  expect_true(wait_until(length(sleepers()) == 2))
  descendants <- descendants_of(run$pid)
  tools::pskill(run$pid, tools::SIGKILL)
  expect_lt(seconds_to_end(descendants), prompt_limit)
})

# ---- Time limits ---------------------------------------------------------------------------------

test_that("a time limit of the session ends the call in time", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    limited <- function(limit) {
      began <- proc.time()[["elapsed"]]
      setTimeLimit(elapsed = limit)
      outcome <- outcome_of(lomp_map(1:4, function(i) Sys.sleep(100), .workers = 2))
      setTimeLimit()
      list(message = conditionMessage(outcome), seconds = proc.time()[["elapsed"]] - began,
           children = children_left())
    }
    call <- limited(1)
    # A limit of the session holds from the next command of the script on.
    setSessionTimeLimit(elapsed = 1)
    session <- limited(Inf)
    # A limit in an item is the item's own.
    own <- suppressWarnings(lomp_map(1:3, function(i) {
      if (i == 2) {
        setTimeLimit(elapsed = 0.2, transient = TRUE)
        repeat Sys.sleep(0.05)
      }
      i
    }, .workers = 1, .on_error = "collect"))
    give(list(call = call, session = session, own = own))
  })
  expect_match(run$value$call$message, "reached elapsed time limit")
  expect_match(run$value$session$message, "reached session elapsed time limit")
  for (limited in run$value[c("call", "session")]) {
    expect_lt(limited$seconds, 1 + prompt_limit)
    expect_length(limited$children, 0)
  }
  expect_match(conditionMessage(run$value$own[[2]]), "time limit")
  expect_equal(run$value$own[-2], list(1L, 3L))
})

# ---- What the session keeps ----------------------------------------------------------------------

test_that("handlers and mask of the session's signals are what they were", {
  skip_without_proc()
  run <- run_r(code = {
    library(lomp)
    # Those up to 32; the C library takes two beyond for itself when a thread is first made.
    signals <- function() {
      lines <- grep("^Sig(Blk|Ign|Cgt)", lines_of("/proc/self/status"), value = TRUE)
      sub("\t.*(.{8})$", " \\1", lines)
    }
    before <- signals()
    lomp_map(1:4, function(i) i, .workers = 2)
    outcome_of(lomp_map(1:4, function(i) stop("no"), .workers = 2))
    suppressWarnings(lomp_map(1:4, function(i) quit(), .workers = 2, .on_error = "collect"))
    give(list(before = before, after = signals()))
  })
  expect_equal(run$value$after, run$value$before)
})
