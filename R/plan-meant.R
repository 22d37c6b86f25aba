# What a caller has probably meant who gave no items, or no function.

# `names` are those of what is in `...`, among which may be what was meant.
stop_missing <- function(argument, names) {
  known <- other_names[names]
  known <- known[!is.na(known)]
  several <- intersect(names, c(".l", ".y"))
  takes <- if (length(known) > 0L) {
    paste0("is missing; ", tell_known(known))
  } else if (length(several) > 0L) {
    sprintf("is missing; `%s` %s", several[[1L]], meaning_of(several[[1L]]))
  } else {
    paste("is missing: it must be", what_it_is(argument))
  }
  stop_argument(argument, takes)
}

what_it_is <- function(argument) {
  switch(argument,
    .x = "a vector or a list",
    .f = "a function or the name of one",
    .value = "a vector of the type and length of each value, as vapply()'s FUN.VALUE"
  )
}

tell_known <- function(known) {
  is_one <- length(known) == 1L
  paste(enumerate(names(known)), if (is_one) "was given, which is" else "were given, which are",
        enumerate(known), "here")
}

enumerate <- function(names) paste0("`", names, "`", collapse = " and ")

# Was the function meant that is now the first of the further arguments, since one of these was
# taken for lomp's own by its name?
has_function_first <- function(...) {
  ...length() > 0L && is.function(tryCatch(..1, error = function(cnd) NULL))
}

# `given` is the value, or a name that has none; `cnd` is what match.fun() says of it.
stop_not_function <- function(cnd, given, items, ...) {
  takes <- "must be a function or the name of one"
  if (inherits(given, "formula")) {
    stop_argument(".f", paste0(takes, ", not a formula: ", function_instead(given)))
  }
  if (is_swapped(given, items)) {
    stop_argument(".f", sprintf("%s, not %s; did you swap `.x` and `.f`?", takes,
                                describe_value(given)))
  }
  if (is.null(given) || is_name(given)) stop_argument(".f", takes, why = cnd)
  if (has_function_first(...)) {
    stop_argument(".f", sprintf(
      "%s, not %s: `.x` and `.f` are lomp's own arguments; %s", takes, describe_value(given),
      "your function gets one of that name within another one, \\(item) f(item, .x = ...)"
    ))
  }
  stop_argument(".f", takes, describe_value(given))
}

# As match.fun() takes it.
is_name <- function(x) is.symbol(x) || is.character(x) && length(x) == 1L

# A producer is a function that may stand where items do: then a name that `.f` gives is that of no
# function, and no item.
is_swapped <- function(given, items) {
  if (is.null(given) || is.symbol(given)) return(FALSE)
  if (is.function(items)) return(!is_name(given) || !is_source(items))
  is.character(items) && length(items) == 1L && !is_name(given) &&
    !is.null(get0(items, envir = globalenv(), mode = "function"))
}

# The function that purrr would make of a formula, as far as that can be said in a line.
function_instead <- function(formula) {
  code <- formula[[length(formula)]]
  not_simple <- c("x", ".y", "..2", "...", "~", "function")
  if (length(formula) == 2L && !any(not_simple %in% all.names(code))) {
    item <- list(.x = quote(x), . = quote(x), ..1 = quote(x))
    text <- deparse(do.call(substitute, list(code, item)), width.cutoff = 60L, nlines = 2L)
    if (length(text) == 1L) return(paste("write \\(x)", text))
  }
  "write \\(x) and what is to be done with x"
}
