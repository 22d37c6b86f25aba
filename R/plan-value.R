# What each value of lomp_vapply() has to be, and what the result is made of.

# Types whose elements need no encoding: their results are one vector from the beginning.
plain_types <- c("logical", "integer", "double", "complex", "raw")

# What may come in place of a type, and is promoted to it.
promoted_types <- list(
  integer = "logical", double = c("logical", "integer"),
  complex = c("logical", "integer", "double")
)

# list(prototype = , use_names = , names = , is_vector = , takes_names = ): vapply's FUN.VALUE and
# USE.NAMES, and the names of the items that it would use; whether results go into one vector, or
# into a list, which becomes one at the end; and whether other names are those of the first item's
# value.
new_value <- function(prototype, use_names, items, plan) {
  check_prototype(prototype, plan)
  use_names <- check_flag(use_names, ".use_names")
  is_plain <- is.null(plan$redo) && is.null(plan$source) && typeof(prototype) %in% plain_types
  list(
    prototype = prototype, use_names = use_names,
    names = if (use_names) if (is.null(plan$names) && is.character(items)) items else plan$names,
    is_vector = is_plain,
    takes_names = use_names && is.null(plan$redo) && bare_length(prototype) != 1L &&
      is.null(names_of_rows(prototype, is_array_value(prototype)))
  )
}

check_prototype <- function(prototype, plan) {
  if (!typeof(prototype) %in% c(plain_types, "character", "list")) {
    stop_argument(".value", "must be a vector, as vapply()'s FUN.VALUE is one",
                  describe_value(prototype))
  }
  if (isTRUE(plan$n >= 2^31) && bare_length(prototype) != 1L) {
    stop_argument(".x", "must have fewer than 2^31 elements where the result is an array")
  }
  if (!is.null(plan$redo)) check_earlier(plan$redo, prototype)
}

# What was finished earlier must be what is wanted now.
check_earlier <- function(redo, prototype) {
  finished <- as.numeric(which(lomp_ok(redo$results)))
  item <- first_misfit(redo$results, finished, prototype)
  if (item == 0) return()
  why <- misfit(redo$results[[item]], bare_length(redo$results[[item]]), item, prototype)
  stop_argument(".redo", "has a result that isn't like `.value`", why = simpleError(why))
}

# Has the value dimensions, which the result gets, too?
is_array_value <- function(prototype) length(attr(prototype, "dim", exact = TRUE)) > 0L

names_of_rows <- function(value, is_array) {
  attr(value, if (is_array) "dimnames" else "names", exact = TRUE)
}

# What vapply says of a value that doesn't fit.
misfit <- function(value, length, item, prototype) {
  if (length != bare_length(prototype)) {
    return(gettextf("values must be length %d,\n but FUN(X[[%d]]) result is length %d",
                    bare_length(prototype), item, length, domain = "R"))
  }
  if (typeof(value) %in% c(typeof(prototype), promoted_types[[typeof(prototype)]])) {
    return(gettextf("dimnames(<value>) is neither NULL nor list of length %d",
                    length(attr(prototype, "dim", exact = TRUE)), domain = "R"))
  }
  gettextf("values must be type '%s',\n but FUN(X[[%d]]) result is type '%s'", typeof(prototype),
           item, typeof(value), domain = "R")
}

# It is called below the handlers of the item that gave the value, and is its error.
new_refusal <- function(plan) {
  force(plan)
  function(value, length, item) {
    stop(simpleError(misfit(value, length, item_at(item, plan), plan$value$prototype)))
  }
}
