# Looks for detail in the photographs of a folder: cuts each into square tiles and keeps the best.
# How many tiles of a photograph are worth a look, nobody knows beforehand; workers send each as
# they find it, and this session goes on summing up while they search. The photographs stay where
# they are, in one list of numeric arrays in this session's memory. Run it from a shell,
#
#   Rscript stream.R [folder] [--out=FILE.png] [--workers=N] [--limit=X]
#
# or source() it and call its functions one by one: main() runs only in a script of its own.
#
# What is computed, and after whom:
#   edges     mean squared magnitude of the Sobel gradient of luma, known as Tenengrad, in grey
#             levels from 0 to 255; Krotkov (1988), "Focusing", International Journal of Computer
#             Vision 1. Pixels at a tile's border, which lack neighbours in it, are left out. A tile
#             is worth a look if its edges are above the limit.
#   contrast  standard deviation of luma (RMS contrast), on the scale of the arrays, 0 to 1; Peli
#             (1990), "Contrast in complex images", Journal of the Optical Society of America A 7.
#   mean, sd  of the edges of all tiles so far, brought up to date with each; Welford (1962), "Note
#             on a method for calculating corrected sums of squares and products", Technometrics 4.
# Transparency is ignored by the scores.

# How to read photographs and how to draw on a sheet is taken from the example photos.R, into an
# environment of its own.
common <- new.env()
sys.source(system.file("examples", "photos.R", package = "lomp", mustWork = TRUE), common)

# Errors of those functions shall explain this program, and sheets have this one's sizes.
usage <- common$usage <- paste(
  "Usage: Rscript stream.R [folder] [--out=FILE.png] [--workers=N] [--limit=X]",
  "  folder     with JPEG and PNG files, searched recursively; by default the photographs of",
  "             Debian's mate-backgrounds package",
  "  --out      the sheet of the best tiles to draw; by default best-tiles.png",
  "  --workers  how many worker processes; by default as many as lomp_workers() says",
  "  --limit    tiles whose edges score above it are kept; default 500",
  sep = "\n"
)

sheet <- common$sheet <- utils::modifyList(
  common$sheet, list(gap = 22, frame = c(width = 192, height = 192), caption = 68)
)

# The side of a tile in pixels; how many tiles the sheet has room for, and how many of them may come
# from the same photograph.
tiles <- list(side = 192, best = 24L, best_of_one = 3L)

# ---- The command line -------------------------------------------------------------------------

parse_arguments <- function(arguments) {
  is_option <- startsWith(arguments, "--")
  options <- parse_options(arguments[is_option])
  folders <- arguments[!is_option]
  if (length(folders) > 1) common$fail("Give one folder, not ", length(folders), ".\n", usage)
  list(
    folder = if (length(folders)) folders else common$default_folder,
    out = common$checked_out(if (is.null(options$out)) "best-tiles.png" else options$out),
    workers = common$option_number(options, "workers", lomp::lomp_workers()),
    limit = common$option_number(options, "limit", 500)
  )
}

parse_options <- function(arguments) {
  pattern <- "^--(out|workers|limit)=(.+)$"
  unknown <- grep(pattern, arguments, invert = TRUE, value = TRUE)
  if (length(unknown)) common$fail("Can't make sense of ", unknown[1], ".\n", usage)
  as.list(setNames(sub(pattern, "\\2", arguments), sub(pattern, "\\1", arguments)))
}

# ---- What workers do --------------------------------------------------------------------------

# Emits the tiles of one photograph (an array of height x width x channels, or a matrix if it is
# grey) that are worth a look, and at last a report, which is no tile.
#
# Only one tile at a time is copied out of the photograph, and what was needed for it is collected
# before the next: so a worker adds little to the session's memory, see analyse_photo in photos.R.
find_tiles <- function(photo, emit, limit, side = tiles$side) {
  corners <- tile_corners(dim(photo), side)
  for (k in seq_len(nrow(corners))) {
    tile <- cut_tile(photo, corners$top[k], corners$left[k], side)
    scores <- score_tile(tile)
    if (isTRUE(scores$edges > limit)) {
      emit(c(list(top = corners$top[k], left = corners$left[k], picture = as_bytes(tile)), scores))
    }
    gc(full = FALSE)
  }
  emit(list(tried = nrow(corners), pid = Sys.getpid(), private = private_bytes()))
}

is_tile <- function(value) !is.null(value$picture)

# Upper left corners, from the left to the right.
tile_corners <- function(size, side) {
  expand.grid(top = tile_starts(size[1], side), left = tile_starts(size[2], side))
}

# The last tile is moved back until it ends where the photograph does: it overlaps the one before,
# and nothing is left out. A photograph that is smaller than a tile is one itself.
tile_starts <- function(length, side) pmin(seq(1, length, by = side), max(length - side + 1, 1))

