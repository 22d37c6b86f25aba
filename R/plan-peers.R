# Arguments that lomp's peers have, and what is meant by them here: their users are told,
# where `...` would swallow the name or each item would fail by it.

called <- function(meant, ...) {
  names <- c(...)
  structure(rep(meant, length(names)), names = names)
}

# What is meant, an argument of lomp's or a few words, by which names. Here they have no other use
# that is likely, so that they are told of where they go into the dots of `.f`, too.
peers_arguments <- c(
  called(
    ".workers",
    "mc.cores", "mc_cores", ".mc.cores", "cores", ".cores", "ncores", ".ncores", "nCores",
    "n.cores", "n_cores", "num.cores", "num_cores", "numCores", "workers", "nworkers", "n.workers",
    "n_workers", "num_workers", "numWorkers", "max_workers", "n_jobs", "n.jobs", "njobs", "nprocs",
    "n_procs", "BPPARAM", ".parallel", ".cl"
  ),
  called(
    ".timeout", "timeout", "time.out", "time_out", "time_limit", ".time_limit", "mc.timeout"
  ),
  called(
    ".progress", "progress", "progressbar", "progress_bar", "progress.bar", "show_progress",
    "mc.progress", ".progressbar", ".progress_bar"
  ),
  called(
    ".on_error", "on_error", "on.error", "onerror", "stop.on.error", "stop_on_error",
    ".errorhandling", "impute.error", "mc.allow.error", "mc.allow.fatal", "mc.fail.early"
  ),
  called(".redo", ".redo", "BPREDO", "mc.retry"),
  called(".ordered", ".ordered", ".inorder"),
  called(".value", ".value"),
  called(".use_names", ".use_names"),
  called(
    "is not needed: items are dealt out as workers get free",
    "mc.preschedule", "affinity.list", "chunk.size", "chunk_size", "chunksize", "future.chunk.size",
    "future.scheduling"
  ),
  called(
    "is not needed: workers have all that this session has",
    "future.globals", "future.packages", "future.envir", ".env_globals", ".export", ".packages"
  ),
  called(
    "is not needed: set.seed() before the call makes its items reproducible",
    "mc.set.seed", "future.seed", ".seed"
  ),
  called(
    "is not needed: what items say and print comes as with lapply()",
    "mc.silent", "mc.stdout", "mc.warnings", "mc.messages", "mc.conditions", "future.stdout",
    "future.conditions"
  ),
  called(
    "is not needed: a call's workers begin and end with it",
    "mc.cleanup", "mc.allow.recursive", "mc.force.fork", "BPOPTIONS"
  ),
  called(
    "is not needed: large vectors reach the session without a copy",
    "mc.share.vectors", "mc.share.altreps", "mc.share.copy", "mc.shm.ipc"
  ),
  called("has no counterpart: map over indices, \\(i) f(x[[i]], y[[i]])", ".y", ".l")
)

# Many a function has these names itself. In dots they may well be meant for what `.f` calls, so
# that they are told of only where `.f` can't take them.
ambiguous_arguments <- c(
  called(
    ".workers", "cl", "cpus", "ncpus", "threads", "nthread", "nthreads", "n_threads", "num_threads",
    "num.threads", "nproc", "processes", "parallel", "multicore"
  ),
  called(".ordered", "ordered", "in_order"),
  called("is not needed: set.seed() before the call makes its items reproducible", "seed"),
  called("is not needed: further arguments of `.f` go into `...`", "MoreArgs", ".args", "args"),
  called(
    "is not needed: workers have all that this session has, and set.seed() works",
    ".options"
  ),
  called(
    "has no counterpart: lomp_map() gives a list, lomp_vapply() a vector or an array",
    "SIMPLIFY", "simplify", ".combine"
  ),
  called(".value", "FUN.VALUE", "fun.value", ".ptype"),
  called(".use_names", "USE.NAMES", "mc.use.names", "use.names"),
  called("has no counterpart: the result has the names of `.x`", ".id")
)

# What `.x`, `.f` and `.value` are called elsewhere.
other_names <- c(
  called(".x", "X", "x", ".X", "xs", ".xs", "data", ".data"),
  called(".f", "FUN", ".FUN", "fun", ".fun", "f", "fn", ".fn", "func", ".func", ".function"),
  called(".value", "FUN.VALUE", "fun.value", ".ptype")
)

# Of a name in `...` that `.f` doesn't have. Where `.f` can't take it each item would fail: the call
# does, before anything is forked. Where it goes into the dots of `.f` it is passed on, and told of.
check_peers <- function(name, f, own) {
  passes <- takes_dots(f)
  meant <- meaning_of(name, if (!passes) ambiguous_arguments)
  if (is.na(meant)) return()
  if (!passes) stop_argument(name, tell_unknown(meant, own))
  warn_passed_on(name, meant, own)
}

# NA if it is no peer's.
meaning_of <- function(name, others = NULL) unname(c(peers_arguments, others)[name])

tell_unknown <- function(meant, own) {
  sprintf("is no argument of %s() or of `.f`%s", name_of_own(own), tell_meaning(meant, own))
}

# Each of lomp's functions lacks an argument that another one has.
tell_meaning <- function(meant, own) {
  if (!startsWith(meant, ".")) return(paste("; it", meant))
  if (meant %in% names(formals(own))) return(sprintf("; did you mean `%s`?", meant))
  has_it <- vapply(own_functions(), function(f) meant %in% names(formals(f)), NA)
  sprintf("; did you mean `%s` of %s()?", meant, names(which(has_it))[[1L]])
}

own_functions <- function() {
  list(lomp_map = lomp_map, lomp_vapply = lomp_vapply, lomp_iterate = lomp_iterate)
}

name_of_own <- function(own) {
  names(which(vapply(own_functions(), identical, NA, own)))
}

warn_passed_on <- function(name, meant, own) {
  warning(new_warning("lomp_argument_passed_on", argument = name, message = sprintf(
    "`%s` is passed on to `.f`%s", name, tell_meaning(meant, own)
  )))
}

# Some primitives, `[[` say, take anything and have no list of arguments.
takes_dots <- function(f) {
  names <- formal_names(f)
  if (is.null(names)) is.primitive(f) else "..." %in% names
}

# As R matches names: in full, or by their beginning if that of one argument before the dots.
takes_argument <- function(f, name) {
  names <- as.character(formal_names(f))
  before_dots <- names[seq_len(match("...", names, nomatch = length(names) + 1L) - 1L)]
  name %in% names || sum(startsWith(before_dots, name)) == 1L
}
