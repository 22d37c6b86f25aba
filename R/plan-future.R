# The backend behind plan(lomp_future), made of the plan's arguments.

# Before, it evaluated a plan's default arguments where it couldn't see lomp.
oldest_future <- "1.67.0"

check_future <- function() {
  needs <- "plan(lomp_future)"
  if (!requireNamespace("future", quietly = TRUE)) stop_package(needs, "future")
  version <- utils::packageVersion("future")
  if (version >= oldest_future) return(invisible())
  why <- sprintf("from version %s on, and %s is installed", oldest_future, version)
  stop_package(needs, "future", why)
}

# Its fields are an environment's, as future has it: besides future's own the `jobs` that run, the
# oldest first, and the process that has made it, since a forked copy may not touch them.
new_future_backend <- function(workers, timeout = Inf, maxSizeOfObjects = Inf, ...) { # nolint
  check_future()
  if (is.function(workers)) workers <- workers()
  n <- check_future_workers(workers)
  timeout <- check_timeout(timeout, "timeout")
  if (n == 1L && !inherits(workers, "AsIs") && lomp_workers() == 0L) {
    return(future::SequentialFutureBackend(maxSizeOfObjects = maxSizeOfObjects, ...))
  }
  backend <- future::FutureBackend(maxSizeOfObjects = maxSizeOfObjects, ...)
  backend[["workers"]] <- n
  backend[["timeout"]] <- timeout
  backend[["jobs"]] <- list()
  backend[["process"]] <- Sys.getpid()
  backend[["futureClasses"]] <- c("LompFuture", "MultiprocessFuture", backend[["futureClasses"]])
  structure(backend, class = c("LompFutureBackend", "MultiprocessFutureBackend", class(backend)))
}

check_future_workers <- function(value) {
  workers <- check_workers(value, "workers")
  if (workers > 0L) return(workers)
  stop_argument("workers", "must be at least 1: plan(sequential) is for none")
}

# Else a fork has handed it down, and its jobs are another process's children.
is_own_backend <- function(backend) backend[["process"]] == Sys.getpid()

# What plan() sets up for others' classes, once they are there. future's generics aren't all
# exported; and an older version doesn't have them, without which R would fail to register methods
# that are named in NAMESPACE.
future_methods <- function() {
  list(
    launchFuture = list(LompFutureBackend = launch_future),
    interruptFuture = list(LompFutureBackend = interrupt_future),
    stopWorkers = list(LompFutureBackend = stop_future_workers),
    listFutures = list(LompFutureBackend = list_futures),
    nbrOfWorkers = list(LompFutureBackend = count_workers),
    nbrOfFreeWorkers = list(LompFutureBackend = count_free_workers),
    resolved = list(LompFuture = is_future_resolved),
    result = list(LompFuture = result_of_future),
    getFutureBackendConfigs = list(LompFuture = future_configs)
  )
}

register_future_methods <- function(...) {
  future <- asNamespace("future")
  methods <- future_methods()
  if (!all(vapply(names(methods), exists, NA, envir = future, inherits = FALSE))) return()
  for (generic in names(methods)) {
    for (class in names(methods[[generic]])) {
      registerS3method(generic, class, methods[[generic]][[class]], envir = future)
    }
  }
}

# Now, or when it will be loaded.
register_with_future <- function() {
  if (isNamespaceLoaded("future")) register_future_methods()
  setHook(packageEvent("future", "onLoad"), register_future_methods)
}