cut_tile <- function(photo, top, left, side) {
  rows <- seq(top, min(top + side - 1, nrow(photo)))
  columns <- seq(left, min(left + side - 1, ncol(photo)))
  if (length(dim(photo)) == 2) return(photo[rows, columns, drop = FALSE])
  photo[rows, columns, , drop = FALSE]
}

# A tile without inner pixels has no edges: that is NaN, which is above no limit.
score_tile <- function(tile) {
  luma <- tile_luma(tile)
  energy <- common$sobel_energy(
    common$inner_rows(luma, 0), common$inner_rows(luma, 1), common$inner_rows(luma, 2)
  )
  list(edges = 255^2 * mean(energy), contrast = sqrt(mean((luma - mean(luma))^2)))
}

tile_luma <- function(tile) {
  plane <- function(channel) common$read_plane(channel, tile, c(1, ncol(tile)), exposure = 1)
  if (common$channel_count(tile) < 3) return(plane(1))
  weights <- common$bt601
  weights[1] * plane(1) + weights[2] * plane(2) + weights[3] * plane(3)
}

# One byte for each number, as in the files: an eighth of what would travel otherwise.
as_bytes <- function(tile) array(as.raw(tile * 255 + 0.5), dim(tile))

# What this process shares with nobody: what a forked worker has added to the session's memory, and
# pages that the session has changed since. NA where there is no smaps_rollup.
private_bytes <- function() sum(common$memory_bytes("Private_[A-Za-z]+"))

# R compiles a function when it's called for the second time: better here, once, than in each
# worker.
warm_up <- function() {
  for (i in 1:3) find_tiles(array(0.5, c(8, 8, 3)), emit = identity, limit = -1)
}

# ---- What this session does meanwhile ---------------------------------------------------------

# Takes the tiles one by one, as they come, and returns what it came to know.
watch_tiles <- function(photos, limit, workers, ordered = FALSE, progress = progress_printer()) {
  warm_up()
  gc()
  known <- new_summary(photos)
  clock <- stopwatch()
  it <- lomp::lomp_iterate(
    photos, find_tiles, limit = limit, .workers = workers, .ordered = ordered
  )
  while (!lomp::lomp_done(tile <- it())) {
    photo <- lomp::lomp_item(it)
    if (!is_tile(tile)) {
      known <- add_report(known, tile, photo)
    } else {
      known <- add_tile(known, tile, photo, clock())
      if (progress(known, names(photo), clock())) known <- weigh_session(known)
    }
  }
  known$seconds <- max(clock(), 0.001)
  weigh_session(known)
}

# Seconds since it was made.
stopwatch <- function() {
  began <- proc.time()[["elapsed"]]
  function() proc.time()[["elapsed"]] - began
}

# `arrivals` has the seconds at which the tiles of each photograph came, `edges` what Welford's
# method needs, `reports` the last report about each photograph, `session` this process's memory:
# before, and the most that was seen.
new_summary <- function(photos) {
  list(
    arrivals = rep(list(numeric()), length(photos)), highest = rep(NA_real_, length(photos)),
    edges = list(n = 0, mean = 0, m2 = 0), best = list(),
    reports = vector("list", length(photos)),
    session = rep(common$memory_bytes("Rss"), 2)
  )
}

add_tile <- function(known, tile, photo, seconds) {
  photo <- unname(photo)
  known$arrivals[[photo]][length(known$arrivals[[photo]]) + 1] <- seconds
  known$highest[photo] <- max(known$highest[photo], tile$edges, na.rm = TRUE)
  known$edges <- add_value(known$edges, tile$edges)
  known$best <- keep_best(known$best, c(list(photo = photo), tile))
  known
}

add_report <- function(known, report, photo) {
  known$reports[[photo]] <- report
  known
}

weigh_session <- function(known) {
  known$session[2] <- max(known$session[2], common$memory_bytes("Rss"))
  known
}

# A step of Welford's method: m2 is the sum of squared deviations from the mean.
add_value <- function(moments, value) {
  n <- moments$n + 1
  delta <- value - moments$mean
  mean <- moments$mean + delta / n
  list(n = n, mean = mean, m2 = moments$m2 + delta * (value - mean))
}

sd_of <- function(moments) sqrt(moments$m2 / (moments$n - 1))

# The best come first; place decides among equals, so that it doesn't matter which came first. A
# photograph that has its share already gives its worst for a better one.
keep_best <- function(best, tile, most = tiles$best, most_of_one = tiles$best_of_one) {
  best <- c(best, list(tile))
  value <- function(name) vapply(best, `[[`, 0, name)
  best <- best[order(-value("edges"), value("photo"), value("left"), value("top"))]
  own <- which(value("photo") == tile$photo)
  if (length(own) > most_of_one) best <- best[-own[length(own)]]
  head(best, most)
}

