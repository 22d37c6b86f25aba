# What items do that they shouldn't.

# What comes of an item with a fault: "none" leaves its result as it is, "error" and "crash" are
# conditions of these kinds, "pipe" ruins the worker's channels, so that the item has its result, is
# a crash, or is run once more, "loop" ends by the call's time limit, "pointer" has a dead part,
# "warning" is an error where warnings are, and "end" one of an item that has such a part.
# `here`: can it be done without a worker?
new_fault <- function(comes, run, here = FALSE) list(comes = comes, run = run, here = here)

signal_self <- function(signal) {
  function(i) {
    tools::pskill(Sys.getpid(), signal)
    Sys.sleep(20)
  }
}

classed <- function(class, i) {
  structure(class = c("soaked", class, "condition"),
            list(message = paste("soaked", i), call = NULL, payload = i))
}

recurse <- function(n) recurse(n + 1) + 1

# Everything that a worker has of its own and that its later items will see.
make_mess <- function(i) {
  options(digits = 3, lomp.buffer = 17)
  setwd("/")
  suppressWarnings(RNGkind("Wichmann-Hill", "Box-Muller", "Rounding"))
  Sys.setlocale("LC_COLLATE", "C")
  sink("/dev/null")
}

# A program in a process group of its own, which R waits for.
run_loose <- function(i) {
  Sys.setenv(SOAK_LOOSE = "yes")
  suppressWarnings(system("sleep 300", timeout = 1))
  Sys.unsetenv("SOAK_LOOSE")
}

# The kernel takes its time to give back what a dying process has.
die_slowly <- function(i) {
  heavy <- rep_len(1, 5e7)
  signal_self(tools::SIGKILL)(heavy)
}

# An iterator that nobody drains, of workers that don't end by themselves.
leave_open <- function(i) {
  soak$open <- lomp_iterate(1:4, function(j) Sys.sleep(300), .workers = 2)
}

inner_calls <- function(i) {
  workers <- i %% 3
  inner <- lomp_map(1:4, function(j) i * 10 + j, .workers = workers)
  if (!identical(inner, as.list(i * 10 + 1:4))) stop("an inner call is wrong")
  # The outer item's time limit may be over in here, too, and isn't the inner call's error.
  failed <- tryCatch(lomp_map(1:4, function(j) if (j == 2) stop("inner"), .workers = workers),
                     lomp_error = identity)
  if (!inherits(failed, "lomp_error")) stop("an inner error is wrong")
}

faults <- list(
  stop = new_fault("error", function(i) stop("soaked"), TRUE),
  classed = new_fault("error", function(i) stop(classed("error", i)), TRUE),
  recursion = new_fault("error", function(i) recurse(0), TRUE),
  memory = new_fault("error", function(i) numeric(2^44), TRUE),
  abort = new_fault("error", function(i) invokeRestart("abort")),
  interrupt = new_fault("error", signal_self(tools::SIGINT)),
  warning = new_fault("warning", function(i) warning("soaked ", i), TRUE),
  message = new_fault("none", function(i) message("soaked ", i), TRUE),
  condition = new_fault("none", function(i) signalCondition(classed("note", i)), TRUE),
  output = new_fault("none", function(i) cat("out ", i, "\n", sep = ""), TRUE),
  print = new_fault("none", function(i) .C("fault_print", as.integer(i))),
  echo = new_fault("none", function(i) system(paste("echo out", i))),
  much = new_fault("none", function(i) cat(strrep("much ", 4e4), "\n")),
  draw = new_fault("none", function(i) stats::rnorm(3), TRUE),
  inner = new_fault("none", inner_calls, TRUE),
  mess = new_fault("none", make_mess),
  mclapply = new_fault("none", function(i) parallel::mclapply(1:2, sqrt, mc.cores = 2)),
  open = new_fault("none", leave_open),
  unsent = new_fault("none", function(i) NULL, TRUE),
  pointer = new_fault("pointer", function(i) NULL),
  end = new_fault("end", function(i) NULL, TRUE),
  kill = new_fault("crash", signal_self(tools::SIGKILL)),
  heavy = new_fault("crash", die_slowly),
  terminate = new_fault("crash", signal_self(tools::SIGTERM)),
  segv = new_fault("crash", function(i) .C("fault_segv")),
  abrt = new_fault("crash", function(i) .C("fault_abort")),
  quit = new_fault("crash", function(i) quit(save = "no")),
  exit = new_fault("crash", function(i) .C("fault_exit", 0L)),
  exit_now = new_fault("crash", function(i) .C("fault_exit_now", 3L)),
  pause = new_fault("none", function(i) .C("fault_stop", 40L)),
  close = new_fault("pipe", function(i) .C("fault_close_from", 3L)),
  scribble = new_fault("pipe", function(i) .C("fault_scribble", as.integer(1 + i %% 300))),
  fork = new_fault("none", function(i) .C("fault_fork")),
  program = new_fault("none", function(i) system("sleep 300 &")),
  loose = new_fault("none", run_loose),
  block = new_fault("none", function(i) .C("fault_block", 15L)),
  ignore = new_fault("none", function(i) .C("fault_ignore", 15L)),
  loop = new_fault("loop", function(i) repeat NULL, TRUE),
  spin = new_fault("loop", function(i) .C("fault_spin"))
)

# The fault that an item has in a call, or NULL.
fault_of <- function(plan, i) {
  if (!plan$has_faults || hash_of(plan$seed, i, 11) %% 1000 >= plan$fault_rate * 1000) return(NULL)
  choose(plan$seed, i, 12, plan$menu)
}

# What comes of it in this call.
comes_of <- function(plan, i) {
  fault <- fault_of(plan, i)
  if (is.null(fault)) return("none")
  comes <- faults[[fault]]$comes
  is_error <- switch(comes,
    warning = plan$leave == "warn", end = faulty_part(plan, i) <= parts_of(plan, i)
  )
  if (is.null(is_error)) comes else if (is_error) "error" else "none"
}

commit_fault <- function(plan, i) {
  fault <- fault_of(plan, i)
  if (is.null(fault)) return(invisible())
  note("f", i)
  faults[[fault]]$run(i)
}
