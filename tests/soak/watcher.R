# Watches the session from outside: sends it and its workers the signals that it asks for, ends it
# when a call hangs, and starts another one where it has died.

run_watched <- function(options) {
  on.exit(end_all())
  soak$session_log <- file.path(soak$folder, "stderr")
  soak$shown <- 0
  next_call <- 1
  repeat {
    start_session(next_call, options)
    ended <- watch_session(options)
    if (ended == "finished") break
    what <- strsplit(doing(), " ")[[1L]]
    next_call <- as.numeric(what[[1L]]) + 1
    cat(format(Sys.time(), "%H:%M:%S"), paste0(what[[2L]], ":"), toupper(ended), "in",
        what[-(1:2)], "\n")
    count(ended)
    if (ended == "hung") show_processes()
    cat(paste("   ", session_errors()), sep = "\n")
    end_all()
    if (is_over(options)) break
  }
  summary_of()
}

doing <- function() {
  said <- .C("page_doing", strrep(" ", 1))[[1L]]
  if (nzchar(trimws(said))) said else "0 0 (start)"
}

# The session's own mark in its environment is inherited by all that it starts.
start_session <- function(next_call, options) {
  .C("page_reset")
  arguments <- c("--vanilla", shQuote(options$script), "--session", paste0("--next=", next_call),
                 paste0("--folder=", soak$folder), paste0("--until=", options$until),
                 paste0("--watcher=", Sys.getpid()), options$arguments)
  system2(file.path(R.home("bin"), "Rscript"), arguments, wait = FALSE, stdin = "/dev/null",
          stdout = file.path(soak$folder, "stdout"), stderr = soak$session_log,
          env = c(paste0("LOMP_SOAK=", soak$mark), paste0("TMPDIR=", soak$folder),
                  "SOAK_WATCHED=yes"))
}

# Returns "finished", "died" or "hung".
watch_session <- function(options) {
  began <- proc.time()[["elapsed"]]
  repeat {
    .C("watch", 0.25)
    show_findings()
    state <- .C("page_state", pid = 0L, seconds = 0, finished = 0L)
    if (state$finished == 1L) return("finished")
    waited <- proc.time()[["elapsed"]] - began
    if (state$pid == 0L && waited > 60) stop("no session begins: ", toString(session_errors()))
    if (state$pid > 0L && !is_alive(state$pid)) return("died")
    if (state$seconds > options$hang) return("hung")
    report_now_and_then()
  }
}

# What the session has found since the last look.
show_findings <- function() {
  size <- file.size(soak$findings)
  if (is.na(size) || size == soak$shown) return()
  file <- file(soak$findings, "rb")
  on.exit(close(file))
  seek(file, soak$shown)
  cat(readChar(file, size - soak$shown, useBytes = TRUE))
  soak$shown <- size
}

is_alive <- function(pid) {
  line <- lines_of(sprintf("/proc/%d/stat", pid))
  length(line) > 0L && !grepl("^[ZX]", sub("^.*\\) ", "", line[[1L]]))
}

# Ends what is left of this run, and of it alone.
end_all <- function() {
  for (round in 1:20) {
    left <- started_processes(but = 0)
    if (nrow(left) == 0L) return()
    for (pid in left$pid) {
      tools::pskill(pid, tools::SIGCONT)
      tools::pskill(pid, tools::SIGKILL)
    }
    Sys.sleep(0.1)
  }
}

# What the processes are doing, and what each one has noted last.
show_processes <- function() {
  rows <- read_ledger(soak$ledger)
  rows <- rows[!duplicated(rows$pid, fromLast = TRUE), ]
  cat("    last notes:", toString(paste(rows$pid, rows$kind, rows$item, rows$part)), "\n")
  for (pid in started_processes(but = 0)$pid) {
    state <- lines_of(sprintf("/proc/%d/status", pid))
    state <- grep("^(State|PPid|SigBlk|SigPnd|Threads)", state, value = TRUE)
    cat("   ", pid, gsub("[\t ]+", " ", toString(state)), "waits in",
        lines_of(sprintf("/proc/%d/wchan", pid)), "\n")
    show_stack(pid)
  }
}

# The frames of C and C++, where there is a debugger.
show_stack <- function(pid) {
  if (!nzchar(Sys.which("gdb"))) return()
  arguments <- c("-p", pid, "-batch", "-ex", shQuote("thread apply all bt 14"))
  lines <- system2("timeout", c("30", "gdb", arguments), stdout = TRUE, stderr = FALSE)
  cat(paste("       ", substr(grep("^(#|Thread)", lines, value = TRUE), 1, 140)), sep = "\n")
}

session_errors <- function() utils::tail(lines_of(soak$session_log), 8)

report_now_and_then <- function() {
  now <- proc.time()[["elapsed"]]
  if (!is.null(soak$told) && now - soak$told < 60) return()
  if (!is.null(soak$told)) cat(format(Sys.time(), "%H:%M:%S"), count_line(), "\n")
  soak$told <- now
}

counts <- function() {
  values <- .C("page_counters", numeric(32))[[1L]][seq_along(counters)]
  names(values) <- counters
  values
}

count_line <- function() {
  values <- counts()
  toString(paste(names(values), format(values, trim = TRUE, scientific = FALSE)))
}

bad_counts <- c("wrong", "lost", "twice", "hung", "leaked", "died")

summary_of <- function() {
  values <- counts()
  labels <- c(
    calls = "calls", items = "items begun", faults = "faults from inside",
    signals = "signals from outside", wrong = "wrong", lost = "lost", twice = "run twice",
    hung = "hung", leaked = "leaked", died = "session died"
  )
  cat("\n")
  for (name in names(labels)) cat(sprintf("%-22s%9.0f\n", labels[[name]], values[[name]]))
  sum(values[bad_counts]) == 0 && values[["calls"]] > 0
}
