# The picture of a call: a lane for each worker, and memory below.

#' @section The picture:
#' `plot()` draws a lane for each worker, with its items as bars from left to right, and below them
#' memory over time where that was sampled. With `.compute` it is a lane for each machine, whose
#' height is the share of its workers' time in `.f` if it has several; a crash at its end is that it
#' was lost. A triangle on a lane's upper edge is a new process, by which another one was replaced.
#' Where items are too many or too short for bars of their own, the height of a lane is the share of
#' its time in `.f`; lanes that are too low for heights have shades instead. Errors, crashes and
#' time outs have a mark in any case. All of it is drawn in one plot region, so that
#' `par(mfrow = )`, `layout()` and documents have it as any other plot; its horizontal axis is in
#' seconds, whatever unit its labels have, as `abline()` and the like see it.
#'
#' @param main,sub The title, and the line below it; `""` leaves one out.
#' @param xlab,xlim The label of the time axis, and the seconds from which to which it goes.
#' @param grey `TRUE` for shades of grey. The colours can be told apart in black and white, too, and
#'   by colour-blind people.
#' @rdname lomp_report-methods
#' @export
plot.lomp_report <- function(x, main = x$call, sub = tell_call(x), xlab = NULL, xlim = NULL,
                             grey = FALSE, ...) {
  if (is.null(xlim)) xlim <- c(0, max(x$seconds, 0.001))
  check_xlim(xlim)
  cex <- graphics::par("cex")
  # The margins are made within the figure, which is never too small for none.
  old <- graphics::par(mai = numeric(4L), xpd = NA, ...)
  on.exit({
    graphics::par(cex = cex)  # first, since it changes margins
    graphics::par(old[names(old) != "cex"])
  })
  graphics::plot.new()
  graphics::par(cex = graphics::par("cex") * fitting_size(graphics::par("fin")))
  draw_report(x, list(main = main, sub = sub, xlab = xlab), xlim, plot_look(isTRUE(grey)))
  invisible(x)
}

check_xlim <- function(xlim) {
  is_range <- is.numeric(xlim) && length(xlim) == 2L && all(is.finite(xlim)) && diff(xlim) > 0
  if (!is_range) {
    stop_argument("xlim", "must be two numbers of seconds, the first the lesser one")
  }
}

# Text is smaller where the figure is.
fitting_size <- function(inches) max(0.45, min(1, inches[[1L]] / 6, inches[[2L]] / 4.5))

draw_report <- function(report, texts, xlim, look) {
  text <- text_size()
  lanes <- lanes_of(report, xlim, cells_per_inch * graphics::par("fin")[[1L]])
  memory <- memory_lines(report$memory)
  frame <- lay_out(lanes, memory, texts, text)
  graphics::par(plt = frame$plt, xpd = FALSE)
  graphics::plot.window(xlim, c(0, 1), xaxs = "i", yaxs = "i")
  frame$inch <- x_of(1) - x_of(0)
  unit <- time_unit(xlim)
  draw_lanes(lanes, frame, unit, look)
  if (!is.null(frame$memory)) draw_memory(memory, above_axis, frame$memory, look)
  graphics::par(xpd = NA)
  draw_time_axis(unit, texts$xlab, frame)
  label_lanes(lanes, frame)
  draw_head(texts, frame)
  draw_all_keys(frame, look)
}

above_axis <- 0.01  # so much of the plot that a line at 0 isn't hidden
cells_per_inch <- 75  # bars that are narrower can't be told apart

# In inches.
text_size <- function() {
  line <- graphics::par("cin")[[2L]] * graphics::par("cex")
  list(line = line, em = 0.7 * line)
}

# ---- Layout -------------------------------------------------------------------------------------

