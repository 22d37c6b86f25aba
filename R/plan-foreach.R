# A loop of the package foreach, `obj`, as lomp_iterate() takes it.

# What the loop goes over is evaluated here, once. Where that is known beforehand, all vectors and
# lists, items are the numbers of tasks, and `n` is how many there are; else `n` is NA, and items
# are the values of each task's variables. `obj` is what foreach asks for these.
new_loop <- function(obj, expr, caller, data) {
  if (!inherits(obj, "foreach")) {
    stop_argument("obj", "of %dopar% must be a foreach object", describe_value(obj))
  }
  options <- check_loop_options(obj$options[["lomp"]])
  values <- values_of_loop(outermost(obj))
  is_numbered <- is.null(obj[["e1"]]) && all(vapply(values, is_plain_vector, NA))
  if (!is_numbered) check_unnumbered(options)
  if (is.null(options$workers)) options$workers <- workers_of_loop(data)
  n <- if (is_numbered) min(lengths(values)) else NA_integer_
  list(
    obj = if (is_numbered) counting(obj, n) else with_values(obj, values),
    expr = expr, caller = caller, options = options, values = named_values(values), n = n,
    in_order = isTRUE(innermost(obj)$combineInfo$in.order), stops = stops_at_error(obj)
  )
}

# ---- Options ------------------------------------------------------------------------------------

# Those of lomp_iterate()'s arguments that foreach has none of its own for.
loop_options <- c("workers", "timeout", "progress", "checkpoint", "redo")

check_loop_options <- function(options) {
  if (is.null(options)) return(list())
  names <- names(options)
  if (!is.list(options) || length(options) > 0L && is.null(names)) {
    stop_argument(".options.lomp", "must be a list with names", describe_value(options))
  }
  unknown <- setdiff(names, loop_options)
  if (length(unknown) > 0L) {
    stop_argument(".options.lomp", sprintf(
      "has no element %s; it may have %s", quoted(unknown[[1L]]), toString(loop_options)
    ))
  }
  options
}

check_unnumbered <- function(options) {
  for (name in c("checkpoint", "redo")) {
    if (is.null(options[[name]])) next
    stop_argument(".options.lomp", sprintf(
      "has a `%s`, which is for loops over vectors and lists, not nested ones or other iterators",
      name
    ))
  }
}

# ---- What it goes over --------------------------------------------------------------------------

# Of loops that are nested by `%:%`, or filtered by when(), that whose variables come first.
outermost <- function(obj) if (is.null(obj[["e1"]])) obj else outermost(obj$e1)

# That to which a task's result goes.
innermost <- function(obj) {
  if (is.null(obj[["e1"]])) return(obj)
  innermost(if (is.null(obj[["e2"]])) obj$e1 else obj$e2)
}

# As foreach evaluates them.
values_of_loop <- function(loop) {
  lapply(loop$args, function(code) eval(code, envir = list(), enclos = loop$evalenv))
}

with_values <- function(obj, values) {
  if (is.null(obj[["e1"]])) {
    obj$args <- lapply(values, function(value) call("quote", value))
  } else {
    obj$e1 <- with_values(obj$e1, values)
  }
  obj
}

# The same loop as far as foreach is to know it where workers look up values themselves: foreach
# counts tasks, and combines their results.
counting <- function(obj, n) {
  obj$args <- list(call("quote", iterators::icount(n)))
  obj$argnames <- ""
  obj
}

# Of a task's variables. Where loops have the same name for one, foreach takes that which comes
# first.
named_values <- function(values) {
  names <- names(values)
  if (is.null(names)) list() else values[nzchar(names) & !duplicated(names)]
}

# foreach throws an error of a task where the whole loop is to stop, and that to which the result
# goes doesn't pass errors on as results.
stops_at_error <- function(obj) {
  identical(obj$errorHandling, "stop") && !identical(innermost(obj)$errorHandling, "pass")
}

# ---- Tasks --------------------------------------------------------------------------------------

# The function of an item. Its value is in a list, which tells a result from a failure, and keeps an
# iterator's end marker or a generator from being taken for such. That `eval(xpr, envir = envir)` is
# what foreach itself calls makes errors, of whose call it is a part, the same as under %do%.
new_task <- function(loop) {
  xpr <- compiled_expression(loop$expr, loop$caller)
  caller <- loop$caller
  variables <- if (is.na(loop$n)) resolver(loop$values) else picker(loop$values)
  function(item) {
    envir <- list2env(variables(item), parent = caller)
    list(eval(xpr, envir = envir))
  }
}

compiled_expression <- function(expr, caller) {
  if (compiler::enableJIT(-1L) < 1L) return(expr)
  tryCatch(compiler::compile(expr, env = caller, options = list(suppressAll = TRUE)),
           error = function(cnd) expr)
}

picker <- function(values) {
  force(values)
  function(item) lapply(values, function(value) value[[item]])
}

# ---- Elements of lists --------------------------------------------------------------------------

# An element of a list that workers have anyway is sent to them as its place there.
new_place <- function(place) structure(place, class = "lomp_place")

is_shared <- function(value) is_plain_vector(value) && is.list(value)

resolver <- function(values) {
  lists <- Filter(is_shared, values)
  function(item) {
    for (name in names(lists)) {
      place <- item[[name]]
      if (inherits(place, "lomp_place")) item[name] <- lists[[name]][unclass(place)]
    }
    named_values(item)
  }
}

# The values of a task's variables, as they are sent. A loop goes over its lists from their
# beginnings to their ends, so that the place of an element isn't before that of the last one; what
# isn't found in a list is no element of it, and is looked for no more.
new_sender <- function(values) {
  lists <- Filter(is_shared, values)
  places <- lapply(lists, function(list) 1L)
  function(item) {
    for (name in names(places)) {
      place <- find_element(item[[name]], lists[[name]], places[[name]])
      places[[name]] <<- place
      if (!is.null(place)) item[[name]] <- new_place(place)
    }
    item
  }
}

# NULL if it isn't there.
find_element <- function(value, list, first) {
  place <- first
  while (place <= length(list)) {
    if (is_same_object(value, list[[place]])) return(place)
    place <- place + 1L
  }
  NULL
}
