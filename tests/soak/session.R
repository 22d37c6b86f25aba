# The session under test: runs one call after another, and counts in the page what it finds.

counters <- c("calls", "items", "faults", "signals", "wrong", "lost", "twice", "leaked", "hung",
              "died")

count <- function(name, by = 1) .C("page_add", match(name, counters) - 1L, as.double(by))

# All of it with interrupts suspended, but for the calls themselves.
run_session <- function(first, last, options) {
  .C("page_join")
  suspendInterrupts({
    warm_up()
    k <- first
    while (k <= last && !is_over(options)) {
      seed <- if (is.null(options$only)) seed_of_call(options$seed, k) else options$only
      check_call(seed, k, options)
      k <- k + 1
    }
  })
  .C("page_finish")
  invisible()
}

is_over <- function(options) as.numeric(Sys.time()) > options$until

# What is loaded and opened at a first call is nobody's leak.
warm_up <- function() {
  for (workers in c(0, 2)) {
    plain <- lomp_map(1:4, function(i) raw(3e5), .workers = workers)
    failed <- try(lomp_map(1:4, function(i) stop("soaked"), .workers = workers), silent = TRUE)
    generator <- coro::generator(function() yield(1))
    as.list(lomp_iterate(generator(), identity, .workers = workers, .progress = TRUE))
  }
  started_processes()
  traces()
  gc()
}

check_call <- function(seed, k, options) {
  plan <- plan_call(seed)
  if (!is.null(options$workers)) plan$workers <- min(plan$workers, options$workers)
  .C("page_say", sprintf("%d %.0f %s", k, seed, describe_plan(plan)))
  if (!is.null(options$only) || options$verbose) say(seed, "plan", describe_plan(plan))
  plan$f <- function_of(plan)
  plan$redone <- FALSE
  outcome <- check_phase(plan)
  if (!is.null(outcome$results)) check_redo(plan, outcome)
  rm(outcome)
  judge_growth(seed, k)
  count("calls")
}

# A call from its begin to its last trace; returns the results, for a call that goes on from them.
check_phase <- function(plan) {
  lomp_map(list(), identity)
  suppressWarnings(RNGkind(plan$generator))
  set.seed(plan$seed %% 1e6)
  old <- options(lomp.buffer = plan$buffer)
  on.exit(options(old))
  .C("ledger_open", soak$ledger)
  before <- traces()
  random <- get(".Random.seed", globalenv())
  begin_signals(plan)
  box <- run_call(plan)
  sent <- end_signals()
  history <- read_history(plan, soak$ledger, sent)
  findings <- new_findings()
  judge <- if (plan$shape == "iterate") judge_iterator else judge_map
  judge(plan, box, history, findings)
  judge_random(random, findings)
  outcome <- list(hows = box$hows, results = if (can_redo(plan, box)) copy_of(results_of(box)))
  leave_nothing(box)
  judge_traces(before, history, findings)
  count("items", nrow(history$begins))
  count("faults", nrow(history$faulty))
  count("signals", nrow(sent))
  tell(plan, outcome$hows, findings)
  outcome
}

# In ordinary memory, so that what lomp had mapped can go.
copy_of <- function(value) unserialize(serialize(value, NULL))

# Drops what holds results, so that their memory can go.
leave_nothing <- function(box) {
  rm(list = ls(box), envir = box)
  lomp_map(list(), identity)
}

begin_signals <- function(plan) {
  sends <- plan$sends
  .C("page_begin", length(sends$delays), as.double(sends$delays), sends$signals,
     as.integer(sends$to_session), as.integer(sends$picks))
}

end_signals <- function() {
  sent <- .C("page_end", count = 0L, pids = integer(256), signals = integer(256),
             to_session = integer(256))
  tryCatch(allowInterrupts(.C("meet_interrupt")), interrupt = function(cnd) NULL)
  k <- seq_len(sent$count)
  data.frame(pid = sent$pids[k], signal = sent$signals[k], to_session = sent$to_session[k] == 1L)
}

# What items print is on standard output.
say <- function(seed, ...) {
  cat(format(Sys.time(), "%H:%M:%S"), sprintf("%.0f:", seed), ..., "\n", file = soak$findings,
      append = TRUE)
}

tell <- function(plan, hows, findings) {
  for (kind in unique(vapply(findings$list, function(f) f$kind, ""))) {
    texts <- vapply(Filter(function(f) f$kind == kind, findings$list), function(f) f$text, "")
    count(kind, length(texts))
    say(plan$seed, toupper(kind), if (plan$redone) "(redo)", length(texts), "times:",
        paste(utils::head(texts, 5), collapse = "\n    "))
  }
  if (length(findings$list) > 0L) {
    say(plan$seed, "was", describe_plan(plan), "; ended by", toString(unique(hows)))
  }
}

# ---- Going on -----------------------------------------------------------------------------------

can_redo <- function(plan, box) {
  if (!plan$redo || plan$redone || plan$shape == "iterate" || plan$is_stream) return(FALSE)
  results <- results_of(box)
  is.list(results) && length(results) == plan$n && !all(lomp_ok(results))
}

# Only what isn't there is run again, by a function without faults.
check_redo <- function(plan, outcome) {
  plan$earlier <- outcome$results
  plan$todo <- which(!lomp_ok(outcome$results))
  plan$has_faults <- FALSE
  plan$redone <- TRUE
  plan$leave <- plan$progress <- "none"
  plan$sends <- lapply(plan$sends, function(x) x[0])
  plan$f <- function_of(plan)
  check_phase(plan)
}

# ---- Memory -------------------------------------------------------------------------------------

# What is lost with each call adds up. What is in use is looked at, not what is resident: R's heap
# and malloc's keep what is freed, and how much of it depends on how it lies.
judge_growth <- function(seed, k) {
  if (k %% 50 != 0) return()
  used <- c("R's objects" = sum(gc()[, 2L]),
            "malloc's blocks" = .C("bytes_in_use", bytes = 0)$bytes / 2^20)
  if (is.null(soak$most_used)) soak$most_used <- used + growth_allowed
  for (kind in names(used)[used > soak$most_used]) {
    say(seed, "LEAKED memory:", kind, round(used[[kind]]), "MB, limit",
        round(soak$most_used[[kind]]), "; resident", round(private_megabytes()), "MB")
    count("leaked")
    soak$most_used[[kind]] <- used[[kind]] + growth_allowed[[kind]]
  }
}

# R gives the pages of its cells back a few at a collection, and they are malloc's blocks.
growth_allowed <- c("R's objects" = 20, "malloc's blocks" = 150)
