# A soak: random calls of lomp, one after another, with random faults, for as long as one likes.
#
#   Rscript tests/soak.R --minutes=60 --seed=1     an hour
#   Rscript tests/soak.R --only=123456789          one call again, by the seed that a finding names
#
# Options: --workers=N at most so many workers; --hang=S a call that takes longer has hung (120);
# --times=N how often --only is run (1); --calls=N at most so many calls; --verbose tells each call
# before it begins.
#
# It is run against the installed package, with coro and iterators, on Linux, and isn't part of the
# tests that each change has to pass: what it finds depends on the moment. Run it for an hour before
# a release and after each change of how workers are made, watched or ended, and mend what it finds.
#
# A call is drawn from its seed: lomp_map() over a vector, list, data frame, object or stream, going
# on with .redo where something is missing, or lomp_iterate() with one result an item, emit() or
# generators, in order or not, drained, left, closed or dropped; workers, .on_error, .timeout,
# .progress, options, sizes of results up to tens of megabytes. Items commit faults (soak/faults.R);
# a process beside the session sends signals to workers and to the session at random moments; and
# the caller leaves by handlers, restarts, time limits, options(warn = 2), interrupts, a progress
# function or a producer that fails. The moments of signals are planned in the seed, but what they
# meet is not: a finding of a signal's may take some runs of --only to come again.
#
# Each item's right result is known from its index (soak/values.R), and each item notes its begin,
# its parts and its end in a ledger, by one write each. From these it is judged (soak/judge.R):
#
#   wrong      a result that isn't the item's, an outcome that nothing explains
#   lost       an item that had ended, and whose result is neither in the list nor in the
#              condition's results or lomp_last(); or one that failed without a reason. Allowed is
#              what each process had begun last, whose end may have been noted, but whose result
#              wasn't handed over yet, if the process was killed or the call was over before.
#   run twice  an item that was begun, heard or given twice. Allowed where its worker had closed
#              or scribbled on descriptors that weren't its own, as the help says.
#   hung       a call that doesn't end
#   leaked     what the call has left: processes, children, descriptors, mappings, files, memory,
#              the caller's options, sinks, signals, generator, working folder (soak/traces.R)
#   died       the session itself
#
# A line for each finding names the call's seed. At the end there is a table; the exit status is 1
# if anything was found.

soak <- new.env()

# This script's own path, which R knows in its arguments only.
script_path <- function() {
  argument <- grep("^--file=", commandArgs(), value = TRUE)
  normalizePath(sub("^--file=", "", argument[[1L]]))
}

read_options <- function(arguments) {
  value <- function(name, default = NULL) {
    given <- sub(paste0("^--", name, "="), "",
                 grep(paste0("^--", name, "="), arguments, value = TRUE))
    if (length(given) == 0L) default else if (name == "folder") given else as.numeric(given)
  }
  own <- grep("^--(session|next|folder|until|watcher)", arguments, invert = TRUE, value = TRUE)
  now <- as.numeric(Sys.time())
  list(
    script = script_path(), arguments = own, is_session = "--session" %in% arguments,
    seed = value("seed", 1), only = value("only"), calls = value("calls", 1e9),
    times = value("times", 1), workers = value("workers"), hang = value("hang", 120),
    verbose = "--verbose" %in% arguments, next_call = value("next", 1), folder = value("folder"),
    watcher = value("watcher"), until = value("until", now + 60 * value("minutes", 60))
  )
}

compile_tools <- function(folder, script) {
  file.copy(file.path(dirname(script), "soak", "tools.c"), folder)
  command <- sprintf("cd %s && %s CMD SHLIB -o tools.so tools.c >log 2>&1", shQuote(folder),
                     shQuote(file.path(R.home("bin"), "R")))
  if (system(command) != 0L) stop("can't compile soak/tools.c")
}

main <- function() {
  options <- read_options(commandArgs(TRUE))
  for (file in list.files(file.path(dirname(options$script), "soak"), "[.]R$", full.names = TRUE)) {
    source(file)
  }
  is_first <- !options$is_session
  soak$folder <- if (is_first) tempfile("soak") else options$folder
  if (is_first) {
    dir.create(soak$folder)
    compile_tools(soak$folder, options$script)
  }
  soak$mark <- basename(soak$folder)
  soak$watcher <- if (is_first) Sys.getpid() else options$watcher
  soak$ledger <- file.path(soak$folder, "ledger")
  soak$findings <- file.path(soak$folder, "findings")
  dyn.load(file.path(soak$folder, "tools.so"))
  .C("page_open", file.path(soak$folder, "page"))
  if (is_first) quit(status = if (run_watched(options)) 0 else 1)
  library(lomp)
  last <- if (is.null(options$only)) options$calls else options$times
  run_session(options$next_call, last, options)
}

main()
