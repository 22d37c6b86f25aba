# What the test files share.

# In this process, in one worker beside it, and in several.
all_workers <- c(0, 1, 3)

# ---- Comparing ----------------------------------------------------------------------------------

# identical() at its strictest, and the marks of strings besides, which identical() translates.
# They are part of the serialized bytes; version 2 writes compact sequences as the vectors they are.
is_same <- function(x, y, bytes = TRUE) {
  identical(x, y, num.eq = FALSE, single.NA = FALSE, attrib.as.set = FALSE) &&
    (!bytes || identical(serialize(x, NULL, version = 2), serialize(y, NULL, version = 2)))
}

expect_same <- function(object, expected, label = "the value", bytes = TRUE) {
  same <- is_same(object, expected, bytes)
  text <- if (same) {
    paste(label, "is as expected")
  } else {
    paste(c(paste(label, "is"), utils::capture.output(utils::str(object)), "instead of",
            utils::capture.output(utils::str(expected))), collapse = "\n")
  }
  expect(same, text)
  invisible(object)
}

# lomp_map() gives what lapply() gives, with any number of workers.
expect_like_lapply <- function(.x, .f, ..., label = "the list") {
  expected <- lapply(.x, .f, ...)
  for (workers in all_workers) {
    expect_same(lomp_map(.x, .f, ..., .workers = workers), expected,
                paste(label, "of", workers, "workers"))
  }
}

# ---- Iterators ----------------------------------------------------------------------------------

# The numbers 1, ..., i from item i, each with its item.
count_up <- function(i, emit) for (k in seq_len(i)) emit(c(i, k))

# All results, with the items to which they belong.
drain <- function(it) {
  values <- list()
  items <- integer()
  while (!lomp_done(value <- it())) {
    values <- c(values, list(value))
    items <- c(items, unname(lomp_item(it)))
  }
  list(values = values, items = items)
}

# ---- Conditions ---------------------------------------------------------------------------------

# The error that the code ends with, or NULL.
caught <- function(code) {
  tryCatch({
    code
    NULL
  }, error = function(cnd) cnd)
}

# The warnings that the code gives, in a list.
warnings_of <- function(code) {
  warnings <- list()
  withCallingHandlers(code, warning = function(cnd) {
    warnings[[length(warnings) + 1L]] <<- cnd
    tryInvokeRestart("muffleWarning")
  })
  warnings
}

# Each condition's first class and its message, as a user sees it.
say <- function(conditions) {
  for (cnd in conditions) cat("<", class(cnd)[[1L]], "> ", conditionMessage(cnd), "\n", sep = "")
}

# These conditions read as they did when somebody looked at them. The code in the snapshot is always
# the same, since versions of testthat don't write longer code alike.
expect_messages <- function(...) {
  conditions <- list(...)
  expect_snapshot(say(conditions))
}

# The call is refused, for this argument, before any item is begun or worker forked.
expect_argument_error <- function(code, argument) {
  begun <- function(...) stop("work was begun")
  cnd <- with_lomp("call_open", begun, caught(code))
  expect_s3_class(cnd, c("lomp_argument_error", "error", "condition"), exact = TRUE)
  expect_identical(cnd$argument, argument)
  expect_match(conditionMessage(cnd), paste0("`", argument, "` "), fixed = TRUE)
  expect_null(conditionCall(cnd))
  invisible(cnd)
}

# ---- What a call may leave behind ---------------------------------------------------------------

# Children, zombies among them. A thread may end while its list is about to be read.
child_processes <- function() {
  lists <- Sys.glob("/proc/self/task/*/children")
  if (length(lists) > 0L) return(unlist(strsplit(unlist(lapply(lists, lines_if_there)), " ")))
  all <- strsplit(trimws(system2("ps", c("-ax", "-o", "pid=,ppid=,comm="), stdout = TRUE)), " +")
  mine <- Filter(function(p) p[[2L]] == Sys.getpid() && !p[[3L]] %in% c("ps", "sh"), all)
  vapply(mine, function(p) p[[1L]], "")
}

lines_if_there <- function(file) {
  tryCatch(suppressWarnings(readLines(file)), error = function(cnd) character())
}

# The folder's own descriptor, with which it is read, is closed when its link is.
open_descriptors <- function() {
  files <- list.files("/proc/self/fd", full.names = TRUE)
  targets <- Sys.readlink(files)
  paste(basename(files), targets)[!is.na(targets) & nzchar(targets)]
}

temp_files <- function() {
  list.files(tempdir(), all.files = TRUE, recursive = TRUE, include.dirs = TRUE)
}

what_is_there <- function() {
  list("child process" = child_processes(), "descriptor" = open_descriptors(),
       "temporary file" = temp_files())
}

# Returns the code's value. Children that are slow to end are reaped a moment after the call; on a
# machine that is busy all are slow.
expect_no_leaks <- function(code) {
  before <- what_is_there()
  value <- force(code)
  wait_until(all(child_processes() %in% before[["child process"]]), seconds = 5)
  after <- what_is_there()
  for (kind in names(after)) {
    new <- setdiff(after[[kind]], before[[kind]])
    expect(length(new) == 0L, paste("left behind:", kind, toString(new)))
  }
  invisible(value)
}

# ---- Circumstances ------------------------------------------------------------------------------

