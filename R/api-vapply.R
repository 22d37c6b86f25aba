#' A parallel vapply
#'
#' Applies a function whose values have all the same type and length, as [vapply()] does, with the
#' workers of [lomp_map()]. The result is [identical()] to what `vapply(.x, .f, .value, ...)` gives,
#' a vector or an array with its names, wherever that is identical to itself.
#'
#' All that is said in [lomp_map()] of workers, items from a stream, random numbers, errors,
#' checkpoints, conditions and output holds here, too, and an item draws the same random numbers.
#' What differs is the way of results. Numbers, logical values, complex ones and bytes are put into
#' their places in one vector as they come: there is no list of a million small vectors on the way,
#' whose memory and time are most of what a call of many short items costs. Where the value of an
#' item takes 128 KB or more its worker writes it into a memory file, and that file, mapped, is the
#' result: it isn't copied. Strings and lists, and what a `.redo` or a producer gives, come as they
#' do in a list, and are put together at the end.
#'
#' @section Types, lengths and names:
#' Each value must have the length of `.value`, and its type or one that is promoted to it: logical
#' to integer to double, and all of these to complex. A value that hasn't is the error of its item,
#' with vapply's own message in `parent`.
#'
#' Where `.value` has length 1 the result is a vector, with the names of `.x`; a character vector
#' without names gives its elements as names. Else the result is an array whose last extent is that
#' of the items: a matrix, or, where `.value` is an array itself, one with an extent more. The names
#' of the other extents are those of `.value` or, where it has none, of the first item's value.
#'
#' @section Items that fail:
#' With `.on_error = "collect"` the places of items that failed are `NA`, or 0 in a raw vector,
#' which has no `NA`. The conditions are in the field `results` of the warning `lomp_failed`, and
#' of [lomp_last()] (here a `lomp_error` of class `lomp_collected`): a list as [lomp_map()] has it,
#' with the conditions of items that failed in their places and the values of all others. So
#' `.redo = lomp_last()` runs what failed once more, and gives the whole vector. In these
#' conditions, and in those by which a call ends, the list is made when it is looked at; its values
#' have no other attributes than the result has.
#'
#' @inheritParams lomp_map
#' @param .value A vector that tells what each value is, as vapply's `FUN.VALUE`: its type, its
#'   length and, if it is an array, its extents; and the names of elements. What its elements are
#'   doesn't matter.
#' @param .use_names `TRUE` if the result is to have names, as vapply's `USE.NAMES`.
#' @param .redo As in [lomp_map()]. What was finished earlier must be as `.value` says.
#'
#' @return A vector or array of the type of `.value`.
#' @seealso [lomp_map()], which gives a list; [lomp_last()].
#' @export
#' @examples
#' images <- replicate(8, matrix(runif(1e4), 100), simplify = FALSE)
#' names(images) <- letters[1:8]
#' lomp_vapply(images, mean, 0, .workers = 2)
#'
#' # Several numbers of each: a column for each image, a row for each number.
#' describe <- function(image) c(mean = mean(image), sd = sd(image), max = max(image))
#' lomp_vapply(images, describe, numeric(3), .workers = 2)[, 1:3]
#' t(lomp_vapply(images, range, c(low = 0, high = 0), .workers = 2))
#'
#' # What fails is NA, and is run again by itself.
#' parts <- list(a = 1, b = "two", c = 3)
#' suppressWarnings(lomp_vapply(parts, function(x) x + 1, 0, .workers = 2, .on_error = "collect"))
#' lomp_last()$results$b
#' lomp_vapply(parts, function(x) as.numeric(x == "two"), 0, .workers = 2, .redo = lomp_last())
lomp_vapply <- function(.x, .f, .value, ..., .use_names = TRUE, .workers = lomp_workers(),
                        .on_error = c("stop", "collect"), .timeout = Inf,
                        .progress = getOption("lomp.progress", FALSE), .redo = NULL,
                        .checkpoint = NULL, .compute = NULL) {
  if (missing(.x)) stop_missing(".x", names(substitute(list(...))))
  if (missing(.f)) stop_missing(".f", names(substitute(list(...))))
  if (missing(.value)) stop_missing(".value", names(substitute(list(...))))
  # nolint start: object_name_linter.
  # As in lomp_map().
  X <- .x
  FUN <- if (has_value(substitute(.f), parent.frame())) .f
  if (!is.function(FUN)) {
    given <- if (is.null(FUN)) substitute(.f) else FUN
    FUN <- tryCatch(match.fun(.f), error = function(cnd) stop_not_function(cnd, given, X, ...))
  }
  dot_names <- if (...length() > 0L) names(substitute(list(...)))
  if (!is.null(dot_names)) check_dots(FUN, dot_names, lomp_vapply)
  check_emit(FUN, dot_names, lomp_vapply)
  if (!is_plain_vector(X) && !is_source(X)) {
    X <- tryCatch(as_items(X, parent.frame()), error = function(cnd) stop_not_vector(cnd))
  }
  list(.value, .use_names, .workers, .on_error, .timeout, .progress, .redo, .checkpoint, .compute)
  machines <- plan_machines(.compute, if (!missing(.workers)) .workers)
  plan <- new_plan(X, .workers, .on_error, .timeout, .progress, !missing(.progress), .redo,
                   .checkpoint, machines)
  plan$value <- new_value(.value, .use_names, X, plan)
  plan$retries_dots <- ...length() > 0L && force_dots(...)
  if (!is.null(plan$source)) X <- NULL
  if (!is.null(plan$redo)) X <- X[plan$redo$todo]
  # nolint end
  run_map(plan, environment())
}
