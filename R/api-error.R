#' What an item's error knows
#'
#' A `lomp_error` (see the section on errors of [lomp_map()]) prints as its message. `summary()` of
#' it tells what led to the error, as far as the worker has seen it: the original error's class and
#' whole message, and the calls of the item, the innermost last. What it shows is in fields that
#' [lomp_map()] names.
#'
#' @param x,object A `lomp_error`, or such a summary: one that was caught, an element of a list that
#'   was made with `.on_error = "collect"`, or [lomp_last()].
#' @param ... Ignored.
#'
#' @return `print()`: its argument, invisibly. `summary()`: an object of class `summary.lomp_error`,
#'   which has a `print()` method.
#' @name lomp_error
#' @examples
#' logs <- function(x) log(check(x))
#' check <- function(x) if (x < 0) stop("negative") else x
#' results <- suppressWarnings(
#'   lomp_map(c(a = 1, b = -1), logs, .workers = 2, .on_error = "collect")
#' )
#' results$b
#' summary(results$b)
NULL

#' @rdname lomp_error
#' @export
print.lomp_error <- function(x, ...) {
  cat("<", class(x)[[1L]], "> ", conditionMessage(x), "\n", sep = "")
  if (length(x$calls) > 0L) cat("summary() of it shows the calls that led to this.\n")
  invisible(x)
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

# In lines. A call within an item has an error of its own, with its own calls.
summary_of_error <- function(error) {
  c(
    paste0("<", class(error)[[1L]], "> ", what_failed(error)),
    if (!is.null(error$parent)) tell_parent(error$parent),
    tell_calls(error$calls),
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

tell_calls <- function(calls) {
  if (length(calls) == 0L) return(NULL)
  c("calls, the innermost last:", sprintf("%3d. %s", seq_along(calls), calls))
}
