# Reports as lomp_report() gives them, of calls that weren't made: what is told of a call can be
# tested for calls that take hours or that no machine here could make.

outcomes <- c("ok", "error", "crash", "timeout", "not run")
ways <- c("pipe", "mapped", "file", "none")

# Items of so many seconds, dealt out in turn to the worker that is free first. `outcome` is that of
# each item, or of those that it names by their numbers. `worn` are items after which the worker is
# replaced. Fields of `...` take the place of those that follow from the items, lists by their own
# fields.
a_report <- function(run, workers = 2, ..., outcome = "ok", wait = 0, worn = integer(),
                      bytes = 8, way = "pipe", fork = 0.002) {
  items <- items_of_run(run, wait, outcome, bytes, way)
  dealt <- deal_out(items, max(1, workers), worn, fork)
  if (workers == 0) dealt <- in_session(dealt)
  report <- report_of_items(dealt$items, dealt$processes, workers)
  with_fields(report, list(...))
}

items_of_run <- function(run, wait, outcome, bytes, way) {
  n <- length(run)
  data.frame(
    index = as.numeric(seq_len(n)), worker = rep(NA_integer_, n),
    incarnation = rep(NA_integer_, n), start = rep(NA_real_, n), wait = rep_len(wait, n),
    run = as.numeric(run), bytes = rep_len(bytes, n), way = factor(rep_len(way, n), ways),
    results = rep(1, n), conditions = integer(n),
    outcome = factor(outcomes_by_number(outcome, n), outcomes)
  )
}

outcomes_by_number <- function(outcome, n) {
  if (is.null(names(outcome))) return(rep_len(outcome, n))
  all <- rep("ok", n)
  all[as.numeric(names(outcome))] <- outcome
  all
}

deal_out <- function(items, workers, worn, fork) {
  free <- fork * seq_len(workers)
  incarnation <- rep(1L, workers)
  processes <- data.frame(worker = seq_len(workers), incarnation = 1L, begin = free,
                          end = NA_real_, why = "finished")
  for (i in which(items$outcome != "not run")) {
    lane <- which.min(free)
    items$worker[[i]] <- lane
    items$incarnation[[i]] <- incarnation[[lane]]
    items$start[[i]] <- free[[lane]]
    free[[lane]] <- free[[lane]] + items$run[[i]] + items$wait[[i]]
    why <- if (i %in% worn) "worn" else as.character(items$outcome[[i]])
    if (!why %in% c("worn", "crash", "timeout")) next
    last <- which(processes$worker == lane & processes$incarnation == incarnation[[lane]])
    processes$end[[last]] <- free[[lane]]
    processes$why[[last]] <- why
    incarnation[[lane]] <- incarnation[[lane]] + 1L
    free[[lane]] <- free[[lane]] + fork
    processes[nrow(processes) + 1L, ] <- list(lane, incarnation[[lane]], free[[lane]], NA,
                                              "finished")
  }
  is_left <- is.na(processes$end)
  processes$end[is_left] <- free[processes$worker[is_left]]
  not_run <- items$outcome == "not run"
  items[not_run, c("wait", "run", "bytes", "results")] <- NA
  items$way[not_run] <- NA
  list(items = items, processes = processes[order(processes$begin), ])
}

in_session <- function(dealt) {
  dealt$items$worker[!is.na(dealt$items$worker)] <- 0L
  dealt$items$incarnation[!is.na(dealt$items$incarnation)] <- 1L
  dealt$items$way[] <- "none"
  dealt$items$bytes[] <- 0
  dealt$processes <- transform(dealt$processes[1L, ], worker = 0L, begin = 0,
                               end = max(dealt$processes$end))
  dealt
}

report_of_items <- function(items, processes, workers) {
  ran <- items[!is.na(items$start), ]
  seconds <- max(0.001, processes$end)
  structure(class = "lomp_report", list(
    fun = "lomp_map", call = sprintf("lomp_map(photos, edges, .workers = %d)", workers),
    began = as.POSIXct("2026-03-01 12:00:00", tz = "UTC"), seconds = seconds, how = "finished",
    n = as.numeric(nrow(items)), done = as.numeric(nrow(ran)),
    failed = as.numeric(sum(ran$outcome != "ok")), workers_asked = as.integer(workers),
    is_stream = FALSE, is_binned = FALSE, items = items,
    workers = workers_of_items(ran, processes), memory = no_samples(),
    slowest = slowest_of(ran), totals = totals_of(ran, processes, workers),
    session = list(busy = 0.01 * seconds, resident = 8e7, held_back = FALSE, refused = 0L,
                   budget = NA_real_, raised = FALSE, huge_pages = FALSE)
  ))
}

workers_of_items <- function(ran, processes) {
  mine <- function(k) {
    ran$worker == processes$worker[[k]] & ran$incarnation == processes$incarnation[[k]]
  }
  of <- function(what) vapply(seq_len(nrow(processes)), function(k) what(ran[mine(k), ]), 0)
  life <- processes$end - processes$begin
  run <- of(function(items) sum(items$run))
  data.frame(
    worker = processes$worker, incarnation = processes$incarnation, host = NA_character_,
    workers = 1L, pid = 4000L + seq_len(nrow(processes)), begin = processes$begin,
    end = processes$end, items = of(nrow), busy = ifelse(life > 0, run / life, 0), run = run,
    wait_items = 0 * life, wait_delivery = of(function(items) sum(items$wait)),
    collecting = 0 * life, faults = NA_real_, private = NA_real_, why = processes$why
  )
}

no_samples <- function() samples(numeric(), numeric(), numeric(), numeric(), integer(), numeric())

samples <- function(time, session, shared, private, workers, budget) {
  data.frame(time = time, session = session, shared = shared, private = private,
             workers = workers, budget = budget)
}