# A function that prints where things are, at the first tile and then not more often than a reader
# can follow. It tells whether it has.
progress_printer <- function(every = 0.4) {
  due <- 0
  function(known, name, seconds) {
    if (seconds < due) return(FALSE)
    due <<- seconds + every
    cat(progress_line(known, name, seconds), "\n", sep = "")
    TRUE
  }
}

progress_line <- function(known, name, seconds) {
  spread <- if (known$edges$n > 1) sprintf(" (sd %.0f)", sd_of(known$edges)) else ""
  sprintf(
    "%6.2f s: %s of %s, edges %.0f on average%s; the last from %s", seconds,
    counted(known$edges$n, "tile"), counted(sum(lengths(known$arrivals) > 0), "photograph"),
    known$edges$mean, spread, common$shorten(name, 28)
  )
}

counted <- function(n, what) paste0(format(n, big.mark = ","), " ", what, if (n != 1) "s")

# ---- Tables -----------------------------------------------------------------------------------

tile_table <- function(photos, known) {
  data.frame(
    width = vapply(photos, ncol, 0L), height = vapply(photos, nrow, 0L),
    channels = vapply(photos, common$channel_count, 0),
    MB = round(common$bytes_of(photos) / 1e6, 1),
    tried = vapply(known$reports, `[[`, 0L, "tried"), kept = lengths(known$arrivals),
    best = round(known$highest), first = arrival(known, head), last = arrival(known, tail),
    row.names = common$table_names(photos)
  )
}

arrival <- function(known, end) {
  vapply(known$arrivals, function(times) round(c(end(times, 1), NA)[1], 2), 0)
}

print_edges <- function(known, limit) {
  n <- known$edges$n
  if (n == 0) return(cat("\nNo tile has edges above ", limit, ".\n", sep = ""))
  spread <- if (n > 1) sprintf(", standard deviation %.0f", sd_of(known$edges)) else ""
  cat(sprintf(
    "\nEdges of %s above %g: mean %.0f%s.\n", counted(n, "tile"), limit, known$edges$mean, spread
  ))
}

print_time <- function(known, workers) {
  first <- if (known$edges$n > 0) sprintf("%.2f s", min(unlist(known$arrivals))) else "never"
  cat(sprintf(
    "Time: with .workers = %g the first tile came after %s, the end after %.2f s.\n",
    workers, first, known$seconds
  ))
}

print_memory <- function(known, photos) {
  cat(sprintf(
    "Memory: the session held %s before, %s of it photographs, and grew by %s.\n",
    common$megabytes(known$session[1]), common$megabytes(sum(common$bytes_of(photos))),
    common$megabytes(known$session[2] - known$session[1])
  ))
  pids <- vapply(known$reports, `[[`, 0L, "pid")
  for (reports in split(known$reports, pids)) print_worker(reports)
}

print_worker <- function(reports) {
  pid <- reports[[1]]$pid
  done <- counted(length(reports), "photograph")
  if (pid == Sys.getpid()) return(cat("  No worker:", done, "searched by the session itself.\n"))
  most <- common$megabytes(max(vapply(reports, `[[`, 0, "private")))
  cat(sprintf("  Worker %d searched %s and had %s to itself.\n", pid, done, most))
}

# ---- The sheet --------------------------------------------------------------------------------

# Beside the tiles, in pixels: the chart's width and least height, and the least height of a row.
chart <- list(width = 620, height = 420, row = 30, label = 170, count = 44, axis = 56)

draw_sheet <- function(file, photos, known, title) {
  grid <- common$sheet_grid(length(known$best))
  left <- max(grid$size[[1]], 640)
  size <- c(left + chart$width, max(grid$size[[2]], chart$height))
  common$open_sheet(file, list(size = size))
  on.exit(dev.off())
  common$draw_header(title, list(size = left))
  for (i in seq_along(known$best)) {
    draw_tile(known$best[[i]], names(photos), common$cell_corner(i, grid))
  }
  draw_chart(known, names(photos), c(left + sheet$gap, sheet$margin), size - sheet$margin)
}

draw_tile <- function(tile, names, corner) {
  common$draw_thumbnail(as_colours(tile$picture), corner)
  width <- sheet$frame[[1]]
  top <- corner[2] + sheet$frame[[2]]
  name <- common$fit(names[tile$photo], width, 0.85, 2)
  common$write_at(corner[1], top + 19, name, 0.85, bold = TRUE)
  edges <- sprintf("edges %.0f", tile$edges)
  common$write_at(corner[1], top + 40, edges, 0.8, sheet$accent)
  contrast <- sprintf("contrast %.3f", tile$contrast)
  common$write_at(corner[1] + width, top + 40, contrast, 0.75, sheet$faint, align = 1)
  place <- sprintf("column %g, row %g", tile$left, tile$top)
  common$write_at(corner[1], top + 59, place, 0.75, sheet$faint)
}

