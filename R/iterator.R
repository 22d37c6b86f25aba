# What lomp_iterate() returns, and what can be done with it.

new_iterator <- function(state, next_value) {
  force(state)
  structure(next_value, class = c("lomp_iterator", "function"))
}

state_of <- function(it) environment(it)$state

close_iterator <- function(state) {
  if (!is.null(state$summary())) note_end(state)
  state$close()
  close_source(state$plan)
  invisible(exhausted)
}

# The end of coro's iterators.
exhausted <- as.symbol(".__exhausted__.")

#' The end of an iterator
#'
#' @param value What an iterator returned.
#'
#' @return Whether the value marks an iterator's end: one of [lomp_iterate()], or of the package
#'   coro, whose end marker this is. Without an argument, the end marker itself.
#' @export
#' @examples
#' it <- lomp_iterate(1:3, sqrt, .workers = 2)
#' while (!lomp_done(root <- it())) print(root)
lomp_done <- function(value) {
  if (missing(value)) return(exhausted)
  is.symbol(value) && identical(value, exhausted)
}

#' The item behind an iterator's last result
#'
#' @param it An iterator that [lomp_iterate()] returned.
#'
#' @return The position of the item to which the result belongs that `it()` gave last, with the
#'   item's name if it has one; `NA` before the first result and after the end.
#' @export
#' @examples
#' it <- lomp_iterate(c(a = 4, b = 9), sqrt, .workers = 2)
#' while (!lomp_done(root <- it())) cat(names(lomp_item(it)), root, "\n")
lomp_item <- function(it) {
  state <- state_of(check_iterator(it))
  summary <- state$summary()
  if (is.null(summary) || summary$taken == 0) return(NA_integer_)
  item <- summary$item
  if (item <= .Machine$integer.max) item <- as.integer(item)
  name <- item_name(item, state$plan)
  if (!is.null(name)) names(item) <- name
  item
}

check_iterator <- function(it) {
  if (!inherits(it, "lomp_iterator")) {
    stop_argument("it", "must be an iterator of lomp_iterate()", describe_value(it))
  }
  it
}

#' @export
print.lomp_iterator <- function(x, ...) {
  state <- state_of(x)
  summary <- state$summary()
  items <- if (is.na(state$plan$n)) "items from a stream" else counted(state$plan$n, "item")
  cat("<lomp_iterator> ", items, ", ",
      counted(state$plan$workers, "worker"), sep = "")
  if (is.null(summary)) {
    cat("; ended\n")
  } else {
    cat("; so far ", counted(summary$done, "item"), " done, ", counted(summary$taken, "result"),
        " taken\n", sep = "")
  }
  invisible(x)
}

counted <- function(n, what) sprintf("%s %s%s", format_count(n), what, if (n == 1) "" else "s")

#' @export
as.list.lomp_iterator <- function(x, ...) {
  state <- state_of(x)
  parts <- list()
  repeat {
    part <- state$take(take_at_once)
    if (part[[1L]] > 0L) parts[[length(parts) + 1L]] <- part
    if (part[[1L]] < take_at_once) break
  }
  values <- do.call(c, lapply(parts, function(part) part[[2L]][seq_len(part[[1L]])]))
  if (is.null(values)) values <- list()
  names <- state$plan$names
  if (!is.null(names)) {
    items <- lapply(parts, function(part) part[[3L]][seq_len(part[[1L]])])
    names(values) <- names[as.numeric(unlist(items))]
  }
  values
}

take_at_once <- 10000L

# As iterator_take() in C++, one by one.
take_singly <- function(it, most) {
  values <- vector("list", most)
  items <- numeric(most)
  item_of_last <- state_of(it)$item_of_last
  n <- 0L
  while (n < most && !lomp_done(value <- it())) {
    n <- n + 1L
    values[n] <- list(value)
    items[[n]] <- item_of_last()
  }
  list(n, values, items)
}

# Iterators of the package iterators, and so foreach's; the generics are found when that is loaded.
#' @exportS3Method iterators::nextElem
nextElem.lomp_iterator <- function(obj, ...) { # nolint: object_name_linter.
  value <- obj()
  if (lomp_done(value)) stop("StopIteration", call. = FALSE)
  value
}

#' @exportS3Method iterators::iter
iter.lomp_iterator <- function(obj, ...) obj # nolint: object_name_linter.
