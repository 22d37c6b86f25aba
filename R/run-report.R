# What a call's trace knows, as the parts of a report.

# A call within another one, or in a worker, isn't the one that lomp_report() tells of.
is_traced <- function(plan) {
  the$depth == as.integer(plan$is_map) && !in_worker() && !isTRUE(plan$is_served)
}

# What is kept of a call until the next one: no data, no results, and nothing that keeps an iterator
# from being dropped. A call that had nothing to do has no trace. Names are those of the items that
# are run, and `todo` has their positions if these aren't all. `lanes` tells which machines took
# part, of a call that has some: see new_machine_lanes().
new_traced <- function(plan, trace = NULL, lanes = NULL) {
  todo <- plan$redo$todo
  list(
    trace = trace, fate = plan$call$fate, fun = name_of_call(plan), began = Sys.time(),
    said = light_call(plan$said), n = items_to_run(plan), workers = plan$workers,
    names = if (is.null(todo)) plan$names else plan$names[todo], todo = todo, lanes = lanes,
    span = if (wants_spans()) list(parent = active_span())
  )
}

# Of a call that has ended, if somebody wants its spans: warnings, since it must not fail by that.
spans_of <- function(traced) {
  if (is.null(traced$span)) return()
  tell_spans(report_of(traced), traced$span$parent)
}

# What is told of a call that has ended at once, and what isn't kept of it.
end_trace <- function(plan) {
  if (!is_traced(plan)) return()
  add_complaints(spans_of(the$traced), plan$call)
  if (isTRUE(the$traced$n > plan$trace_rows)) forget_names()
}

add_complaints <- function(warnings, call) call$complaints <- c(call$complaints, warnings)

# Names that are too many to be kept for a report are, of its slowest items.
forget_names <- function() {
  names <- the$traced$names
  if (is.null(names)) return()
  slow <- trace_read(the$traced$trace, NA)$slowest$index
  the$traced$names <- NULL
  the$traced$slow_names <- stats::setNames(names[slow], slow)
}

# The position among all items of one that was run.
index_of <- function(item, traced) if (is.null(traced$todo)) item else traced$todo[item]

# Of items by their numbers among those that were run; NA where that isn't known.
names_of_items <- function(items, traced) {
  if (!is.null(traced$names)) return(traced$names[items])
  if (is.null(traced$slow_names)) return(rep(NA_character_, length(items)))
  unname(traced$slow_names[match(items, names(traced$slow_names))])
}

# An iterator that was made within a call, by an item say, isn't traced; nor has one that was saved
# and read again its trace.
traced_of <- function(it) {
  traced <- state_of(it)$traced
  if (is.null(traced)) stop_iterator("it was made within a call, which has the report")
  check_alive(state_of(it))
  traced
}

# Which machine is in which place of a call's trace: its host, and how many workers it has.
new_machine_lanes <- function() {
  lanes <- new.env(parent = emptyenv())
  lanes$hosts <- character()
  lanes$workers <- integer()
  lanes
}

note_machine_lane <- function(lanes, machine, workers) {
  if (is.null(workers)) workers <- machine$workers
  lanes$hosts[[machine$lane + 1L]] <- machine$host
  lanes$workers[[machine$lane + 1L]] <- as.integer(workers)
}

name_of_call <- function(plan) {
  if (!plan$is_map) return("lomp_iterate")
  if (is.null(plan$value)) "lomp_map" else "lomp_vapply"
}

# ---- The report ---------------------------------------------------------------------------------

# NULL in a forked process, which has no rows.
report_of <- function(traced) {
  raw <- if (is.null(traced$trace)) no_trace() else trace_read(traced$trace, as.numeric(traced$n))
  if (!is.null(raw)) new_report(raw, traced)
}

new_report <- function(raw, traced) {
  totals <- raw$totals
  processes <- processes_of(raw, totals$seconds, traced$workers == 0L, traced$lanes)
  structure(class = "lomp_report", list(
    fun = traced$fun, call = one_line(traced$said), began = traced$began,
    seconds = totals$seconds, how = end_of_traced(traced, totals),
    n = if (is.na(traced$n) && totals$is_over) totals$done else traced$n,
    done = totals$done, failed = totals$errors + totals$crashes + totals$timeouts,
    workers_asked = traced$workers, is_stream = is.na(traced$n), is_binned = !is.null(raw$spans),
    is_incomplete = totals$is_incomplete == 1,
    items = items_of_report(raw, processes, traced),
    workers = processes, memory = as_table(raw$memory),
    slowest = slowest_of(raw, processes, traced), totals = totals_of(totals, processes),
    session = session_of(totals, traced)
  ))
}

as_table <- function(columns) as.data.frame(columns, stringsAsFactors = FALSE)

# An iterator that was dropped was closed by that.
end_of_traced <- function(traced, totals) {
  if (!totals$is_over) return("open")
  if (!is.null(traced$fate$how)) return(traced$fate$how)
  if (traced$fun == "lomp_iterate") "closed" else "finished"
}

ends_of_processes <- c("running", "finished", "worn", "memory", "crash", "timeout", "stopped")

