#' Results in a checkpoint's file
#'
#' Reads what a call with `.checkpoint` has written (see [lomp_map()]), whether it has ended or was
#' killed, and whether or not it is still running.
#'
#' @section What is read:
#' Each entry of the file has checksums, and only sound ones are read. A tail that was never written
#' to its end, as a killed session leaves one, is passed over, and so is any garbage behind it.
#' Damage before the last sound entry is told by a warning of class `lomp_checkpoint_damaged`, with
#' the field `file`; what it hit counts as not run. Results are copied into memory: the file may be
#' changed or removed afterwards.
#'
#' A file can be read by a version of lomp that has the same format, and on machines with the same
#' order of bytes. Another one, a file that is no checkpoint, or one that can't be read is a
#' `lomp_argument_error`.
#'
#' @section What is executed:
#' Nothing that is in the file. Vectors and lists of them, which most results are, have an encoding
#' that can't stand for anything else. Other values come by R's own [unserialize()], which evaluates
#' nothing, but may load the installed packages to which they refer; values that lomp can't have
#' written (promises in lists, streams of another form) are errors. But functions, environments with
#' promises and active bindings, and objects with classes are what they are: they run when they are
#' used. So, as with [readRDS()], read files of people that you trust.
#'
#' @param file The name of a file.
#'
#' @return A list as [lomp_map()] gives it, with the names of the call's items, a result in the
#'   place of each item that was finished, and a condition of class `lomp_not_run` in each other one
#'   ([lomp_ok()] tells). Of [lomp_vapply()] it has the values one by one; of [lomp_iterate()] a
#'   list of results for each item that was delivered to its end. The attribute `lomp_checkpoint`
#'   has what it takes to tell whether a call is the same, as a list: among other things `call`, the
#'   function, `seed`, that of the items, and the versions of `lomp` and `R`. A list that was made
#'   of this one without it is an earlier result like others.
#' @seealso [lomp_map()], and the sections on checkpoints there and in [lomp_iterate()].
#' @export
#' @examples
#' file <- tempfile()
#' squares <- suppressWarnings(
#'   lomp_map(c(a = 1, b = 2, c = 3), function(x) if (x == 2) stop("no") else x^2,
#'            .workers = 2, .on_error = "collect", .checkpoint = file)
#' )
#' found <- lomp_read(file)
#' lomp_ok(found)
#'
#' # Only what isn't there is run, and appended.
#' str(lomp_map(c(a = 1, b = 2, c = 3), function(x) x^2, .workers = 2, .redo = found,
#'              .checkpoint = file))
#' unlink(file)
lomp_read <- function(file) {
  if (missing(file)) stop_argument("file", "is missing: it must be the name of a file")
  path <- check_path(file, "file")
  found <- tryCatch(checkpoint_load(path), error = function(cnd) {
    stop_argument("file", "can't be read", why = cnd)
  })
  if (!is.null(found$problem)) stop_unreadable(found)
  if (!is_own_header(found)) stop_argument("file", "is no checkpoint of lomp's")
  if (found$damaged > 0) warn_damaged(found, path)
  results <- found$results
  header <- found$header
  if (!is.null(header$value)) results <- with_value_attributes(results, found$missing, header$value)
  seed <- list(random = list(seed = header$seed))
  if (length(found$missing) > 0L) results[found$missing] <- list(new_not_run(seed))
  names(results) <- header$names
  attr(results, "lomp_checkpoint") <- checkpoint_mark(found, path)
  results
}

# Anybody may have written the file.
is_own_header <- function(found) {
  header <- found$header
  found$call %in% seq_along(call_kinds) && is.integer(header$seed) && length(header$seed) == 7L &&
    is_flag(header$is_seeded) && (is.null(header$elements) || is_text(header$elements)) &&
    (is.null(header$names) || is.character(header$names) && length(header$names) == found$items) &&
    is_text(header$lomp) && is_text(header$R)
}

is_flag <- function(x) is.logical(x) && length(x) == 1L && !is.na(x)

is_text <- function(x) is.character(x) && length(x) == 1L && !is.na(x)

# What it takes to tell whether a call is the one whose results these are, and to go on.
checkpoint_mark <- function(found, path) {
  header <- found$header
  known <- header[c("names", "elements", "seed", "is_seeded", "value", "lomp", "R")]
  structure(class = "lomp_checkpoint", c(known, list(
    file = path, call = call_kinds[found$call], id = found$id, end = found$end, drawn = found$drawn
  )))
}

# Elements have come bare: each value gets what the list in a condition of lomp_vapply() has.
with_value_attributes <- function(results, missing, value) {
  if (!value$type %in% plain_types) return(results)
  first <- if (!1 %in% missing && length(results) > 0L) results[[1L]]
  attributes <- value_attributes(first, list(prototype = prototype_of_file(value)))
  if (is.null(attributes)) return(results)
  lapply(results, function(result) {
    if (!is.null(result) && is.null(attributes(result))) attributes(result) <- attributes
    result
  })
}

#' @export
print.lomp_checkpoint <- function(x, ...) {
  cat("<lomp_checkpoint> of ", x$call, "(), by lomp ", x$lomp, " and R ", x$R, "\n", sep = "")
  invisible(x)
}

stop_unreadable <- function(found) {
  switch(found$problem,
    system = stop_argument("file", paste("can't be read:", errno_text(found$error))),
    version = stop_argument("file", "is a checkpoint of another version of lomp, or machine"),
    cut = stop_argument("file", "is a checkpoint whose beginning is damaged"),
    stop_argument("file", "is no checkpoint of lomp's")
  )
}

warn_damaged <- function(found, path) {
  warning(new_warning("lomp_checkpoint_damaged", file = path, message = sprintf(
    "%s bytes in the middle of %s are damaged: what was in them is not run here",
    format_count(found$damaged), quoted(path)
  )))
}
