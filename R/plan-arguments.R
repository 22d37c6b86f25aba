#' Options of lomp
#'
#' Options of the session that lomp looks at, set with [options()].
#'
#' - `lomp.workers`: the number of workers that [lomp_workers()] gives, and so the default of
#'   `.workers`. Unset, it is found out from the machine.
#' - `lomp.buffer`: how many bytes of results the workers of [lomp_iterate()] may have made that
#'   were not taken yet, 64 MiB if unset. One result for each worker may be there in any case.
#'   Each worker may keep as much again of the memory of results that were dropped, for the next
#'   ones; and so may this process for each worker, of large items from a stream. And about so many
#'   bytes of what items of [lomp_map()] say wait in memory for their turn; more, in a temporary
#'   file (with `.compute` all of it waits in memory).
#'
#' - `lomp.worker_memory`: how many bytes a worker of [lomp_map()] may have of its own, beside what
#'   it shares with the session, before a fresh one takes its place, between two items. Unset, it is
#'   three quarters of its share of what the machine and the control groups of this process leave
#'   (containers set those), swap included. It is raised for the rest of a call whose items need
#'   more. A worker that was replaced has lost what its items had assigned with `<<-`, and has ended
#'   what they had started; it isn't before it has been at work for twenty times as long as its
#'   first items took. Where memory is short, fewer workers run: one more is forked only if there is
#'   room for twice as much as a worker has been seen to take.
#'
#' - `lomp.report_items`: for so many items [lomp_report()] has a row each, 100,000 if unset. It
#'   takes 40 bytes for each. Of calls of more it has spans of time.
#'
#' - `lomp.output`: `"live"` if what items of [lomp_map()] print and signal is to come as they do
#'   it, `"ordered"` if it is to come by item. Unset, it is live at the console of an interactive
#'   session and where standard output is a terminal, and ordered elsewhere: in documents of the
#'   package knitr, under [capture.output()] and other sinks, where standard output is a file or a
#'   pipe, and in calls within items.
#'
#' - `lomp.keep_connections`: `TRUE` lets workers share the network connections and connected Unix
#'   sockets that the session has open. If it is `FALSE` or unset, they are severed in workers: two
#'   processes that use the same connection get each other's answers, without a word. So `TRUE` is
#'   only for those who know that at most one process uses each of them. Items that run in this
#'   process (`.workers = 0`) have the session's connections in any case.
#'
#' - `lomp.frames`: `TRUE` has an item's error bring along what the variables of its calls had been,
#'   in the field `frames`, for [utils::debugger()]: see [lomp_error]. `lomp.frames_variable` says
#'   how many bytes there may be of each variable, 1 MiB if unset, and `lomp.frames_bytes` how many
#'   of all that a worker sends in all its errors, 16 MiB if unset.
#'
#' - `lomp.machine_timeout`: with `.compute`, after how many seconds without an answer that is due a
#'   machine is taken for lost, 30 if unset. `lomp.lost_items`: what becomes of the items that such
#'   a one had: `"again"` (or unset), they are run on other machines, though some may have been
#'   begun there; `"fail"`, they fail. `lomp.kept_bytes`, an option of a daemon, says how many bytes
#'   it keeps of what calls need. See the section on other machines in [lomp_map()].
#'
#' - `lomp.harmless_pointers`: a character vector of further classes whose objects make their
#'   external pointers again or don't need them, so that [lomp_map()] doesn't warn of those in such
#'   objects (`lomp_dead_reference`). It knows by itself of [recordPlot()]'s plots, lme4's models,
#'   tables that vroom and readr have read, httr's responses, and data.table's tables.
#'
#' - `lomp.progress`: the default of `.progress`, `FALSE` if unset. Where `TRUE` comes from here, no
#'   bar is shown in documents of the package knitr. In Jupyter, which sets its option
#'   `jupyter.in_kernel`, progress is told by messages.
#'
#' @seealso [lomp-otel] for what environment variables of OpenTelemetry do.
#' @name lomp-options
#' @keywords internal
NULL

max_workers <- 10000L