# Where all is, in inches from the figure's lower left corner, but `plt` and what is within the
# plot: lanes from 1 down, memory from 0 up.
lay_out <- function(lanes, memory, texts, text) {
  fin <- graphics::par("fin")
  line <- text$line
  left <- min(0.3 * fin[[1L]], widest_label(lanes, memory) + 0.8 * line)
  room <- fin[[1L]] - left - line
  # Of what the lanes will have of the figure, roughly; how high they are depends on the keys.
  is_low <- 0.6 * fin[[2L]] / length(lanes$names) < low_lane
  keys <- arrange_keys(keys_of_lanes(lanes, is_low), room, text$em)
  below <- if (!is.null(memory)) arrange_keys(keys_of_memory(memory), room, text$em)
  head <- line * (1.3 * has_text(texts$main) + 1.2 * has_text(texts$sub) + 0.3)
  top <- min(0.6 * fin[[2L]], head + line * (1.2 * count_rows(keys) + 0.4))
  gap <- if (!is.null(below)) line * (1.2 * count_rows(below) + 0.6)
  height <- max(0.2 * fin[[2L]], fin[[2L]] - top - 2.7 * line)
  heights <- share_height(height, gap, lanes, line)
  bottom <- fin[[2L]] - top - heights$all
  list(
    plt = c(left / fin[[1L]], 1 - min(line, 0.1 * fin[[1L]]) / fin[[1L]], bottom / fin[[2L]],
            1 - top / fin[[2L]]),
    text = text, left = left, room = room, fin = fin, is_low = is_low, keys = keys,
    below = below, bottom = bottom,
    keys_at = fin[[2L]] - head - 0.6 * line, below_at = bottom + heights$memory + gap - 0.75 * line,
    lanes = heights$lanes / heights$all, lane = heights$lanes / length(lanes$names),
    memory = if (isTRUE(heights$memory > 0)) heights$memory / heights$all
  )
}

low_lane <- 0.07  # inches, below which a lane has neither edges nor heights

widest_label <- function(lanes, memory) {
  labels <- c(lanes$names, if (!is.null(memory)) "888 MB")
  max(graphics::strwidth(labels, "inches"))
}

# Bars that are known one by one needn't be high; memory takes a third, or what they leave. There is
# none where it would be too low to be read.
share_height <- function(all, gap, lanes, line) {
  most <- if (lanes$is_exact) 8 * line * length(lanes$names) else Inf
  memory <- if (is.null(gap)) 0 else max(0.32 * all, min(0.5 * all, all - gap - most))
  if (memory < 2.5 * line) memory <- 0
  lanes <- min(most, all - if (memory > 0) memory + gap else 0)
  list(lanes = lanes, memory = memory, all = lanes + if (memory > 0) memory + gap else 0)
}

# ---- Lanes --------------------------------------------------------------------------------------

draw_lanes <- function(lanes, frame, unit, look) {
  edges <- lane_edges(length(lanes$names), frame)
  draw_bands(lanes$bands, edges, look)
  graphics::abline(v = unit$at, col = "grey85", lwd = 0.8)
  if (lanes$is_exact) {
    draw_bars(lanes$bars, edges, frame, look)
  } else {
    draw_shares(lanes$shares, edges, frame, look)
  }
  draw_lane_marks(lanes$marks, edges, frame, look)
  if (lanes$is_exact) label_bars(lanes$bars, edges, frame)
  if (lanes$is_empty) say_nothing_ran(edges)
}

# The lower and upper edges of lanes, with some space between them unless they are low.
lane_edges <- function(n, frame) {
  height <- frame$lanes / n
  space <- if (frame$is_low) 0 else 0.12 * height
  top <- 1 - height * (seq_len(n) - 1)
  list(bottom = top - height + space, top = top - space, height = height - 2 * space)
}

draw_bands <- function(bands, edges, look) {
  graphics::rect(bands$from, edges$bottom[bands$lane], bands$to, edges$top[bands$lane],
                 col = look$fills[["alive"]], border = NA)
}

