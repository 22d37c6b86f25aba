# What a call may leave behind in the session, in the system and in the caller's surroundings.

lines_of <- function(path) {
  suppressWarnings(tryCatch(readLines(path, warn = FALSE), error = function(cnd) character()))
}

# Children of this process, zombies among them.
children <- function() {
  lists <- Sys.glob("/proc/self/task/*/children")
  as.character(unlist(strsplit(as.character(unlist(lapply(lists, lines_of))), " +")))
}

# Processes that this run has started, the session and the watcher aside; whether each of them is
# loose, in a process group of its own.
started_processes <- function(but = Sys.getpid()) {
  found <- .C("marked_processes", paste0("LOMP_SOAK=", soak$mark), "SOAK_LOOSE=yes",
              as.integer(c(but, soak$watcher)), pids = integer(1000), loose = integer(1000),
              count = 1000L)
  k <- seq_len(found$count)
  data.frame(pid = found$pids[k], loose = found$loose[k] == 1L)
}

# The folder's own descriptor, with which it is read, is closed when its link is.
open_descriptors <- function() {
  files <- list.files("/proc/self/fd", full.names = TRUE)
  targets <- Sys.readlink(files)
  paste(basename(files), targets)[!is.na(targets) & nzchar(targets)]
}

signal_state <- function() {
  grep("^Sig(Blk|Ign|Cgt)", lines_of("/proc/self/status"), value = TRUE)
}

# Memory of results that is mapped in this process.
mapped_results <- function() length(grep("memfd:lomp|/lomp-", lines_of("/proc/self/maps")))

private_megabytes <- function() {
  lines <- grep("^Private_", lines_of("/proc/self/smaps_rollup"), value = TRUE)
  sum(as.numeric(gsub("[^0-9]", "", sub("^.*:", "", lines)))) / 1024
}

traces <- function() {
  list(
    "a child" = children(), "a descriptor" = open_descriptors(),
    "a temporary file" = list.files(tempdir(), all.files = TRUE, recursive = TRUE),
    "shared memory" = list.files("/dev/shm", "lomp"), "a mapping" = mapped_results(),
    "the signals" = signal_state(), "an option" = options(),
    "a sink" = c(sink.number(), sink.number(type = "message")),
    "a connection" = rownames(showConnections()), "the generator" = RNGkind(),
    "the working folder" = getwd(), "the environment" = Sys.getenv(),
    "the locale" = Sys.getlocale(), "lomp's depth" = getFromNamespace("the", "lomp")$depth
  )
}

# Dead processes may take a moment to go, on a machine that is busy a longer one.
wait_for_end <- function(seconds = 6) {
  end <- proc.time()[["elapsed"]] + seconds
  repeat {
    left <- started_processes()
    if (nrow(left) == 0L && length(children()) == 0L) return(left)
    if (proc.time()[["elapsed"]] > end) return(left)
    .C("soak_nap", 0.005)
  }
}

# A count may have become smaller, since memory of an earlier call may have been there.
has_grown <- function(before, after) {
  if (is.integer(before) && length(before) == 1L) after > before else !identical(before, after)
}

# What R's own variables still refer to at a first collection is free at the next one.
collect_mappings <- function(most) {
  for (round in 1:3) {
    gc()
    if (mapped_results() <= most) return()
  }
}

# A loose program may outlive a worker that was killed: nobody can find it then.
judge_traces <- function(before, history, findings) {
  collect_mappings(before[["a mapping"]])
  left <- wait_for_end()
  after <- traces()
  for (kind in names(before)) {
    if (has_grown(before[[kind]], after[[kind]])) {
      new <- setdiff(as.character(after[[kind]]), as.character(before[[kind]]))
      findings$add("leaked", kind, ": ", substr(toString(new), 1, 200))
    }
  }
  is_allowed <- left$loose & length(history$killed) > 0
  for (pid in left$pid[!is_allowed]) {
    findings$add("leaked", "process ", pid, ": ", command_of(pid))
  }
  for (pid in left$pid) tools::pskill(pid, tools::SIGKILL)
}

command_of <- function(pid) {
  bytes <- tryCatch(readBin(sprintf("/proc/%d/cmdline", pid), "raw", 1000),
                    error = function(cnd) raw(), warning = function(cnd) raw())
  bytes[bytes == 0L] <- charToRaw(" ")
  state <- grep("^(State|PPid)", lines_of(sprintf("/proc/%d/status", pid)), value = TRUE)
  paste(rawToChar(bytes), toString(state))
}

# The caller's generator is where it was, or one draw further.
judge_random <- function(before, findings) {
  after <- get(".Random.seed", globalenv())
  if (identical(before, after)) return()
  assign(".Random.seed", before, globalenv())
  stats::runif(1)
  if (!identical(get(".Random.seed", globalenv()), after)) findings$add("leaked", "the generator")
}
