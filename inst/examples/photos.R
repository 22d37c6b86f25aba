# Scores the photographs of a folder on all cores, while they stay where they are: in one list of
# numeric arrays in this session's memory. Run it from a shell,
#
#   Rscript photos.R [folder] [--out=FILE.png] [--workers=N] [--exposure=X]
#
# or source() it and call its functions one by one: main() runs only in a script of its own.
#
# What is computed, and after whom:
#   sharpness     variance of the Laplacian of luma; Pech-Pacheco et al. (2000), "Diatom
#                 autofocusing in brightfield microscopy", ICPR 2000.
#   edges         mean squared magnitude of the Sobel gradient of luma, known as Tenengrad; Krotkov
#                 (1988), "Focusing", International Journal of Computer Vision 1.
#   colourful     Hasler and Suesstrunk (2003), "Measuring colourfulness in natural images",
#                 SPIE 5007.
#   bright        mean luma; contrast is its standard deviation (RMS contrast), Peli (1990),
#                 "Contrast in complex images", Journal of the Optical Society of America A 7.
#   entropy       of the histogram of luma in 256 bins, in bits; Shannon (1948).
#   mean sd skew  colour moments of each channel: mean, standard deviation and the cube root of the
#                 third central moment; Stricker and Orengo (1995), "Similarity of color images",
#                 SPIE 2420 (there in HSV, here in RGB).
# Sharpness, edges and colourful count grey levels from 0 to 255, as is usual for them; all else is
# on the scale of the arrays, 0 to 1. Scores of detail leave out the outermost pixels, which lack
# neighbours. Transparency is ignored by the scores.

default_folder <- "/usr/share/backgrounds/mate/nature"

# Luma weights of ITU-R BT.601, the ones that JPEG itself uses.
bt601 <- c(0.299, 0.587, 0.114)

usage <- paste(
  "Usage: Rscript photos.R [folder] [--out=FILE.png] [--workers=N] [--exposure=X]",
  "  folder      with JPEG and PNG files, searched recursively; by default the photographs of",
  "              Debian's mate-backgrounds package",
  "  --out       the contact sheet to draw; by default contact-sheet.png",
  "  --workers   how many worker processes; by default as many as lomp_workers() says",
  "  --exposure  factor by which the photographs are brightened before they are scored; default 1",
  sep = "\n"
)

# ---- The command line -------------------------------------------------------------------------

parse_arguments <- function(arguments) {
  is_option <- startsWith(arguments, "--")
  options <- parse_options(arguments[is_option])
  folders <- arguments[!is_option]
  if (length(folders) > 1) fail("Give one folder, not ", length(folders), ".\n", usage)
  list(
    folder = if (length(folders)) folders else default_folder,
    out = checked_out(if (is.null(options$out)) "contact-sheet.png" else options$out),
    workers = option_number(options, "workers", lomp::lomp_workers()),
    exposure = option_number(options, "exposure", 1)
  )
}

parse_options <- function(arguments) {
  pattern <- "^--(out|workers|exposure)=(.+)$"
  unknown <- grep(pattern, arguments, invert = TRUE, value = TRUE)
  if (length(unknown)) fail("Can't make sense of ", unknown[1], ".\n", usage)
  as.list(setNames(sub(pattern, "\\2", arguments), sub(pattern, "\\1", arguments)))
}

option_number <- function(options, name, default) {
  if (is.null(options[[name]])) return(default)
  number <- suppressWarnings(as.numeric(options[[name]]))
  if (!is.finite(number) || number < 0) {
    fail("--", name, " takes a number that isn't negative, not ", options[[name]], ".")
  }
  number
}

# The sheet is drawn last: that it has no place to go to should be known first.
checked_out <- function(file) {
  if (!dir.exists(dirname(file))) fail("There is no folder ", dirname(file), " for ", file, ".")
  file
}

# The call of an error says nothing to somebody at a shell.
fail <- function(...) stop(..., call. = FALSE)

# ---- Finding and reading photographs ----------------------------------------------------------

