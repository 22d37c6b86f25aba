# The look of a report's plot, and the keys that tell what is what. Colours are those of Okabe and
# Ito, which colour-blind people tell apart. In black and white outcomes differ by their hatching
# and by the shapes of their marks, and lines by their dashes.

plot_look <- function(grey) {
  look <- if (grey) grey_colours else okabe_ito
  look$shapes <- c(error = 24L, crash = 22L, timeout = 23L, restart = 25L)
  look$angles <- c(error = 45, timeout = 135)
  look$dashes <- c(session = "solid", shared = "42", private = "1242", budget = "12")
  look
}

okabe_ito <- list(
  fills = c(ok = "#56B4E9", next_ok = "#3D9AD0", error = "#D55E00", crash = "#000000",
            timeout = "#F0E442", unfinished = "#B9DFF5", wait = "#C8C8C8", alive = "#EFEFEF",
            restart = "#FFFFFF"),
  lines = c(session = "#000000", shared = "#0072B2", private = "#D55E00", budget = "#707070")
)

grey_colours <- list(
  fills = c(ok = "grey65", next_ok = "grey50", error = "grey35", crash = "black",
            timeout = "grey95", unfinished = "grey75", wait = "grey82", alive = "grey95",
            restart = "white"),
  lines = c(session = "black", shared = "grey25", private = "grey45", budget = "grey55")
)

outcome_words <- c(ok = "in .f", unfinished = "not finished", wait = "waiting", alive = "idle",
                   error = "error", crash = "crash", timeout = "time out",
                   restart = "new process")

# The keys of what is there to be seen.
keys_of_lanes <- function(lanes, is_low) {
  if (lanes$is_empty) return(data.frame(kind = character(), word = character()))
  kinds <- c("ok", if (has_unfinished(lanes)) "unfinished", if (has_waits(lanes)) "wait",
             if (has_idle(lanes)) "alive",
             intersect(names(outcome_words), lanes$marks$kind))
  words <- outcome_words[kinds]
  if (lanes$is_exact && is_low) words[["ok"]] <- "in .f (two tones by turns)"
  if (!lanes$is_exact) {
    words[["ok"]] <- sprintf("in .f (%s: share of time)", if (is_low) "shade" else "height")
  }
  data.frame(kind = kinds, word = words, row.names = NULL)
}

has_unfinished <- function(lanes) lanes$is_exact && any(lanes$bars$outcome == "unfinished")

has_waits <- function(lanes) {
  if (lanes$is_exact) any(lanes$bars$to > lanes$bars$ran) else any(lanes$shares$wait > 0)
}

# Whether workers lived noticeably longer than they worked or waited.
has_idle <- function(lanes) {
  shares <- lanes$shares
  spent <- if (lanes$is_exact) {
    visible_time(lanes$bars, lanes$xlim)
  } else {
    sum((shares$to - shares$from) * (shares$run + shares$wait))
  }
  spent < 0.99 * visible_time(lanes$bands, lanes$xlim)
}

visible_time <- function(spans, xlim) {
  sum(pmax(0, pmin(spans$to, xlim[[2L]]) - pmax(spans$from, xlim[[1L]])))
}

memory_words <- c(session = "session", shared = "shared by each worker",
                  private = "workers' own, together", budget = "budget of workers")

# In rows of at most `room` inches; each key has its row and where in it it begins.
arrange_keys <- function(keys, room, em) {
  width <- graphics::strwidth(keys$word, "inches") + 2.6 * em
  row <- 1L
  used <- 0
  keys$row <- rep(1L, nrow(keys))
  keys$x <- rep(0, nrow(keys))
  for (k in seq_len(nrow(keys))) {
    if (used > 0 && used + width[[k]] - em > room) {
      row <- row + 1L
      used <- 0
    }
    keys$row[[k]] <- row
    keys$x[[k]] <- used
    used <- used + width[[k]]
  }
  keys
}

count_rows <- function(keys) if (nrow(keys) > 0L) max(keys$row) else 0L