# Numbers from bytes again, and three channels or, with alpha, four.
as_colours <- function(picture) {
  channels <- common$channel_count(picture)
  order <- switch(channels, c(1, 1, 1), c(1, 1, 1, 2), 1:3, 1:4)
  array(as.integer(picture) / 255, c(dim(picture)[1:2], channels))[, , order, drop = FALSE]
}

# A row for each photograph, its tiles so far against the time, all rows on the same scales.
draw_chart <- function(known, names, corner, opposite) {
  common$write_at(corner[1], corner[2] + 24, "Tiles as they came", 1.2, bold = TRUE)
  top <- corner[2] + sheet$header
  room <- opposite[2] - chart$axis - top
  shown <- shown_rows(known$arrivals, floor(room / chart$row))
  common$write_at(corner[1], corner[2] + 54, chart_note(known, shown), 1, sheet$faint)
  x <- c(corner[1] + chart$label, opposite[1] - chart$count)
  height <- min(room / length(shown), 110)
  draw_axis(known$seconds, x, top + c(0, length(shown) * height))
  most <- max(lengths(known$arrivals))
  for (i in seq_along(shown)) {
    times <- known$arrivals[[shown[i]]]
    base <- top + i * height
    draw_row(times, known$seconds, most, x, c(base, base - 0.82 * height))
    label_row(names[shown[i]], length(times), corner[1], opposite[1], base)
  }
}

# Where there isn't room for all, those with the most tiles, in the order of the photographs.
shown_rows <- function(arrivals, room) sort(head(order(-lengths(arrivals)), max(room, 1)))

chart_note <- function(known, shown) {
  total <- length(known$arrivals)
  which <- if (length(shown) < total) sprintf(" (%d of %d shown)", length(shown), total) else ""
  paste0("how many of each photograph so far, by seconds", which)
}

draw_axis <- function(seconds, x, y) {
  ticks <- pretty(c(0, seconds), 4)
  ticks <- ticks[ticks <= seconds]
  at <- x[1] + ticks / seconds * diff(x)
  segments(at, y[1], at, y[2] + 6, col = sheet$mat, lwd = 2)
  common$write_at(at, y[2] + 22, paste(ticks, "s"), 0.8, sheet$faint, align = 0.5)
}

# Steps up by one with each tile, from y[1] to y[2] if there are as many as `most`.
draw_row <- function(times, seconds, most, x, y) {
  segments(x[1], y[1], x[2], y[1], col = sheet$shadow)
  if (!length(times)) return()
  at <- x[1] + c(rep(times, each = 2), seconds) / seconds * diff(x)
  level <- y[1] + c(0, rep(seq_along(times), each = 2)) / most * diff(y)
  polygon(c(at, x[2]), c(level, y[1]), col = sheet$shadow, border = NA)
  lines(at, level, col = sheet$accent, lwd = 2)
}

label_row <- function(name, count, left, right, base) {
  colour <- if (count) sheet$ink else sheet$faint
  name <- common$fit(name, chart$label - 16, 0.85)
  common$write_at(left, base - 8, name, 0.85, colour)
  common$write_at(right, base - 8, count, 0.85, if (count) sheet$accent else colour, align = 1)
}

# ---- The program ------------------------------------------------------------------------------

main <- function(arguments) {
  if ("--help" %in% arguments) return(cat(usage, "\n", sep = ""))
  settings <- parse_arguments(arguments)
  photos <- common$load_photos(settings$folder)
  known <- watch_tiles(photos, settings$limit, settings$workers)
  common$print_table(
    "Tiles (MB: in memory; first, last: seconds until they came)", tile_table(photos, known)
  )
  print_edges(known, settings$limit)
  print_time(known, settings$workers)
  print_memory(known, photos)
  if (!length(known$best)) return(cat("There is nothing to draw: try a lower --limit.\n"))
  draw_sheet(settings$out, photos, known, sheet_title(settings, photos, known))
  cat("Sheet of the best tiles: ", settings$out, "\n", sep = "")
}

sheet_title <- function(settings, photos, known) {
  c(
    paste("Detail in", basename(normalizePath(settings$folder))),
    sprintf(
      "the best of %s with edges above %g from %s, at most %d from each",
      counted(known$edges$n, "tile"), settings$limit, counted(length(photos), "photograph"),
      tiles$best_of_one
    )
  )
}

if (sys.nframe() == 0) main(commandArgs(trailingOnly = TRUE))