# Paths of the pictures, named by their place in the folder: that names the results, too.
find_photos <- function(folder) {
  if (!dir.exists(folder)) fail("There is no folder ", folder, ".", debian_hint(folder))
  names <- list.files(folder, "\\.(jpe?g|png)$", recursive = TRUE, ignore.case = TRUE)
  if (!length(names)) {
    fail("There are no photographs (JPEG or PNG files) in ", folder, ".", debian_hint(folder))
  }
  setNames(file.path(folder, names), names)
}

debian_hint <- function(folder) {
  if (folder != default_folder) return("")
  paste0(
    "\nThe photographs used by default come with: apt-get install mate-backgrounds",
    "\nOr name a folder of your own.\n", usage
  )
}

# What a file is is told by its first bytes: names lie now and then.
picture_kind <- function(bytes) {
  starts_with <- function(...) identical(head(bytes, ...length()), as.raw(c(...)))
  if (starts_with(0xff, 0xd8, 0xff)) return("jpeg")
  if (starts_with(0x89, 0x50, 0x4e, 0x47)) return("png")
  NA_character_
}

file_kind <- function(path) picture_kind(readBin(path, "raw", 4))

# Only what the files at hand take is asked for.
require_readers <- function(paths) {
  needed <- na.omit(unique(vapply(paths, file_kind, "")))
  missing <- Filter(function(package) !requireNamespace(package, quietly = TRUE), needed)
  if (!length(missing)) return(invisible())
  quoted <- paste0('"', missing, '"', collapse = ", ")
  fail(
    "These photographs need the package ", paste(missing, collapse = " and the package "),
    ". To install: install.packages(c(", quoted, ")) in R, or, on Debian, apt-get install ",
    paste0("r-cran-", missing, collapse = " "), "."
  )
}

# A list of arrays; each file that can't be read is reported by its name and left out.
read_photos <- function(paths) {
  Filter(Negate(is.null), Map(read_or_report, paths, names(paths)))
}

read_or_report <- function(path, name) {
  tryCatch(read_photo(path), error = function(condition) {
    message(name, " can't be read and is left out: ", conditionMessage(condition))
    NULL
  })
}

read_photo <- function(path) {
  bytes <- readBin(path, "raw", file.size(path))
  switch(picture_kind(bytes),
    jpeg = read_jpeg(bytes),
    png = png::readPNG(bytes),
    fail("it is neither a JPEG nor a PNG file")
  )
}

read_jpeg <- function(bytes) {
  if (is_cut_short(bytes)) fail("it is cut short")
  photo <- jpeg::readJPEG(bytes)
  if (identical(attr(photo, "color.space"), "CMYK")) cmyk_to_rgb(photo) else photo
}

# The decoder fills what is missing with grey and mentions it to nobody but the terminal, hence this
# check: each image in the file, such as the preview in its header, has a mark at its start and one
# at its end.
is_cut_short <- function(bytes) {
  count <- function(...) length(grepRaw(as.raw(c(...)), bytes, fixed = TRUE, all = TRUE))
  count(0xff, 0xd9) < count(0xff, 0xd8, 0xff)
}

# By the custom that Photoshop began, CMYK in a JPEG is stored inverted: 1 is no ink.
cmyk_to_rgb <- function(photo) {
  array(photo[, , 1:3] * as.vector(photo[, , 4]), c(dim(photo)[1:2], 3))
}

# ---- Analysis ---------------------------------------------------------------------------------

# Scores one photograph: an array of height x width x channels, or a matrix if it is grey.
#
# A photograph may take 100 MB and memory's speed is what several workers share, so it isn't
# processed as a whole, with each of a few dozen temporaries as large as itself, but in strips of
# columns, which lie in one piece in memory, small enough for the processor's cache. The collection
# after each strip costs less than the strip's work, and lets the next strip use the same memory
# again, which a worker that starts with plenty of room under R's limit wouldn't do by itself: it
# adds little to the session's memory, and is spared the price of fresh pages.
analyse_photo <- function(photo, exposure = 1, weights = bt601, strip_values = 2^15) {
  total <- NULL
  for (own in column_strips(nrow(photo), ncol(photo), strip_values)) {
    total <- merge_tallies(total, tally_strip(photo, own, exposure, weights))
    gc(full = FALSE)
  }
  scores_of(total)
}

