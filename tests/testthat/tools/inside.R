# What the tests need, and also the scripts that they run in processes of their own: a look at
# processes through /proc, and waiting for what other processes do.

# Waits until `condition`, which is evaluated again and again, is TRUE; FALSE if it never was.
wait_until <- function(condition, seconds = 20) {
  test <- substitute(condition)
  env <- parent.frame()
  deadline <- proc.time()[["elapsed"]] + seconds
  repeat {
    if (isTRUE(eval(test, env))) return(TRUE)
    if (proc.time()[["elapsed"]] > deadline) return(FALSE)
    Sys.sleep(0.01)
  }
}

# Set by without_allocator().
if (nzchar(Sys.getenv("LOMP_TEST_ALLOCATOR"))) {
  setHook(packageEvent("lomp", "onLoad"), function(...) {
    utils::getFromNamespace("allow_allocator", "lomp")(FALSE)
  })
}

# The lines of a file that may not be there, or may be gone while it is read.
lines_of <- function(path) {
  suppressWarnings(tryCatch(readLines(path, warn = FALSE), error = function(cnd) character()))
}

# What is left of this process's children when those that are about to end have done so: the slow
# ones are reaped a moment after the call.
children_left <- function() {
  wait_until(length(children_of()) == 0, 5)
  children_of()
}

# Processes that a process has forked and not yet reaped, those of its other threads aside.
children_of <- function(pid = Sys.getpid()) {
  lines <- lines_of(sprintf("/proc/%d/task/%d/children", pid, pid))
  scan(text = lines, what = 0L, quiet = TRUE)
}

descendants_of <- function(pid) {
  children <- children_of(pid)
  c(children, unlist(lapply(children, descendants_of)))
}

# "R", "S", "T", "Z" and so on, as in ps; NA for a process that isn't there. The name before the
# state may hold blanks and parentheses.
process_state <- function(pid) {
  line <- lines_of(sprintf("/proc/%d/stat", pid))
  if (length(line) == 0L) return(NA_character_)
  substr(sub("^.*\\) ", "", line[[1L]]), 1L, 1L)
}

# A zombie is dead: an orphan's last reaper may be slow, or not there at all in a container.
is_alive <- function(pid) {
  vapply(pid, function(p) !process_state(p) %in% c(NA, "Z", "X"), NA)
}

# Numbers of the open descriptors; the one that lists them is not among them.
descriptors <- function() {
  open <- as.integer(list.files("/proc/self/fd"))
  open[file.exists(file.path("/proc/self/fd", open))]
}

# What a call may leave behind: children, descriptors, files, shared memory.
traces <- function() {
  list(
    children = children_left(), descriptors = descriptors(),
    files = list.files(tempdir(), all.files = TRUE), shared = list.files("/dev/shm")
  )
}

# Resident memory that belongs to this process alone, in MB.
private_megabytes <- function() {
  lines <- lines_of("/proc/self/smaps_rollup")
  lines <- grep("^Private_", lines, value = TRUE)
  sum(as.numeric(gsub("[^0-9]", "", sub("^.*:", "", lines)))) / 1024
}

# Tells the test which process has come here: appends a line to the ledger of the run, in one write.
note <- function(text) {
  cat(sprintf("%d %s\n", Sys.getpid(), text), file = Sys.getenv("LOMP_TEST_LEDGER"), append = TRUE)
}

# What the ledger says: a data frame of the process and the text of each line.
read_ledger <- function(path = Sys.getenv("LOMP_TEST_LEDGER")) {
  lines <- grep("^[0-9]+ ", lines_of(path), value = TRUE)
  data.frame(pid = as.integer(sub(" .*$", "", lines)), text = sub("^[0-9]+ ", "", lines))
}

# Hands a value to the test that runs this script.
give <- function(value) saveRDS(value, Sys.getenv("LOMP_TEST_VALUE"))

# What a call comes to: its value, or the condition that it ended with.
outcome_of <- function(call) {
  tryCatch(call, error = function(cnd) cnd, interrupt = function(cnd) cnd)
}

# The same, with the classes of the warnings on the way.
with_warnings <- function(call) {
  warnings <- list()
  value <- withCallingHandlers(outcome_of(call), warning = function(cnd) {
    warnings[[length(warnings) + 1L]] <<- cnd
    invokeRestart("muffleWarning")
  })
  list(value = value, warnings = warnings)
}
