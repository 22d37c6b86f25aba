# Runs R in processes of its own, batch and interactive, with a limit to the time that it may take,
# and compiles the native helpers in tools/.

sys.source(test_path("tools", "inside.R"), environment())

tools_folder <- normalizePath(test_path("tools"))

skip_without_proc <- function() {
  skip_if_not(file.exists(sprintf("/proc/self/task/%d/children", Sys.getpid())), "no /proc")
}

# The build for other systems has only the worker's group, and a signal that can be held off.
skip_on_portable_build <- function() {
  skip_if(grepl("LOMP_PORTABLE", Sys.getenv("LOMP_CPPFLAGS"), fixed = TRUE), "a portable build")
}

# What is looked for by hundreds of kills and of failing allocations is in no code that knows of R's
# version: where the suite runs once more, with another R, it isn't looked for again.
skip_in_light_run <- function() {
  skip_if(nzchar(Sys.getenv("LOMP_TEST_LIGHT")), "a run with another version of R")
}

# ---- Native helpers -----------------------------------------------------------------------------

native_cache <- new.env()

# The compiled form of a file in tools/, made once: a library for dyn.load() or, if `program`, a
# program. Skips the test where it can't be compiled.
native <- function(file, program = FALSE, flags = "") {
  if (is.null(native_cache[[file]])) {
    assign(file, compile_native(file, program, flags), envir = native_cache)
  }
  skip_if_not(nzchar(native_cache[[file]]), paste("can't compile", file))
  native_cache[[file]]
}

# Compiled in a folder of its own, since the compiler leaves its object files beside the source. ""
# if that fails.
compile_native <- function(file, program, flags) {
  folder <- tempfile("native")
  dir.create(folder)
  file.copy(file.path(tools_folder, file), folder)
  base <- sub("[.][^.]*$", "", file)
  out <- file.path(folder, if (program) base else paste0(base, ".so"))
  log <- file.path(folder, "log")
  command <- if (program) compile_program(file, out, flags) else compile_library(file, out, flags)
  status <- system(sprintf("cd %s && %s >%s 2>&1", shQuote(folder), command, shQuote(log)))
  if (status == 0L && file.exists(out)) out else ""
}

compile_library <- function(file, out, flags) {
  sprintf("PKG_CFLAGS='%s' PKG_LIBS='%s' %s CMD SHLIB -o %s %s", flags, flags,
          shQuote(file.path(R.home("bin"), "R")), shQuote(out), shQuote(file))
}

compile_program <- function(file, out, flags) {
  variable <- if (endsWith(file, ".cpp")) "CXX" else "CC"
  sprintf("$(%s CMD config %s) -O1 -o %s %s %s", shQuote(file.path(R.home("bin"), "R")), variable,
          shQuote(out), shQuote(file), flags)
}

# ---- R in a process of its own ------------------------------------------------------------------

# Starts Rscript on a script and doesn't wait. `code` is a quoted block, whose expressions become
# the lines of the script; `values` are variables for it. `command` stands before Rscript (another
# program that runs it), `redirect` holds shell redirections, `before` shell commands that come
# first. The process that is returned is R itself.
start_r <- function(code, values = list(), command = "", redirect = "</dev/null >out 2>err",
                    before = "", env = character(), folder = tempfile("run")) {
  dir.create(folder, showWarnings = FALSE)
  writeLines(script_of(code, folder), file.path(folder, "script.R"))
  saveRDS(values, file.path(folder, "values.rds"))
  program <- if (nzchar(command)) command else rscript_command()
  shell <- c(
    sprintf("cd %s", shQuote(folder)), before, sprintf("export %s", environment_of(folder, env)),
    sprintf("%s %s script.R %s & echo $! >pid; wait $!; echo $? >status", hears_interrupts(),
            program, redirect)
  )
  writeLines(shell, file.path(folder, "run.sh"))
  system2("sh", shQuote(file.path(folder, "run.sh")), wait = FALSE, stdout = FALSE, stderr = FALSE)
  run <- list(folder = folder, began = proc.time()[["elapsed"]])
  if (!wait_until(length(lines_of(file.path(folder, "pid"))) == 1L)) stop("no process was started")
  run$pid <- as.integer(lines_of(file.path(folder, "pid")))
  run
}

# What a shell runs in the background ignores interrupts, and R >= 4.6 leaves it at that. What comes
# behind this command doesn't, where there is one that can do so.
hears_interrupts <- function() {
  command <- "env --default-signal=INT,QUIT"
  works <- system(paste(command, "true"), ignore.stdout = TRUE, ignore.stderr = TRUE) == 0
  if (works) command else ""
}

rscript_command <- function() paste(shQuote(file.path(R.home("bin"), "Rscript")), "--vanilla")

# One expression a line at the least, so that a script that is run twice shows it.
script_of <- function(code, folder) {
  body <- if (is.call(code) && identical(code[[1L]], as.name("{"))) as.list(code)[-1L] else code
  c(
    sprintf("source(%s)", deparse(file.path(tools_folder, "inside.R"))),
    sprintf("values <- readRDS(%s)", deparse(file.path(folder, "values.rds"))),
    "for (name in names(values)) assign(name, values[[name]], globalenv())",
    unlist(lapply(body, deparse))
  )
}

# Without what testthat sets for tests, where it changes what R itself does: since 3.3.0 browser()
# is an error in them.
environment_of <- function(folder, env) {
  variables <- c(
    R_LIBS = paste(.libPaths(), collapse = ":"), LOMP_TEST_LEDGER = file.path(folder, "ledger"),
    LOMP_TEST_VALUE = file.path(folder, "value.rds"), R_TESTS = "", TESTTHAT = "",
    "_R_CHECK_BROWSER_NONINTERACTIVE_" = "false"
  )
  variables[names(env)] <- env
  paste0(names(variables), "=", shQuote(variables))
}

