# The lower part of a report's plot: memory over time.

# What is known of each kind of memory, as points of lines; NULL if there aren't samples enough for
# any.
memory_lines <- function(memory) {
  if (nrow(memory) < 2L) return()
  memory[memory$workers %in% 0L, c("shared", "private")] <- NA_real_  # nobody's
  kinds <- names(memory_words)
  known <- kinds[vapply(kinds, function(kind) sum(is.finite(memory[[kind]])) > 1L, NA)]
  if (length(known) == 0L) return()
  most <- greatest(unlist(memory[setdiff(known, "budget")]))
  if (is.na(most)) return()
  # A budget that is far beyond all that was taken would leave no room for the rest.
  budget <- greatest(memory$budget)
  is_far <- is_known(budget) && budget > 2 * most
  list(time = memory$time, values = memory[setdiff(known, if (is_far) "budget")],
       most = max(most, if (!is_far) budget, na.rm = TRUE), far_budget = if (is_far) budget)
}

keys_of_memory <- function(lines) {
  kinds <- names(lines$values)
  words <- memory_words[kinds]
  if (!is.null(lines$far_budget)) {
    kinds <- c(kinds, "budget")
    words <- c(words, sprintf("budget of workers: %s, not shown", format_bytes(lines$far_budget)))
  }
  data.frame(kind = kinds, word = unname(words))
}

# Round numbers of bytes from 0 to a little over the most.
memory_ticks <- function(most) {
  power <- max(0, min(length(byte_units), floor(log10(max(1, most)) / 3)))
  pretty(c(0, most / 1000^power), 3) * 1000^power
}

# `bottom` and `top` are in the plot's own units.
draw_memory <- function(lines, bottom, top, look) {
  ticks <- memory_ticks(lines$most)
  y_at <- function(bytes) bottom + (top - bottom) * bytes / max(ticks)
  ends <- graphics::par("usr")[1:2]
  graphics::segments(ends[[1L]], y_at(ticks), ends[[2L]], y_at(ticks), col = "grey90")
  for (kind in rev(names(lines$values))) {
    draw_series(lines$time, y_at(lines$values[[kind]]), kind, look)
  }
  label_memory(ticks, y_at)
}

draw_series <- function(x, y, kind, look) {
  is_there <- is.finite(y)
  graphics::lines(x[is_there], y[is_there], col = look$lines[[kind]], lty = look$dashes[[kind]],
                  lwd = 2)
}

label_memory <- function(ticks, y_at) {
  names <- vapply(ticks, function(bytes) if (bytes > 0) format_bytes(bytes) else "0", "")
  graphics::axis(2L, y_at(ticks), names, las = 1L, lwd = 0, lwd.ticks = 1, tcl = -0.25,
                 mgp = c(0, 0.45, 0))
}
