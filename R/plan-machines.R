# Where a call runs if not on this machine: on the daemons of a compute profile of mirai's, each of
# which runs its items in workers of its own.

# list(profile = , machines = how many daemons there are, workers = of each, or NULL for as many as
# each machine has processors for); NULL for a call on this machine.
plan_machines <- function(compute, workers) {
  if (is.null(compute)) return(NULL)
  check_compute(compute)
  if (!is.null(workers)) workers <- check_machine_workers(workers)
  list(profile = compute, machines = await_machines(compute), workers = workers)
}

check_compute <- function(compute, argument = ".compute") {
  ok <- is.character(compute) && length(compute) == 1L && !is.na(compute) && nzchar(compute)
  if (!ok) {
    stop_argument(argument, "must be the name of a compute profile of mirai's",
                  describe_value(compute))
  }
  if (!has_mirai()) stop_package(sprintf("`%s`", argument), "mirai")
  if (in_worker()) {
    stop_argument(argument, "can't be used by an item: its connections are the session's")
  }
  if (!mirai::daemons_set(compute)) {
    stop_argument(argument, sprintf(
      "names a profile without daemons: set them first, as by %s", example_of_daemons(compute)
    ))
  }
  if (is.null(mirai::nextget("dispatcher", compute))) {
    stop_argument(argument, "names a profile without a dispatcher, which lomp needs to end work")
  }
}

has_mirai <- function() {
  requireNamespace("mirai", quietly = TRUE) && requireNamespace("nanonext", quietly = TRUE)
}

example_of_daemons <- function(compute) {
  sprintf("mirai::daemons(2, .compute = %s)", quoted(compute))
}

# Without one beside it, an item that crashes would end the daemon.
check_machine_workers <- function(workers) {
  workers <- check_workers(workers, ".workers")
  if (workers > 0L) return(workers)
  stop_argument(".workers", "must be 1 or more on each machine of `.compute`", describe_value(0))
}

is_remote <- function(plan) !is.null(plan$machines)

connections <- function(profile) info_of(profile)[["connections"]]

# The daemons may have been ended meanwhile.
info_of <- function(profile) {
  info <- mirai::info(profile)
  if (is.null(info)) c(connections = 0L, awaiting = 0L, executing = 0L, completed = 0L) else info
}

# How many daemons are connected; those that were launched just now get a while to come.
await_machines <- function(profile, seconds = machine_timeout()) {
  deadline <- elapsed() + seconds
  while ((n <- connections(profile)) == 0L) {
    if (elapsed() > deadline) stop_no_machines(profile, seconds)
    nanonext::msleep(20)
    check_interrupt()
  }
  n
}

# After so many seconds without an answer that is due a machine is taken for lost.
machine_timeout <- function() {
  value <- getOption("lomp.machine_timeout", 30)
  check_timeout(value, "option lomp.machine_timeout")
}

# What becomes of items that were on a machine that was lost, and may have begun there.
lost_items <- function() {
  check_choice(getOption("lomp.lost_items", "again"), c("again", "fail"), "option lomp.lost_items")
}
