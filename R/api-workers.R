#' How many workers a call uses
#'
#' The default of `.workers`: as many processes as this one may use processors for.
#'
#' The least of: the processors that this process may run on (its affinity); the quota of its
#' control groups, as containers set it, rounded up; what a batch system has granted (the variables
#' `SLURM_CPUS_PER_TASK`, `NSLOTS`, `PBS_NUM_PPN`, `NCPUS`, `LSB_DJOB_NUMPROC`); the
#' option `mc.cores` or, where that is not set, the variable `MC_CORES` (`1` there means
#' "don't fork" and gives 0 here); and 2 where `_R_CHECK_LIMIT_CORES_` is set, as in `R CMD check`.
#'
#' The option `lomp.workers` goes before all of these. Inside a worker the number is 0, so that a
#' call within a call doesn't multiply processes; an explicit `.workers` is honoured there.
#'
#' @return A whole number: the number of worker processes; 0 means that this process does the work.
#' @export
#' @examples
#' lomp_workers()
lomp_workers <- function() {
  if (in_worker()) return(0L)
  option <- getOption("lomp.workers")
  if (!is.null(option)) return(check_workers(option, "option lomp.workers"))
  cores <- user_cores()
  if (!is.na(cores) && cores <= 1L) return(0L)
  min(usable_processors(), cores, batch_cores(), check_limit(), na.rm = TRUE)
}

# What the user of `parallel` has set.
user_cores <- function() {
  option <- getOption("mc.cores")
  if (is.null(option)) whole_number(Sys.getenv("MC_CORES")) else whole_number(option)
}

batch_variables <- c("SLURM_CPUS_PER_TASK", "NSLOTS", "PBS_NUM_PPN", "NCPUS", "LSB_DJOB_NUMPROC")

batch_cores <- function() {
  granted <- vapply(Sys.getenv(batch_variables), whole_number, 0L)
  granted <- granted[!is.na(granted) & granted > 0L]
  if (length(granted) > 0L) min(granted) else NA_integer_
}

# R CMD check allows two processes; its variable may also be "false".
check_limit <- function() {
  value <- tolower(Sys.getenv("_R_CHECK_LIMIT_CORES_"))
  if (value %in% c("", "false")) NA_integer_ else 2L
}

whole_number <- function(value) {
  number <- suppressWarnings(as.integer(value))
  if (length(number) == 1L) number else NA_integer_
}
