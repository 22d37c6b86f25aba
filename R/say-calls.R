# The calls of conditions, as far as they travel: do.call(f, list(data)) makes one that holds the
# data.

# Bytes of a constant in a call, and of all of it, from which on it is cut. Ordinary code is far
# from both.
most_of_constant <- 1024
most_of_call <- 65536
bytes_of_cell <- 16  # as weigh() counts them

# Deeper code than this is left out where a call is cut: this goes through it by recursion.
max_levels <- 100L

# A condition whose calls, its own and those of its parents and of rlang's trace, are fit to be
# sent. All else in it stays as it is.
light_condition <- function(cnd) {
  if (has_light_calls(cnd, most_of_constant, most_of_call)) cnd else cut_calls(cnd)
}

cut_calls <- function(cnd, level = 0L) {
  if (!is.list(cnd) || isS4(cnd) || level > max_levels) return(cnd)
  cnd <- with_light(cnd, "call", light_call)
  cnd <- with_light(cnd, "parent", cut_calls, level + 1L)
  with_light(cnd, "trace", with_light, "call", light_calls)
}

# Whatever the list's class makes of `$`.
with_light <- function(x, name, lighten, ...) {
  old <- if (is.list(x)) .subset2(x, name)
  if (is.null(old)) return(x)
  new <- lighten(old, ...)
  if (is_same_object(old, new)) return(x)
  class <- oldClass(x)
  oldClass(x) <- NULL
  x[[name]] <- new
  oldClass(x) <- class
  x
}

light_calls <- function(calls) {
  if (!is.list(calls)) return(calls)
  light <- lapply(calls, light_call)
  if (all(mapply(is_same_object, calls, light))) calls else light
}

light_call <- function(call) {
  if (!is.call(call) || is.finite(weigh(call, most_of_constant, most_of_call))) return(call)
  room <- new.env(parent = emptyenv())
  room$left <- most_of_call
  cut_code(call, room, 0L)
}

# A call or the arguments of a function; `room` has the bytes that are left.
cut_code <- function(code, room, level) {
  if (level > max_levels) return(quote(...))
  parts <- first_parts(code, room)
  # The empty argument is a symbol, too, and can't be handed on.
  for (k in seq_along(parts)) {
    if (!is.symbol(parts[[k]])) parts[k] <- list(cut_part(parts[[k]], room, level + 1L))
  }
  if (is.call(code)) as.call(parts) else as.pairlist(parts)
}

# With an ellipsis for those for which there is no room.
first_parts <- function(code, room) {
  oldClass(code) <- NULL
  names <- names(code)
  parts <- as.list(code)
  attributes(parts) <- NULL
  names(parts) <- names
  n <- length(parts)
  kept <- min(n, max(1, room$left %/% (2 * bytes_of_cell)))  # with something in each
  room$left <- room$left - bytes_of_cell * kept
  if (kept < n) c(parts[seq_len(kept)], quote(...)) else parts
}

cut_part <- function(part, room, level) {
  if (is.function(part) && !is.primitive(part)) part <- function_as_code(part, room)
  if (is.call(part) || typeof(part) == "pairlist") return(cut_code(part, room, level))
  if (is.function(part)) return(part)
  bytes <- weigh(part, most_of_constant, min(most_of_constant, room$left))
  if (is.infinite(bytes)) return(placeholder(part))
  room$left <- room$left - bytes
  part
}

# A function with an environment of its own would bring that along; its code tells as much.
function_as_code <- function(f, room) {
  if (is.object(f)) return(placeholder(f))
  code <- call("function", formals(f), body(f))
  bytes <- weigh(code, most_of_constant, room$left)
  is_at_home <- is.finite(weigh(environment(f), most_of_constant, most_of_constant))
  if (!is_at_home || is.infinite(bytes)) return(code)
  room$left <- room$left - bytes
  f
}

# <matrix 1000x2000>, <data.frame 10x3>, <numeric 1000000>, <environment>
placeholder <- function(x) {
  what <- shorten(class(x)[[1L]])
  extent <- paste(vapply(extent_of(x), format_count, ""), collapse = "x")
  as.name(paste0("<", what, if (nzchar(extent)) " ", extent, ">"))
}

# Without asking the object's class, which may have code of its own.
extent_of <- function(x) {
  if (inherits(x, "data.frame")) return(c(.row_names_info(x, 2L), bare_length(x)))
  dim <- attr(x, "dim", exact = TRUE)
  if (!is.null(dim)) return(dim)
  if (is.atomic(x) || is.list(x) && !is.object(x)) bare_length(x)
}