# A call's arguments, checked: what is to be done, apart from the data.
# `progress` and whether the caller gave it are as in lomp_map().
new_plan <- function(items, workers, on_error, timeout = Inf, progress = FALSE, given = TRUE,
                     redo = NULL, checkpoint = NULL, machines = NULL) {
  if (!is.null(machines)) workers <- machines$machines
  plan <- if (is_source(items)) {
    new_source_plan(items, workers, on_error, redo, checkpoint)
  } else {
    new_vector_plan(items, workers, on_error, redo, checkpoint)
  }
  c(plan, list(
    timeout = check_timeout(timeout), progress = check_progress(progress, given),
    progress_given = given,
    keep_connections = check_flag(getOption("lomp.keep_connections", FALSE),
                                  "option lomp.keep_connections"),
    buffer = buffer_bytes(), worker_memory = byte_option("lomp.worker_memory", 0),
    frames = frame_limits(),
    backlog = if (plan$workers == 0L || is_live()) 0 else buffer_bytes(),
    trace_rows = trace_rows(), harmless = harmless_pointers(), is_map = TRUE, ordered = FALSE,
    emits = FALSE, machines = machines
  ))
}

# Is what items say, said again at once, for a user at the console? Else it comes in their order.
is_live <- function() {
  value <- getOption("lomp.output")
  if (!is.null(value)) {
    return(check_choice(value, c("live", "ordered"), "option lomp.output") == "live")
  }
  is_at_console() && (interactive() || isatty(stdout()))
}

# In a worker it is the session that decides what becomes of output.
is_at_console <- function() {
  !in_worker() && !has_sink() && !has_message_sink() && !isTRUE(getOption("knitr.in.progress"))
}

new_vector_plan <- function(items, workers, on_error, redo, checkpoint) {
  n <- length(items)
  if (n >= 2^32) stop_argument(".x", "must have fewer than 2^32 elements")
  workers <- check_workers(workers, ".workers")
  if (!is.null(redo)) redo <- check_redo(redo, n)
  if (!is.null(checkpoint)) checkpoint <- check_path(checkpoint, ".checkpoint")
  list(
    n = n,
    names = attr(items, "names", exact = TRUE),
    workers = as.integer(min(workers, if (is.null(redo)) n else length(redo$todo))),
    on_error = check_choice(on_error, c("stop", "collect"), ".on_error"),
    redo = redo, checkpoint = checkpoint,
    elements = if (!is.null(checkpoint) || !is.null(redo$file)) elements_hash(items)
  )
}

# How many items come from a producer is not known.
new_source_plan <- function(producer, workers, on_error, redo, checkpoint) {
  if (!is.null(redo)) stop_argument(".redo", "is not for items from a stream")
  if (!is.null(checkpoint)) stop_argument(".checkpoint", "is not for items from a stream")
  list(
    n = NA_real_, workers = check_workers(workers, ".workers"),
    on_error = check_choice(on_error, c("stop", "collect"), ".on_error"),
    source = new_source(producer)
  )
}

check_workers <- function(value, argument) {
  ok <- is.numeric(value) && length(value) == 1L && !is.na(value) && value >= 0 &&
    value <= max_workers && value == floor(value)
  if (!ok) {
    takes <- sprintf("must be a whole number from 0 to %d", max_workers)
    stop_argument(argument, takes, describe_value(value))
  }
  as.integer(value)
}

check_timeout <- function(value, argument = ".timeout") {
  ok <- is.numeric(value) && length(value) == 1L && !is.na(value) && value > 0
  if (!ok) stop_argument(argument, "must be a positive number of seconds", describe_value(value))
  as.numeric(value)
}

check_flag <- function(value, argument) {
  if (is.logical(value) && length(value) == 1L && !is.na(value)) return(value)
  stop_argument(argument, "must be TRUE or FALSE", describe_value(value))
}

# For so many items a call's report has a row each.
trace_rows <- function() {
  value <- getOption("lomp.report_items", 1e5)
  ok <- is.numeric(value) && length(value) == 1L && !is.na(value) && value >= 0
  if (!ok) {
    stop_argument("option lomp.report_items", "must be a number, 0 or more", describe_value(value))
  }
  min(floor(value), 2^32)
}

buffer_bytes <- function() byte_option("lomp.buffer", 64 * 2^20)