# First and last column of each strip.
column_strips <- function(height, width, strip_values) {
  step <- max(1, strip_values %/% height)
  lapply(seq(1, width, by = step), function(first) c(first, min(first + step - 1, width)))
}

# Neighbours are needed for detail, but must not be counted twice as colours: a strip is read with
# a halo of one column on each side, and `keep` tells its own columns.
tally_strip <- function(photo, own, exposure, weights) {
  halo <- c(max(own[1] - 1, 1), min(own[2] + 1, ncol(photo)))
  keep <- seq(own[1], own[2]) - halo[1] + 1
  rgb <- read_rgb(photo, halo, exposure)
  luma <- weights[1] * rgb$red + weights[2] * rgb$green + weights[3] * rgb$blue
  own_luma <- luma[, keep, drop = FALSE]
  list(
    moments = cbind(
      colour_moments(lapply(rgb, function(plane) plane[, keep, drop = FALSE])),
      luma = moments(own_luma),
      detail_moments(luma)
    ),
    histogram = tabulate(as.integer(own_luma * 255 + 1.5), 256)
  )
}

# A grey photograph is one whose three channels are equal.
read_rgb <- function(photo, columns, exposure) {
  planes <- lapply(colour_channels(photo), read_plane, photo, columns, exposure)
  setNames(rep_len(planes, 3), c("red", "green", "blue"))
}

# Indices of the channels that are colours; the second of two and the fourth of four are alpha.
colour_channels <- function(photo) if (channel_count(photo) < 3) 1 else 1:3

channel_count <- function(photo) if (length(dim(photo)) == 2) 1 else dim(photo)[3]

# A range of the whole vector is copied several times faster than photo[, columns, channel].
# Overexposed pixels are clipped, as a sensor does it.
read_plane <- function(channel, photo, columns, exposure) {
  skipped <- (channel - 1) * ncol(photo) + columns[1] - 1
  count <- columns[2] - columns[1] + 1
  plane <- photo[(skipped * nrow(photo) + 1):((skipped + count) * nrow(photo))]
  if (exposure != 1) plane <- pmin(plane * exposure, 1)
  dim(plane) <- c(nrow(photo), count)
  plane
}

# Moments of the channels, and of the opponent colours that colourfulness is made of.
colour_moments <- function(rgb) {
  cbind(
    vapply(rgb, moments, numeric(4)),
    red_green = moments(rgb$red - rgb$green),
    yellow_blue = moments((rgb$red + rgb$green) / 2 - rgb$blue)
  )
}

# Both filters are combined from whole rows and columns, shifted against each other:
#   Laplacian 0  1  0    Sobel, across -1 0 1    Sobel, down -1 -2 -1
#             1 -4  1                  -2 0 2                 0  0  0
#             0  1  0                  -1 0 1                 1  2  1
detail_moments <- function(luma) {
  up <- inner_rows(luma, 0)
  middle <- inner_rows(luma, 1)
  down <- inner_rows(luma, 2)
  laplacian <- inner_columns(up + down - 4 * middle, 1) +
    inner_columns(middle, 0) + inner_columns(middle, 2)
  cbind(laplacian = moments(laplacian), gradient = moments(sobel_energy(up, middle, down)))
}

sobel_energy <- function(up, middle, down) {
  smooth <- up + 2 * middle + down
  across <- inner_columns(smooth, 2) - inner_columns(smooth, 0)
  step <- down - up
  along <- inner_columns(step, 0) + 2 * inner_columns(step, 1) + inner_columns(step, 2)
  across * across + along * along
}

# All rows (or columns) but two, from the offset on; none of a plane that is too small.
inner_rows <- function(plane, offset) {
  plane[seq_len(max(nrow(plane) - 2, 0)) + offset, , drop = FALSE]
}

inner_columns <- function(plane, offset) {
  plane[, seq_len(max(ncol(plane) - 2, 0)) + offset, drop = FALSE]
}

