#' What an item's error knows
#'
#' A `lomp_error` (see the section on errors of [lomp_map()]) prints as its message, with the time
#' that its item had run and the innermost calls that led to it. `summary()` of it tells all that is
#' known, as far as the worker has seen it: the original error's class and whole message, and the
#' calls of the item, the innermost last and marked. Beside each call is its place in a source file,
#' if R has kept sources (`options(keep.source = TRUE)`, the default at a prompt), or else the
#' package that the function is of. Of the item's own call it is the place of `.f`.
#'
#' @section Fields:
#' [lomp_map()] names the fields that most code needs. These are for looking closer:
#'
#' - `calls`: the calls, as text, the outermost first. 50 at most, the innermost ones.
#' - `places`: where each of them is, `"file.R:12"`, `"[stats]"` or `""`. It is missing where
#'   nothing is known of any.
#' - `seconds`: how long the item had run. It is `NA` where that isn't known: of a worker that died
#'   while nobody waited for it (an iterator's, or that of an item from a stream).
#' - `time`: when it failed, as [proc.time()] counts elapsed time.
#' - `frames`: the variables of the calls, if the option `lomp.frames` is `TRUE`; see below.
#'
#' @section Looking around where it failed:
#' An item's error leaves a worker that goes on with other work, so there is no [recover()]. With
#' `options(lomp.frames = TRUE)` the error brings along what its calls' variables had been, in the
#' form that [utils::dump.frames()] has: `debugger(lomp_last()$frames)` looks around in it. That
#' costs nothing as long as no item fails.
#'
#' What comes is a copy, and it is bounded: `lomp.frames_variable` bytes of each variable (1 MiB if
#' unset), and `lomp.frames_bytes` (16 MiB) of all that one worker sends in all of its errors, the
#' innermost calls first. What is too much is replaced by an object that says what it was, of class
#' `lomp_left_out`; of a list or a table it is the parts that are too much. Arguments that weren't
#' evaluated stay so: there is their code in place of a value. Functions lose their environments,
#' unless that is a package's or the global one, and of an object that is an environment (a
#' reference class', an R6 object) there are the variables, without the environments in these.
#' Arguments in `...` and what the global environment had aren't there.
#'
#' @param x,object A `lomp_error`, or such a summary: one that was caught, an element of a list that
#'   was made with `.on_error = "collect"`, or [lomp_last()].
#' @param ... Ignored.
#'
#' @return `print()`: its argument, invisibly. `summary()`: an object of class `summary.lomp_error`,
#'   which has a `print()` method.
#' @seealso [lomp_last()], [lomp-options], [utils::debugger()].
#' @name lomp_error
#' @examples
#' logs <- function(x) log(check(x))
#' check <- function(x) if (x < 0) stop("negative") else x
#' results <- suppressWarnings(
#'   lomp_map(c(a = 1, b = -1), logs, .workers = 2, .on_error = "collect")
#' )
#' results$b
#' summary(results$b)
#'
#' old <- options(lomp.frames = TRUE)
#' failed <- tryCatch(lomp_map(c(1, -1), logs, .workers = 2), error = function(e) e)
#' options(old)
#' names(failed$frames)
#' failed$frames[[2]]$x
#' if (interactive()) debugger(failed$frames)
NULL

#' @rdname lomp_error
#' @export
print.lomp_error <- function(x, ...) {
  cat("<", class(x)[[1L]], "> ", conditionMessage(x), "\n", sep = "")
  writeLines(tell_way(x))
  invisible(x)
}

most_printed <- 5L

# What there is to be told in short of how it came to an error: lines, or none.
tell_way <- function(error) {
  n <- length(error$calls)
  ran <- tell_seconds(error$seconds)
  if (n == 0L) return(if (is.null(ran)) character() else ran)
  shown <- seq.int(max(1L, n - most_printed + 1L), n)
  c(
    paste0(if (is.null(ran)) "by" else paste0(ran, ", by"), " these calls (summary() tells more):"),
    if (shown[[1L]] > 1L) sprintf("   ... %d more", shown[[1L]] - 1L),
    sprintf("%3d. %s", shown, error$calls[shown])
  )
}

# NULL if that isn't known.
tell_seconds <- function(seconds) {
  if (!is_known(seconds)) return(NULL)
  paste("after", if (seconds < 0.05) "less than 0.1 s" else format_duration(seconds))
}

#' @rdname lomp_error
#' @export
summary.lomp_error <- function(object, ...) {
  structure(list(error = object), class = "summary.lomp_error")
}

#' @rdname lomp_error
#' @export
print.summary.lomp_error <- function(x, ...) {
  cat(summary_of_error(x$error), sep = "\n")
  invisible(x)
}

#' @rdname lomp_error
#' @export
print.lomp_left_out <- function(x, ...) {
  cat("<", x$what, ">\n", sep = "")
  invisible(x)
}

# In lines. A call within an item has an error of its own, with its own calls.
summary_of_error <- function(error) {
  c(
    paste(c(paste0("<", class(error)[[1L]], "> ", what_failed(error)), tell_seconds(error$seconds)),
          collapse = " "),
    if (!is.null(error$parent)) tell_parent(error$parent),
    tell_calls(error$calls, error$places),
    if (!is.null(error$frames)) tell_frames(error$frames),
    if (!is.null(error$parent) && is.list(error$results)) {
      paste(tell_count(error$results), "finished")
    }
  )
}

# A call that failed as a whole has no item.
what_failed <- function(error) {
  if (!is.na(error$item)) return(paste(label_of(error$item, error$name), "failed"))
  if (is.null(error$parent)) conditionMessage(error) else "the call failed"
}

tell_parent <- function(parent) {
  if (inherits(parent, "lomp_error")) {
    return(c("by the error of a call in it:", paste0("  ", summary_of_error(parent))))
  }
  call <- tryCatch(conditionCall(parent), error = function(cnd) NULL)
  c(paste0("by a condition of class ", class(parent)[[1L]], ":"), as_text(message_of(parent)),
    if (!is.null(call)) paste("in", one_line(call)))
}

# Numbered as debugger() numbers them, with their places in a column of their own.
tell_calls <- function(calls, places) {
  n <- length(calls)
  if (n == 0L) return(NULL)
  lines <- sprintf("%s %2d. %s", rep(c("  ", "->"), c(n - 1L, 1L)), seq_len(n), calls)
  if (!is.null(places)) lines <- trimws(paste0(beside(lines), places), "right")
  c("calls, the innermost last:", lines)
}

most_beside <- 60L

# Filled up to one width, unless that makes a line too long.
beside <- function(lines) {
  widths <- nchar(lines)
  paste0(lines, strrep(" ", 2L + pmax(0L, max(pmin(widths, most_beside)) - widths)))
}

tell_frames <- function(frames) {
  variables <- sum(vapply(frames, function(frame) length(ls(frame, all.names = TRUE)), 0L))
  sprintf("%d variables of these are in the field `frames`, for debugger()", variables)
}