byte_option <- function(name, default, may_be_zero = FALSE) {
  value <- getOption(name)
  if (is.null(value)) return(default)
  ok <- is.numeric(value) && length(value) == 1L && !is.na(value) &&
    (value > 0 || may_be_zero && value == 0)
  if (!ok) {
    stop_argument(paste("option", name), "must be a positive number of bytes",
                  describe_value(value))
  }
  min(value, 2^50)
}

check_choice <- function(value, choices, argument) {
  if (is.character(value) && !anyNA(value)) {
    if (length(value) == length(choices) && all(value == choices)) return(choices[[1L]])
    if (length(value) == 1L && value %in% choices) return(value)
  }
  stop_argument(argument, paste("must be", quoted_or(choices)), describe_value(value))
}

quoted_or <- function(choices) paste0("\"", choices, "\"", collapse = " or ")

# A short text for a wrong value, for messages.
describe_value <- function(value) {
  if (is.null(value)) return("NULL")
  if (is.atomic(value) && length(value) == 1L && !is.object(value)) return(one_line(value))
  what <- class(value)[[1L]]
  what <- paste(if (grepl("^[aeiou]", what)) "an" else "a", what)
  if (is.vector(value)) sprintf("%s of length %d", what, length(value)) else what
}

# What lapply takes as it is.
is_plain_vector <- function(x) is.vector(x) && !is.object(x)

# What lapply makes of any other X. `as.list` is looked up where the caller would find it, so that
# S4 methods defined there are used.
as_items <- function(x, caller) {
  if (is.function(x)) stop("it is a function that needs arguments")
  as_list <- get("as.list", envir = caller, mode = "function")
  items <- as_list(x)
  if (!has_elements(items)) stop("its as.list() gives ", describe_value(items))
  items
}

# A list may have any attributes, as a data frame has them that has lost its missing rows.
has_elements <- function(x) {
  is.null(x) || is.atomic(x) || is.list(x) || is.expression(x) || is.call(x)
}

stop_not_vector <- function(cnd) {
  takes <- "must be a vector, a list or an object with an as.list() method"
  stop_argument(".x", takes, why = cnd)
}

# lomp's own arguments begin with a dot and come after the dots, so a misspelt one would silently
# become an argument of `.f`. A dotted name that `.f` doesn't know and that is nearly one of ours is
# taken for that; so is what ours are called elsewhere.
check_dots <- function(f, names, own = lomp_map) {
  if (is.null(names)) return()
  if ("emit" %in% names && identical(own, lomp_iterate)) {
    stop_argument("emit", "is given to `.f` by lomp_iterate() itself")
  }
  for (name in setdiff(names, c("", formal_names(f)))) check_unknown(name, f, own)
}

check_unknown <- function(name, f, own) {
  near <- if (startsWith(name, ".")) nearest_argument(name, own)
  if (!is.null(near)) {
    meant <- meaning_of(name, ambiguous_arguments)
    stop_argument(name, tell_unknown(if (is.na(meant)) near else meant, own))
  }
  if (!takes_argument(f, name)) check_peers(name, f, own)
}

# Such a function has more than one result, or none.
check_emit <- function(f, names, own = lomp_map) {
  if (has_argument(f, "emit") && !"emit" %in% names) {
    stop_argument(".f", sprintf("has an argument `emit`, which lomp_iterate() gives, not %s()",
                                name_of_own(own)))
  }
}

# Some primitives, `[[` say, have no list of arguments.
formal_names <- function(f) {
  closure <- args(f)
  if (is.function(closure)) names(formals(closure))
}

nearest_argument <- function(name, f) {
  own <- grep("^[.]([^.]|$)", names(formals(f)), value = TRUE)
  begun <- own[startsWith(own, name)]
  if (length(begun) > 0L) return(begun[[1L]])
  distance <- utils::adist(name, own)[1L, ]
  if (min(distance) <= 2) own[[which.min(distance)]]
}

# Evaluates the arguments for `.f` while there is one process, so that each has one value. One that
# fails is left to the item that uses it, as lapply would. Tells whether there is such a one.
force_dots <- function(...) {
  fails <- FALSE
  for (k in seq_len(...length())) tryCatch(...elt(k), error = function(cnd) fails <<- TRUE)
  fails
}