# Which of the processes in one place each of them is.
count_in_place <- function(place) {
  stats::ave(seq_along(place), place, FUN = seq_along)
}

# A process that goes on has had its life until now.
until_now <- function(end, seconds) ifelse(is.na(end), seconds, end)

# What is done there isn't known of a machine, but for its items.
processes_of <- function(raw, seconds, is_here = FALSE, lanes = NULL) {
  p <- raw$processes
  place <- if (is_here) 0 * p$place else p$place
  workers <- if (is.null(lanes)) rep(1L, length(place)) else lanes$workers[place]
  lives <- workers * (until_now(p$end, seconds) - p$begin)
  known <- function(waits) if (is.null(lanes)) waits else rep(NA_real_, length(waits))
  data.frame(
    worker = as.integer(place), incarnation = as.integer(count_in_place(place)),
    host = if (is.null(lanes)) rep(NA_character_, length(place)) else lanes$hosts[place],
    workers = workers, pid = as.integer(p$pid), begin = p$begin, end = p$end, items = p$items,
    busy = ifelse(lives > 0, pmin(1, p$run / lives), 0), run = p$run,
    wait_items = known(p$wait_items), wait_delivery = known(p$wait_delivery),
    collecting = known(p$collecting),
    # Those of this process are of its whole life.
    faults = ifelse(place == 0, NA_real_, p$faults), private = p$private,
    why = ends_of_processes[p$why + 1], stringsAsFactors = FALSE
  )
}

# Are these processes daemons, each on its machine and with workers of its own?
is_on_machines <- function(processes) any(!is.na(processes$host))

ways_of_results <- c("none", "pipe", "file", "mapped")
failures_of_items <- c("error", "crash", "timeout")
outcomes_of_items <- c("not run", "ok", failures_of_items, "unfinished")

items_of_report <- function(raw, processes, traced) {
  if (!is.null(raw$spans)) return(with_lanes(raw$spans, processes))
  items <- with_lanes(raw$items, processes)
  items$way <- factor(ways_of_results[items$way + 1], ways_of_results)
  items$outcome <- factor(outcomes_of_items[items$outcome + 1], outcomes_of_items)
  items$conditions <- as.integer(items$conditions)
  # What items signal in this process goes its way unseen.
  items$conditions[which(items$worker == 0L)] <- NA
  which <- list(index = index_of(as.numeric(seq_len(nrow(items))), traced))
  which$name <- traced$names
  cbind(as_table(which), items)
}

# The process as its place and its number there.
with_lanes <- function(columns, processes) {
  process <- columns$process
  columns$process <- NULL
  as_table(c(
    list(worker = processes$worker[process], incarnation = processes$incarnation[process]), columns
  ))
}

slowest_of <- function(raw, processes, traced) {
  slow <- raw$slowest
  data.frame(
    index = index_of(slow$index, traced), name = names_of_items(slow$index, traced),
    run = slow$run, worker = processes$worker[slow$process], stringsAsFactors = FALSE
  )
}

totals_of <- function(totals, processes) {
  list(
    run = totals$run, wait = totals$wait,
    bytes = c(pipe = totals$pipe, mapped = totals$mapped, file = totals$file),
    results = totals$results, conditions = totals$conditions, errors = totals$errors,
    crashes = totals$crashes, timeouts = totals$timeouts, forks = totals$forks,
    fork_seconds = totals$fork_seconds, replaced = sum(processes$why %in% c("worn", "memory")),
    collections = if (is_on_machines(processes)) NA_real_ else sum(processes$collecting)
  )
}

session_of <- function(totals, traced) {
  is_here <- traced$workers == 0L
  busy <- if (is_here) totals$seconds - totals$run else totals$cpu - totals$fork_seconds
  list(
    busy = max(0, busy), resident = totals$resident,
    held_back = totals$held_back == 1, refused = as.integer(totals$refused),
    budget = totals$budget, raised = totals$raised == 1, huge_pages = has_huge_heap()
  )
}

# Is glibc told to have malloc() use huge pages?
has_huge_heap <- function() {
  grepl("glibc.malloc.hugetlb=[12]", Sys.getenv("GLIBC_TUNABLES"))
}

# As trace_read() gives it, of a call without an item.
no_trace <- function() {
  none <- function(names) sapply(names, function(name) numeric(), simplify = FALSE)
  list(
    totals = c(
      list(seconds = 0, is_over = 1),
      sapply(c("done", "errors", "crashes", "timeouts", "run", "wait", "pipe", "file", "mapped",
               "results", "conditions", "forks", "fork_seconds", "cpu", "held_back", "raised",
               "refused", "is_incomplete"), function(name) 0, simplify = FALSE),
      list(resident = NA_real_, budget = NA_real_)
    ),
    processes = none(c("place", "pid", "begin", "end", "items", "run", "wait_items",
                       "wait_delivery", "collecting", "faults", "private", "why")),
    memory = none(c("time", "session", "shared", "private", "workers", "budget")),
    slowest = none(c("index", "run", "process")),
    items = none(c("process", "start", "wait", "run", "bytes", "way", "results", "conditions",
                   "outcome")),
    spans = NULL
  )
}