# Number, mean, and sums of the second and third powers of the deviations from it: unlike sums of
# plain powers, they don't lose their digits where a mean is large and deviations are small.
moments <- function(values) {
  n <- length(values)
  mean <- sum(values) / max(n, 1)
  deviation <- values - mean
  square <- deviation * deviation
  c(n = n, mean = mean, m2 = sum(square), m3 = sum(square * deviation))
}

merge_tallies <- function(a, b) {
  if (is.null(a)) return(b)
  list(moments = merge_moments(a$moments, b$moments), histogram = a$histogram + b$histogram)
}

# Moments of two sets together, from those of each, one column for each quantity: Chan, Golub and
# LeVeque (1979), for the third Pebay (2008).
merge_moments <- function(a, b) {
  n_a <- a["n", ]
  n_b <- b["n", ]
  n <- n_a + n_b
  share <- n_b / pmax(n, 1)
  delta <- b["mean", ] - a["mean", ]
  spread <- delta^2 * n_a * share
  rbind(
    n = n,
    mean = a["mean", ] + delta * share,
    m2 = a["m2", ] + b["m2", ] + spread,
    m3 = a["m3", ] + b["m3", ] + spread * delta * (1 - 2 * share) +
      3 * delta * ((1 - share) * b["m2", ] - share * a["m2", ])
  )
}

# Without any inner pixel there is no detail to score: that is NaN, and so is its printed score.
scores_of <- function(total) {
  mean <- total$moments["mean", ]
  sd <- sqrt(total$moments["m2", ] / total$moments["n", ])
  third <- total$moments["m3", ] / total$moments["n", ]
  gradient <- if (total$moments["n", "gradient"] > 0) mean[["gradient"]] else NaN
  channels <- c("red", "green", "blue")
  list(
    sharpness = (255 * sd[["laplacian"]])^2,
    edges = 255^2 * gradient,
    colourful = 255 * colourfulness(mean, sd),
    bright = mean[["luma"]],
    contrast = sd[["luma"]],
    entropy = entropy(total$histogram),
    moments = rbind(mean = mean, sd = sd, skew = sign(third) * abs(third)^(1 / 3))[, channels],
    histogram = total$histogram
  )
}

colourfulness <- function(mean, sd) {
  opponents <- c("red_green", "yellow_blue")
  sqrt(sum(sd[opponents]^2)) + 0.3 * sqrt(sum(mean[opponents]^2))
}

entropy <- function(counts) {
  share <- counts[counts > 0] / sum(counts)
  -sum(share * log2(share))
}

# ---- Memory and time --------------------------------------------------------------------------

# A photograph's scores, and what the process that computed them has come to hold on its own. lapply
# and lomp_map both run this very function, so that their times can be compared.
analyse_and_weigh <- function(photo, ...) {
  scores <- analyse_photo(photo, ...)
  list(scores = scores, pid = Sys.getpid(), private = memory_bytes("Private_Dirty"))
}

# Linux's own count of this process's memory. Private_Dirty is what it has written and shares with
# nobody: in a forked worker, exactly what it has added to the session's memory. NA elsewhere.
memory_bytes <- function(field) {
  file <- "/proc/self/smaps_rollup"
  if (!file.exists(file)) return(NA_real_)
  line <- grep(paste0("^", field, ":"), readLines(file), value = TRUE)
  1024 * as.numeric(gsub("[^0-9]", "", line))
}

# R compiles a function when it's called for the second time. Neither of the two that are compared
# should have to do that for the other, or each worker anew.
warm_up <- function() {
  for (i in 1:3) analyse_and_weigh(array(0.5, c(4, 4, 3)), exposure = 1.5)
}

compare_with_lapply <- function(photos, exposure, workers) {
  warm_up()
  session <- memory_bytes("Rss")
  lomp_time <- system.time(
    parallel <- lomp::lomp_map(
      photos, analyse_and_weigh, exposure, weights = bt601, .workers = workers
    )
  )
  lapply_time <- system.time(
    serial <- lapply(photos, analyse_and_weigh, exposure, weights = bt601)
  )
  list(
    results = parallel, session = session, workers = workers,
    seconds = c(lomp = lomp_time[["elapsed"]], lapply = lapply_time[["elapsed"]]),
    same = identical(pluck(parallel, "scores"), pluck(serial, "scores"))
  )
}