# Failures come last, so that no other bar hides them. Waiting is as low as it is no work.
draw_bars <- function(bars, edges, frame, look) {
  bottom <- edges$bottom[bars$lane]
  top <- edges$top[bars$lane]
  waits <- bars$to > bars$ran
  graphics::rect(bars$ran[waits], bottom[waits], bars$to[waits],
                 bottom[waits] + 0.4 * edges$height, col = look$fills[["wait"]], border = NA)
  # Bars that are narrower would consist of edges.
  is_wide <- bars$ran - bars$from > 0.4 * frame$text$em * frame$inch
  for (kind in c("ok", "unfinished", "error", "timeout", "crash")) {
    for (wide in c(FALSE, TRUE)) {
      which <- bars$outcome == kind & is_wide == wide
      fill_bars(bars$from[which], bottom[which], bars$ran[which], top[which], kind, look,
                is_wide = wide)
    }
  }
  part_bars(bars, is_wide, bottom, top, frame, look)
}

# Neighbours have a white edge between them, unless most would be nothing else. Low lanes have no
# room for edges: every other bar is darker there.
part_bars <- function(bars, is_wide, bottom, top, frame, look) {
  if (sum(is_wide) < nrow(bars) / 2 || nrow(bars) == 0L) return()
  if (!frame$is_low) {
    return(graphics::segments(bars$from, bottom, bars$from, top, col = "white", lwd = 0.8,
                              lend = "butt"))
  }
  order <- order(bars$lane, bars$from)
  nth <- integer(nrow(bars))
  nth[order] <- sequence(rle(bars$lane[order])$lengths)
  which <- nth %% 2L == 0L & bars$outcome == "ok"
  graphics::rect(bars$from[which], bottom[which], bars$ran[which], top[which], border = NA,
                 col = look$fills[["next_ok"]])
}

draw_shares <- function(shares, edges, frame, look) {
  if (nrow(shares) == 0L) return()
  bottom <- edges$bottom[shares$lane]
  if (frame$is_low) return(shade_shares(shares, bottom, edges, look))
  ran <- bottom + edges$height * shares$run
  graphics::rect(shares$from, bottom, shares$to, ran, col = look$fills[["ok"]], border = NA)
  graphics::rect(shares$from, ran, shares$to, ran + edges$height * shares$wait,
                 col = look$fills[["wait"]], border = NA)
}

shade_shares <- function(shares, bottom, edges, look) {
  shade <- grDevices::colorRamp(look$fills[c("alive", "ok")])(shares$run)
  graphics::rect(shares$from, bottom, shares$to, bottom + edges$height, border = NA,
                 col = grDevices::rgb(shade, maxColorValue = 255))
}

# A failure has a line across its lane, since its bar may be narrower than any; a new process has a
# black one, with its mark on the upper edge.
draw_lane_marks <- function(marks, edges, frame, look) {
  if (frame$is_low) marks <- marks[marks$kind != "restart", ]
  size <- max(0.4, min(1.1, 0.4 * frame$lane / frame$text$em))
  marks <- thin_out(marks, 0.5 * size * frame$text$em * frame$inch)
  at_edge <- marks$kind == "restart"
  bottom <- edges$bottom[marks$lane]
  graphics::segments(marks$at, bottom, marks$at, bottom + edges$height, lwd = 1.2,
                     col = ifelse(at_edge, "black", look$fills[marks$kind]), lend = "butt")
  draw_marks(marks$at, bottom + edges$height * ifelse(at_edge, 1, 0.5), marks$kind, size, look)
}

say_nothing_ran <- function(edges) {
  graphics::text(mean(graphics::par("usr")[1:2]), mean(c(edges$bottom, edges$top)),
                 "no item was run", col = "grey30")
}

# ---- Labels -------------------------------------------------------------------------------------

most_labels <- 2000L

# Names where they fit, or so much of them that it tells something, or else numbers. Those of
# failures have a ground, since bars may be dark or hatched.
label_bars <- function(bars, edges, frame) {
  ends <- graphics::par("usr")[1:2]
  from <- pmax(bars$from, ends[[1L]])
  width <- (pmin(bars$ran, ends[[2L]]) - from) / frame$inch - 0.5 * frame$text$em
  fits <- which(width > 0.5 * frame$text$em & frame$lane > 1.1 * frame$text$line)
  if (length(fits) > most_labels) return()
  for (k in fits) {
    label <- label_within(bars[k, ], width[[k]])
    if (nzchar(label)) label_bar(bars[k, ], label, from[[k]], edges, frame)
  }
}

