# An lapply() that runs in lomp's workers where lomp is installed, which it can't be on Windows. A
# value of `workers` other than NULL goes before lomp's own default; 0 is this process.
map_items <- function(x, f, ..., workers = getOption("picturestats.workers")) {
  if (!requireNamespace("lomp", quietly = TRUE)) {
    return(lapply(x, f, ...))
  }
  if (is.null(workers)) workers <- lomp::lomp_workers()
  lomp::lomp_map(x, f, ..., .workers = workers)
}
