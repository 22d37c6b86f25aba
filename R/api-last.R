#' Which elements are results
#'
#' Tells results from the conditions that [lomp_map()] puts into the places of items that failed or
#' were not run.
#'
#' @param results A list that [lomp_map()] returned, or the `results` of a condition that it threw;
#'   a single `lomp_error` or `lomp_interrupt` will do.
#'
#' @return A logical vector, without names, `TRUE` for each element that is no `lomp_error`. `FALSE`
#'   for a single condition of these.
#' @export
#' @examples
#' results <- suppressWarnings(
#'   lomp_map(list(1, "a", 3), sqrt, .workers = 2, .on_error = "collect")
#' )
#' lomp_ok(results)
#' unlist(results[lomp_ok(results)])
lomp_ok <- function(results) {
  if (missing(results)) {
    stop_argument("results", "is missing: it must be a list that lomp_map() returned")
  }
  if (inherits(results, c("lomp_error", "lomp_interrupt"))) return(FALSE)
  if (is.list(results)) return(are_results(results))
  !vapply(results, inherits, NA, "lomp_error", USE.NAMES = FALSE)
}

#' The last failure
#'
#' The condition with which the last call ended, so that its results aren't lost at the prompt where
#' it wasn't caught. It is kept until the next call of [lomp_map()] or [lomp_vapply()], and so are
#' the results in it.
#'
#' A call may also be left by what is none of lomp's conditions: a handler or a restart of the
#' caller's that a warning of an item has met, a time limit of the session, `options(warn = 2)` and
#' one of the call's own warnings. Then this is a `lomp_error` of class `lomp_left`, with all that
#' was finished; `.redo = lomp_last()` goes on. The same holds for `as.list()` of an iterator, whose
#' results are in its order there.
#'
#' After [lomp_vapply()] with `.on_error = "collect"`, whose result has no room for conditions, it
#' is a `lomp_error` of class `lomp_collected` that has them, and all that was finished.
#'
#' @return The `lomp_error` or `lomp_interrupt` of the last call that was not made within another
#'   one; `NULL` if that call has returned its results, or if there was none.
#' @export
#' @examples
#' try(lomp_map(1:4, function(i) if (i == 3) stop("no") else i, .workers = 2))
#' lomp_last()$item
#' results <- lomp_last()$results
#' results[lomp_ok(results)]
lomp_last <- function() the$last
