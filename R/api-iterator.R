# What lomp_iterate() returns, and what can be done with it.

# Its C++ is called by this function itself: one in between would take about as long as all else.
new_iterator <- function(state) {
  handle <- state$handle
  it <- function(close = FALSE) {
    if (missing(close) || !check_flag(close, "close")) {
      .Call(`_lomp_call_next`, handle)
    } else {
      close_iterator(state)
    }
  }
  structure(it, class = c("lomp_iterator", "function"))
}

state_of <- function(it) environment(it)$state

close_iterator <- function(state) {
  check_alive(state)
  note_end(state, "closed")
  complaints <- NULL
  if (!isTRUE(state$is_concluded)) {
    state$is_concluded <- TRUE
    close_checkpoint(state$plan, TRUE)
    tell_of_end(state)
    complaints <- state$plan$call$complaints
  }
  close_call(state)
  close_wake(state)
  signal_warnings(complaints, NULL)
  invisible(exhausted)
}

# An iterator has workers, or at least items, in one process only.
is_alive <- function(state) {
  is_same_object(state$process, the$process) && call_is_known(state$handle)
}

check_alive <- function(state) {
  if (is_alive(state)) return()
  stop_iterator(paste("it isn't alive in this process: it was saved and read again,",
                      "or made by another one"))
}

stop_iterator <- function(why) {
  stop(structure(
    class = c("lomp_iterator_error", "error", "condition"),
    list(message = paste("this iterator can't be used:", why), call = NULL)
  ))
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
  # missing(value) would be TRUE of a value that is the empty symbol, too.
  if (nargs() == 0L) return(exhausted)
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
  check_iterator(it)
  state <- state_of(it)
  summary <- call_summary(state$handle)
  if (is.null(summary) || summary$taken == 0) return(NA_integer_)
  item <- item_at(summary$item, state$plan)
  if (item <= .Machine$integer.max) item <- as.integer(item)
  name <- item_name(item, state$plan)
  if (!is.null(name)) names(item) <- name
  item
}

check_iterator <- function(it) {
  if (missing(it)) stop_argument("it", "is missing: it must be an iterator of lomp_iterate()")
  if (!inherits(it, "lomp_iterator")) {
    stop_argument("it", "must be an iterator of lomp_iterate()", describe_value(it))
  }
  it
}

#' @export
print.lomp_iterator <- function(x, ...) {
  state <- state_of(x)
  items <- if (is.na(state$plan$n)) "items from a stream" else counted(state$plan$n, "item")
  where <- counted(state$plan$workers, if (is_remote(state$plan)) "machine" else "worker")
  cat("<lomp_iterator> ", items, ", ", where, "; ",
      paste(describe_state(state), collapse = "\n"), "\n", sep = "")
  invisible(x)
}

# Where it stands, or how it has ended and what there is of it.
describe_state <- function(state) {
  if (!is_alive(state)) return("not alive in this process")
  how <- if (was_interrupted(state$plan)) "interrupted" else state$how
  if (is.null(how)) return(paste("so far", describe_counts(call_summary(state$handle))))
  words <- switch(how,
    finished = "ended", failed = "ended by an error", closed = "closed",
    interrupted = "interrupted", left = "left by a jump"
  )
  left <- call_summary(state$handle)
  counts <- describe_counts(if (is.null(left)) state$end else left)
  c(paste0(words, ": ", counts), if (how == "failed") conditionMessage(state$reason))
}

describe_counts <- function(summary) {
  done <- if (summary$done < summary$given) {
    sprintf("%s of %s", format_count(summary$done), counted(summary$given, "item"))
  } else {
    counted(summary$done, "item")
  }
  paste0(done, " done, ", counted(summary$taken, "result"), " taken")
}

counted <- function(n, what) sprintf("%s %s%s", format_count(n), what, if (n == 1) "" else "s")

#' @export
as.list.lomp_iterator <- function(x, ...) gather_results(state_of(x), Inf)

#' @importFrom utils head
#' @export
head.lomp_iterator <- function(x, n = 6L, ...) {
  ok <- is.numeric(n) && length(n) == 1L && !is.na(n) && n >= 0
  if (!ok) stop_argument("n", "must be how many results to take, 0 or more", describe_value(n))
  gather_results(state_of(x), floor(n))
}

#' @method unlist lomp_iterator
#' @export
unlist.lomp_iterator <- function(x, ...) unlist(as.list(x), ...) # nolint: object_name_linter.

#' @export
str.lomp_iterator <- function(object, ...) print(object)

# What R's functions for vectors would make of an iterator is wrong without a word: its length would
# be 1, say, and Reduce() would see one element.
refuse_as_vector <- function(what) {
  stop_iterator(sprintf("%s needs all results at once; as.list() of the iterator gives them", what))
}

#' @importFrom utils tail
#' @export
tail.lomp_iterator <- function(x, ...) refuse_as_vector("tail()")

#' @export
length.lomp_iterator <- function(x) refuse_as_vector("what asks for its length")

#' @export
`[.lomp_iterator` <- function(x, ...) refuse_as_vector("`[`")

#' @export
`[[.lomp_iterator` <- function(x, ...) refuse_as_vector("`[[`")

#' @export
`$.lomp_iterator` <- function(x, name) refuse_as_vector("`$`")

#' @export
`[<-.lomp_iterator` <- function(x, ..., value) refuse_as_vector("`[<-`")

#' @export
`[[<-.lomp_iterator` <- function(x, ..., value) refuse_as_vector("`[[<-`")

#' @export
`$<-.lomp_iterator` <- function(x, name, value) { # nolint: object_name_linter.
  refuse_as_vector("`$<-`")
}

# Iterators of the package iterators, and so foreach's; the generics are found when that is loaded.
#' @exportS3Method iterators::nextElem
nextElem.lomp_iterator <- function(obj, ...) { # nolint: object_name_linter.
  if (lomp_done(value <- obj())) stop("StopIteration", call. = FALSE)
  value
}

#' @exportS3Method iterators::iter
iter.lomp_iterator <- function(obj, ...) obj # nolint: object_name_linter.