slowest_of <- function(ran) {
  first <- head(order(-ran$run), 10)
  index <- ran$index[first]
  data.frame(index = index, name = rep(NA_character_, length(index)), run = ran$run[first],
             worker = ran$worker[first])
}

totals_of <- function(ran, processes, workers) {
  bytes <- vapply(ways[1:3], function(way) sum(ran$bytes[ran$way == way]), 0)
  count <- function(outcome) as.numeric(sum(ran$outcome == outcome))
  forks <- if (workers > 0) nrow(processes) else 0
  list(
    run = sum(ran$run), wait = sum(ran$wait), bytes = bytes, results = sum(ran$results),
    conditions = sum(ran$conditions), errors = count("error"), crashes = count("crash"),
    timeouts = count("timeout"), forks = forks, fork_seconds = 0.002 * forks,
    replaced = sum(processes$why %in% c("worn", "memory")), collections = 0
  )
}

with_fields <- function(report, fields) {
  if (!is.null(fields$names)) report <- with_names(report, fields$names)
  for (name in setdiff(names(fields), "names")) {
    value <- fields[[name]]
    if (is.list(value) && !is.data.frame(value)) {
      report[[name]] <- utils::modifyList(report[[name]], value)
    } else {
      report[[name]] <- value
    }
  }
  report
}

with_names <- function(report, names) {
  report$items <- cbind(report$items["index"], name = names, report$items[-1L])
  report$slowest$name <- names[report$slowest$index]
  report
}

# For nothing nobody is forked.
without_workers <- function(report) {
  report$workers <- report$workers[0L, ]
  report$totals[c("forks", "fork_seconds")] <- 0
  report
}

# The same report with spans of time instead of items, as those of many items have.
binned <- function(report, spans = 100, times = 1) {
  items <- report$items[!is.na(report$items$start), ]
  width <- report$seconds / spans
  span <- pmin(spans - 1, floor(items$start / width))
  by <- list(worker = items$worker, incarnation = items$incarnation, span = span)
  sums <- aggregate(
    data.frame(items = times, failed = times * (items$outcome != "ok"), wait = items$wait,
               run = items$run, bytes = times * items$bytes, conditions = times * items$conditions),
    by, sum
  )
  report$items <- data.frame(
    worker = sums$worker, incarnation = sums$incarnation, start = sums$span * width,
    end = (sums$span + 1) * width, sums[c("items", "failed", "wait", "run", "bytes", "conditions")]
  )
  for (field in c("n", "done", "failed")) report[[field]] <- report[[field]] * times
  counts <- c("errors", "results", "bytes")
  report$totals[counts] <- lapply(report$totals[counts], `*`, times)
  with_fields(report, list(is_binned = TRUE))
}

# ---- Kinds of calls -----------------------------------------------------------------------------

# Seconds that look like those of real items, the same in each run.
some_seconds <- function(n, mean = 1) with_seed(7, mean * stats::rgamma(n, 6, 6))

photo_report <- function(...) {
  report <- a_report(
    c(2.1, 1.9, 2.4, 0.8, 3.1, 1.2, 2.2, 1.7, 2.6, 1.9), 2, bytes = 1.2e8, way = "mapped",
    names = sprintf("photo_%02d.jpg", 1:10), session = list(resident = 2.05e9),
    memory = photo_samples()
  )
  with_fields(report, list(...))
}

photo_samples <- function() {
  time <- seq(0.2, 10, by = 0.2)
  samples(time, 2.05e9 + 1.2e8 * floor(time), 2e9, 1e8 + 5e7 * sin(time) + 5e6 * time, 2L, 6e9)
}

# By the name of what is special about each.
kinds_of_reports <- function() {
  crashes <- c("31" = "crash", "60" = "timeout", "61" = "error", "110" = "crash")
  list(
    named = photo_report(),
    errors = a_report(some_seconds(1000, 0.02), 4, outcome = c("300" = "error", "702" = "error")),
    deaths = a_report(some_seconds(150, 0.3), 3, outcome = crashes, worn = c(50, 90), fork = 0.05),
    binned = binned(a_report(some_seconds(2000, 0.01), 2, outcome = c("700" = "error")),
                    times = 500),
    many_workers = a_report(some_seconds(1000), 200, memory = samples(
      seq(0.1, 5, by = 0.1), 8e9, 7.9e9, 2e8 * (1:50), 200L, 5e10
    )),
    one_worker = a_report(some_seconds(12), 1),
    session = a_report(some_seconds(9), 0),
    iterator = a_report(some_seconds(40, 0.2), 3, wait = c(0, 0.2, 0.5), fun = "lomp_iterate",
                         call = "lomp_iterate(files, tiles)", how = "open", n = NA_real_),
    tiny = a_report(rep(1e-5, 4), 2, fork = 2e-4),
    empty = a_report(numeric(), 0),
    no_worker = without_workers(a_report(numeric(), 2)),
    stopped = a_report(some_seconds(30), 2, how = "failed",
                        outcome = c("11" = "error", setNames(rep("not run", 17), 14:30))),
    long_names = a_report(some_seconds(6), 2, names = strrep("a very long name of a file ", 1:6))
  )
}

# The same call on machines that have so many workers each, of which items may overlap.
on_machines <- function(report, hosts, workers) {
  place <- report$workers$worker
  report$workers$host <- hosts[place]
  report$workers$workers <- as.integer(workers)[place]
  report$workers[c("wait_items", "wait_delivery", "collecting")] <- NA_real_
  report$workers$busy <- report$workers$busy / report$workers$workers
  report$totals[c("forks", "fork_seconds", "collections")] <- c(0, 0, NA)
  report
}