pluck <- function(items, name) lapply(items, `[[`, name)

# ---- Tables -----------------------------------------------------------------------------------

print_table <- function(title, table) {
  cat("\n", title, "\n", sep = "")
  print(table, width = 120)
}

score_table <- function(photos, scores) {
  number <- function(name, digits) round(vapply(scores, `[[`, 0, name), digits)
  data.frame(
    width = vapply(photos, ncol, 0L), height = vapply(photos, nrow, 0L),
    channels = vapply(photos, channel_count, 0), MB = round(bytes_of(photos) / 1e6, 1),
    sharpness = number("sharpness", 1), edges = number("edges", 0),
    colourful = number("colourful", 1), bright = number("bright", 3),
    contrast = number("contrast", 3), entropy = number("entropy", 2),
    row.names = table_names(photos)
  )
}

moment_table <- function(scores) {
  rows <- t(vapply(scores, function(score) as.vector(score$moments), numeric(9)))
  colnames(rows) <- outer(c("mean", "sd", "skew"), c("r", "g", "b"), paste, sep = ".")
  rownames(rows) <- table_names(scores)
  round(rows, 3)
}

table_names <- function(items) make.unique(vapply(names(items), shorten, "", limit = 28))

# The end of a path tells more than its beginning.
shorten <- function(name, limit) {
  if (nchar(name) <= limit) return(name)
  paste0("...", substring(name, nchar(name) - limit + 4))
}

bytes_of <- function(photos) vapply(photos, function(photo) as.numeric(object.size(photo)), 0)

print_time <- function(comparison) {
  seconds <- comparison$seconds
  cat(sprintf(
    "\nTime: lomp_map with .workers = %g took %.2f s, lapply %.2f s: lomp_map was %s. %s.\n",
    comparison$workers, seconds[["lomp"]], seconds[["lapply"]], compared(seconds),
    if (comparison$same) "The results are identical" else "THE RESULTS DIFFER"
  ))
}

# In words, since a number alone doesn't say whose time is divided by whose.
compared <- function(seconds) {
  seconds <- pmax(seconds, 0.001)  # the clock's step
  times <- seconds[["lapply"]] / seconds[["lomp"]]
  word <- if (times >= 1) "faster" else "SLOWER"
  sprintf("%s, by a factor of %.2f", word, max(times, 1 / times))
}

print_memory <- function(comparison, photos) {
  cat(sprintf(
    "Memory: the session holds %s, %s of it photographs.\n",
    megabytes(comparison$session), megabytes(sum(bytes_of(photos)))
  ))
  pids <- unlist(pluck(comparison$results, "pid"))
  for (results in split(comparison$results, pids)) print_worker(results)
}

# A worker's private memory only grows as long as it lives, give or take what it hands back.
print_worker <- function(results) {
  pid <- results[[1]]$pid
  done <- paste(length(results), if (length(results) == 1) "photograph" else "photographs")
  if (pid == Sys.getpid()) return(cat("  No worker:", done, "analysed by the session itself.\n"))
  most <- max(unlist(pluck(results, "private")))
  cat(sprintf("  Worker %d analysed %s and added %s.\n", pid, done, megabytes(most)))
}

megabytes <- function(bytes) {
  if (is.na(bytes)) "an unknown amount (no smaps_rollup here)" else sprintf("%.0f MB", bytes / 1e6)
}

# ---- Contact sheet ----------------------------------------------------------------------------

# Sizes are in pixels; a cell is a thumbnail's frame and, below it, the caption.
sheet <- list(
  margin = 36, gap = 28, header = 84, frame = c(width = 400, height = 268), caption = 148,
  paper = "#1b1d21", mat = "#26292f", ink = "#f2f2ef", faint = "#9aa0a8", accent = "#e0a458",
  shadow = "#4b5058"
)