# Replaces an object of the package while the code runs.
with_lomp <- function(name, value, code) {
  package <- asNamespace("lomp")
  old <- get(name, package)
  put <- function(value) {
    unlockBinding(name, package)
    assign(name, value, package)
    lockBinding(name, package)
  }
  on.exit(put(old))
  put(value)
  force(code)
}

with_options <- function(options, code) {
  old <- options(options)
  on.exit(options(old))
  force(code)
}

# As in an R that can't make its own vectors around mappings: large results are ALTREP vectors. Also
# in the processes that run_r() starts.
without_allocator <- function(code) {
  allow <- getFromNamespace("allow_allocator", "lomp")
  old <- allow(FALSE)
  on.exit(allow(old))
  with_variables(c(LOMP_TEST_ALLOCATOR = "none"), code)
}

# A test of large results for both kinds of vectors that they may be.
test_both_ways <- function(desc, code) {
  code <- substitute(code)
  frame <- parent.frame()
  eval(call("test_that", desc, code), frame)
  other <- call("{", call("without_allocator", code))
  eval(call("test_that", paste(desc, "(ALTREP)"), other), frame)
}

# Environment variables; NA unsets one.
with_variables <- function(variables, code) {
  old <- Sys.getenv(names(variables), unset = NA, names = TRUE)
  set <- function(values) {
    if (anyNA(values)) Sys.unsetenv(names(values)[is.na(values)])
    if (!all(is.na(values))) do.call(Sys.setenv, as.list(values[!is.na(values)]))
  }
  on.exit(set(old))
  set(variables)
  force(code)
}

# The session's random numbers go on afterwards as if nothing had been.
with_seed <- function(seed, code) {
  old <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(if (is.null(old)) {
    rm(".Random.seed", envir = globalenv())
  } else {
    assign(".Random.seed", old, globalenv())
  })
  set.seed(seed, "Mersenne-Twister", "Inversion", "Rejection")
  force(code)
}

# Calls `use` with the name of a file that isn't there yet, by which items tell each other how far
# they are. All that begin with this name are removed.
with_flag <- function(use) {
  flag <- tempfile("flag")
  on.exit(unlink(Sys.glob(paste0(flag, "*"))))
  use(flag)
}

raise <- function(flag) invisible(file.create(flag))

# Looks again and again, for a machine may be slow; a minute means that it never comes.
wait_for <- function(flag) {
  limit <- Sys.time() + 60
  while (!all(file.exists(flag))) {
    if (Sys.time() > limit) stop("waited in vain")
    Sys.sleep(0.002)
  }
}

seconds <- function(code) system.time(code, gcFirst = FALSE)[["elapsed"]]

# Bytes of the vectors that R allocates for the code, small ones aside: what doesn't depend on how
# busy a machine is.
vector_bytes <- function(code) {
  skip_if_not(capabilities("profmem"), "an R that tells of no allocations")
  log <- tempfile("allocations")
  on.exit({
    utils::Rprofmem(NULL)
    unlink(log)
  })
  utils::Rprofmem(log)
  force(code)
  utils::Rprofmem(NULL)
  sum(as.numeric(sub("^([0-9]+) :.*$", "\\1", grep("^[0-9]+ :", readLines(log), value = TRUE))))
}

# Lines of /proc/self/maps: payloads that are mapped in this process.
payload_mappings <- function() {
  grep("memfd:lomp|/lomp-", lines_of("/proc/self/maps"), value = TRUE)
}

# Through a named pipe: one process waits for another one's word.
await_word <- function(path) readLines(file(path, raw = TRUE), 1)

give_word <- function(path) {
  pipe <- file(path, "w", raw = TRUE)
  writeLines("go", pipe)
  close(pipe)
}

# ---- Classes ------------------------------------------------------------------------------------

setClass("LompBox", representation(items = "list"), where = globalenv())
setClass("LompCrate", representation(items = "list"), where = globalenv())
setClass("LompList", contains = "list", where = globalenv())
setClass("LompNamed", contains = "namedList", where = globalenv())
setClass("LompNumbers", contains = "numeric", where = globalenv())
lomp_store <- setRefClass("LompStore", fields = list(items = "list"), where = globalenv(),
                          methods = list(count = function() length(items)))

# ---- Strings ------------------------------------------------------------------------------------

latin1 <- function(x) {
  x <- iconv(x, "UTF-8", "latin1")
  Encoding(x) <- "latin1"
  x
}

bytes <- function(...) {
  x <- rawToChar(as.raw(c(...)))
  Encoding(x) <- "bytes"
  x
}

some_strings <- c("", "ascii", NA, "\u00fcml\u00e4ut", latin1("\u00e9t\u00e9"), bytes(0xff, 0x41),
                  "\u65e5\u672c\u8a9e", "a\nb\t\"c\"")

# ---- Checkpoints --------------------------------------------------------------------------------

# The name of a file that isn't there, and goes with the function that asks.
new_file_name <- function(env = parent.frame()) {
  file <- tempfile("checkpoint")
  do.call(on.exit, list(substitute(unlink(file), list(file = file)), add = TRUE), envir = env)
  file
}

# The items whose results are in the file.
in_file <- function(file) which(unname(lomp_ok(lomp_read(file))))

# What was read, as the call returns it.
without_mark <- function(results) {
  attr(results, "lomp_checkpoint") <- NULL
  results
}
