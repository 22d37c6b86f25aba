# The file that a call's results are appended to as they come, so that it outlives its session.

# As files number them, see CallKind.
call_kinds <- c("lomp_map", "lomp_vapply", "lomp_iterate")

kind_of <- function(plan) if (!plan$is_map) 3L else if (is.null(plan$value)) 1L else 2L

check_path <- function(path, argument) {
  ok <- is.character(path) && length(path) == 1L && !is.na(path) && nzchar(path)
  if (!ok) stop_argument(argument, "must be the name of a file", describe_value(path))
  path.expand(path)
}

# Of items that are texts, the names of files as a rule: by it a call's items are told from others.
elements_hash <- function(items) if (is.character(items)) strings_hash(items)

# Is what lomp_read() gave of a call like this one?
check_resumed <- function(plan) {
  file <- plan$redo$file
  own <- call_kinds[[kind_of(plan)]]
  if (file$call != own) {
    stop_argument(".redo", sprintf("is of a file that %s() has written, not %s()", file$call, own))
  }
  if (!identical(file$names, plan$names)) {
    stop_argument(".redo", "is of a file whose results have other names than `.x`")
  }
  if (!identical(file$elements, plan$elements)) {
    stop_argument(".redo", "is of a file whose results are those of another `.x`")
  }
}

# ---- The file -----------------------------------------------------------------------------------

# list(path = , handle = ); NULL without a file. Results of an earlier call that are in another
# file, or in none, come first.
open_checkpoint <- function(plan) {
  path <- plan$checkpoint
  if (is.null(path)) return(NULL)
  file <- plan$redo$file
  resumes <- !is.null(file) && file.exists(path)
  opened <- if (resumes) checkpoint_resume(path, file$id, file$end) else new_checkpoint(path, plan)
  if (is.list(opened)) stop_checkpoint(opened, path, resumes)
  the$written <- union(the$written, checkpoint_id(opened))
  list(path = path, handle = opened)
}

# It has no name before it has all that was finished earlier.
new_checkpoint <- function(path, plan) {
  handle <- checkpoint_create(path, kind_of(plan), plan$n, checkpoint_header(plan))
  if (is.list(handle)) return(handle)
  is_there <- FALSE
  on.exit(if (!is_there) checkpoint_close(handle, FALSE))
  if (!is.null(plan$redo)) add_earlier(handle, plan)
  handle <- checkpoint_publish(handle)
  is_there <- TRUE
  handle
}

add_earlier <- function(handle, plan) {
  finished <- setdiff(as.numeric(seq_len(plan$n)), plan$redo$todo)
  checkpoint_add(handle, finished, plan$redo$results, !plan$is_map, isTRUE(plan$redo$file$drawn))
}

# Vectors and lists of them only, since the file's reader makes nothing else.
checkpoint_header <- function(plan) {
  list(
    names = plan$names, elements = plan$elements, seed = plan$drawn_from$seed,
    is_seeded = plan$drawn_from$is_seeded,
    value = if (!is.null(plan$value)) describe_prototype(plan),
    lomp = as.character(utils::packageVersion("lomp")), R = as.character(getRversion())
  )
}

describe_prototype <- function(plan) {
  prototype <- plan$value$prototype
  kept <- attributes(prototype)[c("names", "dim", "dimnames")]
  list(type = typeof(prototype), length = as.numeric(bare_length(prototype)),
       attributes = lapply(kept, plain_attribute))
}

# Whatever class it has.
plain_attribute <- function(x) {
  if (!is.list(x)) return(if (is.null(x)) NULL else as.vector(x))
  structure(lapply(unname(x), function(names) if (!is.null(names)) as.character(names)),
            names = names(x))
}

# The whole of it, as vapply() would get it.
prototype_of_file <- function(value) {
  prototype <- vector(value$type, value$length)
  attributes(prototype) <- Filter(Negate(is.null), value$attributes)
  prototype
}

# ---- Its end ------------------------------------------------------------------------------------

# Nothing more is appended from here on; if something has failed the call says so at its end.
# `is_delivered`: an iterator's caller has got all that it has taken.
close_checkpoint <- function(plan, is_delivered = FALSE) {
  checkpoint <- plan$checkpoint
  if (is.null(checkpoint) || isTRUE(plan$call$has_closed)) return()
  plan$call$has_closed <- TRUE
  error <- checkpoint_close(checkpoint$handle, is_delivered)
  if (error == 0L) return()
  warning <- new_warning("lomp_checkpoint_failed", file = checkpoint$path, message = sprintf(
    "the checkpoint can't be written (%s): %s has what was finished until then",
    errno_text(error), quoted(checkpoint$path)
  ))
  plan$call$complaints <- c(plan$call$complaints, list(warning))
}

# By a jump.
leave_checkpoint <- function(plan) {
  if (!is.null(plan$checkpoint)) checkpoint_close(plan$checkpoint$handle, FALSE)
}

quoted <- function(path) encodeString(shorten(path), quote = "\"")

# What keeps the file from being made, or from being gone on with.
stop_checkpoint <- function(opened, path, resumes) {
  if (dir.exists(path)) stop_argument(".checkpoint", "is a folder: it must be the name of a file")
  is_other <- opened$problem %in% c("foreign", "version", "cut", "other")
  if (is_other && resumes) {
    stop_argument(".checkpoint", "is a file that is there, and not the one that `.redo` is of")
  }
  if (opened$problem == "exists") {
    stop_argument(".checkpoint", sprintf(
      "is a file that is there: go on from it with .redo = lomp_read(%s), or remove it",
      quoted(path)
    ))
  }
  if (opened$problem == "locked") {
    stop_argument(".checkpoint", "is a file that another call is appending to")
  }
  stop_argument(".checkpoint", paste(
    if (resumes) "is a file that can't be written:" else "can't be made:", errno_text(opened$error)
  ))
}