# A small picture for the sheet: means of square blocks, which keep what single pixels would miss.
thumbnail <- function(photo, width, height) {
  block <- max(1, ceiling(max(ncol(photo) / width, nrow(photo) / height)))
  channels <- lapply(seq_len(channel_count(photo)), shrink_channel, photo, block)
  order <- switch(length(channels), c(1, 1, 1), c(1, 1, 1, 2), 1:3, 1:4)
  array(unlist(channels[order]), c(dim(channels[[1]]), length(order)))
}

# Columns go one block at a time, for the reasons given at analyse_photo; rows and columns that
# don't fill a block are left out.
shrink_channel <- function(channel, photo, block) {
  side <- pmin(block, dim(photo)[1:2])
  counts <- dim(photo)[1:2] %/% side
  shrunk <- vapply(
    seq_len(counts[2]),
    function(i) {
      columns <- side[2] * c(i - 1, i) + c(1, 0)
      block_means(read_plane(channel, photo, columns, exposure = 1), side[1], counts[1])
    },
    numeric(counts[1])
  )
  gc(full = FALSE)
  matrix(shrunk, counts[1])
}

block_means <- function(plane, side, count) {
  colMeans(matrix(rowMeans(plane)[seq_len(side * count)], side))
}

draw_sheet <- function(file, photos, scores, workers, title) {
  frame <- sheet$frame
  thumbnails <- lomp::lomp_map(
    photos, thumbnail, frame[["width"]], frame[["height"]], .workers = workers
  )
  grid <- sheet_grid(length(photos))
  open_sheet(file, grid)
  on.exit(dev.off())
  draw_header(title, grid)
  for (i in seq_along(photos)) {
    corner <- cell_corner(i, grid)
    draw_thumbnail(thumbnails[[i]], corner)
    draw_caption(names(photos)[i], photos[[i]], scores[[i]], corner)
  }
}

# About as many cells across as make a sheet of 4 to 3.
sheet_grid <- function(count) {
  across <- min(count, ceiling(sqrt(1.2 * count)))
  down <- ceiling(count / across)
  cell <- sheet$frame + c(0, sheet$caption)
  size <- c(across, down) * (cell + sheet$gap) - sheet$gap + 2 * sheet$margin
  list(across = across, cell = cell, size = size + c(0, sheet$header))
}

cell_corner <- function(i, grid) {
  place <- c((i - 1) %% grid$across, (i - 1) %/% grid$across)
  sheet$margin + c(0, sheet$header) + place * (grid$cell + sheet$gap)
}

# One coordinate is one pixel, counted from the upper left.
open_sheet <- function(file, grid) {
  type <- if (capabilities("cairo")) "cairo" else getOption("bitmapType")
  png(file, grid$size[[1]], grid$size[[2]], pointsize = 16, bg = sheet$paper, type = type)
  par(mar = c(0, 0, 0, 0), xaxs = "i", yaxs = "i")
  plot.new()
  plot.window(c(0, grid$size[[1]]), c(grid$size[[2]], 0))
}

write_at <- function(x, y, label, size = 1, colour = sheet$ink, align = 0, bold = FALSE) {
  text(x, y, label, adj = c(align, 0), cex = size, col = colour, font = if (bold) 2 else 1)
}

draw_header <- function(title, grid) {
  room <- grid$size[[1]] - 2 * sheet$margin
  write_at(sheet$margin, sheet$margin + 24, fit(title[1], room, 1.7), 1.7, bold = TRUE)
  write_at(sheet$margin, sheet$margin + 54, fit(title[2], room, 1), 1, sheet$faint)
}

draw_thumbnail <- function(picture, corner) {
  frame <- sheet$frame
  rect(corner[1], corner[2] + frame[[2]], corner[1] + frame[[1]], corner[2],
       col = sheet$mat, border = NA)
  scale <- min(frame[[1]] / ncol(picture), frame[[2]] / nrow(picture))
  half <- scale * c(ncol(picture), nrow(picture)) / 2
  middle <- corner + frame / 2
  rasterImage(
    as.raster(pmin(picture, 1)),
    middle[[1]] - half[1], middle[[2]] + half[2], middle[[1]] + half[1], middle[[2]] - half[2]
  )
}

