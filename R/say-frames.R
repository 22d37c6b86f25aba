# The frames of an item's error, for utils::debugger(): copies of what was there, within bounds.

# NULL if none are wanted.
frame_limits <- function() {
  if (!check_flag(getOption("lomp.frames", FALSE), "option lomp.frames")) return(NULL)
  list(variable = byte_option("lomp.frames_variable", 2^20),
       bytes = byte_option("lomp.frames_bytes", 16 * 2^20))
}

# As note_calls(), with frames. What one process may send of them is bounded, however many of its
# items fail: so each worker has room of its own, by its fork.
new_frame_notes <- function(limits) {
  room <- new_room(limits$bytes)
  function(cnd) {
    noted <- note_calls(cnd)
    frames <- tryCatch(copy_frames(item_frames(), cnd, limits, room), error = function(cnd) NULL)
    if (is.null(frames)) noted else c(noted, list(frames = frames))
  }
}

# `left` are the bytes that may still be taken, as weigh() counts them.
new_room <- function(bytes) {
  room <- new.env(parent = emptyenv())
  room$left <- bytes
  room
}

# What utils::dump.frames() makes. The innermost frames come first to the room. NULL if there is
# none.
copy_frames <- function(frames, cnd, limits, room) {
  if (length(frames) == 0L || room$left <= 0) return(NULL)
  copies <- lapply(rev(frames), function(frame) copy_frame(sys.frame(frame), limits$variable, room))
  calls <- lapply(frames, function(frame) light_call(sys.call(frame)))
  structure(rev(copies), names = utils::limitedLabels(calls), error.message = tell_error(cnd),
            class = "dump.frames")
}

# As R says it.
tell_error <- function(cnd) {
  call <- tryCatch(conditionCall(cnd), error = function(cnd) NULL)
  where <- if (is.null(call)) "Error: " else paste("Error in", one_line(call), ": ")
  paste0(where, shorten_bytes(message_of(cnd), 8000), "\n")
}

most_variables <- 1000L

# A frame, or another environment. One that has a name is what it is in any process, and no item's
# own. Where variables are looked for, from the copy on, is the global environment.
copy_frame <- function(frame, most, room, level = 0L) {
  copy <- new.env(parent = globalenv())
  if (has_name(frame)) return(copy)
  names <- ls(frame, all.names = TRUE, sorted = FALSE)
  for (name in utils::head(names[names != "..."], most_variables)) {
    assign(name, copy_variable(frame, name, most, room, level), envir = copy)
  }
  copy
}

# The global environment, a package's or a namespace.
has_name <- function(environment) is.finite(weigh(environment, 8, 8))

# No promise is forced for it, and no other code of the item's run.
copy_variable <- function(frame, name, most, room, level) {
  held <- held_value(frame, name)
  if (is.null(held)) return(without_value(frame, name, room))
  bytes <- max(0, min(most, room$left))
  own <- new_room(bytes)
  copy <- fit(held[[1L]], own, level)
  room$left <- room$left - (bytes - own$left)
  copy
}

without_value <- function(frame, name, room) {
  if (bindingIsActive(name, frame)) return(left_out("an active binding", room))
  code <- list(do.call(substitute, list(as.name(name), frame)))
  # The empty symbol can't be handed on.
  is_missing <- is.symbol(code[[1L]]) && !nzchar(as.character(code[[1L]]))
  if (is_missing) return(left_out("a missing argument", room))
  code <- code[[1L]]
  text <- if (is.language(code)) one_line(light_call(code)) else class(code)[[1L]]
  left_out(paste("not evaluated:", text), room)
}

# ---- Values -------------------------------------------------------------------------------------

most_elements <- 1000L
most_levels <- 8L

# The value if it is small, and holds no environment; else what of it is. Nothing is copied that is
# large.
fit <- function(x, room, level) {
  if (takes_room(room, weigh(x, room$left, room$left))) return(x)
  if (level > most_levels || isS4(x)) return(left_out(large(x), room))
  switch(typeof(x),
    closure = fit_function(x, room),
    environment = fit_environment(x, room, level),
    list = fit_list(x, room, level),
    language = fit_code(x, room),
    if (is.atomic(x)) fit_vector(x, room) else left_out(large(x), room)
  )
}

takes_room <- function(room, bytes) {
  fits <- bytes <= room$left
  if (fits) room$left <- room$left - bytes
  fits
}

# A function's environment may hold anything, and so may the file that its source is in.
fit_function <- function(f, room) {
  attributes(f) <- NULL
  if (!has_name(environment(f))) environment(f) <- globalenv()
  f <- utils::removeSource(f)
  code <- call("function", formals(f), body(f))
  if (takes_room(room, weigh(code, room$left, room$left))) f else left_out(large(f), room)
}

# Of an object that is an environment its variables tell something, but not those of others that
# are in it.
fit_environment <- function(x, room, level) {
  if (level > 0L) return(left_out(large(x), room))
  with_fitting(copy_frame(x, room$left, room, most_levels), attributes(x), room)
}

fit_list <- function(x, room, level) {
  if (bare_length(x) > most_elements) return(left_out(large(x), room))
  attributes <- attributes(x)
  attributes(x) <- NULL
  parts <- lapply(x, function(part) fit(part, room, level + 1L))
  # Methods of a table's would fail.
  is_less <- any(vapply(parts, inherits, NA, "lomp_left_out"))
  if (is_less && "data.frame" %in% attributes$class) attributes <- attributes["names"]
  with_fitting(parts, attributes, room)
}

# A formula's environment is where it was written.
fit_code <- function(x, room) {
  attributes <- attributes(x)
  attributes(x) <- NULL
  if (!is.null(attributes$.Environment)) attributes$.Environment <- globalenv()
  with_fitting(cut_code(x, room, 0L), attributes, room)
}

# Its attributes may be what is too much.
fit_vector <- function(x, room) {
  attributes <- attributes(x)
  if (is.null(attributes) || bytes_of(x) > room$left) return(left_out(large(x), room))
  bare <- x
  attributes(bare) <- NULL
  if (!takes_room(room, weigh(bare, room$left, room$left))) return(left_out(large(x), room))
  with_fitting(bare, attributes, room)
}

with_fitting <- function(x, attributes, room) {
  for (name in names(attributes)) {
    part <- attributes[[name]]
    if (!takes_room(room, weigh(part, room$left, room$left))) next
    # A class may want others, which didn't fit.
    x <- tryCatch(`attr<-`(x, name, part), error = function(cnd) x)
  }
  x
}

# ---- What is left out ---------------------------------------------------------------------------

# Stands for it.
left_out <- function(what, room) {
  room$left <- room$left - 100
  structure(list(what = what), class = "lomp_left_out")
}

# "left out: matrix 1000x2000, 16 MB"
large <- function(x) {
  extent <- paste(vapply(extent_of(x), format_count, ""), collapse = "x")
  size <- if (is.atomic(x) && !is.character(x)) format_bytes(bytes_of(x))
  what <- paste0(shorten(class(x)[[1L]]), if (nzchar(extent)) " ", extent)
  paste0("left out: ", paste(c(what, size), collapse = ", "))
}

# Of a vector's elements; of strings, of what refers to them.
bytes_of <- function(x) {
  size <- c(logical = 4, integer = 4, double = 8, complex = 16, raw = 1, character = 8)
  bare_length(x) * size[[typeof(x)]]
}