ledger_of <- function(run) read_ledger(file.path(run$folder, "ledger"))

# Has so many lines of the ledger this text?
has_noted <- function(run, text, times = 1L) sum(ledger_of(run)$text == text) >= times

# Waits for the end of a run and tells how it went. What is not over in time is killed: R first,
# then whatever it had started.
finish_r <- function(run, seconds = 60) {
  status_file <- file.path(run$folder, "status")
  in_time <- wait_until(length(lines_of(status_file)) == 1L, seconds)
  if (!in_time) end_run(run)
  value_file <- file.path(run$folder, "value.rds")
  list(
    pid = run$pid, in_time = in_time,
    status = if (in_time) as.integer(lines_of(status_file)) else NA_integer_,
    seconds = proc.time()[["elapsed"]] - run$began,
    value = if (file.exists(value_file)) readRDS(value_file), ledger = ledger_of(run),
    out = lines_of(file.path(run$folder, "out")), err = lines_of(file.path(run$folder, "err"))
  )
}

end_run <- function(run) {
  started <- c(run$pid, descendants_of(run$pid))
  for (pid in started) tools::pskill(pid, tools::SIGKILL)
}

# Runs a block as a script, to its end. Fails the test that calls it if that doesn't come in time.
run_r <- function(code, values = list(), seconds = 60, ...) {
  run <- finish_r(start_r(substitute(code), values, ...), seconds)
  expect_true(run$in_time, label = "the script's end in time", info = told(run))
  run
}

# What a run printed, for messages of failed expectations.
told <- function(run) paste(c(run$out, run$err), collapse = "\n")

# ---- R at a terminal ----------------------------------------------------------------------------

skip_without_terminal <- function() {
  skip_without_proc()
  skip_if(Sys.which("python3") == "", "no python3")
  skip_if(system2("python3", c("-c", shQuote("import pty"))) != 0L, "no pty module")
}

# Steps of a session: a line to type, Ctrl-C, and a text (a regular expression) to wait for.
type <- function(line) paste0("type\t", line)
ctrl_c <- function() "interrupt"
await <- function(pattern, seconds = 20) sprintf("await\t%g\t%s", seconds, pattern)

# Runs an interactive R under a terminal of its own: reads the block first, then does the steps. The
# session ends with the first text that doesn't come. The value has the seconds that each step took,
# NA from there on.
terminal_r <- function(code, steps, values = list()) {
  folder <- tempfile("terminal")
  dir.create(folder)
  writeLines(script_of(substitute(code), folder), file.path(folder, "script.R"))
  saveRDS(values, file.path(folder, "values.rds"))
  prepare <- sprintf("source(%s)", deparse(file.path(folder, "script.R")))
  steps <- c(await("> $"), type(prepare), await("> $"), steps)
  writeLines(steps, file.path(folder, "steps"))
  arguments <- c(file.path(tools_folder, "terminal.py"), file.path(folder, "steps"),
                 file.path(R.home("bin"), "R"), "--vanilla", "--quiet", "--interactive")
  lines <- system2("python3", shQuote(arguments), stdout = TRUE, stderr = TRUE,
                   env = c(environment_of(folder, c(TERM = "dumb"))))
  read_session(lines, length(steps), folder)
}

# The report of tools/terminal.py: a time for each step that was done, and then the screen.
read_session <- function(lines, steps, folder) {
  split <- match("screen", lines, nomatch = length(lines) + 1L)
  seconds <- suppressWarnings(as.numeric(lines[seq_len(split - 1L)]))
  length(seconds) <- steps
  value_file <- file.path(folder, "value.rds")
  list(
    seconds = seconds[-(1:3)], screen = paste(lines[-seq_len(split)], collapse = "\n"),
    value = if (file.exists(value_file)) readRDS(value_file),
    ledger = read_ledger(file.path(folder, "ledger"))
  )
}

# Did every step of a session come to its end?
expect_all_steps <- function(session) {
  expect_false(anyNA(session$seconds), label = "a step that didn't come to its end",
               info = session$screen)
}

# Memory that can be had without swapping, in MB.
free_megabytes <- function() {
  line <- grep("^MemAvailable:", lines_of("/proc/meminfo"), value = TRUE)
  if (length(line) == 0L) 0 else as.numeric(gsub("[^0-9]", "", line)) / 1024
}

# ---- Limits -------------------------------------------------------------------------------------

set_descriptor_limit <- function(limit) {
  system2("prlimit", c("--pid", Sys.getpid(), sprintf("--nofile=%s:", limit)))
}

descriptor_limit <- function() {
  line <- grep("^Max open files", readLines("/proc/self/limits"), value = TRUE)
  strsplit(line, " +")[[1]][[4]]
}

# Runs the code with room for so many more descriptors. A process that can't open files could not
# raise its limit again, so this lowers it by far less and fills what is left.
with_descriptors <- function(free, code) {
  skip_if(nzchar(Sys.getenv("LOMP_TEST_SANITIZED")), "the sanitizer needs descriptors itself")
  used <- as.integer(sub(" .*", "", open_descriptors()))
  old <- descriptor_limit()
  on.exit(set_descriptor_limit(old))
  room <- function(limit) limit - sum(used < limit)
  limit <- Position(function(limit) room(limit) == free + 30, seq_len(max(used) + free + 31))
  set_descriptor_limit(limit)
  fillers <- lapply(1:30, function(k) file(nullfile(), "r"))
  on.exit(lapply(fillers, close), add = TRUE, after = FALSE)
  force(code)
}