draw_caption <- function(name, photo, score, corner) {
  right <- corner[1] + sheet$frame[[1]]
  top <- corner[2] + sheet$frame[[2]]
  size <- sprintf("%d x %d x %g", ncol(photo), nrow(photo), channel_count(photo))
  write_at(right, top + 27, size, 0.8, sheet$faint, align = 1)
  room <- sheet$frame[[1]] - strwidth(size, cex = 0.8) - 16
  write_at(corner[1], top + 27, fit(name, room, 1, 2), 1, bold = TRUE)
  draw_scores(score, corner[1], top + 54)
  draw_histogram(score$histogram, c(right - 148, top + 40), c(right, top + 138))
}

# The figures of one photograph, a name and a value in each row.
draw_scores <- function(score, x, y) {
  labels <- c("sharpness", "edges", "colourful", "brightness", "contrast")
  values <- c(
    sprintf("%.1f", score$sharpness), sprintf("%.0f", score$edges),
    sprintf("%.1f", score$colourful), sprintf("%.3f", score$bright),
    sprintf("%.3f", score$contrast)
  )
  rows <- y + 21 * (seq_along(labels) - 1)
  write_at(x, rows, labels, 0.85, sheet$faint)
  write_at(x + 200, rows, values, 0.85, sheet$accent, align = 1)
}

# Luma from dark to bright. The root lets small shares be seen beside a tall peak.
draw_histogram <- function(counts, corner, opposite) {
  levels <- sqrt(colSums(matrix(counts, 4)))
  edges <- seq(corner[1], opposite[1], length.out = length(levels) + 1)
  heights <- levels / max(levels) * (opposite[2] - corner[2])
  rect(head(edges, -1), opposite[2], edges[-1], opposite[2] - heights,
       col = sheet$shadow, border = NA)
  segments(corner[1], opposite[2], opposite[1], opposite[2], col = sheet$faint)
}

# Cuts a label at its beginning until it fits into so many pixels.
fit <- function(label, room, size, font = 1) {
  for (limit in nchar(label):4) {
    short <- shorten(label, limit)
    if (strwidth(short, cex = size, font = font) <= room) break
  }
  short
}

# ---- The program ------------------------------------------------------------------------------

main <- function(arguments) {
  if ("--help" %in% arguments) return(cat(usage, "\n", sep = ""))
  settings <- parse_arguments(arguments)
  photos <- load_photos(settings$folder)
  comparison <- compare_with_lapply(photos, settings$exposure, settings$workers)
  scores <- pluck(comparison$results, "scores")
  print_table("Scores (MB: in memory)", score_table(photos, scores))
  print_table("Colour moments of red, green and blue", moment_table(scores))
  print_time(comparison)
  print_memory(comparison, photos)
  draw_sheet(settings$out, photos, scores, settings$workers, sheet_title(settings$folder, photos))
  cat("Contact sheet: ", settings$out, "\n", sep = "")
}

load_photos <- function(folder) {
  paths <- find_photos(folder)
  require_readers(paths)
  seconds <- system.time(photos <- read_photos(paths))[["elapsed"]]
  if (!length(photos)) fail("None of the photographs in ", folder, " can be read.")
  cat(sprintf(
    "Read %d of %d photographs from %s in %.1f s.\n", length(photos), length(paths), folder, seconds
  ))
  photos
}

sheet_title <- function(folder, photos) {
  pixels <- sum(vapply(photos, function(photo) as.numeric(nrow(photo)) * ncol(photo), 0))
  count <- paste(length(photos), if (length(photos) == 1) "photograph" else "photographs")
  c(
    basename(normalizePath(folder)),
    sprintf("%s, %.1f megapixels, %s of numbers", count, pixels / 1e6,
            megabytes(sum(bytes_of(photos))))
  )
}

if (sys.nframe() == 0) main(commandArgs(trailingOnly = TRUE))