label_size <- 0.85
least_of_name <- 14L  # characters; the first few are often the same in all

label_within <- function(bar, width) {
  if (has_text(bar$label)) {
    name <- gsub("[[:cntrl:]]+", " ", as_text(bar$label))
    label <- fit_text(name, width, cex = label_size)
    if (label == name || nchar(label) >= least_of_name) return(label)
  }
  number <- format_count(bar$index)
  if (fit_text(number, width, cex = label_size) == number) number else ""
}

label_bar <- function(bar, label, from, edges, frame) {
  em <- 0.3 * frame$text$em * frame$inch
  has_mark <- !bar$outcome %in% c("ok", "unfinished")
  y <- edges$bottom[[bar$lane]] + edges$height * (if (has_mark) 0.2 else 0.5)
  if (has_mark) {
    wide <- quietly_drawn(graphics::strwidth(label, cex = label_size))
    high <- graphics::strheight("X", cex = label_size)
    graphics::rect(from + 0.6 * em, y - high, from + 1.4 * em + wide, y + high, col = "white",
                   border = NA)
  }
  quietly_drawn(graphics::text(from + em, y, label, adj = c(0, 0.5), cex = label_size))
}

# Each lane's name, or those of some where all don't fit.
label_lanes <- function(lanes, frame) {
  n <- length(lanes$names)
  step <- ceiling(frame$text$line / frame$lane)
  if (step > 1) step <- min(Filter(function(k) k >= step, c(10^(0:5), 2 * 10^(0:5), 5 * 10^(0:5))))
  shown <- if (step == 1) seq_len(n) else unique(c(1, seq_len(n)[seq_len(n) %% step == 0]))
  edges <- lane_edges(n, frame)
  y <- (edges$bottom + edges$top)[shown] / 2
  graphics::text(x_of(frame$left - 0.4 * frame$text$line), y, lanes$names[shown], adj = c(1, 0.5))
}

# The axis has its numbers in the unit that suits what is shown.
time_unit <- function(xlim) {
  span <- diff(xlim)
  k <- findInterval(span, c(1, 120, 7200)) + 1L
  size <- c(0.001, 1, 60, 3600)[[k]]
  numbers <- pretty(xlim / size, 6)
  at <- numbers * size
  is_there <- at >= xlim[[1L]] - 1e-9 * span & at <= xlim[[2L]] + 1e-9 * span
  list(name = c("ms", "s", "min", "h")[[k]], at = at[is_there], numbers = numbers[is_there])
}

draw_time_axis <- function(unit, xlab, frame) {
  graphics::axis(1L, unit$at, format(unit$numbers, trim = TRUE, scientific = FALSE), tcl = -0.25,
                 mgp = c(0, 0.3, 0), lwd = 0, lwd.ticks = 1)
  ends <- graphics::par("usr")
  graphics::segments(ends[[1L]], 0, ends[[2L]], 0)
  if (is.null(xlab)) xlab <- sprintf("time since the call began (%s)", unit$name)
  put_text(frame$left + frame$room / 2, frame$bottom - 2.1 * frame$text$line, xlab)
}

draw_head <- function(texts, frame) {
  line <- frame$text$line
  y <- frame$fin[[2L]] - 0.9 * line
  if (has_text(texts$main)) {
    put_text(frame$left, y, fit_text(texts$main, frame$room, font = 2), adj = c(0, 0.5), font = 2)
    y <- y - 1.25 * line
  }
  if (has_text(texts$sub)) {
    put_text(frame$left, y, fit_text(texts$sub, frame$room), adj = c(0, 0.5), col = "grey25")
  }
}

draw_all_keys <- function(frame, look) {
  text <- frame$text
  draw_keys(frame$keys, frame$left, frame$keys_at, text$em, 1.2 * text$line, look)
  if (is.null(frame$memory)) return()
  draw_keys(frame$below, frame$left, frame$below_at, text$em, 1.2 * text$line, look)
}