# The first row's middle is at `y` inches from the figure's lower edge, its left end at `x`.
draw_keys <- function(keys, x, y, em, line, look) {
  for (k in seq_len(nrow(keys))) {
    at <- list(x = x + keys$x[[k]], y = y - (keys$row[[k]] - 1L) * line)
    draw_sample(keys$kind[[k]], at, em, look)
    put_text(at$x + 1.6 * em, at$y, keys$word[[k]], adj = c(0, 0.5))
  }
}

draw_sample <- function(kind, at, em, look) {
  x <- x_of(at$x + c(0, 1.3) * em)
  y <- y_of(at$y + c(-0.4, 0.4) * em)
  if (kind %in% names(look$lines)) {
    graphics::segments(x[[1L]], mean(y), x[[2L]], mean(y), col = look$lines[[kind]],
                       lty = look$dashes[[kind]], lwd = 2)
    return(invisible())
  }
  if (kind != "restart") fill_bars(x[[1L]], y[[1L]], x[[2L]], y[[2L]], kind, look, "grey40")
  if (kind %in% names(look$shapes)) draw_marks(mean(x), mean(y), kind, 0.9, look)
}

# Bars of one outcome. Hatching tells outcomes apart without colours, where there is room for it;
# where there isn't, a line lets a bar be seen at all.
fill_bars <- function(left, bottom, right, top, kind, look, border = NA, is_wide = TRUE) {
  if (length(left) == 0L) return(invisible())
  fill <- look$fills[[kind]]
  graphics::rect(left, bottom, right, top, col = fill, border = border)
  if (!is_wide) {
    middle <- (left + right) / 2
    graphics::segments(middle, bottom, middle, top, col = fill, lend = "butt")
  } else if (kind %in% names(look$angles) && length(left) <= most_hatched) {
    graphics::rect(left, bottom, right, top, density = 22, angle = look$angles[[kind]],
                   col = "grey20", border = border, lwd = 0.8)
  }
}

most_hatched <- 1000L

draw_marks <- function(x, y, kinds, cex, look) {
  graphics::points(x, y, pch = look$shapes[kinds], bg = look$fills[kinds], cex = cex,
                   col = ifelse(kinds == "crash", "white", "black"), lwd = 0.8)
}

# ---- Places in inches ---------------------------------------------------------------------------

# Where so many inches from the figure's left or lower edge are, in the plot's own units. `plt` has
# the plot within the figure as shares of it, and `usr` its ends.
x_of <- function(inches) {
  par <- graphics::par("plt", "usr", "fin")
  share <- (inches / par$fin[[1L]] - par$plt[[1L]]) / (par$plt[[2L]] - par$plt[[1L]])
  par$usr[[1L]] + share * (par$usr[[2L]] - par$usr[[1L]])
}

y_of <- function(inches) {
  par <- graphics::par("plt", "usr", "fin")
  share <- (inches / par$fin[[2L]] - par$plt[[3L]]) / (par$plt[[4L]] - par$plt[[3L]])
  par$usr[[3L]] + share * (par$usr[[4L]] - par$usr[[3L]])
}

put_text <- function(x, y, text, ...) {
  quietly_drawn(graphics::text(x_of(x), y_of(y), text, ...))
}

# A device warns of each character that its font hasn't got, and draws dots for it.
quietly_drawn <- function(code) {
  withCallingHandlers(code, warning = function(cnd) {
    if (grepl("conversion failure|font", conditionMessage(cnd))) invokeRestart("muffleWarning")
  })
}

# As much of a text as there is room for in inches.
fit_text <- function(text, room, ...) {
  wide <- function(text) quietly_drawn(graphics::strwidth(text, "inches", ...))
  text <- as_text(text)
  if (is.na(text) || wide(text) <= room) return(text)
  cut <- substring(text, 1L, seq_len(min(200L, nchar(text))))
  fits <- which(wide(paste0(cut, "...")) <= room)
  if (length(fits) == 0L) "" else paste0(cut[[max(fits)]], "...")
}
